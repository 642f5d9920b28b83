"""Signs in the text of an answer that a teacher should read it. They change no mark, and they prove nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

USUAL = {
    *("abc", "bisect", "collections", "copy", "dataclasses", "decimal", "enum", "fractions", "functools", "heapq"),
    *("itertools", "math", "numbers", "operator", "random", "re", "statistics", "string", "textwrap", "time", "typing"),
    *("__future__", "matplotlib", "numpy", "pandas", "scipy", "sklearn", "torch", "tqdm", "IPython", "ver_lite"),
}
REACHING = {
    "open",
    "exec",
    "eval",
    "compile",
    "__import__",
    "globals",
    "locals",
    "vars",
    "breakpoint",
    "input",
    "setattr",
}
INSIDE = {
    "_getframe",
    "settrace",
    "setprofile",
    "get_objects",
    "get_referrers",
    "modules",
    "f_globals",
    "f_locals",
    "f_back",
}
ORDINARY = {
    "__init__",
    "__name__",
    "__doc__",
    "__len__",
    "__call__",
    "__class__",
    "__post_init__",
    "__repr__",
    "__version__",
}
SCRIPT = re.compile(r"<script|<svg|<iframe|javascript:|<[^<>]{1,200}\son[a-z]+\s*=", re.IGNORECASE)
MAGIC = re.compile(r"(?m)^[ \t]*([%!]\S*)")
LINE = re.compile(r"(?m)^([ \t]*)[%!].*$")


def plain_tree(source: str) -> ast.Module:
    """The syntax tree of a cell without IPython's magic lines. Raises what `ast.parse` raises, RecursionError
    included."""
    return ast.parse(LINE.sub(r"\1pass", source))


def looks_like_a_script(text: str) -> bool:
    """Whether a browser might run something in this text if it took it for HTML."""
    return bool(SCRIPT.search(text[:100_000]))


def marks_of_tampering(source: str) -> list[str]:
    """In words, what this code does that no answer needs: unusual imports, reaching into Python, changing modules."""
    found = [f"runs {name[:20]!r}" for name in MAGIC.findall(source)]
    try:
        tree = plain_tree(source)
        found += list(_signs(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        found.append("is not Python")
    return list(dict.fromkeys(found))[:12]


def _signs(tree: ast.Module) -> Iterator[str]:
    modules = set()
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        for name in names:
            if name.split(".")[0] not in USUAL or "grading" in name:
                yield f"imports {name[:60]}"
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules |= {(a.asname or a.name).split(".")[0] for a in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and (node.id in REACHING or node.id in ("__builtins__", "get_ipython")):
            yield f"uses {node.id}"
        if isinstance(node, ast.Attribute):
            if node.attr in INSIDE or (node.attr.startswith("__") and node.attr not in ORDINARY):
                yield f"uses {node.attr[:60]}"
            if isinstance(node.ctx, ast.Store | ast.Del) and _root(node) in modules | {"ver_lite", "np", "torch"}:
                yield f"changes {ast.unparse(node)[:60]}"


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return getattr(node, "id", "")
