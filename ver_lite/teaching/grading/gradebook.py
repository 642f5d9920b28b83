"""The results of a class as files: gradebook.csv, one for Moodle, one for Canvas, and a picture of the class."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ver_lite.system.files import read_text, write_text, write_whole
from ver_lite.teaching.assignments import Assignment, Question
from ver_lite.teaching.grading.classroom import Class, Task
from ver_lite.teaching.grading.collect import CollectError, same, shown
from ver_lite.teaching.master import TEXT_STUB

TO_READ = "to read"
BY_HAND = "by-hand.csv"
Given = dict[tuple[str, str], tuple[float, str]]


def by_hand(folder: Path, assignment: Assignment) -> Given:
    """Points given by a person, for written answers and appeals: `by-hand.csv` with student, question, points, note.

    Keys are (student as `same` sees it, question). Raises CollectError that names the line.
    """
    path = folder / BY_HAND
    if not path.exists():
        return {}
    rows = csv.DictReader(io.StringIO(read_text(path).removeprefix("\ufeff")))
    if not {"student", "question", "points"} <= set(rows.fieldnames or ()):
        raise CollectError(f"{path}, line 1: the columns are student, question, points and, if wanted, note")
    given: Given = {}
    for row in rows:
        where = f"{path}, line {rows.line_num}"
        try:
            question, points = assignment.question((row["question"] or "").strip()), float(row["points"])
        except KeyError as error:
            raise CollectError(f"{where}: {error.args[0]}") from None
        except (TypeError, ValueError):
            raise CollectError(f"{where}: points is no number: {row['points']!r}") from None
        if not 0 <= points <= question.points:
            raise CollectError(f"{where}: {question.name} earns 0 to {question.points:g} points, not {points:g}")
        given[same(row["student"] or ""), question.name] = (points, (row.get("note") or "").strip())
    return given


def points_of(task: Task, question: Question, given: Given) -> float | None:
    """A student's points for a question; None while nobody has read a written answer. Without a submission it is 0."""
    if (found := given.get((same(task.student.student), question.name))) is not None:
        return found[0]
    if task.row is None or task.row["mark"].get("problem"):
        return 0.0
    if question.kind == "written" and not answered(task, question):
        return 0.0
    return task.row["mark"]["points"].get(question.name)


def answered(task: Task, question: Question) -> bool:
    """Whether a written question holds anything besides the stub's line."""
    text = task.row["mark"].get("answers", {}).get(question.name, "") if task.row else ""
    return bool(text.replace(TEXT_STUB, "").strip())


def total(task: Task, questions: Iterable[Question], given: Given) -> float:
    """The sum of the points that are known so far."""
    return round(sum(points_of(task, question, given) or 0.0 for question in questions), 2)


def write(group: Class, out: Path, given: Given) -> None:
    """Write the three tables and the picture, each file whole."""
    questions = group.assignment.questions
    _table(out / "gradebook.csv", _gradebook(group, questions, given))
    _table(out / "moodle.csv", _moodle(group, questions, given))
    _table(out / "canvas.csv", _canvas(group, questions, given))
    figure = picture(group, given)
    write_whole(out / "class.png", lambda path: figure.savefig(path, format="png"))


def _table(path: Path, rows: Iterable[list[Any]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_safe(cell) for cell in row] for row in rows)
    write_text(path, text.getvalue())


def _safe(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in tuple("=+-@\t\r") else cell


def _gradebook(group: Class, questions: tuple[Question, ...], given: Given) -> Iterable[list[Any]]:
    read = [q for q in questions if q.kind == "written"]
    yield [
        *("student", "name", "email", "id", "points", "out of"),
        *(q.name for q in questions),
        *(TO_READ, "with reference answers", "seconds", "flags", "file", "marked"),
    ]
    for task in group.tasks:
        student, mark = task.student, task.row["mark"] if task.row else {}
        each = [points_of(task, q, given) for q in questions]
        waiting = [q.name for q, points in zip(questions, each, strict=True) if points is None and q in read]
        yield [
            *(student.student, student.name, student.email, student.id),
            *(total(task, questions, given), group.assignment.points),
            *("" if points is None else points for points in each),
            *(" ".join(waiting), "; ".join(_helped(mark)), mark.get("seconds", {}).get("all", "")),
            *(
                "; ".join(flags_of(task)),
                shown(task.file.place) if task.file else "",
                task.row["when"] if task.row else "",
            ),
        ]


def _helped(mark: dict[str, Any]) -> list[str]:
    """The questions that did better with the reference answer to an earlier one, in words."""
    alone, helped = mark.get("alone", {}), mark.get("helped", {})
    return [
        f"{name} {100 * helped[name]['share']:.0f} %, without {100 * alone[name]['share']:.0f} %"
        for name in helped
        if name in alone and helped[name]["share"] > alone[name]["share"]
    ]


def flags_of(task: Task) -> list[str]:
    """What a teacher should look at in this student's work."""
    flags = [] if task.student.listed else ["not in the roster"]
    if task.file is None:
        return [*flags, "no submission"]
    return [*flags, *(task.row["mark"]["flags"] if task.row else ["not marked"])]


def _moodle(group: Class, questions: tuple[Question, ...], given: Given) -> Iterable[list[Any]]:
    """The rows for Moodle's Grades > Import > CSV file. One of the first three columns is mapped to the user, the
    others to the item."""
    yield ["ID number", "Email address", "Full name", group.assignment.name, "Feedback"]
    for task in group.tasks:
        each = ((q.name, points_of(task, q, given)) for q in questions)
        said = ", ".join(f"{name}: {TO_READ if points is None else f'{points:g}'}" for name, points in each)
        name = task.student.name or task.student.student
        yield [task.student.id, task.student.email, name, total(task, questions, given), said]


def _canvas(group: Class, questions: tuple[Question, ...], given: Given) -> Iterable[list[Any]]:
    """The rows for Canvas's Gradebook > Import: its own column names, and the row of points possible below them."""
    yield ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", group.assignment.name]
    yield ["    Points Possible", "", "", "", "", group.assignment.points]
    for task in group.tasks:
        about = task.student
        yield [about.name or about.student, about.canvas_id, about.id, about.email, "", total(task, questions, given)]


def picture(group: Class, given: Given) -> Any:
    """Draw the class: how many students earned how many points, and the mean share of each question."""
    from matplotlib import rc_context

    from ver_lite.viz.figures import DIVERGENCE, ENTROPY, FAINT, STYLE, new_figure

    questions = group.assignment.questions
    handed_in = [task for task in group.tasks if task.row is not None]
    with rc_context(STYLE):
        figure, (left, right) = new_figure(height=1.2 + 0.32 * max(len(questions), 6), columns=2)
        totals = [total(task, questions, given) for task in handed_in]
        bins = np.linspace(0, group.assignment.points, 11)
        left.hist(totals, bins=bins, color=ENTROPY, edgecolor="white")
        left.set(xlabel=f"points of {group.assignment.points:g}", ylabel="students", xlim=(0, group.assignment.points))
        left.set_title(f"{len(handed_in)} handed in, of {len(group.tasks)}")
        left.yaxis.get_major_locator().set_params(integer=True)
        for row, question in enumerate(questions):
            known = [p / question.points for t in handed_in if (p := points_of(t, question, given)) is not None]
            if waiting := len(handed_in) - len(known):
                right.text(0.02, row, f"{waiting} {TO_READ}", va="center", color=FAINT)
            if waiting or not known:
                continue
            whole = np.mean(np.array(known) >= 1 - 1e-9)
            right.barh(row, np.mean(known), color=DIVERGENCE, height=0.7)
            right.barh(row, whole, color=ENTROPY, height=0.7)
        right.set(yticks=range(len(questions)), yticklabels=[q.name for q in questions], xlim=(0, 1))
        right.set_title("blue: all of it right; orange: mean share", fontsize=10.5)
        right.invert_yaxis()
        right.xaxis.set_major_formatter("{x:.0%}")
    return figure


def summary(group: Class, given: Given) -> str:
    """A summary of the class in a few lines for the terminal."""
    questions = group.assignment.questions
    marked = [task for task in group.tasks if task.row is not None]
    totals = np.array([total(task, questions, given) for task in marked])
    lines = [f"{group.assignment.name}, version {group.assignment.version}: {len(marked)} of {len(group.tasks)} marked"]
    if len(marked):
        low, middle, high = np.percentile(totals, [25, 50, 75])
        lines.append(
            f"median {middle:g} of {group.assignment.points:g} points; half of the class between {low:g} and {high:g}"
        )
    waiting = Counter(q.name for t in marked for q in questions if points_of(t, q, given) is None)
    if waiting:
        lines.append("to be read by a person: " + ", ".join(f"{name} of {n}" for name, n in waiting.items()))
    flagged = sum(bool(flags_of(task)) for task in group.tasks)
    lines.append(f"{flagged} with a flag" if flagged else "no flags")
    return "\n".join(lines)
