"""One student's notebook, read as a file from a stranger. Nothing in it is run or trusted here."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ver_lite.course.questions import OwnNumbers, own_numbers
from ver_lite.teaching import master as rules
from ver_lite.teaching.assignments import Assignment
from ver_lite.teaching.grading.suspicious import looks_like_a_script, marks_of_tampering

LARGEST = 20 * 2**20  # bytes of a notebook
LONGEST_ANSWER = 200_000  # characters of one answer
MOST_CELLS = 2_000


class SubmissionError(ValueError):
    """A file that holds no notebook. The message says why."""


@dataclass(frozen=True)
class Submission:
    """What one student handed in.

    answers   for each question that was found, the source of its cell
    flags     what a teacher should look at, in words
    problem   why nothing could be read, or None
    """

    student: str
    place: str = ""
    digest: str = ""
    answers: dict[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    problem: str | None = None


def read(student: str, place: str, data: bytes, assignment: Assignment, numbers: OwnNumbers) -> Submission:
    """A student's submission from the bytes of a notebook. Never raises: each fault becomes `problem` or a flag."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        cells, about = _cells(data)
    except SubmissionError as error:
        return unreadable(student, place, data, str(error))
    flags = [*_which(about, assignment), *_kernel(about)]
    answers: dict[str, str] = {}
    for question in assignment.questions:
        found, said = _answer(cells, question.name, "markdown" if question.kind == "written" else "code")
        flags += said
        if found is not None:
            answers[question.name] = found
    flags += _edited(cells, assignment)
    flags += _parameters(cells, numbers)
    for name, source in answers.items():
        if assignment.question(name).kind == "code":
            flags += [f"{name}: {sign}" for sign in marks_of_tampering(source)]
        elif looks_like_a_script(source):
            flags.append(f"{name}: holds scripts (shown as text)")
    if any(looks_like_a_script(text) for cell in cells for text in cell["stored"]):
        flags.append("a stored output holds scripts (never shown)")
    return Submission(student, place, digest, answers, tuple(dict.fromkeys(flags)))


def unreadable(student: str, place: str, data: bytes, why: str) -> Submission:
    """A submission that earns nothing. Its `problem` says why."""
    return Submission(student, place, hashlib.sha256(data).hexdigest(), problem=why, flags=(f"unreadable: {why}",))


def _cells(data: bytes) -> tuple[list[dict], dict]:
    """The cells and the metadata of a notebook, each with `kind`, `source` and `names`. Raises SubmissionError."""
    if len(data) > LARGEST:
        raise SubmissionError(f"the file has {len(data) / 2**20:,.0f} MiB, more than {LARGEST // 2**20}")
    if not data.strip():
        raise SubmissionError("the file is empty")
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise SubmissionError("the file is not text in UTF-8") from None
    except (ValueError, RecursionError) as error:
        where = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise SubmissionError(f"the file is not JSON{where}, so it is no notebook") from None
    found = notebook.get("cells") if isinstance(notebook, dict) else None
    if isinstance(notebook, dict) and found is None and isinstance(notebook.get("worksheets"), list):
        sheets = [sheet.get("cells") for sheet in notebook["worksheets"] if isinstance(sheet, dict)]
        found = [cell for sheet in sheets if isinstance(sheet, list) for cell in sheet]
    if not isinstance(found, list):
        raise SubmissionError("the file is JSON, but no notebook: it has no cells")
    if len(found) > MOST_CELLS:
        raise SubmissionError(f"the notebook has {len(found):,} cells, more than {MOST_CELLS:,}")
    about = notebook.get("metadata") if isinstance(notebook.get("metadata"), dict) else {}
    return [_plain(cell) for cell in found if isinstance(cell, dict)], about | {"format": notebook.get("nbformat")}


def _plain(cell: dict) -> dict[str, Any]:
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    meta = cell.get("metadata") if isinstance(cell.get("metadata"), dict) else {}
    grade = meta.get("nbgrader") if isinstance(meta.get("nbgrader"), dict) else {}
    names = [cell.get("id"), grade.get("grade_id"), meta.get("id")]  # Colab keeps ids in the metadata
    tags = meta.get("tags") if isinstance(meta.get("tags"), list) else []
    return {
        "kind": cell.get("cell_type"),
        "source": source if isinstance(source, str) else "",
        "names": [name for name in names if isinstance(name, str)],
        "tags": tags,
        "stored": _stored(cell.get("outputs")),
    }


def _stored(outputs: Any) -> list[str]:
    """The texts in the data of stored outputs."""
    data = [one.get("data") for one in outputs if isinstance(one, dict)] if isinstance(outputs, list) else []
    texts = [text for one in data if isinstance(one, dict) for text in one.values()]
    return ["".join(t for t in text if isinstance(t, str)) if isinstance(text, list) else str(text) for text in texts]


def _named(cells: list[dict], name: str) -> list[dict]:
    """The cells with this id; when none has it, the cells that have it in their metadata."""
    outright = [cell for cell in cells if cell["names"][:1] == [name]]
    return outright or [cell for cell in cells if name in cell["names"]]


def _answer(cells: list[dict], name: str, kind: str) -> tuple[str | None, list[str]]:
    found = _named(cells, name)
    right = [cell for cell in found if cell["kind"] == kind]
    if not right:
        why = f"its cell is {found[0]['kind']}, not {kind}" if found else "its cell is missing"
        return None, [f"{name}: {why}"]
    said = [f"{name}: {len(right)} cells have this id; the first was taken"] if len(right) > 1 else []
    source = right[0]["source"]
    if (plain := source.encode("utf-8", "replace").decode().replace("\0", "?")) != source:
        said, source = [*said, f"{name}: holds characters that are no text"], plain
    if len(source) > LONGEST_ANSWER:
        return None, [*said, f"{name}: its cell has {len(source):,} characters, more than {LONGEST_ANSWER:,}"]
    return source, said


def _which(about: dict, assignment: Assignment) -> Iterator[str]:
    ours = about.get("ver_lite")
    if not isinstance(ours, dict):
        return  # some editors drop metadata that they do not know
    if ours.get("assignment") != assignment.name:
        yield f"says that it is {str(ours.get('assignment'))[:60]!r}"
    elif ours.get("version") != assignment.version:
        yield f"was released as version {str(ours.get('version'))[:9]}; the master is version {assignment.version}"


def _kernel(about: dict) -> Iterator[str]:
    if about["format"] != 4:
        yield f"notebook format {str(about['format'])[:20]!r} instead of 4"
    kernel = about.get("kernelspec") if isinstance(about.get("kernelspec"), dict) else {}
    language = about.get("language_info") if isinstance(about.get("language_info"), dict) else {}
    said = str(kernel.get("language") or language.get("name") or kernel.get("name") or "")
    if not said:
        yield "the notebook names no kernel; Python was used"
    elif not said.lower().startswith("python"):
        yield f"the notebook's language is {said[:20]!r}; Python was used"


def _edited(cells: list[dict], assignment: Assignment) -> Iterator[str]:
    """Locked cells that differ from the released ones. They are never run, so this changes no mark."""
    locked = [cell for cell in assignment.copy.cells if rules.grader(cell).get("locked")]
    gone = [cell.id for cell in locked if not _named(cells, cell.id)]
    changed = [cell.id for cell in locked if (c := _named(cells, cell.id)) and c[0]["source"].rstrip() != cell.source]
    for said, names in (("missing", gone), ("changed", changed)):
        if names:
            yield f"locked cells {said} (ours were used): {', '.join(names)}"
    known = {cell.id for cell in assignment.copy.cells}
    added = sum(
        cell["kind"] == "code" and not known & set(cell["names"]) and bool(cell["source"].strip()) for cell in cells
    )
    if added:
        yield f"{added} code cell{'s' if added > 1 else ''} added (only answer cells are run)"


def _parameters(cells: list[dict], numbers: OwnNumbers) -> Iterator[str]:
    """The parameters that are not this student's. The marker uses the right ones in any case."""
    tagged = [cell for cell in cells if "parameters" in cell["tags"]]
    if not tagged:
        yield "no cell is tagged 'parameters' (the right ones were used)"
        return
    try:
        given = _literals(tagged[0]["source"])
        wrong = [f"{n} is no {kind}" for n, kind in rules.PARAMETERS.items() if type(given.get(n)).__name__ != kind]
        if wrong:
            yield f"parameters: {', '.join(wrong)} (the right ones were used)"
        elif own_numbers(**{name: given[name] for name in rules.PARAMETERS}) != numbers:
            yield f"parameters of somebody else: student = {given['student'][:60]!r} (the right ones were used)"
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        yield "the parameters cell cannot be read (the right ones were used)"


def _literals(source: str) -> dict[str, Any]:
    if len(source) > 10_000:
        raise ValueError("too long")
    found = {}
    for node in ast.parse(source).body:
        target = (
            node.target
            if isinstance(node, ast.AnnAssign)
            else node.targets[0]
            if isinstance(node, ast.Assign)
            else None
        )
        if isinstance(target, ast.Name) and getattr(node, "value", None) is not None:
            found[target.id] = ast.literal_eval(node.value)
    return found
