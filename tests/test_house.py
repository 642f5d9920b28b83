"""The house: which room stands on which floor, what imports what, and that a stranger finds every file."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# From the ground up. A room imports from the floors below its own and from itself, not from a neighbor on its floor.
FLOORS = (
    ("system",),
    ("theory", "masks"),
    ("corpora",),
    ("players",),
    ("methods",),
    ("measures",),
    ("training",),
    ("observations", "viz"),
    ("experiments", "course"),
    ("widgets",),
    ("teaching",),
    ("cli",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
OUTSIDE = ("book/tools", "tests/benchmarks")  # packages of the repository that are not in the wheel
# Who may import a module by a name that is only known when it runs, and why.
BY_NAME = {
    "ver_lite": "the front door, which imports a name when it is first used",
    "ver_lite.system.outside": "a class of somebody else's, which a user named",
}


def module_name(path: Path) -> str:
    for folder in OUTSIDE:
        if path.is_relative_to(ROOT / folder):
            path = path.relative_to((ROOT / folder).parent)
    parts = (path.relative_to(ROOT) if path.is_absolute() else path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def files(folder: str) -> dict[str, Path]:
    return {module_name(path): path for path in sorted((ROOT / folder).rglob("*.py"))}


LIBRARY = files("ver_lite")
ALL = LIBRARY | {name: path for folder in OUTSIDE for name, path in files(folder).items()}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(name: str) -> set[str]:
    """The modules of ours that a module imports: at its top, inside a function, for a type checker, anywhere."""
    package = name if ALL[name].name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(tree(ALL[name])):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                found.add(f"{base}.{alias.name}" if f"{base}.{alias.name}" in ALL else base)
    return (found & set(ALL)) - {name}


def room(module: str) -> str:
    """The part of the house a module lives in: ver_lite.corpora.core -> corpora."""
    return module.split(".")[1] if "." in module else ""


def test_every_room_has_a_floor():
    assert {room(name) for name in LIBRARY} - {""} == set(FLOOR)


@pytest.mark.parametrize("name", LIBRARY)
def test_no_import_runs_upward_or_next_door(name):
    if name == "ver_lite":
        return  # the front door shows every floor; that it loads none of them is tested below
    there = {room(module) for module in imports(name)}
    assert "" not in there, "import the module itself, not the front door `ver_lite`"
    assert not {other for other in there if other != room(name) and FLOOR[other] >= FLOOR[room(name)]}


def circles(graph: dict[str, set[str]]) -> list[str]:
    done: set[str] = set()
    found = []

    def visit(module: str, trail: tuple[str, ...]) -> None:
        if module in trail:
            found.append(" -> ".join([*trail[trail.index(module) :], module]))
        elif module not in done:
            for other in sorted(graph[module]):
                visit(other, (*trail, module))
            done.add(module)

    for module in sorted(graph):
        visit(module, ())
    return found


def test_no_imports_in_a_circle_not_even_lazy_ones():
    assert not circles({name: imports(name) for name in ALL})


def test_a_circle_is_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b -> c -> b"]
    assert not circles({"a": {"b", "c"}, "b": {"c"}, "c": set()})


@pytest.mark.parametrize("name", [name for name in LIBRARY if name not in BY_NAME])
def test_no_module_is_imported_by_a_name_that_cannot_be_read_here(name):
    called = {
        ast.unparse(node.func).rpartition(".")[2] for node in ast.walk(tree(ALL[name])) if isinstance(node, ast.Call)
    }
    assert not called & {"import_module", "__import__", "run_path", "run_module", "spec_from_file_location"}


def test_the_front_door_loads_nothing_heavy():
    code = (
        "import sys, ver_lite; heavy = 'torch ipywidgets pooch captum transformers dask'.split()\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert said.stdout.strip() == "[]"


def packages() -> list[Path]:
    return sorted(path.parent for folder in ("ver_lite", *OUTSIDE) for path in (ROOT / folder).rglob("__init__.py"))


@pytest.mark.parametrize("folder", packages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_folder_says_what_each_of_its_files_is(folder):
    said = ast.get_docstring(tree(folder / "__init__.py")) or ""
    inside = {path.stem for path in folder.glob("*.py")} - {"__init__", "__main__"}
    inside |= {path.parent.name for path in folder.glob("*/__init__.py")}
    missing = {name for name in inside if not re.search(rf"\b{name}\b", said)}
    assert not missing, f"{folder.relative_to(ROOT)}/__init__.py does not say what these are"
