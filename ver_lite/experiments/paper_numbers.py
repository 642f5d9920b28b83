"""The paper's own numbers, Tables 1 to 4, read from `data/paper/`. Whoever shows one must mark it as the paper's.

Lesson 11 recomputes what can be recomputed of them.
"""

from __future__ import annotations

import csv
from functools import cache
from typing import NamedTuple

from ver_lite.experiments.results import FOLDER
from ver_lite.system.checks import check_choice

TABLES = (1, 2, 3, 4)


class Number(NamedTuple):
    """One number of a table. ``value`` and ``std`` (over five seeds; None where the paper gives none) are in percent,
    but for the counts and lengths of Table 4. ``quoted_from``: the paper it was taken from, where it has a star."""

    table: int
    corpus: str
    method: str
    metric: str
    value: float
    std: float | None
    quoted_from: str | None

    def __str__(self) -> str:
        spread = "" if self.std is None else f" ({self.std})"
        return f"{self.value:g}{spread}{'*' if self.quoted_from else ''}"


@cache
def numbers(table: int) -> tuple[Number, ...]:
    """All numbers of a table in the paper's order; "N/A" is left out. ValueError if there is no such table."""
    check_choice("table", table, TABLES)
    with open(FOLDER.parent / "paper" / f"table{table}.csv", encoding="utf-8", newline="") as file:
        return tuple(_number(row) for row in csv.DictReader(file))


def _number(row: dict[str, str]) -> Number:
    std = float(row["std"]) if row["std"] else None
    named = (row["corpus"], row["method"], row["metric"])
    return Number(int(row["table"]), *named, float(row["value"]), std, row["quoted_from"] or None)


def scores(table: int) -> dict[tuple[str, str], dict[str, Number]]:
    """A table as rows: (corpus, method) → metric → number; the method is "" in Table 4."""
    rows: dict[tuple[str, str], dict[str, Number]] = {}
    for number in numbers(table):
        rows.setdefault((number.corpus, number.method), {})[number.metric] = number
    return rows
