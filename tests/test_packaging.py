"""The house around the library: what is installed, what imports what, and that names and addresses agree."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import nbformat
import pytest
import yaml

from ver_lite.course.address import HOSTS, repository

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
URL = repository(ROOT)
SLUG = URL.removeprefix("https://github.com/")

FLOORS = {
    "files": 0,
    "machine": 0,
    "threads": 0,
    "masks": 1,
    "information": 1,
    "enumerable": 1,
    "metrics": 1,
    "baselines": 2,
    "quality": 1,
    "calibration": 1,
    "gru": 1,
    "bert": 2,
    "players": 2,
    "compaction": 2,
    "corpora": 2,
    "methods": 3,
    "config": 4,
    "runs": 4,
    "graphs": 4,
    "loop": 5,
    "training": 5,
    "evaluation": 5,
    "faithfulness": 5,
    "mask_shape": 5,
    "full_evaluation": 5,
    "cleaning": 6,
    "display": 6,
    "observations": 6,
    "two_word_game": 1,
    "two_word_theory": 1,
    "results": 6,
    "paper_numbers": 6,
    "studies": 6,
    "sweep": 6,
    "pool": 0,
    "errors": 4,
    "sweep_command": 8,
    "figures": 7,
    "bench": 7,
    "widgets": 7,
    "cli": 8,
    "course": 8,
}


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# installing


def test_conda_installs_what_pyproject_defines():
    environment = yaml.safe_load(text("environment.yml"))
    plain = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    (by_pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert environment["name"] == PROJECT["name"]
    assert by_pip == ["-e .[course,teach,test]"]
    assert {"course", "teach", "test"} <= set(PROJECT["optional-dependencies"])
    assert "pip" in plain
    assert plain[0] == f"python {PROJECT['requires-python']},<3.14"


def test_constraints_are_versions_and_nothing_else():
    lines = [line for line in text("constraints.txt").splitlines() if line and not line.startswith("#")]
    odd = [line for line in lines if not re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.]*", line)]
    assert not odd, "a constraint names a host, a local version or a range"
    assert len(lines) > 100


def test_every_direct_dependency_is_pinned_within_its_range():
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines = (line.split("==") for line in text("constraints.txt").splitlines() if "==" in line)
    pins = {canonicalize_name(name): version for name, version in lines}
    extras = PROJECT["optional-dependencies"]
    for wanted in map(Requirement, [*PROJECT["dependencies"], *extras["course"], *extras["teach"], *extras["test"]]):
        pin = pins.get(canonicalize_name(wanted.name))
        assert pin, f"{wanted.name} is not in constraints.txt"
        assert wanted.specifier.contains(pin), f"constraints.txt has {wanted.name}=={pin}, pyproject wants {wanted}"


@pytest.mark.parametrize(
    ("name", "preinstalled"),
    [("torch", "2.11.0"), ("numpy", "2.1.0"), ("matplotlib", "3.10.0"), ("ipywidgets", "7.7.1")],
)
def test_colab_needs_nothing_replaced(name, preinstalled):
    from packaging.requirements import Requirement

    (wanted,) = [r for r in map(Requirement, PROJECT["dependencies"]) if r.name == name]
    assert wanted.specifier.contains(preinstalled)


def test_the_version_is_said_once_and_the_same():
    import ver_lite

    assert yaml.safe_load(text("CITATION.cff"))["version"] == PROJECT["version"]
    assert getattr(ver_lite, "__version__", PROJECT["version"]) == PROJECT["version"]


def test_the_command_exists():
    module, _, function = PROJECT["scripts"]["ver-lite"].partition(":")
    code = f"import {module}; assert callable({module}.{function})"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_wheel_has_all_that_the_package_reads(tmp_path):
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], check=True, cwd=ROOT)
    [wheel] = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    static = {str(path.relative_to(ROOT)) for path in (ROOT / "ver_lite" / "widgets" / "static").iterdir()}
    records = {f"ver_lite/_data/results/{path.name}" for path in (ROOT / "data" / "results").iterdir()}
    assert len(static) >= 9 and static <= packed and records <= packed


# legal and citation


def test_the_license_names_both_licenses_and_what_each_covers():
    license_text = text("LICENSE")
    assert "Permission is hereby granted, free of charge" in license_text
    assert "https://creativecommons.org/licenses/by/4.0/legalcode" in license_text
    assert "notebooks/" in license_text and "book/" in license_text


def test_the_citation_parses_and_prefers_the_paper():
    citation = yaml.safe_load(text("CITATION.cff"))
    paper = citation["preferred-citation"]
    assert citation["cff-version"] == "1.2.0"
    assert citation["repository-code"] == URL
    assert paper["title"].startswith("Exploring Practical Gaps in Using Cross Entropy")
    assert [author["family-names"] for author in paper["authors"]] == [
        "Liu",
        "Deng",
        "Niu",
        "Wang",
        "Wang",
        "Li",
    ]


# the address


def addressed_texts() -> dict[str, str]:
    """Every text in which our address may stand, by file name."""
    found = {name: text(name) for name in ("README.md", "CITATION.cff", "book/_config.yml")}
    found |= {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in (ROOT / "book").glob("*.md")}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        found[str(path.relative_to(ROOT))] = "\n".join(cell.source for cell in cells)
    return found


@pytest.mark.parametrize("name", sorted(addressed_texts()))
def test_every_address_of_ours_is_the_one_in_pyproject(name):
    ours = re.findall(rf"{HOSTS}([\w.-]+/ver-lite|{re.escape(SLUG)})(?![\w-])", addressed_texts()[name])
    assert set(ours) <= {SLUG}, "run: make links"
    if name.startswith("notebooks/") or name in ("CITATION.cff", "README.md", "book/_config.yml"):
        assert ours, "the address is missing"


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_lesson_links_to_itself_in_colab(path):
    first = nbformat.read(path, as_version=4).cells[0].source
    assert f"https://colab.research.google.com/github/{SLUG}/blob/main/notebooks/{path.name}" in first


# the floors


def modules() -> list[Path]:
    return sorted(path for path in (ROOT / "ver_lite").rglob("*.py") if path.name != "__main__.py")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


KNOWN = {module_name(path) for path in modules()}


def imports(path: Path, lazy: bool = True) -> set[str]:
    """The modules of ver_lite that a file imports; without `lazy`, only those its own import brings."""
    name = module_name(path)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.FunctionDef | ast.AsyncFunctionDef) or _type_checking(block)
        for node in ast.walk(block)
    }
    found = set()
    for node in ast.walk(tree):
        if not lazy and id(node) in inside:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            named = {alias.name for alias in node.names} - {"__version__"}
            submodules = {f"{base}.{name}" for name in named} & KNOWN
            found |= submodules
            if len(submodules) < len(named):
                found.add(base)
    return {module for module in found if module.split(".")[0] == "ver_lite"} - {name}


def _type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def room(module: str) -> str:
    """The part of the house a module lives in: ver_lite.corpora.core -> corpora."""
    return module.split(".")[1] if "." in module else ""


def test_every_module_has_a_floor():
    homeless = {room(name) for name in KNOWN} - set(FLOORS) - {""}
    assert not homeless, "add them to FLOORS, on the floor where they belong"


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_no_import_runs_upward(path):
    here = room(module_name(path))
    if not here:
        return  # the front door, ver_lite/__init__.py, shows every floor; that it loads none is tested below
    there = {room(module) for module in imports(path)}
    assert "" not in there, "import the module itself, not the front door `ver_lite`"
    upward = {other for other in there if FLOORS.get(other, 9) > FLOORS.get(here, 9)}
    assert not upward


def test_no_imports_in_a_circle():
    graph = {module_name(path): imports(path, lazy=False) & KNOWN for path in modules()}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join([*trail[trail.index(module) :], module])
        if module not in done:
            for other in sorted(graph[module]):
                visit(other, (*trail, module))
            done.add(module)

    for module in sorted(graph):
        visit(module, ())


def test_the_front_door_loads_nothing_heavy():
    code = (
        "import sys, ver_lite; heavy = 'ipywidgets pooch captum transformers dask'.split()\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert said.stdout.strip() == "[]"


# the commands


def make_help() -> set[str]:
    said = subprocess.run(
        ["make", "--no-print-directory", "help"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(re.findall(r"(?m)^  ([a-z-]+)\s", said.stdout))


def test_help_lists_every_command_that_the_readme_and_the_book_name():
    pages = [text("README.md"), *(path.read_text(encoding="utf-8") for path in (ROOT / "book").glob("*.md"))]
    fenced = r"```(?:\w+)?\n(.*?)```"
    joined = "\n".join(pages)
    named = set(
        re.findall(
            r"\bmake ([a-z][a-z-]*)",
            " ".join(re.findall(r"`[^`\n]+`|(?m:^    .*$)", re.sub(fenced, "", joined, flags=re.S))),
        )
    )
    named |= {
        target
        for block in re.findall(fenced, joined, re.S)
        for target in re.findall(r"(?m)^\s*make ([a-z][a-z-]*)", block)
    }
    assert {"course", "test"} <= named
    assert named <= make_help()


def test_help_lists_every_phony_target():
    phony = re.search(r"(?m)^\.PHONY: (.*)$", text("Makefile")).group(1).split()
    assert set(phony) == make_help()


def test_ci_runs_the_command_of_the_readme():
    script = ROOT / ".ci" / "run"
    assert re.search(r"(?m)^exec make test\b", script.read_text(encoding="utf-8"))
    assert "make test" in text("README.md")
    assert script.stat().st_mode & 0o111, "not executable"
    subprocess.run(["bash", "-n", script], check=True)


def test_no_committed_text_has_an_open_mark():
    assert "TODO" not in text("README.md") + text("Makefile")
