"""Assignments as files: read a master into questions, make the student's copy, find masters and say where copies go.

A master is a notebook with nbgrader's cell metadata and markers, so a course that runs nbgrader can take it as it is. A
code question is an answer cell (`### BEGIN SOLUTION`) and a check cell (public checks, `### BEGIN HIDDEN TESTS`). A
written question is one Markdown cell. `ver_lite.teaching.master` has the rules.
"""

from __future__ import annotations

import json
import os
import warnings
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from ver_lite.course.questions import own_numbers
from ver_lite.system.files import FileError, checkout, read_text, write_text
from ver_lite.teaching import master as rules

__all__ = [
    "KERNEL",
    "Assignment",
    "AssignmentError",
    "Question",
    "claimed",
    "copy_of",
    "masters",
    "own_numbers",
    "read",
    "release",
    "stale",
    "text_of",
    "write_copy",
]

FOLDERS = (Path("masters"), Path("notebooks/assignments/masters"))  # where masters are looked for, in this order
COPIES = "copies"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}  # what our notebooks say they run on


class AssignmentError(ValueError):
    """A master that cannot be used; the message names file and cell, one problem a line."""


@dataclass(frozen=True)
class Question:
    """One question of an assignment.

    name       "q3": the id of its answer cell         kind     "code" or "written"
    title      from the heading above it               points   the largest number that it can earn
    functions  the functions that its answer defines   values   the other names that it defines
    depends    the questions whose names it uses       seconds  how long its tests may take
    tests      its hidden tests, without `hidden_`     hints    for each test, what the student should look at
    answer     the master's answer cell with its solution; for a written one, the model answer and how to mark it
    public     the check cell's public part, which sets a bool called `public`
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
    """A master that has been read: its notebook, with solutions and hidden tests, and its questions in order."""

    name: str
    version: int
    path: Path
    notebook: NotebookNode
    questions: tuple[Question, ...]

    @property
    def points(self) -> float:
        """The largest number of points that the assignment can earn."""
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


def masters(folder: Path | None = None) -> list[Path]:
    """The masters in `folder`, in order of their names.

    Without one: those in the first of `masters` and `notebooks/assignments/masters` below the current folder that has
    any, else those of the checkout. Raises AssignmentError that says where it looked when it finds none.
    """
    places = [Path(folder)] if folder is not None else list(FOLDERS)
    if folder is None and (root := checkout()) is not None:
        places.append(root / FOLDERS[-1])
    for place in places:
        if found := sorted(place.glob("*.ipynb")):
            return found
    looked = ", ".join(f"{place}{os.sep}" for place in places)
    raise AssignmentError(
        f"no master (a notebook NAME.ipynb) in {looked}. Name a master or a folder of masters (grade and rehearse: "
        "--assignment MASTER.ipynb or --masters FOLDER); to write one: ver-lite assign new masters/NAME.ipynb"
    )


def copy_of(master: Path) -> Path:
    """Where the student's copy of a master lies, under the same name.

    For a master in a folder called `masters`: in the folder above it. For any other: in the folder `copies` beside it.
    """
    folder = Path(master).absolute().parent
    return (folder.parent if folder.name == FOLDERS[0].name else folder / COPIES) / Path(master).name


def claimed(text: str | bytes) -> str | None:
    """The assignment that a notebook's file says it is; None when it says none, or is no notebook."""
    try:
        name = json.loads(text)["metadata"]["ver_lite"]["assignment"]
        return name if isinstance(name, str) else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def read(path: Path) -> Assignment:
    """The master in `path`. Raises AssignmentError when it is no notebook, or with every problem that it has."""
    path = Path(path)
    try:
        text = read_text(path)
        ids = [cell.get("id") for cell in json.loads(text)["cells"]]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `problems_of` reports duplicate ids in our words
            notebook = nbformat.reads(text, as_version=4)
    except FileError as error:
        raise AssignmentError(str(error)) from None
    except Exception as error:
        raise AssignmentError(f"{path}: not a notebook ({type(error).__name__}: {error})") from None
    for cell, name in zip(notebook.cells, ids, strict=True):
        cell["id"] = name  # nbformat replaces missing and duplicate ids
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

    Raises AssignmentError when the master is not in order.
    """
    copy = deepcopy((master if isinstance(master, Assignment) else read(master)).notebook)
    copy.metadata.pop("celltoolbar", None)
    for cell in copy.cells:
        rules.hand_out(cell)
    return copy


def text_of(notebook: NotebookNode) -> str:
    """The text of a notebook's file. It has the same bytes on every machine."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def write_copy(master: Path) -> Path | None:
    """Release a master to where `copy_of` says; returns the copy's path, or None when it was up to date.

    Raises AssignmentError when something else lies there: a master, or a notebook that is no assignment.
    """
    path, text = copy_of(master), text_of(release(master))
    if path.exists():
        before = read_text(path)
        if before == text:
            return None
        if claimed(before) is None or any(marker in before for marker in (*rules.SOLUTION, *rules.HIDDEN)):
            raise AssignmentError(f"{path} is there already and is no student's copy; move it or rename the master")
    path.parent.mkdir(exist_ok=True)
    write_text(path, text)
    return path


def stale(found: list[Path]) -> list[str]:
    """What keeps the copies of masters from being exactly what `release` makes of them, a line each.

    A master that was never released is no problem; a copy whose master is gone is one.
    """
    problems = []
    for master in found:
        copy = copy_of(master)
        try:
            if copy.exists() and read_text(copy) != text_of(release(master)):
                problems.append(f"{copy.name}: not what its master makes today; release it again")
        except AssignmentError:
            continue  # a master that is not in order makes no copy; `read` says what is wrong with it
    known = {copy_of(master) for master in found}
    beside = {path for folder in {path.parent for path in known} for path in folder.glob("*.ipynb")}
    alone = [path.name for path in sorted(beside - known) if claimed(path.read_bytes()) is not None]
    return problems + [f"{name}: has no master" for name in alone]
