"""`ver-lite assign new`: write a small master that is in order from the start. The teacher changes it cell by cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from ver_lite.system.files import write_text
from ver_lite.teaching.assignments import KERNEL, AssignmentError, text_of

TITLE = """\
# {title}

Write your name or student number into the next cell. It makes your own numbers. Answer where a cell says
`...  # your lines`. The public checks after each question print yours beside what is expected; hidden tests run when
your notebook is marked."""
SETUP = """\
import sys

if "google.colab" in sys.modules:
    %pip install -q "ver-lite @ git+https://github.com/ver-lite/ver-lite"
import numpy as np
from ver_lite.course import check_function, own_numbers, public_checks"""
WORLD = """\
own = own_numbers(student, seed, variant)
rng = np.random.default_rng(own.seed)
p = rng.dirichlet([2, 2, 2])
print("your three probabilities:", p.round(3))"""
QUESTION = """\
## Question 1: the likeliest (6 points)

Which of the probabilities is the largest? Counting begins at 0."""
ANSWER = '''\
def likeliest(p):
    """The index of the largest entry of p, a float array of shape [C]; the first if several are."""
    ### BEGIN SOLUTION
    return int(np.argmax(p))
    ### END SOLUTION'''
# Submissions can read this file in their sandbox, but no line of a master's hidden tests: the name is put in later.
CHECK = '''\
public = public_checks(
    check_function("1.1 the last of three", FUNCTION, lambda p: 2, np.array([0.1, 0.2, 0.7])),
    hidden=2,
)
### BEGIN HIDDEN TESTS
from ver_lite.course import hidden_tests


def hidden_own_numbers():
    """Right for this student's numbers, and for the same ones turned round."""
    assert FUNCTION(p) == p.argmax() and FUNCTION(p[::-1]) == p[::-1].argmax()


def hidden_first_of_several():
    """The first, if several are the largest."""
    assert FUNCTION(np.array([0.2, 0.4, 0.4])) == 1


hidden_tests(hidden_own_numbers, hidden_first_of_several)
### END HIDDEN TESTS'''
HINTS = {
    "own_numbers": "Try your function on your own numbers.",
    "first_of_several": "What if two entries are equally large?",
}
ESSAY = """\
## Question 2: in your own words (4 points)

When is the likeliest label a bad summary of a distribution? Two sentences."""
MODEL_ANSWER = """\
When a second label is nearly as likely, or when a mistake costs much more in one direction.

**How to mark (4 points):** 2 for a case, 2 for what is lost."""


def new_master(path: Path, title: str | None = None) -> Path:
    """Write a master with one code question and one written one. `ver-lite assign check` finds it in order.

    Its name in the metadata is that of the file. Raises AssignmentError when `path` exists or is no .ipynb file.
    """
    path = Path(path)
    if path.suffix != ".ipynb":
        raise AssignmentError(f"{path}: a master is a notebook; let its name end with .ipynb")
    if path.exists():
        raise AssignmentError(f"{path} is there already; choose another name, or delete it")
    cells = [
        _text("title", TITLE.format(title=title or path.stem)),
        new_code_cell(
            'student: str = "ada"\nseed: int = 0\nvariant: int = 0', id="parameters", metadata={"tags": ["parameters"]}
        ),
        _code("setup", SETUP, locked=True),
        _code("world", WORLD, locked=True),
        _text("q1-text", QUESTION),
        _code("q1", ANSWER, solution=True),
        _code("q1-check", CHECK.replace("FUNCTION", "likeliest"), locked=True, grade=True, points=6),
        _text("q2-text", ESSAY),
        new_markdown_cell(MODEL_ANSWER, id="q2", metadata=_nbgrader("q2", solution=True, grade=True, points=4)),
    ]
    cells[6].metadata["ver_lite"] = {"question": "q1", "depends": [], "hints": HINTS, "seconds": 20}
    about = {"kernelspec": KERNEL, "ver_lite": {"assignment": path.stem, "version": 1}}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text_of(new_notebook(cells=cells, metadata=about, nbformat_minor=5)))
    return path


def _nbgrader(name: str, **given: Any) -> dict[str, Any]:
    usual = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
    return {"nbgrader": {"grade_id": name, **usual, **given}}


def _text(name: str, source: str) -> NotebookNode:
    return new_markdown_cell(source, id=name, metadata=_nbgrader(name, locked=True))


def _code(name: str, source: str, **given: Any) -> NotebookNode:
    return new_code_cell(source, id=name, metadata=_nbgrader(name, **given))
