"""Takes the definitions out of a lesson, so that a test can compare them with the library's."""

import ast
import re
from pathlib import Path
from typing import Any

import nbformat

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
MAGIC = re.compile(r"^(\s*)[%!].*$", re.MULTILINE)


def definitions(path: str | Path) -> dict[str, Any]:
    """The names a lesson defines: its imports, functions, classes and constants (CAPITALS = a literal).

    Nothing else of the lesson runs; lines that only a notebook understands are skipped. `path` may be a file
    name in `notebooks/`. Raises `ValueError` when the lesson defines one name twice: a definition lives once.
    """
    path = NOTEBOOKS / path
    namespace: dict[str, Any] = {"__name__": path.stem}
    seen: dict[str, int] = {}
    for number, cell in enumerate(nbformat.read(path, as_version=4).cells, start=1):
        if cell.cell_type != "code":
            continue
        body = [node for node in ast.parse(MAGIC.sub(r"\1pass", cell.source)).body if _is_definition(node)]
        for node in body:
            name = getattr(node, "name", None)
            if name in seen:
                raise ValueError(f"{path.name}: cell {number} defines {name} again; cell {seen[name]} did already")
            if name:
                seen[name] = number
        code = ast.Module(body=body, type_ignores=[])
        exec(compile(code, f"{path.name}, cell {number}", "exec"), namespace)
    return namespace


def _is_definition(node: ast.stmt) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef):
        return True
    if not isinstance(node, ast.Assign) or not all(
        isinstance(target, ast.Name) and target.id.isupper() for target in node.targets
    ):
        return False
    try:
        ast.literal_eval(node.value)
    except ValueError:
        return False
    return True
