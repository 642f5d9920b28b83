"""The sweep itself: the engine hands out runs, and a worker trains each under its lock."""

from __future__ import annotations

import threading
import traceback
import uuid
import warnings
from collections.abc import Iterable
from concurrent.futures import Executor
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ver_lite.experiments.engine import HELD, work
from ver_lite.experiments.jobs import Answer, Job, corpus_of
from ver_lite.experiments.plan import key, plan
from ver_lite.experiments.sweep.folder import (
    INSIDE,
    RunEntry,
    collect,
    epochs_of,
    folders,
    locked,
    survey,
    write_scores,
)
from ver_lite.system import machine
from ver_lite.system.checks import check_number
from ver_lite.system.errors import said
from ver_lite.system.files import FileError, write_text
from ver_lite.system.pool import Processes, cores
from ver_lite.training.config import Config
from ver_lite.training.game import Kinds
from ver_lite.training.runs import Run
from ver_lite.training.training import resume, train

_ONE_GAME = threading.Lock()  # torch has one global random state a process: it plays one game at a time


def sweep(
    configs: Iterable[Config | Job],
    out: str | Path,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    device: str = "auto",
    progress: bool = True,
) -> list[RunEntry]:
    """Train and test every config, each in a folder of its own under ``out``. Returns an entry for each.

    ``configs`` may also be jobs of :func:`plan`, which keep the names they have among others. ``executor``: any of
    ``concurrent.futures``; its workers must see ``out`` and the corpora under the same paths. None starts ``workers``
    processes here (default: one a core, or one in all where there is a GPU) that share the cores. On Ctrl-C the games
    being trained are saved and stop; those of a given ``executor`` stop at the end of their epoch. A second Ctrl-C
    stops at once. A run that fails does not stop the others. Raises ValueError for a bad argument and FileError when
    ``out`` cannot be used.
    """
    if workers is not None:
        check_number("workers", workers, least=1, whole=True)
    alone = executor is None and machine.pick_device(device).type != "cpu"
    configs, out = list(configs), _open(Path(out))
    jobs = configs if all(isinstance(config, Job) for config in configs) else plan(configs)
    pool = Processes(workers or (1 if alone else cores())) if executor is None else nullcontext(executor)
    entries, stop = survey(out, jobs), out / INSIDE / f"stop-{uuid.uuid4().hex}"
    do = partial(play, out, device=device, stop=stop)
    with pool as running, _Bar(entries, progress) as bar:

        def ask() -> None:
            """Ask the games to stop after their epoch. The file is for workers that a signal may not reach."""
            stop.touch()
            if isinstance(running, Processes):
                running.ask_to_stop()

        entries = work(entries, do, partial(_entry, out), executor=running, stop=ask, watch=bar.show)
    stop.unlink(missing_ok=True)
    collect(out)
    return entries


def _open(out: Path) -> Path:
    try:
        (out / INSIDE).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot use {out} for a sweep: {error.strerror}") from None
    return out.absolute()


def _entry(out: Path, job: Job, answer: Answer) -> RunEntry:
    """The entry of a job, from the files in its folder and the answer of its worker."""
    (there,) = survey(out, [job])
    row = there.row or (answer if isinstance(answer, dict) else None)
    return replace(there, status=row["status"] if row else answer, row=row)


def play(out: Path, job: Job, device: str, stop: Path | None = None) -> Answer:
    """Train a job's run, or continue it, and test it; called in a worker. Returns the run's row, "interrupted",
    "failed: why", or ``HELD``. ``stop``: a file that exists once the sweep is asked to stop."""
    with _ONE_GAME:
        if _asked(stop):
            return "interrupted"
        mark = key(job.config())
        trace = out / INSIDE / f"{mark}.error"
        try:
            trace.unlink(missing_ok=True)
            with locked(out, mark, wait=False) as mine:
                return _play(folders(out).get(mark, out / job.name), job, device, stop) if mine else HELD
        except Exception as error:
            with suppress(FileError):
                write_text(trace, traceback.format_exc())
            return f"failed: {said(error, look=str(trace))}"


def _asked(stop: Path | None) -> bool:
    return stop is not None and stop.exists()


def _play(folder: Path, job: Job, device: str, stop: Path | None) -> Answer:
    def look(run: Run, row: dict[str, Any]) -> None:
        """Called after each epoch. It also works in a thread or on another machine, where no signal arrives."""
        if _asked(stop):
            run.status = "interrupted"

    (entry,) = survey(folder.parent, [job])
    if entry.row is not None:
        return entry.row
    if entry.status.startswith("failed"):
        return entry.status
    options: dict[str, Any] = {"device": device, "progress": False, "callbacks": (look,)}
    corpus = corpus_of(job)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="training stopped")  # the run's status says it
        if any((folder / name).exists() for name in ("provenance.json", "checkpoint.safetensors")):
            wanted = Kinds.of(job.config())  # a job comes from whoever sweeps, so its classes may be imported
            run = resume(folder, corpus, method=wanted.method, encoder=wanted.encoder, **options)
        else:
            run = train(corpus, job.config(), out=folder, overwrite=True, **options)
    if run.status == "interrupted":
        return "interrupted"
    return write_scores(run, corpus, folder)


class _Bar:
    """A progress bar of epochs, with the time left. It counts those saved in the runs' folders, wherever runs train."""

    def __init__(self, entries: list[RunEntry], progress: bool):
        from tqdm.auto import tqdm

        self.saved = {entry.job.name: self._epochs(entry) for entry in entries}
        total, done = sum(entry.job.config().epochs for entry in entries), sum(self.saved.values())
        self.bar = tqdm(total=total, initial=done, unit="epoch", desc="sweep", disable=not progress, mininterval=1)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    @staticmethod
    def _epochs(entry: RunEntry) -> int:
        return entry.job.config().epochs if entry.row else epochs_of(entry.folder)

    def show(self, entries: dict[str, RunEntry]) -> None:
        if self.bar.disable:
            return
        self.saved |= {name: self._epochs(entry) for name, entry in entries.items()}
        failed = sum(entry.status.startswith(("failed", "stopped")) for entry in entries.values())
        ended = sum(entry.row is not None for entry in entries.values())
        some = f", {failed} failed" if failed else ""
        self.bar.set_postfix_str(f"{ended} of {len(entries)} runs{some}", refresh=False)
        self.bar.update(sum(self.saved.values()) - self.bar.n)
