"""Entropy, cross-entropy, divergence, and Eq. 6 as three separate exact sums over an enumerable world.

Lesson 01, *cross-entropy in two parts*, builds all of this from scratch. NumPy in float64 only, and nats;
`bits` converts. A probability of zero adds nothing to a sum (0 log 0 = 0), and nothing returns NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ver_lite.theory.enumerable import (
    BLANK,
    Rationale,
    Table,
    World,
    chosen_selector,
    distribution,
    joint_table,
    one_mask_selector,
    rationale,
    rationale_joint,
    selector_table,
    shape_selector,
    uniform_selector,
)

__all__ = [
    "BLANK",
    "Parts",
    "PredictorTable",
    "Rationale",
    "World",
    "bayes_predictor",
    "bits",
    "chosen_selector",
    "conditional_entropy",
    "cross_entropy",
    "divergence",
    "entropy",
    "mask_information",
    "mutual_information",
    "one_mask_selector",
    "rationale",
    "rationale_joint",
    "shape_selector",
    "split",
    "uniform_predictor",
    "uniform_selector",
]

PredictorTable = Mapping[Rationale, ArrayLike]


def bits(nats: float) -> float:
    """The same amount of information in bits: nats divided by ln 2."""
    return nats / float(np.log(2.0))


def entropy(p: ArrayLike) -> float:
    """H(p) = −Σ p log p: the uncertainty of the distribution `p`, in nats (Eq. 1).

    `p` may have any shape; all its entries together are one distribution, so a joint table gives the joint
    entropy. A certain event has entropy 0. Raises `ValueError` when `p` is not a distribution.
    """
    p = distribution(p, "p")
    happens = p > 0
    return 0.0 - float(np.sum(p[happens] * np.log(p[happens])))


def cross_entropy(p: ArrayLike, q: ArrayLike) -> float:
    """H_c(p, q) = −Σ p log q: the mean cost of predicting `q` when `p` is true, in nats (Eq. 1).

    `inf` when `q` gives probability 0 to something that happens. Raises `ValueError` when `p` or `q` is not a
    distribution or their shapes differ.
    """
    p, q = _pair(p, q)
    happens = p > 0
    with np.errstate(divide="ignore"):
        return 0.0 - float(np.sum(p[happens] * np.log(q[happens])))


def divergence(p: ArrayLike, q: ArrayLike) -> float:
    """D_KL(p ‖ q) = Σ p log(p / q): the part of the cross-entropy that is the predictor's, in nats (Eq. 1).

    Never negative. 0 when `q` equals `p`; `inf` when `q` gives probability 0 to something that happens.
    Summed on its own, not as a difference. Raises `ValueError` as `cross_entropy` does.
    """
    p, q = _pair(p, q)
    return _without_rounding(float(np.sum(_divergence_terms(p, q))))


def conditional_entropy(joint: ArrayLike) -> float:
    """H(Y|Z) = −Σ P(z, y) log P(y|z): the uncertainty of the column when the row is known, in nats (Eq. 5).

    `joint` is P(z, y), shape [Z, C]; rows that never happen add nothing. Raises `ValueError` when it is not a
    two-dimensional distribution.
    """
    joint = _two_dimensional(joint)
    rows = np.broadcast_to(joint.sum(axis=1, keepdims=True), joint.shape)
    happens = joint > 0
    return 0.0 - float(np.sum(joint[happens] * np.log(joint[happens] / rows[happens])))


def mutual_information(joint: ArrayLike) -> float:
    """I(Y; Z) = Σ P(z, y) log [P(z, y) / (P(z) P(y))]: what the row tells about the column, in nats (Eq. 5).

    `joint` is P(z, y), shape [Z, C]. Equal to H(Y) − H(Y|Z), but summed on its own. Never negative. Raises
    `ValueError` when `joint` is not a two-dimensional distribution.
    """
    joint = _two_dimensional(joint)
    rows = np.broadcast_to(joint.sum(axis=1, keepdims=True), joint.shape)
    columns = np.broadcast_to(joint.sum(axis=0), joint.shape)
    happens = joint > 0
    joint, rows, columns = joint[happens], rows[happens], columns[happens]
    return _without_rounding(float(np.sum(joint * (np.log(joint / rows) - np.log(columns)))))


def bayes_predictor(world: World, selector: ArrayLike) -> dict[Rationale, Table]:
    """The predictor that fits `selector` perfectly: q(y|z) = P(y|z). Its divergence under `selector` is 0.

    For a rationale that `selector` never shows, P(Y|z) does not exist; there the predictor has learned
    nothing and says that all classes are equally likely.
    """
    untaught = uniform_predictor(world)
    joint = rationale_joint(world, selector)
    return {z: row / row.sum() if row.sum() > 0 else untaught[z] for z, row in joint.items()}


def uniform_predictor(world: World) -> dict[Rationale, Table]:
    """The predictor that has learned nothing: for every rationale, all classes are equally likely."""
    return {z: np.full(len(world.classes), 1.0 / len(world.classes)) for z in world.rationales}


def mask_information(world: World, selector: ArrayLike) -> float:
    """I(Y; M): what the mask tells about the label before a single word is read, in nats. 0 for a fixed mask.

    The mask can be read off the rationale, so I(Y; Z) = I(Y; M) + I(Y; Z|M): this is the part of I(Y; Z)
    that no word carries.
    """
    return mutual_information(selector_table(world, selector).T @ world.joint)


@dataclass(frozen=True)
class Parts:
    """The three numbers of Eq. 6, in nats: cross_entropy = entropy + divergence."""

    cross_entropy: float
    entropy: float
    divergence: float


def split(world: World, selector: ArrayLike, predictor: PredictorTable) -> Parts:
    """Eq. 6 by three separate sums: H_c(Y, Ŷ|Z), H(Y|Z), and D_KL(P(Y|z) ‖ P(Ŷ|z)) averaged over the z shown.

    `selector` is the table π(m|x), shape [N, 2^T]; `predictor` gives q(y|z), shape [C], for each rationale
    z. It may leave out rationales that never happen. Where it gives probability 0 to a label that happens,
    cross-entropy and divergence are both `inf`. Raises `ValueError` naming the text or the rationale when a
    row is no distribution or the predictor says nothing about a rationale that happens.
    """
    joint = joint_table(world, selector)
    happens = joint.sum(axis=1) > 0
    shown = [z for z, row in zip(world.rationales, happens, strict=True) if row]
    said = np.array([_said(predictor, z, len(world.classes)) for z in shown])
    joint = joint[happens]
    shares = joint.sum(axis=1)
    posterior = joint / shares[:, None]
    occurs = joint > 0
    with np.errstate(divide="ignore"):
        paid = float(np.sum(joint[occurs] * np.log(said[occurs])))
    known = float(np.sum(joint[occurs] * np.log(posterior[occurs])))
    misfit = float(np.sum(shares * _divergence_terms(posterior, said).sum(axis=1)))
    return Parts(0.0 - paid, 0.0 - known, _without_rounding(misfit))


def _said(predictor: PredictorTable, z: Rationale, classes: int) -> Table:
    if z not in predictor:
        raise ValueError(f"predictor: says nothing about the rationale {' '.join(z)!r}, which happens")
    return distribution(predictor[z], f"predictor, rationale {' '.join(z)!r}", (classes,))


def _divergence_terms(p: Table, q: Table) -> Table:
    """p log(p / q), entry by entry: 0 where p is 0, `inf` where only q is."""
    terms = np.zeros_like(p)
    happens = p > 0
    p, q = p[happens], q[happens]
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        ratio = p / q
        extreme = ~np.isfinite(ratio) | (ratio < np.finfo(float).tiny)
        logs = np.where(extreme, np.log(p) - np.log(q), np.log(np.where(extreme, 1.0, ratio)))
    terms[happens] = p * logs
    return terms


def _without_rounding(nats: float) -> float:
    """A sum that cannot be negative: one that is below zero by rounding alone becomes zero."""
    return 0.0 if -1e-12 < nats <= 0 else nats


def _pair(p: ArrayLike, q: ArrayLike) -> tuple[Table, Table]:
    p, q = distribution(p, "p"), distribution(q, "q")
    if p.shape != q.shape:
        raise ValueError(f"q: needs the shape of p, {p.shape}; got {q.shape}")
    return p, q


def _two_dimensional(joint: ArrayLike) -> Table:
    joint = distribution(joint, "joint")
    if joint.ndim != 2:
        raise ValueError(f"joint: needs two dimensions, [rationales, classes]; got shape {joint.shape}")
    return joint
