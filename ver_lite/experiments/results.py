"""Recorded results: reading them, and formatting their numbers, for the book's tables and the lessons' main figures.

A record is `data/results/NAME.json`: the command and the machine that made it, and its rows. Nothing here writes one:
`python -m ver_lite.experiments.record` does.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ver_lite.system.files import read_json

_PACKED = Path(__file__).resolve().parents[1] / "_data"  # an installed package carries the repository's data folder
FOLDER = (_PACKED if _PACKED.is_dir() else Path(__file__).resolve().parents[2] / "data") / "results"


def load(name: str) -> dict[str, Any]:
    """A recorded result by name: what made it, and its rows."""
    return read_json(FOLDER / f"{name}.json")


def find(rows: list[dict[str, Any]], **about: Any) -> list[dict[str, Any]]:
    """The rows whose columns are ``about``, sorted by seed. Raises KeyError when there is none."""
    found = [row for row in rows if all(row.get(name) == value for name, value in about.items())]
    if not found:
        raise KeyError(f"nothing is recorded for {about}")
    return sorted(found, key=lambda row: row["seed"])


def interval(values: Iterable[float], level: float = 0.95) -> tuple[float, float, float]:
    """Mean, and lower and upper end of its bootstrap interval: the quantiles of the means of *all* resamples.

    With five values there are 3,125 resamples, so nothing is drawn at random. Five seeds make a coarse interval. Raises
    ValueError for no values, or for more than seven (their resamples are too many to list).
    """
    values = list(values)
    if not 1 <= len(values) <= 7:
        raise ValueError(f"values: from 1 to 7 of them can be resampled, not {len(values)}")
    grid = np.stack(np.meshgrid(*[np.asarray(values, float)] * len(values), indexing="ij"), -1)
    means = grid.reshape(-1, len(values)).mean(1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return statistics.fmean(values), float(low), float(high)


def made_by(made: dict[str, Any], games: list[dict[str, Any]]) -> str:
    """One line: how many games, which seeds, where, how long, which commit, which command.

    The row of a game of two stages has ``stages``, and in its provenance ``earlier_seconds``, the time of the first
    stage. Where a record lacks that number, the line says so.
    """
    minutes = sum(row["provenance"]["seconds"] + row["provenance"].get("earlier_seconds", 0) for row in games) / 60
    untimed = sum("stages" in row and "earlier_seconds" not in row["provenance"] for row in games)
    but = f" (not counting an earlier stage of {untimed} games, which was not timed)" if untimed else ""
    commits = ", ".join(sorted({str(row["provenance"]["commit"]) for row in games}))
    seeds = sorted({row["seed"] for row in games}) or [0]
    return (
        f"Recorded: {len(games)} games, seeds {seeds[0]}–{seeds[-1]}; {made['machine']}; {minutes:.0f} minutes of "
        f"training in all{but}; commit {commits}; command `{made['command']}`."
    )


def short(value: Any) -> Any:
    """The value with its numbers rounded to four digits, also inside mappings and lists, which keeps a record small."""
    if isinstance(value, dict):
        return {name: short(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [short(each) for each in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def columns(rows: list[dict[str, Any]]) -> dict[str, list]:
    """Rows as columns, with numbers rounded by :func:`short`."""
    return {name: [short(row[name]) for row in rows] for name in (rows[0] if rows else {})}


def cell(values: list[float | None], scale: float = 100.0) -> str:
    """ "61.2 (1.3)": mean and standard deviation, in percent unless ``scale`` says otherwise; "–" for nothing."""
    if not values or None in values:
        return "–"
    mean = f"{scale * statistics.fmean(values):.1f}"
    return f"{mean} ({scale * statistics.stdev(values):.1f})" if len(values) > 1 else mean
