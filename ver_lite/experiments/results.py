"""Recorded results: what the book's tables and the lessons' main figures show, and the command that made it.

    python -m ver_lite.experiments.results              # every study: data/results/NAME.{json,md}
    python -m ver_lite.experiments.results argument     # one of them

A study is a list of jobs, each a corpus and a config, and a function that measures one. A job that is recorded already
is skipped, so the command can be stopped and run again; a corpus that is not on this machine is left out with a line
that says so. The studies are in `ver_lite/experiments/studies/`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ver_lite.corpora import Corpus, CorpusError, load_corpus
from ver_lite.corpora.core import Split
from ver_lite.measures.evaluation import evaluate
from ver_lite.methods.base import EVALUATIONS, Method
from ver_lite.system import machine
from ver_lite.system.files import read_json, write_text
from ver_lite.system.pool import Processes
from ver_lite.training.runs import Config, Run

_PACKED = (
    Path(__file__).resolve().parents[1] / "_data"
)  # where an installed package carries the repository's data folder
FOLDER = (_PACKED if _PACKED.is_dir() else Path(__file__).resolve().parents[2] / "data") / "results"
SEEDS = (1, 2, 3, 4, 5)
ON_A_LAPTOP = ("four_corpora", "exploration", "argument", "review_watched", "deviations")
STUDIES = (*ON_A_LAPTOP, "argument_paper", "benchmark", "places", "real_text")


@dataclass(frozen=True)
class Job:
    """One row to be measured: ``corpus`` is what ``load_corpus`` is given, ``settings`` those of a Config, ``about``
    the columns by which a reader of the record finds the row."""

    name: str
    corpus: dict[str, Any]
    settings: dict[str, Any]
    about: dict[str, Any]

    def config(self) -> Config:
        """What the code would run today."""
        return Config.make({**self.settings, "corpus": self.corpus})


@dataclass(frozen=True)
class Study:
    """``jobs()`` in the order of the record, ``measure(job)`` → its row, ``report(record)`` → a page in Markdown,
    ``pages(record)`` → further pages by name."""

    name: str
    jobs: Callable[[], list[Job]]
    measure: Callable[[Job], dict[str, Any]]
    report: Callable[[dict[str, Any]], str]
    pages: Callable[[dict[str, Any]], dict[str, str]] = lambda made: {}

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.name}.json"


def study(name: str) -> Study:
    """A study by the name of its module in `ver_lite/experiments/studies/`."""
    return import_module(f"ver_lite.experiments.studies.{name}").STUDY


def corpus_of(job: Job) -> Corpus:
    """The job's corpus; the last one made is kept."""
    return _corpus(json.dumps(job.corpus))


@lru_cache(maxsize=1)
def _corpus(spec: str) -> Corpus:
    options = json.loads(spec)
    return load_corpus(options.pop("name"), **options)


def tested(run: Run, split: Split) -> dict[str, dict[str, dict[str, Any]]]:
    """Scores on ``split`` of the epoch with the best accuracy on dev and of the last, for every kind of mask."""
    games = {"chosen": run.game, "last": run.last}
    return {name: _ways(game, split) for name, game in games.items()}


def _ways(game: Method, split: Split) -> dict[str, dict[str, Any]]:
    if game.ranks_only:  # one way, played once: an explanation may take minutes
        return dict.fromkeys(EVALUATIONS, evaluate(game, split, how="top_k").as_dict())
    return {how: evaluate(game, split, how=how).as_dict() for how in EVALUATIONS}


def load(name: str) -> dict[str, Any]:
    """A recorded result by name: what made it, and its rows."""
    return read_json(FOLDER / f"{name}.json")


def find(rows: list[dict[str, Any]], **about: Any) -> list[dict[str, Any]]:
    """The rows whose columns are ``about``, by seed; KeyError when there is none."""
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


def record(
    study: Study, todo: Iterable[Job], workers: int = 2, path: Path | None = None, again: bool = False
) -> dict[str, Any]:
    """Measure the jobs that the study's record does not hold yet (``again``: also those it holds), in ``workers``
    processes, saving after each."""
    path = path or study.path
    rows = {row["name"]: row for row in (read_json(path)["rows"] if path.exists() else [])}
    plan = [job for job in todo if again or not is_current(rows.get(job.name), job)]
    missing = {name: why for name in {job.corpus["name"] for job in plan} if (why := _absent(name))}
    for why in missing.values():
        print(f"left out: {why}", file=sys.stderr)
    plan = [job for job in plan if job.corpus["name"] not in missing]
    order = [job.name for job in study.jobs()]
    path.parent.mkdir(parents=True, exist_ok=True)
    with Processes(workers, threads=1) as pool:
        waiting = {pool.submit(study.measure, job): job for job in plan}
        for done, future in enumerate(as_completed(waiting), 1):
            job = waiting[future]
            rows[job.name] = future.result()
            kept = [rows[name] for name in order if name in rows]
            write_record(
                path, {"command": "python -m ver_lite.experiments.results", "machine": _machine(), "rows": kept}
            )
            print(f"{done}/{len(plan)} {job.name}", flush=True)
    return read_json(path) if path.exists() else {"rows": []}


def write_record(path: Path, made: dict[str, Any]) -> None:
    """JSON with one line a row, so that a change shows which rows it touched."""
    rows = ",\n".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in made["rows"])
    head = json.dumps({name: value for name, value in made.items() if name != "rows"}, ensure_ascii=False)
    write_text(path, f'{head[:-1]}, "rows": [\n{rows}\n]}}\n')


def is_current(row: dict[str, Any] | None, job: Job) -> bool:
    """Whether a recorded row is what the code would run today."""
    if row is None:
        return False
    wanted = job.config()
    try:  # a setting that came later had its default when the row was made
        return Config.read({"corpus": wanted.corpus, **row["config"]}) == wanted
    except (ValueError, TypeError):
        return False


def _absent(name: str) -> str | None:
    try:
        load_corpus(name)
    except CorpusError as error:
        return str(error)
    return None


def _machine() -> str:
    about = machine.provenance(torch.device("cpu"))
    return f"{about['device']}, one thread a run, Python {about['python']}, torch {about['torch']}"


def made_by(made: dict[str, Any], games: list[dict[str, Any]]) -> str:
    """One line: how many games, which seeds, where, how long, which commit, which command.

    A game of two stages says in ``stages`` that it is one, and in its provenance's ``earlier_seconds`` what the first
    took; where a record lacks that number, the line says so.
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


def not_recorded(made: dict[str, Any], jobs: Iterable[Job]) -> str:
    """A paragraph that names the jobs a record lacks; empty when it is whole."""
    recorded = {row["name"] for row in made["rows"]}
    missing = [job.name for job in jobs if job.name not in recorded]
    return f"Not recorded: {', '.join(missing)}.\n\n" if missing else ""


def short(value: Any) -> Any:
    """Numbers to four digits, in whatever holds them: what makes a record small."""
    if isinstance(value, dict):
        return {name: short(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [short(each) for each in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def columns(rows: list[dict[str, Any]]) -> dict[str, list]:
    """Rows as columns, their numbers :func:`short`."""
    return {name: [short(row[name]) for row in rows] for name in (rows[0] if rows else {})}


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ["---"] * len(head), *lines))


def cell(values: list[float | None], scale: float = 100.0) -> str:
    """ "61.2 (1.3)": mean and standard deviation, in percent unless ``scale`` says otherwise; "–" for nothing."""
    if not values or None in values:
        return "–"
    mean = f"{scale * statistics.fmean(values):.1f}"
    return f"{mean} ({scale * statistics.stdev(values):.1f})" if len(values) > 1 else mean


def write_pages(study: Study, made: dict[str, Any]) -> list[Path]:
    """Write the pages of a record, all of it in words and tables, beside it."""
    pages = {study.name: study.report(made), **study.pages(made)}
    for name, text in pages.items():
        write_text(FOLDER / f"{name}.md", text)
    return [FOLDER / f"{name}.md" for name in pages]


def main(arguments: list[str] | None = None) -> None:
    """Record what is missing, then write each study's page beside its record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "studies",
        nargs="*",
        metavar="STUDY",
        help=f"of: {', '.join(STUDIES)} (default: those that a laptop measures in two hours)",
    )
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each (default 2)")
    parser.add_argument("--only", nargs="*", help="only jobs whose name begins with one of these")
    parser.add_argument("--again", action="store_true", help="also what is recorded already")
    parser.add_argument("--table", action="store_true", help="measure nothing, write the pages again")
    asked = parser.parse_args(arguments)
    if unknown := sorted(set(asked.studies) - set(STUDIES)):
        parser.error(f"there is no study {unknown[0]!r}; there are: {', '.join(STUDIES)}")
    for name in asked.studies or ON_A_LAPTOP:
        one = study(name)
        todo = [job for job in one.jobs() if not asked.only or job.name.startswith(tuple(asked.only))]
        made = record(one, [] if asked.table else todo, asked.workers, again=asked.again)
        for page in write_pages(one, made):
            print(page.read_text("utf-8"))


if __name__ == "__main__":
    main()
