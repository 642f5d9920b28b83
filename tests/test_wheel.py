"""The built packages: what is in them, and what a teacher and a learner without the repository can do."""

import csv
import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from ver_lite.teaching import assignments
from ver_lite.teaching.grading import attacks

ROOT = Path(__file__).resolve().parents[1]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


def built(kind: str, folder: Path) -> Path:
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", folder], check=True, cwd=ROOT)
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return built("wheel", tmp_path_factory.mktemp("wheel"))


def test_the_wheel_has_all_that_the_package_reads(wheel):
    packed = set(zipfile.ZipFile(wheel).namelist())
    static = {str(path.relative_to(ROOT)) for path in (ROOT / "ver_lite" / "widgets" / "static").iterdir()}
    records = {f"ver_lite/_data/results/{path.name}" for path in (ROOT / "data" / "results").iterdir()}
    assert len(static) >= 9 and static <= packed and records <= packed


def test_the_source_package_has_all_that_its_makefile_reads(tmp_path):
    with tarfile.open(built("sdist", tmp_path)) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    makefile = (ROOT / "Makefile").read_text("utf-8")
    named = set(re.findall(r"(?<![\w/.$)-])(?:[\w.-]+/)*[\w-]+\.(?:py|yml|txt|toml|ipynb)\b", makefile))
    folders = ("book", "data", "notebooks", "tests", "ver_lite")
    tracked = {
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".md", ".ipynb", ".json", ".yml", ".toml", ".css", ".js") and path.is_file()
    }
    made = ("book/_build/", "__pycache__", ".ipynb_checkpoints", "/runs/")
    wanted = {name for name in tracked if not any(part in name for part in made)}
    assert {"book/_config.yml", "constraints.txt", "notebooks/00-start-here.ipynb"} <= named
    assert sorted((named | wanted | {".ci/run", "environment.yml"}) - packed) == []
    assert not [name for name in packed if "_build" in name]


class Place:
    """A folder outside the checkout, and an environment whose ver_lite is the wheel's."""

    def __init__(self, environment: Path, folder: Path) -> None:
        self.programs, self.folder = environment / "bin", folder
        kept = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")
        self.variables = {name: os.environ[name] for name in kept if name in os.environ} | {"OMP_NUM_THREADS": "1"}

    def run(self, program: str, *words: str | Path, code: int = 0) -> str:
        """What a program says: its output, or the one line of its error."""
        command = [self.programs / program, *words]
        said = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, env=self.variables)
        assert said.returncode == code, f"{words}: {said.stdout}{said.stderr}"
        assert "Traceback" not in said.stderr
        return said.stderr if code else said.stdout


@pytest.fixture(scope="module")
def place(wheel, tmp_path_factory) -> Place:
    """The wheel alone is installed; all other packages are those of this environment, found behind it."""
    pytest.importorskip("pip", reason="pip is not installed")
    environment = tmp_path_factory.mktemp("installed") / "env"
    venv.create(environment, with_pip=False, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", environment / "bin" / "python", "--quiet"]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", wheel], check=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    behind = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (packages / "behind.pth").write_text("".join(f"{path}\n" for path in behind), "utf-8")
    return Place(environment, tmp_path_factory.mktemp("outside"))


@pytest.mark.slow
def test_the_installed_package_is_the_wheels_and_knows_that_it_has_no_checkout(place):
    asks = "import json, ver_lite; from ver_lite import results; from ver_lite.system import files, machine; "
    asks += "found = [ver_lite.__file__, files.checkout(), machine.commit(), results.load('argument')]; "
    said = json.loads(place.run("python", "-c", asks + "print(json.dumps(found))"))
    assert Path(said[0]).is_relative_to(place.programs.parent)
    assert said[1:3] == [None, None]
    assert said[3] == json.loads((ROOT / "data" / "results" / "argument.json").read_text("utf-8"))
    assert place.run("ver-lite", "--version") == f"ver-lite {VERSION}\n"


@pytest.mark.slow
def test_a_teacher_writes_checks_releases_and_marks_an_assignment(place):
    said = place.run("ver-lite", "assign", "check", code=1)
    assert said.startswith("ver-lite: no master (a notebook NAME.ipynb) in masters/, notebooks/assignments/masters/. ")
    assert said.count("\n") == 1

    place.run("ver-lite", "assign", "new", "masters/week-1.ipynb")
    said = place.run("ver-lite", "assign", "check")
    assert said == "week-1.ipynb: 2 questions, 10 points, in order, not released yet\n"
    said = place.run("ver-lite", "assign", "release")
    copy, master = place.folder / "week-1.ipynb", assignments.read(place.folder / "masters" / "week-1.ipynb")
    assert said == f"week-1.ipynb: released to {copy}\n"
    assert "def likeliest" in copy.read_text("utf-8") and "argmax" not in copy.read_text("utf-8")

    (place.folder / "work").mkdir()
    wrong = "def likeliest(p):\n    return 2"  # right for the public check alone
    for student, answers in (("ada", {}), ("bob", {"q1": wrong})):
        text = assignments.text_of(attacks.answered(master, student, answers))
        (place.folder / "work" / f"{student}.ipynb").write_text(text, "utf-8")
    said = place.run("ver-lite", "grade", "work", "--out", "marks", "--no-sandbox")
    assert "week-1, version 1: 2 of 2 marked" in said
    with open(place.folder / "marks" / "gradebook.csv", encoding="utf-8", newline="") as file:
        marks = {row["student"]: (row["q1"], row["to read"]) for row in csv.DictReader(file)}
    assert marks == {"ada": ("6.0", "q2"), "bob": ("2.0", "q2")}
    assert "What if two entries are equally large?" in (place.folder / "marks/feedback/bob.html").read_text("utf-8")


@pytest.mark.slow
def test_a_learner_sees_the_corpora_and_trains(place):
    said = place.run("ver-lite", "corpora")
    assert said.startswith("reviews   the review world") and "\nmovies " in said
    tiny = ("train", "reviews", "--option", "size=tiny", "--epochs", "1", "--hidden", "4", "--out", "run", "--quiet")
    said = place.run("ver-lite", *tiny)
    assert "chosen: epoch 1 of 1" in said and said.endswith("look at it with: ver-lite show run\n")
    made = json.loads((place.folder / "run" / "provenance.json").read_text("utf-8"))
    assert made["version"] == VERSION and made["commit"] is None
