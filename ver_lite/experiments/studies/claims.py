"""The paper's claims beside what the argument's games show: a table made from the record.

A claim is written as a difference that is positive where the claim holds, one number a seed. Its bootstrap interval
over the five seeds decides: if it lies above zero, the claim holds here; if below, it does not; else five seeds do not
decide it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ver_lite.experiments.results import find, interval
from ver_lite.system import markdown

Rows = list[dict[str, Any]]
LATE = 5  # the number of looks that are the end of training


class Claim(NamedTuple):
    """``says``: the claim in our words. ``theirs``: the paper's number. ``ours``: what the differences are, and their
    unit. ``lesson``: the lesson about it. ``differences``: from the rows to one number a seed."""

    says: str
    theirs: str
    ours: str
    lesson: str
    differences: Callable[[Rows], list[float]]


def _games(rows: Rows, p: float, group: str = "sweep") -> Rows:
    return find(rows, group=group, variant=f"{p:g}")


def at_the_end(games: Rows, column: str) -> np.ndarray:
    """A column of the looks at the end of training, one number a game: the average of its last five looks.

    A single look is noisy, because it draws its masks once. Lessons 04, 05, 06 and 08 take their numbers from here too.
    """
    return np.array([np.mean(game["looks"][column][-LATE:]) for game in games])


def _late(rows: Rows, p: float, column: str) -> np.ndarray:
    return at_the_end(_games(rows, p), column)


def _region(rows: Rows, p: float, column: str, at: int = -1) -> np.ndarray:
    return np.array([row["region"][column][at] for row in _games(rows, p)])


def _f1(rows: Rows, p: float, how: str, group: str = "sweep") -> np.ndarray:
    return 100 * np.array([row["test"]["last"][how]["f1"] for row in _games(rows, p, group)])


def _random_f1(rows: Rows) -> np.ndarray:
    return 100 * np.array([row["test"]["last"]["top_k"]["f1"] for row in find(rows, group="random")])


def _late_growth(rows: Rows) -> np.ndarray:
    """How much F1 (sampled masks) grows from the look at half of the training to the last."""
    return 100 * np.array([r["looks"]["f1_sample"][-1] - r["looks"]["f1_sample"][8] for r in _games(rows, 0)])


CLAIMS = (
    Claim(
        "The selection of a trained RNP changes little from step to step (Fig. 2a)",
        "about 4 %",
        "expected non-overlap after 10 epochs minus at the end, points",
        "03",
        lambda rows: list(100 * (_region(rows, 0, "expected", 1) - _region(rows, 0, "expected"))),
    ),
    Claim(
        "… and what is left is movement of the selector, beyond sampling noise",
        "not compared",
        "half of the change must be movement: movement minus half of the expected change, points",
        "03",
        lambda rows: list(100 * (_region(rows, 0, "moved") - _region(rows, 0, "expected") / 2)),
    ),
    Claim(
        "RNP's rationales stop improving in the second half of training (Fig. 2b)",
        "a figure",
        "less than 2 points of F1 gained: 2 minus the gain",
        "03",
        lambda rows: list(2 - _late_growth(rows)),
    ),
    Claim(
        "The trained predictor is less accurate on gold than on its own rationale (Fig. 3a)",
        "a figure, “sometimes”",
        "accuracy on own minus on gold, points",
        "04",
        lambda rows: list(100 * (_late(rows, 0, "own: accuracy") - _late(rows, 0, "gold: accuracy"))),
    ),
    Claim(
        "… and its median cross-entropy is larger on gold (Fig. 3b)",
        "a figure",
        "median on gold minus on own, nats",
        "04",
        lambda rows: list(_late(rows, 0, "gold: median") - _late(rows, 0, "own: median")),
    ),
    Claim(
        "Gold words leave less doubt than RNP's (§4.2: “it's clear”)",
        "no number",
        "entropy of RNP's words minus of gold words, nats",
        "04",
        lambda rows: list(_late(rows, 0, "own: entropy") - _late(rows, 0, "gold: entropy")),
    ),
    Claim(
        "The predictor fits gold words worse than its own (larger divergence)",
        "no number",
        "divergence on gold minus on own, nats",
        "04",
        lambda rows: list(_late(rows, 0, "gold: divergence") - _late(rows, 0, "own: divergence")),
    ),
    Claim(
        "With perturbation the predictor is smoother (Fig. 4)",
        "a figure",
        "mean slope at p = 0 minus at p = 0.5",
        "05",
        lambda rows: list(_late(rows, 0, "rough: mean") - _late(rows, 0.5, "rough: mean")),
    ),
    Claim(
        "A predictor taught on random masks is of no use (Fig. 6)",
        "“does not work at all”",
        "F1 of RNP minus F1 with that predictor, top-k masks, points",
        "06",
        lambda rows: list(_f1(rows, 0, "top_k") - _random_f1(rows)),
    ),
    *(
        Claim(
            f"VER (p = 0.3) has better rationales than RNP (Table 1); {says}",
            "+1.2 to +8.7 points",
            "F1 of VER minus RNP, points",
            lesson,
            lambda rows, how=how, group=group: list(_f1(rows, 0.3, how, group) - _f1(rows, 0, how, group)),
        )
        for says, how, group, lesson in (
            ("sampled masks", "sample", "sweep", "07"),
            ("argmax masks", "argmax", "sweep", "07"),
            ("top-k masks", "top_k", "sweep", "07"),
            ("top-k masks, GRU players", "top_k", "gru", "08"),
        )
    ),
    Claim(
        "More perturbation helps more, up to 0.5 on half of the corpora (Fig. 9)",
        "0.5 or 0.3 best",
        "F1 at p = 0.5 minus at p = 0.1, sampled masks, points",
        "08",
        lambda rows: list(_f1(rows, 0.5, "sample") - _f1(rows, 0.1, "sample")),
    ),
    Claim(
        "VER's predictor judges gold rationales better (Fig. 10a)",
        "a figure",
        "accuracy on gold, VER (p = 0.3) minus RNP, points",
        "08",
        lambda rows: list(100 * (_late(rows, 0.3, "gold: accuracy") - _late(rows, 0, "gold: accuracy"))),
    ),
    Claim(
        "… with a smaller median cross-entropy (Fig. 10b)",
        "a figure",
        "median on gold, RNP minus VER (p = 0.3), nats",
        "08",
        lambda rows: list(_late(rows, 0, "gold: median") - _late(rows, 0.3, "gold: median")),
    ),
    Claim(
        "VER widens the region that the selector samples from (Fig. 8, read literally)",
        "a sketch",
        "noise floor of VER (p = 0.3) minus RNP at the end, points",
        "03",
        lambda rows: list(100 * (_region(rows, 0.3, "floor") - _region(rows, 0, "floor"))),
    ),
)


def verdict(differences: list[float]) -> str:
    """ "holds", "does not hold", or "not decided", by the interval of the seeds' differences."""
    _, low, high = interval(differences)
    return "holds" if low > 0 else "does not hold" if high < 0 else "not decided"


def claims_table(rows: Rows) -> str:
    """Every claim with its number, ours with an interval, and the verdict, in Markdown."""
    head = ("the paper says", "its number", "our number is", "five seeds: mean, 95 % interval", "here", "lesson")
    lines = []
    for claim in CLAIMS:
        differences = claim.differences(rows)
        mean, low, high = interval(differences)
        digits = 1 if max(map(abs, (mean, low, high))) >= 1 else 3
        ours = f"{mean:+.{digits}f}, {low:+.{digits}f} to {high:+.{digits}f}"
        lines.append((claim.says, claim.theirs, claim.ours, ours, f"**{verdict(differences)}**", claim.lesson))
    return markdown.table(head, lines)
