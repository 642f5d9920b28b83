"""Mark one student: papermill runs the answers in the sandbox, the tests run here.

The student's answers are put into a clean copy of the master by cell id. Where the copy has a check cell, the run
pauses and the question is marked: its public checks and hidden tests run in this process, in the namespace that the
master makes, with stand-ins for the student's functions. A question that depends on one that failed is marked a second
time with the reference answer of that one; the better mark counts, and both are kept.
"""

from __future__ import annotations

import base64
import contextlib
import io
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import nbformat

from ver_lite.course.assignments import Assignment, Question
from ver_lite.course.grading.answers import AnswerError, Answers, stand_in
from ver_lite.course.grading.run import Walk
from ver_lite.course.grading.sandbox import Limits
from ver_lite.course.grading.submission import Submission
from ver_lite.course.questions import OwnNumbers


@dataclass
class Outcome:
    """How one code question did in one run.

    share   of its tests passed (the public checks together are one), from 0 to 1
    public  whether the public checks passed       said   what they printed
    tests   each hidden test: passed?              why    for each that failed, what it raised (for the teacher)
    error   what stopped the answer's cell, or None
    """

    share: float = 0.0
    public: bool = False
    said: str = ""
    tests: dict[str, bool] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    error: str | None = None
    outputs: list[dict[str, str]] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Mark:
    """One student's mark. `alone`: each question with the student's own answers to the others; `helped`: those that
    depend on a failed one, with the reference answer of it. `points` has the better of the two."""

    student: str
    points: dict[str, float | None]
    alone: dict[str, Outcome]
    helped: dict[str, Outcome]
    flags: list[str]
    seconds: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def mark(
    assignment: Assignment,
    submission: Submission,
    numbers: OwnNumbers,
    limits: Limits,
    only: set[str] | None = None,
    boxed: bool | None = None,
) -> Mark:
    """Run and mark a submission; `only` these questions, by default all. Written questions have points None."""
    began = time.monotonic()
    code = [q for q in assignment.questions if q.kind == "code"]
    wanted = {q.name for q in code if only is None or q.name in only}
    points: dict[str, float | None] = {q.name: None if q.kind == "written" else 0.0 for q in assignment.questions}
    if submission.problem:
        return Mark(submission.student, points, {}, {}, list(submission.flags), {"all": 0.0})
    world = World(assignment, submission.student, numbers)
    given = dict(student=submission.student, seed=numbers.seed, variant=numbers.variant)
    walk = Walk(assignment, submission.answers, given, limits, began + limits.student, boxed)
    alone = _run(walk, world, wanted, {})
    failed = {name for name, outcome in alone.items() if outcome.share < 1}
    again = {q.name for q in code if q.name in failed and failed & set(q.depends)}
    helped = {}
    if again:
        reference = {q.name: q.answer for q in code if q.name in failed}
        helped = _run(walk, world, again, reference)
    walk.close()
    for name in wanted:
        best = max(alone[name].share, helped[name].share if name in helped else 0.0)
        points[name] = round(assignment.question(name).points * best, 2)
    seconds = {name: round(value, 2) for name, value in walk.seconds.items()}
    seconds["master"] = round(world.seconds, 2)
    seconds["all"] = round(time.monotonic() - began, 2)
    return Mark(submission.student, points, alone, helped, [*submission.flags, *walk.flags], seconds)


def _run(walk: Walk, world: World, wanted: set[str], reference: dict[str, str]) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}

    def pause(question: Question, error: str | None, outputs: list) -> list:
        """What papermill's run does at a check cell: mark the question, and leave what the checks said there."""
        if question.name not in wanted:
            return []
        outcome = Outcome(error=error, outputs=plain_outputs(outputs))
        outcomes[question.name] = outcome
        began = time.monotonic()
        _test(walk, world, question, outcome)
        outcome.seconds = round(time.monotonic() - began, 2)
        walk.seconds["tests"] = walk.seconds.get("tests", 0.0) + outcome.seconds
        return [nbformat.v4.new_output("stream", name="stdout", text=outcome.said)]

    walk.go(pause, wanted, reference)
    for name in wanted - outcomes.keys():
        outcomes[name] = Outcome(error="not reached: the time for this student was used up")
    return outcomes


def _test(walk: Walk, world: World, question: Question, outcome: Outcome) -> None:
    """Run a question's public checks and hidden tests against the student's kernel."""
    names = world.upto(question)
    outcome.tests = dict.fromkeys(question.tests, False)
    answers, left = Answers(), min(question.seconds, walk.limits.tests)
    walk.listen(answers)
    for name in question.functions:
        names[name] = stand_in(answers, name)
    for name in question.values:
        try:
            answers.deadline = time.monotonic() + 5
            names[name] = answers.ask("value", name)
        except AnswerError as error:
            names.pop(name, None)
            outcome.error = outcome.error or str(error)
    said = io.StringIO()
    revived = 0
    for test in (None, *question.tests):
        if answers.lost and revived < 1 and left > 1:
            revived += 1
            walk.revive(answers)
        began = time.monotonic()
        answers.deadline = began + max(1.0, left / 2)
        passed, why = _one(names, question, test, said, max(1.0, left / 2) + 5)
        left -= time.monotonic() - began
        if test is None:
            outcome.public = passed
        else:
            outcome.tests[test] = passed
        if why:
            outcome.why[test or "public"] = why
        for trouble in filter(None, (answers.lost, answers.odd)):
            walk.flag(f"{question.name}: {trouble}")
    walk.leave(answers)
    outcome.said = said.getvalue()[:20_000]
    outcome.share = (outcome.public + sum(outcome.tests.values())) / (1 + len(question.tests))


def _one(
    names: dict[str, Any], question: Question, test: str | None, said: io.StringIO, seconds: float
) -> tuple[bool, str | None]:
    """Whether the public checks (None) or one hidden test passed, and why not."""
    try:
        with contextlib.redirect_stdout(said if test is None else io.StringIO()), bounded(seconds):
            if test is None:
                try:
                    exec(compile(question.public, f"<{question.check_id}>", "exec"), names)
                finally:
                    exec(compile(question.hidden, f"<{question.check_id}, hidden>", "exec"), names)
                return names.get("public") is True, None
            names[f"hidden_{test}"]()
            return True, None
    except Exception as error:
        return False, f"{type(error).__name__}: {error}"[:300]


class OutOfTime(Exception):
    """A test took longer than it may, here in the marker."""


@contextlib.contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Raise OutOfTime when the block takes longer (in the main thread of a system with alarms; elsewhere nothing)."""
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


class World:
    """The master, run in this process with a student's numbers, as far as a question needs."""

    def __init__(self, assignment: Assignment, student: str, numbers: OwnNumbers) -> None:
        self.assignment, self.names, self.seconds, self._next = assignment, {"__name__": "__main__"}, 0.0, 0
        self.given = {"student": student, "seed": numbers.seed, "variant": numbers.variant}

    def upto(self, question: Question) -> dict[str, Any]:
        """A copy of the namespace right after the reference answer of `question`."""
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


def plain_outputs(outputs: list, most: int = 20_000) -> list[dict[str, str]]:
    """A cell's outputs as text and PNG pictures alone: nothing that a page could run."""
    plain, room = [], most
    for output in outputs[:200]:
        data = output.get("data") or {}
        if isinstance(picture := data.get("image/png"), str) and _is_png(picture):
            plain.append({"kind": "picture", "data": "".join(picture.split())})
            continue
        if output.get("output_type") == "error":
            text = f"{output.get('ename')}: {output.get('evalue')}"
        else:
            text = output.get("text", data.get("text/plain", ""))
        text = "".join(text) if isinstance(text, list) else str(text)
        if text and room > 0:
            plain.append({"kind": output.get("output_type", "stream"), "data": text[:room]})
            room -= len(text)
    return plain


def _is_png(text: str) -> bool:
    try:
        return base64.b64decode(text).startswith(b"\x89PNG\r\n\x1a\n")
    except ValueError:
        return False
