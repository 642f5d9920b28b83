"""The engine that runs jobs: it skips those that are done, hands out the rest, and keeps each answer when it comes.

Two commands call it: `ver-lite sweep`, whose jobs are runs in folders, and `python -m ver_lite.experiments.record`,
whose jobs are rows of a record. They differ in where an answer is kept and in how their workers are stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from typing import Any, NamedTuple

from ver_lite.experiments.jobs import Answer, Job
from ver_lite.experiments.plan import flattened
from ver_lite.system import machine
from ver_lite.training.config import Config

AGAIN = 2.0  # seconds after which a job that another process holds is handed out again
HELD = "held by another process"
DROPPED = "failed: the executor dropped it; was its cluster lost? Sweep again"


@dataclass(frozen=True)
class Entry:
    """What is known about a job. ``status``: "new", "stale" (recorded with another config), "unfinished", "finished",
    "stopped: why" (training went wrong), "interrupted" or "failed: why"; ``row``: its results, once it is done."""

    job: Job
    status: str
    row: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """The name under which the job's results are kept."""
        return self.job.name


def work(
    entries: Iterable[Entry],
    do: Callable[[Job], Answer],
    keep: Callable[[Job, Answer], Entry],
    *,
    executor: Executor,
    stop: Callable[[], None],
    watch: Callable[[dict[str, Entry]], None] = lambda entries: None,
) -> list[Entry]:
    """Hand out the jobs that have no row, until none is left or this process is asked to stop. Returns all entries.

    ``do`` is called in a worker and returns a row or a status. A job whose status is :data:`HELD` is handed out again.
    ``keep`` is called in this process with each job and its answer, and returns the job's new entry. ``stop`` is called
    once, when this process is asked to stop. It asks the workers to stop, whose answers are then waited for, or it
    raises KeyboardInterrupt. ``watch`` is called twice a second with all entries, by the names of their jobs.
    """
    found = {entry.job.name: entry for entry in entries}
    todo = [entry.job for entry in found.values() if entry.row is None]
    waiting: dict[Future, Job] = {}
    stopped, turn, due = False, 0, 0.0
    with machine.interruptions() as asked:
        while todo or waiting:
            if asked:
                todo = []
                if not stopped:
                    stopped = True
                    stop()
            if todo and time.monotonic() > due:
                waiting |= {executor.submit(attempt, do, job, turn): job for job in todo}
                todo, turn, due = [], turn + 1, time.monotonic() + AGAIN
            for future in wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED).done:
                job, answer = waiting.pop(future), _answer(future)
                if answer == HELD:
                    todo.append(job)
                else:
                    found[job.name] = keep(job, answer)
            if _lost(executor):
                found |= {job.name: keep(job, DROPPED) for job in (*todo, *waiting.values())}
                break
            watch(found)
            if todo and not waiting:
                time.sleep(0.1)
    return list(found.values())


def attempt(do: Callable[[Job], Answer], job: Job, turn: int) -> Answer:
    """Do a job; called in a worker. ``turn`` counts how often jobs were handed out, so that an executor that remembers
    answers (Dask's) does not give an old one."""
    return do(job)


def _answer(future: Future) -> Answer:
    """What a worker returned, or how it failed."""
    if future.cancelled():
        return DROPPED
    error = future.exception()
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if error is not None:
        return f"failed: its worker failed ({type(error).__name__}: {' '.join(str(error).split())})"
    return future.result()


def _lost(executor: Any) -> bool:
    """Whether this is Dask's executor and its client has given up its scheduler: some futures then never end."""
    return getattr(getattr(executor, "_client", None), "status", "") == "closed"


# what is done, and what is left


def difference(recorded: Config, wanted: Config) -> tuple[str, Any, Any] | None:
    """The first setting in which a recorded config is not what the code would run today: its name and both values.

    This is the one rule of staleness, for rows of records and for run folders: both configs, flattened, must be equal.
    Three things are not compared: a setting that the method does not have, further options with which a corpus was
    loaded, and the sizes that word vectors and BERTs determine.
    """
    have, want = flattened(recorded), flattened(wanted)
    own = ("dimension",) if wanted.vectors not in (None, "glove") else ()
    if wanted.encoder == "bert":
        own = ("dimension", "hidden", "player_options.shape")
    for name in dict.fromkeys([*want, *have]):
        compared = name in want or not name.startswith("corpus.")
        if compared and name not in own and have.get(name) != want.get(name):
            return name, have.get(name), want.get(name)
    return None


def is_current(row: dict[str, Any] | None, job: Job) -> bool:
    """Whether a recorded row is what the code would run today. A setting that the row's config lacks was added later,
    and had its default when the row was made."""
    if row is None:
        return False
    wanted = job.config()
    try:
        return difference(Config.read({"corpus": wanted.corpus, **row["config"]}), wanted) is None
    except (ValueError, TypeError):
        return False


class Left(NamedTuple):
    """How many jobs are ``done``, how many ``jobs`` there are, how many failed or stopped (``bad``), a line for each
    reason (``troubles``), and whether an interruption left some undone."""

    done: int
    jobs: int
    bad: int
    troubles: tuple[str, ...]
    interrupted: bool

    def interruption(self, what: str) -> str:
        """One line for an interrupted command whose jobs are called ``what``."""
        return f"interrupted and saved, {self.done} of {self.jobs} {what} done; the same command goes on"


def left(entries: Iterable[Entry]) -> Left:
    """Summarize the entries: what is left to do, and what went wrong."""
    entries = list(entries)
    by_reason: dict[str, list[str]] = {}
    for entry in entries:
        if entry.status.startswith(("failed", "stopped")):
            by_reason.setdefault(entry.status, []).append(entry.name)
    troubles = tuple(
        f"{', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}: {why}"
        for why, names in by_reason.items()
    )
    return Left(
        done=sum(entry.row is not None for entry in entries),
        jobs=len(entries),
        bad=sum(map(len, by_reason.values())),
        troubles=troubles,
        interrupted=any(entry.status in ("interrupted", "new", "stale", "unfinished") for entry in entries),
    )
