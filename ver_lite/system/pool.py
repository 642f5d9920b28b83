"""A pool of processes on this machine for long tasks. They share the cores and end when their owner ends.

Written by hand, because neither pebble nor loky keeps a pool alive when a process is killed: with loky 3.7 (as with
``concurrent.futures``) every task of the pool is lost, also those that wait; with pebble 5.2 the pool breaks when the
killed process had no task. With either of them, the stop request and the end with the owner would still be ours.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from ver_lite.system.tuning import wait_briefly

_SPAWN = get_context("spawn")


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Processes(ThreadPoolExecutor):
    """A ``concurrent.futures`` executor of ``workers`` processes, each with ``threads`` threads for torch.

    When a process is killed, the future of its task raises BrokenProcessPool, and a new process takes its place; no
    other task is lost. The processes end when their owner ends, even when it is killed. Ctrl-C reaches the owner
    alone. The owner may then call :meth:`ask_to_stop`, or leave the ``with`` block by an exception, which ends the
    processes at once.
    """

    def __init__(self, workers: int, threads: int | None = None):
        super().__init__(workers)
        self._cores_each = threads or max(1, cores() // workers)
        self._mine = threading.local()
        self._lines: list[Connection] = []
        self._pools: list[ProcessPoolExecutor] = []

    def submit(self, function: Callable, /, *given: Any, **named: Any) -> Future:
        """Call ``function`` with the other arguments in a process of the pool, and return its future."""
        return super().submit(self._delegate, function, *given, **named)

    def _delegate(self, function: Callable, *given: Any, **named: Any) -> Any:
        """Runs in a thread of the owner: give the task to the process of this thread and wait for its result."""
        if not hasattr(self._mine, "pool"):
            self._start()
        try:
            asked = self._mine.pool.submit(function, *given, **named)
        except BrokenProcessPool:  # the process was killed while it had no task
            self._start()
            asked = self._mine.pool.submit(function, *given, **named)
        try:
            return asked.result()
        except BrokenProcessPool:
            self._start()
            raise BrokenProcessPool("its process was killed; was there enough memory?") from None

    def _start(self) -> None:
        """Give this thread a process of its own, which begins with its first task."""
        ear, line = _SPAWN.Pipe(duplex=False)
        self._mine.pool = ProcessPoolExecutor(1, _SPAWN, initializer=_begin, initargs=(ear, self._cores_each))
        self._lines.append(line)
        self._pools.append(self._mine.pool)

    def ask_to_stop(self) -> None:
        """Ask every process to stop, as SIGTERM would. A game that is being trained is saved and stops."""
        for line in self._lines:
            with suppress(OSError):  # the process has ended
                line.send(True)

    def __exit__(self, kind: type | None, error: Any, trace: Any) -> None:
        if kind is not None:
            self.shutdown(wait=False, cancel_futures=True)
            for line in self._lines:
                line.close()
        super().__exit__(kind, error, trace)
        for pool in self._pools:
            pool.shutdown()


def _begin(ear: Connection, threads: int) -> None:
    """Runs in a new process, before its first task."""
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # the terminal sends Ctrl-C to the owner's group; the owner then asks the processes to stop
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(
            number, lambda *_: None
        )  # between games there is nothing to save; a training sets its own handlers
    wait_briefly()
    import torch  # not at the top of the file: wait_briefly must run before torch is imported

    torch.set_num_threads(threads)
    threading.Thread(target=_listen, args=(ear,), daemon=True).start()


def _listen(ear: Connection) -> None:
    """Wait for messages of the owner, in a thread of the process.

    A message asks the process to stop. When the owner ends, even by kill -9, the operating system closes its end of the
    pipe; then ``recv`` raises EOFError, and the process ends too.
    """
    with suppress(EOFError, OSError):
        while ear.recv():
            signal.raise_signal(signal.SIGTERM)
    os._exit(1)
