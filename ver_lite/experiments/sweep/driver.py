"""The sweep itself: runs handed out to an executor, each played under its lock."""

from __future__ import annotations

import threading
import time
import traceback
import uuid
import warnings
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ver_lite.experiments.results import Job, corpus_of
from ver_lite.experiments.sweep.folder import INSIDE, Entry, collect, epochs_of, folders, locked, survey, write_scores
from ver_lite.experiments.sweep.plan import key, plan
from ver_lite.system import machine
from ver_lite.system.checks import check_number
from ver_lite.system.errors import said
from ver_lite.system.files import FileError, write_text
from ver_lite.system.pool import Processes, cores
from ver_lite.training.config import Config
from ver_lite.training.runs import Kinds, Run
from ver_lite.training.training import resume, train

AGAIN = 2.0  # seconds after which a run that another sweep holds is asked for again
_HELD = "held by another sweep"
_DROPPED = "failed: the executor dropped it; was its cluster lost? Sweep again"
_ONE_GAME = threading.Lock()  # torch has one global random state a process: it plays one game at a time


def sweep(
    configs: Iterable[Config | Job],
    out: str | Path,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    device: str = "auto",
    progress: bool = True,
) -> list[Entry]:
    """Train and test every config, each in a folder of its own under ``out``; return what became of each.

    ``configs`` may also be jobs of :func:`plan`, which keep the names they have among others.
    ``executor``: any of ``concurrent.futures``; its workers must see ``out`` and the corpora under the same paths. None
    starts ``workers`` processes here (default: one a core, or one in all where there is a GPU) that share the cores.
    Ctrl-C: games being trained are saved and stop, those of an executor of yours at the end of their epoch; a second
    one stops at once. A run that fails leaves the others alone. Raises ValueError for a bad argument and FileError when
    ``out`` cannot be used.
    """
    if workers is not None:
        check_number("workers", workers, least=1, whole=True)
    alone = executor is None and machine.pick_device(device).type != "cpu"
    configs, out = list(configs), _open(Path(out))
    jobs = configs if all(isinstance(config, Job) for config in configs) else plan(configs)
    pool = Processes(workers or (1 if alone else cores())) if executor is None else nullcontext(executor)
    with pool as running:
        entries = _drive(jobs, out, running, device, progress)
    collect(out)
    return entries


def _open(out: Path) -> Path:
    try:
        (out / INSIDE).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot use {out} for a sweep: {error.strerror}") from None
    return out.absolute()


def _drive(jobs: list[Job], out: Path, running: Any, device: str, progress: bool) -> list[Entry]:
    """Hand out the runs that are not trained yet until none is left, or somebody asks to stop."""
    entries = {entry.job.name: entry for entry in survey(out, jobs)}
    todo = [entry.job for entry in entries.values() if entry.row is None]
    waiting: dict[Future, Job] = {}
    stop, turn, due = out / INSIDE / f"stop-{uuid.uuid4().hex}", 0, 0.0
    with machine.interruptions() as asked, _Bar(entries, progress) as bar:
        while todo or waiting:
            if asked:
                todo = []
                if not stop.exists():
                    stop.touch()
                    if isinstance(running, Processes):
                        running.ask_to_stop()
            if todo and time.monotonic() > due:
                waiting |= {running.submit(play, out, job, device, stop, turn): job for job in todo}
                todo, turn, due = [], turn + 1, time.monotonic() + AGAIN
            for future in wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED).done:
                job, answer = waiting.pop(future), _outcome(future)
                if answer == _HELD:
                    todo.append(job)
                else:
                    entries[job.name] = _entry(out, job, answer)
            if _lost(running):
                entries |= {job.name: _entry(out, job, _DROPPED) for job in (*todo, *waiting.values())}
                break
            bar.show(entries)
            if todo and not waiting:
                time.sleep(0.1)
    stop.unlink(missing_ok=True)
    return list(entries.values())


def _lost(executor: Any) -> bool:
    """Whether this is Dask's executor and its client has given up its scheduler: some futures then never end."""
    return getattr(getattr(executor, "_client", None), "status", "") == "closed"


def _entry(out: Path, job: Job, answer: dict[str, Any] | str) -> Entry:
    """What became of a job, from what is in its folder and what its worker answered."""
    (there,) = survey(out, [job])
    row = there.row or (answer if isinstance(answer, dict) else None)
    return replace(there, status=row["status"] if row else answer, row=row)


def _outcome(future: Future) -> dict[str, Any] | str:
    """What :func:`play` returned, or how its worker failed."""
    if future.cancelled():
        return _DROPPED
    error = future.exception()
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if error is not None:
        return f"failed: its worker failed ({type(error).__name__}: {' '.join(str(error).split())})"
    return future.result()


def play(out: Path, job: Job, device: str, stop: Path, turn: int) -> dict[str, Any] | str:
    """In a worker: train a job's run, or go on with it, and test it. Returns its row, "interrupted", "failed: why", or
    that another sweep holds it. ``stop``: a file that is there once the sweep was asked to stop. ``turn``: how often
    the job was handed out, so that an executor that remembers answers (Dask's) does not."""
    with _ONE_GAME:
        if stop.exists():
            return "interrupted"
        mark = key(job.config())
        trace = out / INSIDE / f"{mark}.error"
        try:
            trace.unlink(missing_ok=True)
            with locked(out, mark, wait=False) as mine:
                return _play(folders(out).get(mark, out / job.name), job, device, stop) if mine else _HELD
        except Exception as error:
            with suppress(FileError):
                write_text(trace, traceback.format_exc())
            return f"failed: {said(error, look=str(trace))}"


def _play(folder: Path, job: Job, device: str, stop: Path) -> dict[str, Any] | str:
    def look(run: Run, row: dict[str, Any]) -> None:
        """After each epoch: no signal reaches a thread or another machine, but this does."""
        if stop.exists():
            run.status = "interrupted"

    (entry,) = survey(folder.parent, [job])
    if entry.row is not None:
        return entry.row
    if entry.status.startswith("failed"):
        return entry.status
    options: dict[str, Any] = {"device": device, "progress": False, "callbacks": (look,)}
    corpus = corpus_of(job)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="training stopped")  # its status says it
        if any((folder / name).exists() for name in ("provenance.json", "checkpoint.safetensors")):
            wanted = Kinds.of(job.config())  # a job comes from whoever sweeps, so its classes may be imported
            run = resume(folder, corpus, method=wanted.method, encoder=wanted.encoder, **options)
        else:
            run = train(corpus, job.config(), out=folder, overwrite=True, **options)
    if run.status == "interrupted":
        return "interrupted"
    return write_scores(run, corpus, folder)


class _Bar:
    """Progress in epochs, which are saved in the runs' folders wherever they are trained, with the time left."""

    def __init__(self, entries: dict[str, Entry], progress: bool):
        from tqdm.auto import tqdm

        self.saved = {name: self._epochs(entry) for name, entry in entries.items()}
        total, done = sum(e.job.config().epochs for e in entries.values()), sum(self.saved.values())
        self.bar = tqdm(total=total, initial=done, unit="epoch", desc="sweep", disable=not progress, mininterval=1)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    @staticmethod
    def _epochs(entry: Entry) -> int:
        return entry.job.config().epochs if entry.row else epochs_of(entry.folder)

    def show(self, entries: dict[str, Entry]) -> None:
        if self.bar.disable:
            return
        self.saved |= {name: self._epochs(entry) for name, entry in entries.items()}
        failed = sum(entry.status.startswith(("failed", "stopped")) for entry in entries.values())
        ended = sum(entry.row is not None for entry in entries.values())
        some = f", {failed} failed" if failed else ""
        self.bar.set_postfix_str(f"{ended} of {len(entries)} runs{some}", refresh=False)
        self.bar.update(sum(self.saved.values()) - self.bar.n)
