"""What an assignment's master looks like inside, what is wrong with one, and how its cells become a student's.

`ver_lite.teaching.assignments` reads and releases masters. The teacher's guide, `book/teaching.md`, builds one.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from nbformat import NotebookNode

PARAMETERS = {"student": "str", "seed": "int", "variant": "int"}
SOLUTION = ("### BEGIN SOLUTION", "### END SOLUTION")
HIDDEN = ("### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS")
MARKER = re.compile(r"(BEGIN|END) (SOLUTION|HIDDEN TESTS)")
CODE_STUB = "...  # your lines"
TEXT_STUB = "*Your answer here. Replace this line.*"
QUESTION = re.compile(r"q\d+")
HEADING = re.compile(r"(?m)^## Question (\d+): (.+) \(([\d.]+) points?\)$")
MAGIC = re.compile(r"^(\s*)[%!].*$", re.MULTILINE)


class Names(NamedTuple):
    """The names that code defines at its top level, without those that begin with `_`."""

    functions: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


class Check(NamedTuple):
    """The parts of a check cell: its public lines, its hidden lines without the last one, and its tests by name."""

    public: str
    hidden: str
    tests: tuple[str, ...]


def grader(cell: NotebookNode) -> dict:
    """nbgrader's metadata of a cell; an empty dictionary when it has none."""
    return cell.metadata.get("nbgrader", {})


def about(cell: NotebookNode) -> dict:
    """Our metadata of a cell: question, depends, hints, seconds."""
    return cell.metadata.get("ver_lite", {})


def is_answer(cell: NotebookNode) -> bool:
    return bool(grader(cell).get("solution"))


def is_check(cell: NotebookNode) -> bool:
    return bool(grader(cell).get("grade")) and not is_answer(cell)


def defined(source: str) -> Names:
    """The functions and values that code defines at its top level. Nothing is run. Raises SyntaxError."""
    functions, values = [], []
    for node in ast.parse(MAGIC.sub(r"\1pass", source)).body:
        if isinstance(node, ast.FunctionDef):
            functions.append(node.name)
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            values += [n.id for n in ast.walk(target) if isinstance(n, ast.Name)] if target is not None else []
    public = [[n for n in dict.fromkeys(found) if not n.startswith("_")] for found in (functions, values)]
    return Names(tuple(public[0]), tuple(n for n in public[1] if n not in public[0]))


def region(source: str, markers: tuple[str, str]) -> tuple[str, str]:
    """Split a cell's source at two markers: the text outside of them, and the text between them.

    Raises ValueError unless each marker stands once, in order, on a line of its own.
    """
    lines = source.split("\n")
    at = [(i, line.strip()) for i, line in enumerate(lines) if line.strip() in markers]
    if [marker for _, marker in at] != list(markers):
        raise ValueError(f"needs one line {markers[0]!r} and, below it, one line {markers[1]!r}")
    (begin, _), (end, _) = at
    return "\n".join(lines[:begin] + lines[end + 1 :]), "\n".join(lines[begin + 1 : end])


def with_stubs(source: str) -> str:
    """A code answer as the student will see it, with `CODE_STUB` in place of every solution.

    Raises ValueError unless the markers come in pairs, at least one.
    """
    kept, inside, pairs = [], False, 0
    for line in source.split("\n"):
        if line.strip() in SOLUTION:
            if inside != (line.strip() == SOLUTION[1]):
                break
            inside, pairs = not inside, pairs + 1
            kept += [line[: len(line) - len(line.lstrip())] + CODE_STUB] if inside else []
        elif not inside:
            kept.append(line)
    else:
        if pairs and not inside:
            return "\n".join(kept)
    raise ValueError(f"needs lines {SOLUTION[0]!r} and {SOLUTION[1]!r} in turn, at least one pair")


def hand_out(cell: NotebookNode) -> None:
    """Turn a cell of a master that is in order into the student's, in place, as nbgrader would.

    Solutions become stubs; hidden tests, hints and outputs go. A cell that has a role cannot be deleted in Jupyter, and
    only answers can be edited.
    """
    if is_answer(cell):
        cell.source = with_stubs(cell.source) if cell.cell_type == "code" else TEXT_STUB
    elif is_check(cell):
        cell.source, _ = region(cell.source, HIDDEN)
    if is_answer(cell) or is_check(cell) or grader(cell).get("locked"):
        cell.metadata["deletable"] = False
        if not is_answer(cell):
            cell.metadata["editable"] = False
    if cell.cell_type == "code":
        cell.outputs, cell.execution_count = [], None
        for about_outputs in ("collapsed", "scrolled"):
            cell.metadata.pop(about_outputs, None)
    cell.source = cell.source.rstrip()
    about(cell).pop("hints", None)


def split_check(source: str) -> Check:
    """Split a check cell into its parts. Raises ValueError or SyntaxError that says what is wrong with it."""
    public, hidden = region(source, HIDDEN)
    _is_public(public)
    body = ast.parse(hidden).body
    tests = [node for node in body if isinstance(node, ast.FunctionDef) and node.name.startswith("hidden_")]
    names = [test.name for test in tests]
    called = _call(body[-1], "hidden_tests") if body else None
    if called is None or [getattr(argument, "id", None) for argument in called.args] != names or not names:
        wanted = ", ".join(names) or "hidden_NAME, ..."
        raise ValueError(f"its hidden part must end with hidden_tests({wanted}), after a function hidden_NAME() a test")
    for test in tests:
        if not ast.get_docstring(test):
            raise ValueError(f"{test.name} needs a docstring of one line, for the teacher")
    counted = {k.arg: getattr(k.value, "value", None) for k in _is_public(public).keywords}.get("hidden")
    if counted != len(names):
        raise ValueError(f"says hidden={counted} to public_checks, and has {len(names)} hidden tests")
    above = "\n".join(hidden.split("\n")[: body[-1].lineno - 1]).rstrip()
    return Check(public.rstrip(), above, tuple(name.removeprefix("hidden_") for name in names))


def problems_of(notebook: NotebookNode) -> list[str]:
    """Every reason why a notebook is not a master in order, each "cell ID: what is wrong, what to do"."""
    return [*_whole(notebook), *_cells(notebook), *_questions(notebook)]


def _is_public(public: str) -> ast.Call:
    body = ast.parse(public).body
    last = body[-1] if body else None
    named = isinstance(last, ast.Assign) and [getattr(target, "id", None) for target in last.targets] == ["public"]
    called = _call(last, "public_checks")
    if not named or called is None:
        raise ValueError("its public part must end with public = public_checks(check(...), ..., hidden=N)")
    return called


def _call(node: ast.stmt | None, name: str) -> ast.Call | None:
    value = getattr(node, "value", None)
    return value if isinstance(value, ast.Call) and getattr(value.func, "id", None) == name else None


def _whole(notebook: NotebookNode) -> Iterator[str]:
    ours = notebook.metadata.get("ver_lite", {})
    if not isinstance(ours.get("assignment"), str) or not isinstance(ours.get("version"), int):
        yield 'notebook: its metadata need "ver_lite": {"assignment": "assignment-1-NAME", "version": 1}'
    if notebook.metadata.get("kernelspec", {}).get("language", "python") != "python":
        yield "notebook: its kernel must be Python"
    twice = [name for name, count in Counter(cell.get("id") for cell in notebook.cells).items() if count > 1]
    for name in twice:
        yield f"cell {name}: {'no id' if name is None else 'this id stands twice'}; every cell needs its own"
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    found = [_annotated(cell.source) for cell in tagged]
    if found != [PARAMETERS]:
        wanted = ", ".join(f"{name}: {kind} = ..." for name, kind in PARAMETERS.items())
        yield f"notebook: one cell tagged 'parameters' must define {wanted}, and nothing else"
    if not any(map(is_answer, notebook.cells)):
        yield "notebook: has no question; an answer cell has nbgrader's solution true"


def _annotated(source: str) -> dict[str, str]:
    body = ast.parse(source).body
    return {n.target.id: ast.unparse(n.annotation) for n in body if isinstance(n, ast.AnnAssign)}


def _cells(notebook: NotebookNode) -> Iterator[str]:
    for cell in notebook.cells:
        meta, name = grader(cell), cell.get("id")
        if meta and meta.get("grade_id") != name:
            yield f"cell {name}: its grade_id is {meta.get('grade_id')!r}; make the two equal"
        if meta.get("grade") and not (isinstance(meta.get("points"), int | float) and meta["points"] > 0):
            yield f"cell {name}: is graded and has no points above zero"
        if is_check(cell) and not meta.get("locked"):
            yield f"cell {name}: a check cell must be locked"
        if cell.cell_type == "code":
            try:
                defined(cell.source)
            except SyntaxError as error:
                yield f"cell {name}, line {error.lineno}: {error.msg}"
        allowed = HIDDEN if is_check(cell) else SOLUTION if is_answer(cell) and cell.cell_type == "code" else ()
        for line in map(str.strip, cell.source.split("\n")):
            if MARKER.search(line) and line not in allowed:
                wanted = (
                    f"here only {' and '.join(map(repr, allowed))} may mark something" if allowed else "take it out"
                )
                yield f"cell {name}: the line {line!r} would hide nothing from students; {wanted}"


def _questions(notebook: NotebookNode) -> Iterator[str]:
    checks = {cell.id: cell for cell in notebook.cells if is_check(cell)}
    homes: dict[str, str] = {}
    heading = None
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := HEADING.findall(cell.source)):
            heading = found[-1]
        if not is_answer(cell):
            continue
        name = cell.id
        check = cell if cell.cell_type == "markdown" else checks.pop(f"{name}-check", None)
        if not QUESTION.fullmatch(name):
            yield f"cell {name}: an answer cell is called q1, q2, ..."
        elif check is not None:
            yield from _heading(name, heading, grader(check).get("points"))
        if cell.cell_type == "markdown":
            if not grader(cell).get("grade"):
                yield f"cell {name}: a written answer needs nbgrader's grade true, and points"
            continue
        if check is None:
            yield f"cell {name}: has no check cell; it comes after it, with the id {name}-check"
            continue
        try:
            yield from _pair(cell, check, homes)
        except SyntaxError:
            continue  # `_cells` reports it with its line
    for name in checks:
        yield f"cell {name}: is a check cell without an answer cell {name.removesuffix('-check')}"


def _heading(name: str, heading: tuple[str, str, str] | None, points: float | None) -> Iterator[str]:
    if heading is None or f"q{heading[0]}" != name or float(heading[2]) != points:
        wanted = f"'## Question {name[1:]}: TITLE ({points:g} points)'" if points else "'## Question ...'"
        yield f"cell {name}: the text above it needs the heading {wanted}, with the points of its metadata"


def _pair(cell: NotebookNode, check: NotebookNode, homes: dict[str, str]) -> Iterator[str]:
    """The problems of a code question. `homes` maps each name that an earlier question defines to that question; the
    names of this question are added to it."""
    name, ours = cell.id, about(check)
    earlier = set(homes.values())
    try:
        stub = with_stubs(cell.source)
    except ValueError as error:
        yield f"cell {name}: {error}"
        return
    whole, left = defined(cell.source), defined(stub)
    if sum(map(len, whole)) == 0:
        yield f"cell {name}: its solution defines no function and no value, so there is nothing to mark"
    for missing in sorted({*whole.functions, *whole.values} - {*left.functions, *left.values}):
        yield f"cell {name}: {missing} is defined in the solution alone; the student's copy must name it too"
    for other in sorted({*whole.functions, *whole.values} & homes.keys()):
        yield f"cell {name}: {other} is the answer to {homes[other]} already"
    depends = ours.get("depends", [])
    used = {homes[n] for n in _loaded(cell.source) if n in homes}
    for other in sorted(used - set(depends)):
        yield f"cell {check.id}: the answer uses a name of {other}; add it to depends"
    for other in sorted(set(depends) - earlier):
        yield f"cell {check.id}: depends on {other}, which is no earlier code question"
    if ours.get("question") != name:
        wanted = f'"ver_lite": {{"question": "{name}", "depends": [], "hints": {{...}}}}'
        yield f"cell {check.id}: its metadata need {wanted}"
    homes.update(dict.fromkeys([*whole.functions, *whole.values], name))
    try:
        tests = split_check(check.source).tests
    except ValueError as error:
        yield f"cell {check.id}: {error}"
        return
    if set(ours.get("hints", {})) != set(tests):
        differ = ", ".join(sorted(set(ours.get("hints", {})) ^ set(tests)))
        yield f"cell {check.id}: every hidden test needs one hint, by its name without hidden_; look at: {differ}"


def _loaded(source: str) -> set[str]:
    tree = ast.parse(MAGIC.sub(r"\1pass", source))
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
