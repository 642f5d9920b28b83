"""Try a master before a class does: its solutions must pass, empty answers and the usual mistakes must not.

The usual mistakes are in a file beside the master, `NAME.mistakes.md`. Each has a heading `## q2: what is wrong`, a
line for the teacher, and the wrong answer as a block of Python. Everything runs in this process, without a sandbox,
because a master is the teacher's own code. `ver_lite.teaching.grading` marks submissions.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

from ver_lite.system.files import read_text
from ver_lite.teaching import master as rules
from ver_lite.teaching.assignments import Assignment, AssignmentError, Question

MISTAKE = re.compile(r"(?ms)^## (q\d+): ([^\n]+)\n(.*?)(?=^## |\Z)")
CODE = re.compile(r"(?ms)^```python\n(.*?)^```$")


@dataclass(frozen=True)
class Mistake:
    """A usual wrong answer: its question, what is wrong in a few words, the text for the teacher, and the code."""

    question: str
    name: str
    text: str
    source: str


@dataclass(frozen=True)
class TriedAnswer:
    """The result of an answer: whether the public checks passed, which hidden tests failed, what was printed."""

    public: bool
    failed: dict[str, str]
    printed: str

    @property
    def passed(self) -> bool:
        return self.public and not self.failed


def mistakes(assignment: Assignment) -> list[Mistake]:
    """The usual mistakes of an assignment; none without their file. AssignmentError names a damaged entry."""
    path = assignment.path.with_suffix(".mistakes.md")
    found = []
    for question, name, body in MISTAKE.findall(read_text(path) if path.exists() else ""):
        code = CODE.findall(body)
        if len(code) != 1:
            raise AssignmentError(f"{path.name}, {question}: {name}: needs one block of Python, has {len(code)}")
        if question not in {q.name for q in assignment.questions if q.kind == "code"}:
            raise AssignmentError(f"{path.name}, {question}: {name}: {assignment.name} has no such code question")
        found.append(Mistake(question, name, CODE.sub("", body).strip(), code[0].rstrip()))
    return found


def problems_with(assignment: Assignment, student: str = "ada") -> list[str]:
    """What is wrong with the tests of a master, a line each. Empty when the solutions pass and nothing else does."""
    wrong = mistakes(assignment)
    stubs = {cell.id: cell.source for cell in assignment.copy.cells}
    problems = []
    for question, namespace in walk(assignment, student):
        own = tried(question, question.answer, namespace)
        if not own.public:
            problems.append(f"{question.name}: the solution does not pass the public checks: {own.printed.strip()}")
        problems += [f"{question.name}: the solution fails {test}: {why}" for test, why in own.failed.items()]
        empty = tried(question, stubs[question.name], namespace)
        if empty.public or len(empty.failed) < len(question.tests):
            given = ["the public checks"] * empty.public + [t for t in question.tests if t not in empty.failed]
            problems.append(f"{question.name}: an empty answer passes {', '.join(given)}")
        for mistake in (m for m in wrong if m.question == question.name):
            if not tried(question, mistake.source, namespace).failed:
                problems.append(f"{question.name}: the mistake {mistake.name!r} passes every hidden test")
    return [f"{assignment.path.name}, {problem}" for problem in problems]


def walk(assignment: Assignment, student: str = "ada") -> Iterator[tuple[Question, dict[str, Any]]]:
    """Run a master cell by cell for one student. Yields each code question with the names that are defined before it.

    Later questions see the master's own answers to earlier ones. AssignmentError names a cell that fails.
    """
    namespace: dict[str, Any] = {"__name__": assignment.name}
    questions = {question.name: question for question in assignment.questions if question.kind == "code"}
    for cell in assignment.notebook.cells:
        if cell.cell_type != "code" or rules.is_check(cell):
            continue
        if cell.id in questions:
            yield questions[cell.id], namespace
        if "parameters" in cell.metadata.get("tags", []):
            cell = {**cell, "source": f"{cell.source}\nstudent = {student!r}"}
        try:
            with _quiet(StringIO()):
                _execute(cell["source"], cell["id"], namespace)
        except Exception as error:
            told = f"{assignment.path.name}, cell {cell['id']}: {type(error).__name__}: {error}"
            raise AssignmentError(told) from error


def tried(question: Question, answer: str, namespace: dict[str, Any]) -> TriedAnswer:
    """Run `answer` with the names defined before the question, then its public checks and its hidden tests."""
    names, printed, failed = dict(namespace), StringIO(), {}
    try:
        with _quiet(printed):
            _execute(answer, question.name, names)
            _execute(question.public, question.check_id, names)
            _execute(question.hidden, question.check_id, names)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        return TriedAnswer(False, dict.fromkeys(question.tests, why), f"{printed.getvalue()}{why}")
    for test in question.tests:
        try:
            with _quiet(printed):
                names[f"hidden_{test}"]()
        except Exception as error:
            failed[test] = f"{type(error).__name__}: {error}"
    return TriedAnswer(bool(names["public"]), failed, printed.getvalue())


@contextmanager
def _quiet(printed: StringIO) -> Iterator[None]:
    """Collect what is printed, and show no warnings: wrong answers may divide by zero."""
    with redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _execute(source: str, name: str, namespace: dict[str, Any]) -> None:
    exec(compile(rules.MAGIC.sub(r"\1pass", source), f"<cell {name}>", "exec"), namespace)
