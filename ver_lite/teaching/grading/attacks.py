"""Submissions by people who want marks for something else than answers, for rehearsals and tests.

Their authors know the format of masters and the code of this library.
"""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

from ver_lite.teaching import assignments
from ver_lite.teaching.assignments import Assignment, Question
from ver_lite.teaching.grading.attack_code import IN_CODE, LOOT, Attack, in_calls


def attacked(assignment: Assignment) -> Question:
    """The question whose answer holds the attack: the first one that asks for a function."""
    return next(q for q in assignment.questions if q.functions)


def needle(assignment: Assignment) -> tuple[str, str]:
    """A line of a hidden test, in two halves, so that a program that searches for it does not find itself."""
    lines = [line.strip() for line in attacked(assignment).hidden.splitlines() if "assert" in line]
    line = max(lines, key=len)[:60]
    return line[:30], line[30:]


def _changed(change: Callable[[dict], None]) -> Callable[[Path, Assignment], None]:
    """A function that writes a notebook with right answers, after `change` has altered one thing in it."""

    def write(path: Path, assignment: Assignment) -> None:
        notebook = json.loads(assignments.text_of(answered(assignment, path.stem)))
        change(notebook)
        path.write_text(json.dumps(notebook), "utf-8")

    return write


def _bytes(data: bytes) -> Callable[[Path, Assignment], None]:
    return lambda path, assignment: path.write_bytes(data) and None


def _sparse(path: Path, assignment: Assignment) -> None:
    with open(path, "wb") as file:
        file.write(b"{")
        file.truncate(500 * 2**20)


def _link(path: Path, assignment: Assignment) -> None:
    path.symlink_to("innocent-1.ipynb")


def _old_format(notebook: dict) -> None:
    cells = notebook.pop("cells")
    for cell in cells:
        cell["metadata"]["nbgrader"] = {"grade_id": cell.pop("id")}
        if cell["cell_type"] == "code":
            cell["input"], cell["language"] = cell.pop("source"), "python"
    notebook.update(worksheets=[{"cells": cells}], nbformat=3, nbformat_minor=0)


def _twice(notebook: dict) -> None:
    double = [cell | {"source": "raise SystemExit"} for cell in notebook["cells"] if cell["cell_type"] == "code"]
    notebook["cells"] += double


def _edits_checks(notebook: dict) -> None:
    kept = []
    for cell in notebook["cells"]:
        if cell["id"].endswith("-check"):
            cell["source"] = "print('all public checks passed')"
            cell["metadata"]["nbgrader"]["points"] = 1000
        kept += [cell, {"cell_type": "code", "id": f"mine-{len(kept)}", "metadata": {}, "source": "1/0", "outputs": []}]
    notebook["cells"] = kept[2:]


def _r(notebook: dict) -> None:
    notebook["metadata"].update(kernelspec={"name": "ir", "language": "R"}, language_info={"name": "R"})


def _no_kernel(notebook: dict) -> None:
    notebook["metadata"] = {}


def _outputs(notebook: dict) -> None:
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            html = {"text/html": "<script>alert('stored')</script>"}
            cell["outputs"] = [{"output_type": "display_data", "data": html, "metadata": {}}]
        elif cell["metadata"].get("nbgrader", {}).get("solution"):
            cell["source"] = "A proof. <script>alert('written')</script> <img src=x onerror=alert(1)>"


def _no_text(notebook: dict) -> None:
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            cell["source"] += "\n# \ud800 \0" + "\n \t" * 6_000


def _somebody(notebook: dict) -> None:
    for cell in notebook["cells"]:
        if "parameters" in cell["metadata"].get("tags", []):
            cell["source"] = "student: str = 'innocent-1'\nseed: int = 7\nvariant: int = 3"


def _odd_parameters(notebook: dict) -> None:
    for cell in notebook["cells"]:
        if "parameters" in cell["metadata"].get("tags", []):
            cell["source"] = "student = __import__('os').system('touch /tmp/LOOT')\nseed = 1e-3\nvariant = [0]"


AS_FILES = (
    Attack("not-json", "is a text", "not JSON", 0, write=_bytes(b"from marks import everything\n")),
    Attack("empty", "is an empty file", "empty", 0, write=_bytes(b"")),
    Attack("half-a-megabyte-of-brackets", "is nested without end", "not JSON", 0, write=_bytes(b"[" * 500_000)),
    Attack("json-without-cells", "is JSON but no notebook", "no cells", 0, write=_bytes(b'{"cells": 7}')),
    Attack("binary", "is random bytes", "not text", 0, write=_bytes(bytes(range(256)) * 64)),
    Attack("500-MB", "is 500 MB large", "500 MiB", 0, write=_sparse),
    Attack("a-link", "is a link to somebody else's work", "link", 0, write=_link),
    Attack("duplicate-ids", "has every id twice", "2 cells have this id", 1, write=_changed(_twice)),
    Attack("no-kernel", "names no kernel and no language", "no kernel", 1, write=_changed(_no_kernel)),
    Attack("in-R", "says that it is written in R", "language is 'R'", 1, write=_changed(_r)),
    Attack("nbformat-3", "is in a format of ten years ago", "format '3'", 1, write=_changed(_old_format)),
    Attack(
        "edits-checks", "changes, deletes and adds checks", "locked cells changed", 1, write=_changed(_edits_checks)
    ),
    Attack(
        "stored-scripts",
        "has scripts in stored outputs and written answers",
        "holds scripts",
        1,
        write=_changed(_outputs),
    ),
    Attack("no-text", "has broken characters and a mile of empty lines", "no text", 1, write=_changed(_no_text)),
    Attack("somebodys-numbers", "uses another student's parameters", "somebody else", 1, write=_changed(_somebody)),
    Attack("odd-parameters", "runs code in the parameters", "cannot be read", 1, write=_changed(_odd_parameters)),
)

NAMES = (
    'it\'s "quoted"',
    "two\nlines",
    "n" * 200,
    "<script>alert(1)</script>".replace("/", "∕"),
    "=cmd()",
    "\u202etxt.exe",
    "-rf",
)


def answered(assignment: Assignment, student: str, answers: dict[str, str] | None = None):
    """The released copy as `student` would hand it in: the right answers, except for those in `answers`."""
    notebook, answers = deepcopy(assignment.copy), answers or {}
    right = {q.name: q.answer if q.kind == "code" else "My proof." for q in assignment.questions}
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = f"student: str = {student!r}\nseed: int = 0\nvariant: int = 0"
        elif cell.id in right:
            cell.source = answers.get(cell.id, right[cell.id])
    return notebook


def every(assignment: Assignment) -> list[Attack]:
    """All attacks on an assignment."""
    return [*IN_CODE, *in_calls(attacked(assignment).functions[0]), *AS_FILES]


def write_all(folder: Path, assignment: Assignment) -> list[Attack]:
    """Write every attack into `folder`, as ATTACK.ipynb; returns them."""
    question = attacked(assignment)
    for attack in every(assignment):
        path = folder / f"{attack.name}.ipynb"
        if attack.write is not None:
            attack.write(path, assignment)
            continue
        first, second = needle(assignment)
        code = attack.code.replace("FIRST", repr(first)).replace("SECOND", repr(second))
        if attack.name == "searches-memory":  # it looks once more while the marker calls
            code += f"{question.answer}\n_right = {question.functions[0]}\n"
            code += f"def {question.functions[0]}(*a, **k):\n    spy()\n    return _right(*a, **k)\n"
        elif attack.honest:
            code += question.answer
        path.write_text(assignments.text_of(answered(assignment, attack.name, {question.name: code})), "utf-8")
    return every(assignment)


def write_zip(path: Path, assignment: Assignment) -> None:
    """Write a zip such as a hostile LMS could export: names that climb, a link, a zip bomb, and one honest notebook."""
    text = assignments.text_of(answered(assignment, "honest"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Honest Person_12_assignsubmission_file/work.ipynb", text)
        for name in ("../../climbs.ipynb", "/etc/absolute.ipynb", "..\\backslash.ipynb", f"{'n' * 300}.ipynb"):
            archive.writestr(name, text)
        link = zipfile.ZipInfo("linked.ipynb")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("bomb.ipynb", b"0" * (15 * 2**20))


def judge(attack: Attack, assignment: Assignment, row: dict[str, Any], page: str) -> list[str]:
    """What went wrong in marking an attack, a line each: a mark that is not the one due, a missing flag, or loot."""
    mark, problems = row["mark"], []
    question = attacked(assignment)
    code = [q for q in assignment.questions if q.kind == "code"]
    due = {q.name: q.points * (1 if attack.write is None else attack.earns) for q in code}
    if attack.write is None:
        due[question.name] = question.points * attack.earns
    got = {q.name: mark["points"][q.name] for q in code}
    spare = {question.name: attack.spare * question.points / (1 + len(question.tests))}
    wrong = [
        f"{name} earned {got[name]:g}, due {due[name]:g}"
        for name in due
        if not -0.01 < got[name] - due[name] < 0.01 + spare.get(name, 0)
    ]
    problems += wrong
    if not any(attack.flag in flag for flag in mark["flags"]):
        problems.append(f"no flag {attack.flag!r} among {mark['flags']}")
    if LOOT in json.dumps(mark["alone"]) + json.dumps(mark["helped"]):
        problems.append("it found something")
    if any(word in page.lower() for word in ("<script", "<img src=x", "<svg", 'onerror="')):
        problems.append("its page has a script")
    return problems
