"""The house around the library: what is installed, and that names and addresses agree."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml

from tools.address import HOSTS, repository

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
URL = repository(ROOT)
SLUG = URL.removeprefix("https://github.com/")


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
