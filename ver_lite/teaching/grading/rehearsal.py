"""Rehearse the marking: make a class of right, wrong and hostile submissions, mark it, and judge the marks.

python -m ver_lite.teaching.grading.rehearsal --students 200
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from ver_lite.teaching import assignments, trial
from ver_lite.teaching.assignments import Assignment, AssignmentError
from ver_lite.teaching.grading import attacks, collect
from ver_lite.teaching.grading.classroom import choose
from ver_lite.teaching.grading.grade import grade
from ver_lite.teaching.grading.record import Record
from ver_lite.teaching.grading.sandbox import MEBI, Limits

SHARES = {"right": 0.4, "partly right": 0.35, "wrong": 0.25}  # of those who are not hostile
LIMITS = Limits(cell=10, tests=10, resident=1024 * MEBI)


def write_class(folder: Path, assignment: Assignment, students: int, seed: int = 101) -> dict[str, str]:
    """Write a class of submissions, the attacks first, each once. Returns what each student is, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = {attack.name: "hostile" for attack in attacks.every(assignment)[:students]}
    for attack in attacks.write_all(folder, assignment)[students:]:
        (folder / f"{attack.name}.ipynb").unlink()
    draw, wrong = random.Random(seed), trial.mistakes(assignment)
    stubs = {cell.id: cell.source for cell in assignment.copy.cells}
    code = [q.name for q in assignment.questions if q.kind == "code"]
    most = max(1, len(code) - 1)
    for number in range(1, students - len(kinds) + 1):
        name, kind = f"innocent-{number}", draw.choices(list(SHARES), SHARES.values())[0]
        answers: dict[str, str] = {}
        if kind == "partly right":
            answers = {question: stubs[question] for question in draw.sample(code, draw.randint(1, most))}
        elif kind == "wrong" and wrong:
            chosen = draw.sample(wrong, draw.randint(1, min(4, len(wrong))))
            answers = {mistake.question: mistake.source for mistake in chosen}
        elif kind == "wrong":
            answers = {question: stubs[question] for question in code}
        notebook = attacks.answered(assignment, name, answers)
        (folder / f"{name}.ipynb").write_text(assignments.text_of(notebook), "utf-8")
        kinds[name] = kind
    return kinds


def rehearse(
    students: int, workers: int, out: Path | None = None, name: str | None = None, masters: Path | None = None
) -> int:
    """Make, mark and judge a class; print times and the table of attacks. Returns 1 when any mark was not the one due.

    `name`: an assignment or a master's path; None is the first master of the folder `masters`. Raises AssignmentError
    when there is none, or when it asks for no function: the attacks are answers to such a question.
    """
    assignment = assignments.read(assignments.masters(masters)[0]) if name is None else choose([], name, masters)
    if not any(question.functions for question in assignment.questions):
        raise AssignmentError(f"{assignment.path}: no question asks for a function, so there is nothing to attack")
    with contextlib.ExitStack() as stack:
        folder = out or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kinds = write_class(folder / "submissions", assignment, students)
        print(f"{students} submissions: {', '.join(f'{n} {kind}' for kind, n in Counter(kinds.values()).items())}")
        began = time.perf_counter()
        code = grade(folder / "submissions", folder / "marks", str(assignment.path), workers=workers, limits=LIMITS)
        took = time.perf_counter() - began
        rows = {row["student"]: row for row in Record(folder / "marks").rows}
        each = took / max(len(rows), 1)
        print(f"\n{took:.0f} s for {len(rows)} students with {workers} workers: {each:.2f} s a student")
        print(f"load of the machine (1, 5, 15 minutes): {', '.join(f'{x:.1f}' for x in os.getloadavg())}\n")
        print(times(rows, kinds))
        print()
        bad = print_attacks(assignment, rows, folder / "marks" / "feedback")
        bad += innocents(assignment, rows, kinds)
    return 1 if code or bad else 0


def times(rows: dict[str, Any], kinds: dict[str, str]) -> str:
    """Seconds a student, by kind of student and by part: starting kernels, running cells, tests, the master."""
    parts = ("kernel", "cells", "tests", "master", "all")
    sums: dict[str, list[dict]] = defaultdict(list)
    for name, row in rows.items():
        sums[kinds[name]].append(row["mark"]["seconds"])
    lines = [f"{'seconds a student':20}{'students':>9}" + "".join(f"{part:>9}" for part in parts)]
    for kind, each in sums.items():
        means = (sum(one.get(part, 0.0) for one in each) / len(each) for part in parts)
        lines.append(f"{kind:20}{len(each):9}" + "".join(f"{mean:9.2f}" for mean in means))
    return "\n".join(lines)


def print_attacks(assignment: Assignment, rows: dict[str, Any], pages: Path) -> int:
    """Print the outcome of every attack. Returns how many did not end as they should."""
    bad = 0
    question = attacks.attacked(assignment)
    print(f"{'attack':26}{question.name:>7}{'all':>7}{'s':>6}  outcome")
    for attack in attacks.every(assignment):
        if (row := rows.get(attack.name)) is None:
            continue
        page = (pages / f"{collect.slug(attack.name)}.html").read_text("utf-8")
        problems = attacks.judge(attack, assignment, row, page)
        bad += bool(problems)
        points, mark = row["mark"]["points"], row["mark"]
        said = f"NOT AS DUE: {'; '.join(problems)}" if problems else "; ".join(mark["flags"]) or "nothing to flag"
        total = sum(value or 0 for value in points.values())
        print(f"{attack.name:26}{points[question.name]:7g}{total:7g}{mark['seconds']['all']:6.1f}  {said[:150]}")
    print(f"\n{bad} attacks did not end as they should" if bad else "\nevery attack ended as it should")
    return bad


def innocents(assignment: Assignment, rows: dict[str, Any], kinds: dict[str, str]) -> int:
    """Print each right submission that did not earn all points or was flagged. Returns how many there are."""
    bad = 0
    code = {q.name: q.points for q in assignment.questions if q.kind == "code"}
    for name in (name for name, kind in kinds.items() if kind == "right"):
        mark = rows[name]["mark"] if name in rows else {"points": {}, "flags": ["not marked"]}
        if any(mark["points"].get(q) != points for q, points in code.items()) or mark["flags"]:
            bad += 1
            print(f"{name}: everything was right, and earned {mark['points']} {mark['flags']}")
    return bad


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m ver_lite.teaching.grading.rehearsal", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--students", type=int, default=200, help="how many submissions (default 200)")
    parser.add_argument("--workers", type=int, default=2, help="how many to mark at a time (default 2)")
    parser.add_argument("--out", type=Path, help="keep submissions and marks in this folder")
    given = parser.parse_args(arguments)
    return rehearse(given.students, given.workers, given.out)


if __name__ == "__main__":
    sys.exit(main())
