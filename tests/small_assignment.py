"""A small assignment for tests of the marking: a value, a function, one that depends on it, and a written answer."""

from pathlib import Path

import nbformat

from ver_lite.teaching import assignments
from ver_lite.teaching.assignments import Assignment

META = {"grade": False, "locked": True, "schema_version": 3, "solution": False, "task": False}
PARAMETERS = 'student: str = "ada"\nseed: int = 0\nvariant: int = 0'
WORLD = """import numpy as np
from ver_lite.course import applied, check, check_function, own_numbers, public_checks

own = own_numbers(student, seed, variant)
numbers = np.random.default_rng(own.seed).integers(1, 100, size=5)
"""
Q1 = ("largest = ...", "largest = int(numbers.max())")
Q2 = ('def squares(values):\n    """The squares of an array."""', "return np.asarray(values) ** 2")
Q3 = ('def length(values):\n    """The norm."""', "return float(np.sqrt(np.sum(squares(values))))")
C1 = """public = public_checks(check("one of them", applied(lambda x: x in numbers, largest), True), hidden=1)
### BEGIN HIDDEN TESTS
from ver_lite.course import hidden_tests

def hidden_largest():
    \"\"\"The largest of this student's numbers.\"\"\"
    assert largest == numbers.max()

hidden_tests(hidden_largest)
### END HIDDEN TESTS"""
C2 = """public = public_checks(check_function("2 and 3", squares, lambda v: v**2, np.array([2, 3])), hidden=3)
### BEGIN HIDDEN TESTS
from ver_lite.course import hidden_tests, leaves_alone

fresh = np.random.default_rng(own.seed + 1).normal(size=7)

def hidden_reference():
    \"\"\"Fresh numbers.\"\"\"
    assert np.allclose(squares(fresh), fresh**2)

def hidden_negative():
    \"\"\"A negative number.\"\"\"
    assert float(squares(np.array([-2.0]))[0]) == 4.0

def hidden_alone():
    \"\"\"The argument stays, and the answer is right.\"\"\"
    assert leaves_alone(squares, fresh) and np.shape(squares(fresh)) == (7,)

hidden_tests(hidden_reference, hidden_negative, hidden_alone)
### END HIDDEN TESTS"""
C3 = """public = public_checks(check_function("3, 4", length, lambda v: 5.0, np.array([3, 4])), hidden=1)
### BEGIN HIDDEN TESTS
from ver_lite.course import hidden_tests

def hidden_fresh():
    \"\"\"A longer vector.\"\"\"
    assert abs(length(np.arange(6.0)) - np.sqrt(55)) < 1e-9

hidden_tests(hidden_fresh)
### END HIDDEN TESTS"""


def _cell(make, name: str, source: str, tags: tuple[str, ...] = (), ours: dict | None = None, **grader):
    cell = make(source, id=name)
    cell.metadata = nbformat.from_dict(
        {"nbgrader": META | {"grade_id": name} | grader} | ({"tags": list(tags)} if tags else {})
    )
    if ours:
        cell.metadata["ver_lite"] = nbformat.from_dict(ours)
    return cell


def write_master(folder: Path) -> Assignment:
    """Write the master into `folder` and read it."""
    text, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    cells = [
        _cell(text, "title", "# A small assignment"),
        code(PARAMETERS, id="parameters"),
        _cell(code, "world", WORLD),
    ]
    cells[1].metadata["tags"] = ["parameters"]
    questions = (
        (Q1, C1, [], ["largest"]),
        (Q2, C2, [], ["reference", "negative", "alone"]),
        (Q3, C3, ["q2"], ["fresh"]),
    )
    for number, ((head, solution), check, depends, tests) in enumerate(questions, 1):
        indent = "    " if head.startswith("def") else ""
        body = f"{head}\n{indent}### BEGIN SOLUTION\n{indent}{solution}\n{indent}### END SOLUTION"
        ours = {
            "question": f"q{number}",
            "depends": depends,
            "hints": {t: f"look at {t}" for t in tests},
            "seconds": 20,
        }
        cells += [
            _cell(text, f"q{number}-text", f"## Question {number}: number {number} (4 points)"),
            _cell(code, f"q{number}", body, solution=True, locked=False),
            _cell(code, f"q{number}-check", check, ours=ours, grade=True, points=4),
        ]
    cells += [
        _cell(text, "q4-text", "## Question 4: written (3 points)"),
        _cell(text, "q4", "Model answer.", solution=True, grade=True, locked=False, points=3),
    ]
    about = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=about)
    notebook.metadata["ver_lite"] = nbformat.from_dict({"assignment": "assignment-9-small", "version": 1})
    path = folder / "assignment-9-small.ipynb"
    nbformat.write(notebook, path)
    return assignments.read(path)
