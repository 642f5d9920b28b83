"""A sweep's folder: the state of every run, its lock, and the results made from all runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ver_lite.corpora import Corpus
from ver_lite.experiments.engine import Entry, difference
from ver_lite.experiments.jobs import Job, tested
from ver_lite.experiments.plan import flattened, key, varying
from ver_lite.experiments.results import cell
from ver_lite.system import locks, markdown
from ver_lite.system.errors import said
from ver_lite.system.files import FileError, read_json, write_json, write_rows
from ver_lite.training.config import Config
from ver_lite.training.runs import Run, RunError, read_config

INSIDE = ".sweep"  # the folder in the sweep's folder that holds locks, tracebacks and requests to stop


@dataclass(frozen=True, kw_only=True)
class RunEntry(Entry):
    """One run of a sweep: its ``folder``, and how many ``epochs`` are saved there."""

    folder: Path
    epochs: int = 0

    @property
    def name(self) -> str:
        """The name of the run's folder, which may be older than the job's name."""
        return self.folder.name


def survey(out: str | Path, jobs: Iterable[Job]) -> list[RunEntry]:
    """The state of every job's run, read from its folder. Nothing is written."""
    there = folders(Path(out))
    return [_look(there.get(key(job.config()), Path(out) / job.name), job) for job in jobs]


def folders(out: Path) -> dict[str, Path]:
    """The run folders under ``out``, by the key at the end of their names. Raises RunError if a run is there twice."""
    found: dict[str, Path] = {}
    for folder in sorted(out.iterdir()) if out.is_dir() else []:
        mark = folder.name.rpartition("-")[2]
        if not folder.name.startswith(".") and folder.is_dir() and re.fullmatch("[0-9a-f]{10}", mark):
            if mark in found:
                raise RunError(f"{found[mark]} and {folder} are the same run twice. Move one of them away.")
            found[mark] = folder
    return found


def _look(folder: Path, job: Job) -> RunEntry:
    if not (folder / "config.json").exists():
        return RunEntry(job, "new", folder=folder)
    try:
        _same_config(folder, job.config())
        epochs = epochs_of(folder)
        row = _row(folder)
    except FileError as error:
        return RunEntry(job, f"failed: {said(error)}", folder=folder)
    return RunEntry(job, row["status"] if row else "unfinished", row, folder=folder, epochs=epochs)


def _row(folder: Path) -> dict[str, Any] | None:
    """The results of a run that is trained and tested, else None. Results of another training do not count."""
    if not ((folder / "provenance.json").exists() and (folder / "scores.json").exists()):
        return None
    row, made = (read_json(folder / f"{name}.json", dict) for name in ("scores", "provenance"))
    return row if {"status": row.get("status"), **row.get("provenance", {})} == made else None


def _sound_row(folder: Path) -> dict[str, Any] | None:
    """As :func:`_row`, but None for a damaged folder; :func:`survey` says what is wrong with it."""
    try:
        return _row(folder)
    except FileError:
        return None


def epochs_of(folder: Path) -> int:
    """How many epochs of a run are saved."""
    try:
        return _epochs(folder, (folder / "history.json").stat().st_mtime_ns)
    except OSError:
        return 0


@lru_cache(maxsize=4096)
def _epochs(folder: Path, changed: int) -> int:
    return len(read_json(folder / "history.json", list))


def _same_config(folder: Path, wanted: Config) -> None:
    """Raise RunError unless the run in ``folder`` was trained under this config."""
    if found := difference(read_config(folder)[1], wanted):
        name, have, want = found
        differ = f"{name} = {have!r}, this sweep asks for {want!r}"
        raise RunError(f"{folder} was trained with {differ}. Choose another folder, or delete that one.")


def write_scores(run: Run, corpus: Corpus, folder: Path) -> dict[str, Any]:
    """Test a trained run and write its row into its folder: the run is then finished for the sweep."""
    row: dict[str, Any] = {"config": run.config.as_dict(), "status": run.status, "epochs": len(run.history)}
    if run.status == "finished":
        row |= {"epoch": run.best["epoch"], "dev": run.best["dev"], "test": tested(run, corpus.test)}
    row["provenance"] = run.provenance
    write_json(folder / "scores.json", row)
    return row


@contextmanager
def locked(out: Path, name: str, wait: bool) -> Iterator[bool]:
    """Hold the lock ``name`` inside and yield True. If another process holds it, wait for it if ``wait``, else yield
    False. The system releases the lock when its process ends, however it ends."""
    try:
        with locks.locked(out / INSIDE / f"{name}.lock", wait) as mine:
            yield mine
    except locks.NoLocks as error:
        raise FileError(f"{error}: put the sweep's folder on another") from None


def collect(out: Path) -> list[dict[str, Any]]:
    """Write ``out/results.json`` from the run folders, one line a run, and return its rows, which begin with the
    settings that vary."""
    with locked(out, "results", wait=True):
        found = [{"name": f.name, **row} for f in folders(out).values() if (row := _sound_row(f))]
        configs = [flattened(Config.read(row["config"])) for row in found]
        names = dict.fromkeys([*varying(configs), "seed"])
        rows = [{**{n: v[n] for n in names if n in v}, **row} for row, v in zip(found, configs, strict=True)]
        rows.sort(key=lambda row: [_order(row.get(name)) for name in names])
        write_rows(out / "results.json", {"command": "ver-lite sweep"}, rows)
    return rows


def _order(value: Any) -> tuple[float, str]:
    number = isinstance(value, int | float)
    return (value, "") if number else (float("-inf") if value is None else float("inf"), str(value))


def means_table(rows: list[dict[str, Any]]) -> str:
    """A Markdown table of test scores, mean (standard deviation) over the seeds, by the settings that vary."""
    configs = [flattened(Config.read(row["config"])) for row in rows]
    names = [name for name in varying(configs) if name != "seed"] or ["method"]
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row, values in zip(rows, configs, strict=True):
        groups.setdefault(tuple(_shown(values.get(name)) for name in names), []).append(row)
    head = [*names, "seeds", "S", "P", "R", "F1", "F1, last epoch", "Acc"]
    return markdown.table(head, [[*shown, *_cells(group)] for shown, group in groups.items()])


def _shown(value: Any) -> str:
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _cells(rows: list[dict[str, Any]]) -> list[str]:
    tests = [row["test"] for row in rows if row["status"] == "finished"]
    stopped = len(rows) - len(tests)
    parts = [("chosen", "sparsity"), ("chosen", "precision"), ("chosen", "recall"), ("chosen", "f1"), ("last", "f1")]
    cells = [cell([t[game]["argmax"][what] for t in tests]) for game, what in [*parts, ("chosen", "accuracy")]]
    return [f"{len(tests)}" + (f" ({stopped} stopped)" if stopped else ""), *cells]
