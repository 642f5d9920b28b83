"""The paper's numbers beside the benchmark's: how far two rankings of the same methods agree.

The corpora and the sizes of the players differ, so only the orders of methods are compared, not the numbers.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from itertools import combinations
from typing import Any, NamedTuple

from ver_lite.experiments import paper_numbers
from ver_lite.system import markdown

TITLES = {
    "inter-rat": "Inter_RAT",
    "3player": "3PLAYER",
    "hardkuma": "HardKuma",
    "attention": "Attention",
    "rnp-reinforce": "RNP by REINFORCE",
    "ver-fr": "VER + FR",
    "ver-dr": "VER + DR",
    "ver-mgr": "VER + MGR",
}

ABOUT = {
    1: "GRUs, S about 15 %.",
    2: "BERT, S about 10 %; quoted from the paper of CR, but for VER.",
    3: "BERT, S about 20 %; quoted from the paper of NIR, but for VER.",
}


def title(method: str) -> str:
    """A method's name as the field, and the paper's tables, write it."""
    return TITLES.get(method, method.upper())


def at_alpha(row: dict[str, Any]) -> float:
    """F1 of the best alpha of every text, at the epoch that dev chose."""
    return row["test"]["chosen"]["top_k"]["f1"]


class Order(NamedTuple):
    """How many of the ``pairs`` of methods stand in the same order in two rankings; a pair that is tied in one of them
    is neither ``same`` nor ``other``. ``tau``: Kendall's, (same − other) / pairs; 0 without a pair."""

    same: int
    other: int
    pairs: int

    @property
    def tau(self) -> float:
        return (self.same - self.other) / self.pairs if self.pairs else 0.0

    def __str__(self) -> str:
        return f"{self.same} of {self.pairs}, τ {self.tau:+.2f}" if self.pairs else "–"


def order(ours: Mapping[str, float], theirs: Mapping[str, float]) -> Order:
    """Compare two rankings over the methods that both have."""
    signs = [
        (ours[a] - ours[b]) * (theirs[a] - theirs[b]) for a, b in combinations([m for m in theirs if m in ours], 2)
    ]
    return Order(sum(s > 0 for s in signs), sum(s < 0 for s in signs), len(signs))


def their_f1(table: int) -> dict[str, dict[str, float]]:
    """F1 of one of the paper's Tables 1 to 3: corpus → method → percent."""
    found: dict[str, dict[str, float]] = {}
    for (corpus, method), row in paper_numbers.scores(table).items():
        found.setdefault(corpus, {})[method] = row["F1"].value
    return found


def our_gains(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Mean F1 minus RNP's with masks of equal size, from the rows of one corpus, over the seeds that a method shares
    with RNP: method → points, named as the paper names it. Plain means would compare different seeds while some of a
    method's are missing."""
    f1 = {(title(r["method"]), r["seed"]): at_alpha(r) for r in rows if r["status"] == "finished"}
    found: dict[str, list[float]] = {}
    for (method, seed), value in f1.items():
        if ("RNP", seed) in f1:
            found.setdefault(method, []).append(100 * (value - f1["RNP", seed]))
    return {method: statistics.fmean(values) for method, values in found.items()}


def beside_theirs(by_corpus: Mapping[str, list[dict[str, Any]]]) -> str:
    """The paper's Tables 1 to 3 beside ours, and how far the orders agree, in Markdown."""
    ours = {corpus: gains for corpus, rows in by_corpus.items() if (gains := our_gains(rows))}
    parts = [
        "## The paper's numbers beside ours\n",
        "† marks the paper's numbers, mean (standard deviation) of F1; a star says that the paper quotes another one. "
        "Ours are points of F1 more than RNP, with masks of equal size, over the seeds that both have. The corpora "
        "differ, and so do the sizes of the players: only the *order* of the methods can be compared.\n",
    ]
    for table, about in ABOUT.items():
        theirs = their_f1(table)
        shown = {corpus: ours[corpus] for corpus in ours if table < 3 or corpus in theirs}
        parts += [f"**Table {table}**, {about}\n", _numbers(table, theirs, shown)]
        if shown:
            parts += ["Pairs of methods that stand in the same order, ours across:\n", _agreement(theirs, shown, table)]
    return "\n".join(parts)


def _numbers(table: int, theirs: dict[str, dict[str, float]], ours: dict[str, dict[str, float]]) -> str:
    known = paper_numbers.scores(table)
    head, lines = ["method", *(f"{corpus} †" for corpus in theirs), *(f"{corpus}, ours" for corpus in ours)], []
    for method in dict.fromkeys(method for row in theirs.values() for method in row):
        cells = [f"{known[corpus, method]['F1']} †" if (corpus, method) in known else "–" for corpus in theirs]
        own = [f"{gains[method]:+.1f}" if method in gains else "–" for gains in ours.values()]
        lines.append([method, *cells, *own])
    return markdown.table(head, lines)


def _agreement(theirs: dict[str, dict[str, float]], ours: dict[str, dict[str, float]], table: int) -> str:
    lines = []
    for corpus, row in theirs.items():
        cells = [str(order(gains, row)) if table < 3 or corpus == other else "" for other, gains in ours.items()]
        lines.append([f"{corpus} †", *cells])
    return markdown.table(["", *ours], lines)
