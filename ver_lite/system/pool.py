"""Processes on this machine for work that lasts: they do not fight for cores, and none outlives its owner.

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

    A process that is killed costs the one task it was at (that future raises BrokenProcessPool) and is replaced. The
    processes end when their owner does, however it ends. Ctrl-C reaches the owner alone: it may :meth:`ask_to_stop`,
    or leave the ``with`` block by its exception, which ends them at once.
    """

    def __init__(self, workers: int, threads: int | None = None):
        super().__init__(workers)
        self._cores_each = threads or max(1, cores() // workers)
        self._mine = threading.local()
        self._lines: list[Connection] = []
        self._pools: list[ProcessPoolExecutor] = []

    def submit(self, function: Callable, /, *given: Any, **named: Any) -> Future:
        """As any executor: the future of ``function`` called with the rest, here in a process of the pool."""
        return super().submit(self._delegate, function, *given, **named)

    def _delegate(self, function: Callable, *given: Any, **named: Any) -> Any:
        """In a thread of the owner: have the process of this thread do it."""
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
        """As if every process had been sent SIGTERM: a game that is being trained is saved and stops."""
        for line in self._lines:
            with suppress(OSError):  # that process is gone
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
    """In a new process, before its first task."""
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # so that the terminal's Ctrl-C is for the owner, who passes it on in order
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # between games there is nothing to save; training sets its own
    wait_briefly()
    import torch  # after that, and not above: the library's own process decides before torch is loaded

    torch.set_num_threads(threads)
    threading.Thread(target=_listen, args=(ear,), daemon=True).start()


def _listen(ear: Connection) -> None:
    """Hear the owner ask to stop; end with it: its end of the line is closed by the system, even after kill -9."""
    with suppress(EOFError, OSError):
        while ear.recv():
            signal.raise_signal(signal.SIGTERM)
    os._exit(1)
