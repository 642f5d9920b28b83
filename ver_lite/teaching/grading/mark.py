"""Mark one student: papermill runs the answers in the sandbox, the tests run here.

The student's answers are put into a clean copy of the master by cell id. Where the copy has a check cell, the run
pauses for the public checks; the hidden tests follow after the last cell. Both run in this process, in the namespace
that the master makes, with stand-ins for the student's functions. A question that depends on a failed one is marked a
second time, with the reference answer to that one. The better mark counts, and both are kept.
"""

from __future__ import annotations

import contextlib
import io
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from ver_lite.course.questions import OwnNumbers
from ver_lite.teaching.assignments import Assignment, Question
from ver_lite.teaching.grading.answers import AnswerError, Answers, stand_in
from ver_lite.teaching.grading.inside import CANNOT
from ver_lite.teaching.grading.run import Walk
from ver_lite.teaching.grading.sandbox import Limits
from ver_lite.teaching.grading.submission import Submission
from ver_lite.teaching.grading.world import StudentWorld, bounded


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
    """One student's mark.

    `alone` has each question with the student's own answers to the others. `helped` has those that depend on a failed
    one, with the reference answer to it. `points` has the better of the two.
    """

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
    """Run and mark a submission, or only the questions in `only`. Written questions get points None."""
    began = time.monotonic()
    code = [q for q in assignment.questions if q.kind == "code"]
    wanted = {q.name for q in code if only is None or q.name in only}
    points: dict[str, float | None] = {q.name: None if q.kind == "written" else 0.0 for q in assignment.questions}
    if submission.problem:
        return Mark(submission.student, points, {}, {}, list(submission.flags), {"all": 0.0})
    world = StudentWorld(assignment, submission.student, numbers)
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


def _run(walk: Walk, world: StudentWorld, wanted: set[str], reference: dict[str, str]) -> dict[str, Outcome]:
    """Run the copy once. The public checks run where their cell stands, the hidden tests after the last cell.

    So nothing that a student is shown was printed after a hidden test had begun.
    """
    trials: dict[str, Trial] = {}

    def pause(question: Question, error: str | None, outputs: list[dict[str, str]]) -> None:
        """What papermill's run does at a check cell: the public checks."""
        if question.name in wanted:
            outcome = Outcome(error=error, outputs=outputs)
            trials[question.name] = Trial(walk, world, question, outcome)
            trials[question.name].public()

    walk.go(pause, wanted, reference)
    for name, trial in trials.items():
        if walk.in_time():
            moved = walk.restore(name)
            trial.hidden()
            if moved:
                walk.restore(f"{name}-reference")
    late = Outcome(error="not reached: the time for this student was used up")
    return {name: trials[name].outcome if name in trials else late for name in wanted}


class Trial:
    """One question under test. Its names here include stand-ins for the student's functions."""

    def __init__(self, walk: Walk, world: StudentWorld, question: Question, outcome: Outcome) -> None:
        self.walk, self.question, self.outcome = walk, question, outcome
        self.names, self.answers = world.upto(question), Answers()
        self.left = min(question.seconds, walk.limits.tests)
        outcome.tests = dict.fromkeys(question.tests, False)
        self.names |= {name: stand_in(self.answers, name) for name in question.functions}

    def public(self) -> None:
        """Fetch the answer's values and run the public checks."""
        self.walk.listen(self.answers)
        for name in self.question.values:
            try:
                self.answers.deadline = time.monotonic() + 5
                self.names[name] = self.answers.ask("value", name)
            except AnswerError as error:
                self.names.pop(name, None)
                self.outcome.error = self.outcome.error or f"{type(error).__name__}: {error}"
        said = io.StringIO()
        passed, why = self._run(self.question.public, said)
        self.outcome.public = passed and self.names.get("public") is True
        self.outcome.said = said.getvalue()[:20_000]
        self._end({"public": why}, self.answers.odd)

    def hidden(self) -> None:
        """Run the hidden tests. Only the teacher sees what the student's code prints meanwhile."""
        self.walk.listen(self.answers)
        _, why = self._run(self.question.hidden, io.StringIO())
        reasons, revived = {"hidden tests": why}, False
        for test in self.question.tests:
            if self.answers.lost and not revived:
                self._note(self.answers.lost)
                self.walk.revive(self.answers, self.question.name)
                revived = True
            self.outcome.tests[test], reasons[test] = self._run(f"hidden_{test}()", io.StringIO())
        self._end(reasons, self.answers.odd and CANNOT)

    def _run(self, source: str, said: io.StringIO) -> tuple[bool, str | None]:
        """Whether `source` ran to its end within half of the time that is left, and if not, why."""
        began, seconds = time.monotonic(), max(1.0, self.left / 2)
        self.answers.deadline = began + seconds
        try:
            with contextlib.redirect_stdout(said), bounded(seconds + 5):
                exec(compile(source, f"<{self.question.check_id}>", "exec"), self.names)
            return True, None
        except Exception as error:
            return False, f"{type(error).__name__}: {error}"[:300]
        finally:
            took = time.monotonic() - began
            self.left -= took
            self.outcome.seconds = round(self.outcome.seconds + took, 2)
            self.walk.seconds["tests"] = self.walk.seconds.get("tests", 0.0) + took

    def _end(self, why: dict[str, str | None], odd: str | None) -> None:
        for trouble in filter(None, (self.answers.lost, odd)):
            self._note(trouble)
        self.walk.leave(self.answers)
        self.outcome.why |= {name: reason for name, reason in why.items() if reason}
        passed = self.outcome.public + sum(self.outcome.tests.values())
        self.outcome.share = passed / (1 + len(self.question.tests))

    def _note(self, trouble: str) -> None:
        self.walk.flag(f"{self.question.name}: {trouble}")
