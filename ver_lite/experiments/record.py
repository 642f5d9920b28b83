"""The command that makes the recorded results: it measures what is missing and writes the pages.

    python -m ver_lite.experiments.record              # every study a laptop can: data/results/NAME.{json,md}
    python -m ver_lite.experiments.record argument     # one of them

A job that is recorded already is skipped, so the command can be stopped and run again; a corpus that is not on this
machine is left out with a line that says so. The studies are in `ver_lite/experiments/studies/`.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ver_lite.corpora import CorpusError, load_corpus
from ver_lite.experiments.engine import Entry, is_current, left, work
from ver_lite.experiments.jobs import Answer, Job, Study
from ver_lite.experiments.plan import key
from ver_lite.experiments.results import FOLDER
from ver_lite.experiments.studies import (
    argument,
    argument_paper,
    benchmark,
    deviations,
    exploration,
    four_corpora,
    places,
    real_text,
    review_watched,
)
from ver_lite.system import machine
from ver_lite.system.errors import said
from ver_lite.system.files import read_json, write_rows, write_text
from ver_lite.system.pool import Processes

COMMAND = "python -m ver_lite.experiments.record"
ON_A_LAPTOP = {
    "four_corpora": four_corpora.STUDY,
    "exploration": exploration.STUDY,
    "argument": argument.STUDY,
    "review_watched": review_watched.STUDY,
    "deviations": deviations.STUDY,
}
STUDIES = {
    **ON_A_LAPTOP,
    "argument_paper": argument_paper.STUDY,
    "benchmark": benchmark.STUDY,
    "places": places.STUDY,
    "real_text": real_text.STUDY,
}


def record(
    study: Study, todo: Iterable[Job], workers: int = 2, path: Path | None = None, again: bool = False
) -> list[Entry]:
    """Measure the jobs that the study's record does not hold yet (``again``: also those it holds), in ``workers``
    processes. The record is saved after each. Returns the entries of the jobs whose corpus is on this machine.

    Ctrl-C drops the measurements that are under way, because a measurement cannot be saved half-way. One that fails
    does not stop the others.
    """
    path = path or study.path
    rows = {row["name"]: row for row in (read_json(path)["rows"] if path.exists() else [])}
    order = [job.name for job in study.jobs()]
    entries = _without_absent([_look(rows.get(job.name), job, again) for job in todo])
    count = sum(entry.row is None for entry in entries)
    kept: dict[str, Entry] = {}

    def keep(job: Job, answer: Answer) -> Entry:
        if isinstance(answer, str):
            return Entry(job, answer)
        rows[job.name] = answer
        kept[job.name] = Entry(job, "finished", answer)
        head = {"command": COMMAND, "machine": _machine()}
        write_rows(path, head, [rows[name] for name in order if name in rows])
        print(f"{len(kept)}/{count} {job.name}", flush=True)
        return kept[job.name]

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with Processes(workers, threads=1) as pool:
            return work(entries, partial(_measured, study.measure), keep, executor=pool, stop=_leave)
    except KeyboardInterrupt:
        return [kept.get(entry.job.name, entry) for entry in entries]


def _look(row: dict[str, Any] | None, job: Job, again: bool) -> Entry:
    """The entry of a job whose row in the record is ``row`` (None: it has none)."""
    if is_current(row, job) and not again:
        return Entry(job, "finished", row)
    return Entry(job, "new" if row is None else "stale")


def _without_absent(entries: list[Entry]) -> list[Entry]:
    """Leave out the entries to be measured on a corpus that is not on this machine; print a line for each such
    corpus."""
    wanted = {entry.job.corpus["name"] for entry in entries if entry.row is None}
    missing = {name: why for name in wanted if (why := _absent(name))}
    for why in missing.values():
        print(f"left out: {why}", file=sys.stderr)
    return [entry for entry in entries if entry.row is not None or entry.job.corpus["name"] not in missing]


def _absent(name: str) -> str | None:
    try:
        load_corpus(name)
    except CorpusError as error:
        return str(error)
    return None


def _measured(measure: Callable[[Job], Answer], job: Job) -> Answer:
    """Measure a job; called in a worker. A failure becomes a line that says why; its traceback goes to the terminal."""
    try:
        return measure(job)
    except Exception as error:
        traceback.print_exc()
        return f"failed: {said(error, look='the traceback above')}"


def _leave() -> None:
    """Stop without waiting for the workers, which end at once."""
    raise KeyboardInterrupt


def _machine() -> str:
    about = machine.provenance(torch.device("cpu"))
    return f"{about['device']}, one thread a run, Python {about['python']}, torch {about['torch']}"


def of_spec(spec: Path) -> list[Study]:
    """The studies whose jobs are the runs of a sweep's file."""
    return [study for study in STUDIES.values() if study.spec is not None and study.spec.samefile(spec)]


def record_runs(study: Study, trained: Iterable[Job], runs: Path, workers: int) -> list[Entry]:
    """Record those jobs of a study whose runs are trained in the folder ``runs``, whatever their folders are called."""
    keys = {key(job.config()) for job in trained}
    todo = [job for job in study.jobs() if key(job.config()) in keys]
    return record(replace(study, measure=partial(study.measure, runs=runs)), todo, workers)


def write_pages(study: Study) -> list[Path]:
    """Write the pages of a study's record beside it and return their paths; none where nothing is recorded."""
    if not study.path.exists():
        return []
    made = read_json(study.path)
    pages = {study.name: study.report(made), **study.pages(made)}
    for name, text in pages.items():
        write_text(FOLDER / f"{name}.md", text)
    return [FOLDER / f"{name}.md" for name in pages]


def main(arguments: list[str] | None = None) -> int:
    """Record what is missing, then write each study's pages beside its record. Returns 1 when a job failed, 130 when
    the command was interrupted."""
    parser = argparse.ArgumentParser(
        prog=COMMAND, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
    failed = 0
    for study in (STUDIES[name] for name in asked.studies or ON_A_LAPTOP):
        todo = [job for job in study.jobs() if not asked.only or job.name.startswith(tuple(asked.only))]
        end = left(record(study, [] if asked.table else todo, asked.workers, again=asked.again))
        for trouble in end.troubles:
            print(trouble, file=sys.stderr)
        if end.interrupted:
            print(end.interruption(f"rows of {study.name}"), file=sys.stderr)
            return 130
        failed += end.bad
        for page in write_pages(study):
            print(page.read_text("utf-8"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
