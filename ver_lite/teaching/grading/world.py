"""Run the master in this process with a student's numbers, and bound the time of a test here."""

from __future__ import annotations

import contextlib
import io
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

from ver_lite.course.questions import OwnNumbers
from ver_lite.teaching.assignments import Assignment, Question


class OutOfTime(Exception):
    """A test in the marker took longer than it may."""


@contextlib.contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Raise OutOfTime when the block takes longer than `seconds`.

    It works in the main thread of a system that has alarms. Elsewhere there is no bound.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: Any) -> None:
        raise OutOfTime(f"more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class StudentWorld:
    """The master, run in this process with a student's numbers, up to the question that is needed."""

    def __init__(self, assignment: Assignment, student: str, numbers: OwnNumbers) -> None:
        self.assignment, self.names, self.seconds, self._next = assignment, {"__name__": "__main__"}, 0.0, 0
        self.given = {"student": student, "seed": numbers.seed, "variant": numbers.variant}

    def upto(self, question: Question) -> dict[str, Any]:
        """A copy of the names that are defined right after the reference answer to `question`."""
        from IPython.core.inputtransformer2 import TransformerManager

        began = time.monotonic()
        cells = self.assignment.notebook.cells
        checks = {q.check_id for q in self.assignment.questions}
        stop = next(i for i, cell in enumerate(cells) if cell.id == question.check_id)
        for cell in cells[self._next : stop]:
            if cell.cell_type == "code" and cell.id not in checks:
                source = TransformerManager().transform_cell(cell.source)
                with contextlib.redirect_stdout(io.StringIO()):
                    exec(compile(source, f"<{self.assignment.path.name}, {cell.id}>", "exec"), self.names)
                if "parameters" in cell.metadata.get("tags", []):
                    self.names.update(self.given)
        self._next = max(self._next, stop)
        self.seconds += time.monotonic() - began
        return dict(self.names)
