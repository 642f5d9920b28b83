"""Assignments as files: read a master into questions, release the student's copy of it.

A master is a notebook with nbgrader's cell metadata and markers, so a course that runs nbgrader can take it as it is.
A code question is an answer cell (`### BEGIN SOLUTION`) and a check cell (public checks, `### BEGIN HIDDEN TESTS`);
a written question is one Markdown cell. `ver_lite.teaching.master` has the rules.
"""

from __future__ import annotations

import json
import warnings
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from ver_lite.course.questions import own_numbers
from ver_lite.system.files import FileError, read_text, write_text
from ver_lite.teaching import master as rules

__all__ = [
    "Assignment",
    "AssignmentError",
    "Question",
    "copy_of",
    "masters",
    "own_numbers",
    "read",
    "release",
    "stale",
    "text_of",
    "write_copy",
]

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path("notebooks/assignments")
TEXT_STUB = "*Your answer here. Replace this line.*"


class AssignmentError(ValueError):
    """A master that cannot be used; the message names file and cell, one problem a line."""


@dataclass(frozen=True)
class Question:
    """One question of an assignment.

    name       "q3": the id of its answer cell         kind     "code" or "written"
    title      from the heading above it               points   the most that it can earn
    functions  the functions that its answer defines   values   the other names that it defines
    depends    the questions whose names it uses       seconds  how long its tests may take
    tests      its hidden tests, without `hidden_`     hints    for each test, what to look at
    answer     the master's answer cell, solution included (of a written one: the model answer and how to mark it)
    public     the check cell's public part; it leaves a bool called `public`
    hidden     the hidden part without its last line: helpers, and a function `hidden_NAME()` for each test
    """

    name: str
    kind: str
    title: str
    points: float
    answer: str
    functions: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    seconds: float = 20.0
    tests: tuple[str, ...] = ()
    hints: dict[str, str] | None = None
    public: str = ""
    hidden: str = ""

    @property
    def check_id(self) -> str:
        """The id of the cell that has the points: the check cell, or the written answer itself."""
        return f"{self.name}-check" if self.kind == "code" else self.name


@dataclass(frozen=True, eq=False)
class Assignment:
    """A master, read: its notebook (solutions and hidden tests included) and its questions, in order."""

    name: str
    version: int
    path: Path
    notebook: NotebookNode
    questions: tuple[Question, ...]

    @property
    def points(self) -> float:
        """The most that the assignment can earn."""
        return sum(question.points for question in self.questions)

    @cached_property
    def copy(self) -> NotebookNode:
        """The student's copy, as `release` makes it."""
        return release(self)

    def question(self, name: str) -> Question:
        """The question of this name; KeyError lists those there are."""
        for question in self.questions:
            if question.name == name:
                return question
        raise KeyError(f"{self.name} has no question {name!r}; it has {', '.join(q.name for q in self.questions)}")


def masters(root: Path = ROOT) -> list[Path]:
    """The committed masters, in order."""
    return sorted((root / FOLDER / "masters").glob("*.ipynb"))


def copy_of(master: Path) -> Path:
    """Where the student's copy of a master lies: in the folder above it, under the same name."""
    return Path(master).parent.parent / Path(master).name


def read(path: Path) -> Assignment:
    """The master in `path`. Raises AssignmentError when it is no notebook, or with every problem that it has."""
    path = Path(path)
    try:
        text = read_text(path)
        ids = [cell.get("id") for cell in json.loads(text)["cells"]]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ids that stand twice are told below, in our words
            notebook = nbformat.reads(text, as_version=4)
    except FileError as error:
        raise AssignmentError(str(error)) from None
    except Exception as error:
        raise AssignmentError(f"{path}: not a notebook ({type(error).__name__}: {error})") from None
    for cell, name in zip(notebook.cells, ids, strict=True):
        cell["id"] = name  # nbformat makes new ones where they are missing or stand twice
    if problems := rules.problems_of(notebook):
        raise AssignmentError("\n".join(f"{path.name}, {problem}" for problem in problems))
    ours = notebook.metadata["ver_lite"]
    return Assignment(ours["assignment"], ours["version"], path, notebook, tuple(_questions(notebook)))


def _questions(notebook: NotebookNode):
    cells = {cell.id: cell for cell in notebook.cells}
    title = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := rules.HEADING.findall(cell.source)):
            title = found[-1][1]
        if rules.is_answer(cell):
            yield _question(cell, cells.get(f"{cell.id}-check"), title)


def _question(cell: NotebookNode, check: NotebookNode | None, title: str) -> Question:
    if check is None:
        return Question(cell.id, "written", title, rules.grader(cell)["points"], cell.source)
    names, ours, parts = rules.defined(cell.source), rules.about(check), rules.split_check(check.source)
    return Question(
        cell.id,
        "code",
        title,
        rules.grader(check)["points"],
        cell.source,
        functions=names.functions,
        values=names.values,
        depends=tuple(ours.get("depends", ())),
        seconds=float(ours.get("seconds", 20)),
        tests=parts.tests,
        hints=dict(ours["hints"]),
        public=parts.public,
        hidden=parts.hidden,
    )


def release(master: Assignment | Path) -> NotebookNode:
    """The student's copy of a master: stubs for solutions, no hidden tests and no hints, no outputs, checks locked.

    nbgrader's own preprocessors do it. Raises AssignmentError when the master is not in order, or nbgrader refuses it.
    """
    from nbgrader.preprocessors import ClearHiddenTests, ClearOutput, ClearSolutions, LockCells

    assignment = master if isinstance(master, Assignment) else read(master)
    stubs = ClearSolutions(code_stub={"python": rules.CODE_STUB}, text_stub=TEXT_STUB)
    copy, resources = deepcopy(assignment.notebook), {}
    for step in (LockCells(), stubs, ClearHiddenTests(), ClearOutput()):
        try:
            copy, resources = step.preprocess(copy, resources)
        except (RuntimeError, ValueError) as error:
            raise AssignmentError(f"{assignment.path.name}: nbgrader's {type(step).__name__} says: {error}") from None
    for cell in copy.cells:
        cell.source = cell.source.rstrip()
        rules.about(cell).pop("hints", None)
    return copy


def text_of(notebook: NotebookNode) -> str:
    """What a notebook's file holds: the same bytes on every machine."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def write_copy(master: Path) -> Path | None:
    """Release a master into the folder above its own; returns the copy's path, or None when it was up to date."""
    path, text = copy_of(master), text_of(release(master))
    if path.exists() and read_text(path) == text:
        return None
    write_text(path, text)
    return path


def stale(root: Path = ROOT) -> list[str]:
    """What keeps the committed copies from being exactly what `release` makes of the masters, a line each."""
    problems = []
    for master in masters(root):
        copy = copy_of(master)
        if not copy.exists():
            problems.append(f"{copy.name}: not released yet")
        elif read_text(copy) != text_of(release(master)):
            problems.append(f"{copy.name}: not what its master makes today; release it again")
    known = {path.name for path in masters(root)}
    alone = [path.name for path in sorted((root / FOLDER).glob("*.ipynb")) if path.name not in known]
    return problems + [f"{name}: has no master" for name in alone]
