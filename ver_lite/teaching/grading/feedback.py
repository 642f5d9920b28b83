"""The page that one student gets back: the answers, what passed, and hints. Hidden tests are named and not shown.

Everything that comes from a submission is escaped text or a PNG. The page has no script and loads nothing, and it
forbids the browser to do either.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from ver_lite.system.files import write_text
from ver_lite.teaching.assignments import Assignment, Question
from ver_lite.teaching.grading.classroom import Class, Task
from ver_lite.teaching.grading.collect import same, slug
from ver_lite.teaching.grading.gradebook import Given, points_of, total

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }
body { color: #222; background: #fff }
h1 { font-size: 1.5rem } h2 { font-size: 1.2rem; margin-top: 2.2rem; border-top: 1px solid #ccc; padding-top: 1rem }
pre { background: #f5f5f5; color: #222; padding: .7rem; overflow: auto; max-height: 24rem; white-space: pre-wrap }
table { border-collapse: collapse } td, th { padding: .15rem .8rem .15rem 0; text-align: left; vertical-align: top }
.points { float: right; font-weight: bold } .no { color: #b00020 } .yes { color: #00603a } img { max-width: 100% }
"""


def write(group: Class, out: Path, given: Given) -> None:
    """Write a page for everybody who handed in. Other pages in the folder stay as they are."""
    (out / "feedback").mkdir(exist_ok=True)
    for task in group.tasks:
        if task.row is not None:
            write_text(out / "feedback" / f"{slug(task.student.student)}.html", page(group.assignment, task, given))


def page(assignment: Assignment, task: Task, given: Given) -> str:
    """The whole page as HTML."""
    mark, student = task.row["mark"], task.student
    earned = total(task, assignment.questions, given)
    waiting = [q.name for q in assignment.questions if points_of(task, q, given) is None]
    still = f" A person still reads {', '.join(waiting)}." if waiting else ""
    parts = [
        f"<h1>{escape(assignment.name)}: {escape(student.name or student.student)}</h1>",
        f"<p><b>{earned:g} of {assignment.points:g} points</b>.{still} Your numbers: seed {student.numbers.seed}, "
        f"variant {student.numbers.variant}.</p>",
    ]
    if mark.get("problem"):
        parts.append(f"<p class=no>Your file could not be read: {_text(mark['problem'])}.</p>")
    if notes := [flag for flag in mark["flags"] if not flag.startswith("unreadable")]:
        parts.append(f"<p>Noted while marking:</p><ul>{''.join(f'<li>{_text(note)}</li>' for note in notes)}</ul>")
    if not mark.get("problem"):
        parts += [_question(assignment, question, task, given) for question in assignment.questions]
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{escape(assignment.name)}</title><style>{STYLE}</style></head><body>\n{chr(10).join(parts)}\n</body></html>\n"
    )


def _question(assignment: Assignment, question: Question, task: Task, given: Given) -> str:
    mark = task.row["mark"]
    points = points_of(task, question, given)
    shown = "to be read" if points is None else f"{points:g} of {question.points:g}"
    parts = [f"<h2>{question.name}: {escape(question.title)} <span class=points>{shown}</span></h2>"]
    if (found := given.get((same(task.student.student), question.name))) is not None:
        parts.append(f"<p>Marked by a person. {_text(found[1])}</p>")
    parts.append(f"<pre>{_text(mark['answers'].get(question.name) or '(no answer)')}</pre>")
    if question.kind == "code" and question.name in mark["alone"]:
        alone, helped = mark["alone"][question.name], mark["helped"].get(question.name)
        parts.append(_outcome(question, alone))
        if helped:
            needs = ", ".join(name for name in question.depends if mark["alone"].get(name, {}).get("share", 1) < 1)
            counts = "counts" if helped["share"] > alone["share"] else "is not better"
            parts.append(f"<h3>The same answer, with the reference answer to {needs}</h3>")
            parts.append(f"<p>The better of the two counts; here this one {counts}.</p>")
            parts.append(_outcome(question, helped, with_outputs=False))
    return "\n".join(parts)


def _outcome(question: Question, outcome: dict[str, Any], with_outputs: bool = True) -> str:
    parts = []
    if outcome["error"]:
        parts.append(f"<p class=no>{_text(outcome['error'])}</p>")
    if with_outputs and outcome["outputs"]:
        parts.append("<p>It printed:</p>" + "".join(map(_output, outcome["outputs"])))
    if outcome["said"]:
        parts.append(f"<p>Public checks:</p><pre>{_text(outcome['said'])}</pre>")
    rows = [_row("public checks", outcome["public"], "")]
    for name, passed in outcome["tests"].items():
        rows.append(_row(name.replace("_", " "), passed, "" if passed else (question.hints or {}).get(name, "")))
    return "\n".join([*parts, f"<table>{''.join(rows)}</table>"])


def _row(name: str, passed: bool, hint: str) -> str:
    sign = "<span class=yes>✓ passed</span>" if passed else "<span class=no>✗ not yet</span>"
    return f"<tr><td>{escape(name)}</td><td>{sign}</td><td>{escape(hint)}</td></tr>"


def _output(output: dict[str, str]) -> str:
    if output["kind"] == "picture":
        return f'<img alt="a picture that this cell drew" src="data:image/png;base64,{escape(output["data"])}">'
    return f"<pre>{_text(output['data'])}</pre>"


def _text(text: str) -> str:
    """Escape text from outside, and remove control characters and those that turn the direction of writing."""
    return escape("".join(c for c in str(text) if c in "\n\t" or c.isprintable()))
