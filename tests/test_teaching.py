"""What the teacher's guide tells a teacher to type and to write, typed and written."""

import json
import re
import shlex
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from ver_lite.cli import app
from ver_lite.teaching import assignments, trial

BOOK = Path(__file__).resolve().parents[1] / "book"
GUIDE = (BOOK / "teaching.md").read_text(encoding="utf-8")
CELL = re.compile(r"\*\*Cell `([\w-]+)`\*\*.*?^```(?:python|markdown)\n(.*?)^```$", re.S | re.M)
METADATA = re.compile(r"\*\*Metadata of `([\w-]+)`\*\*.*?^```json\n(.*?)^```$", re.S | re.M)
MISTAKES = re.compile(r"^````markdown\n(.*?)^````$", re.S | re.M)
COMMANDS = [
    line
    for page in ("teaching.md", "marking.md")
    for line in re.findall(r"(?m)^\s*(ver-lite [^#\n]*)", (BOOK / page).read_text(encoding="utf-8"))
]


def typed(line: str, folder: Path):
    """What the command line says to a line of the guide, with its paths below `folder`."""
    words = [str(folder / word) if word.startswith("mine/") else word for word in shlex.split(line)[1:]]
    return CliRunner().invoke(app, words)


@pytest.mark.parametrize("line", sorted(set(COMMANDS)))
def test_every_command_of_the_guide_exists_with_its_options(line):
    words = shlex.split(line)[1:]
    command = words[: 2 if words[0] == "assign" else 1]
    said = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200"})
    assert said.exit_code == 0, said.output
    assert set(re.findall(r"--[a-z][a-z-]+", line)) <= set(re.findall(r"--[a-z][a-z-]+", said.output))


def test_the_assignment_that_the_guide_writes_is_in_order(tmp_path):
    new, check, release = (line for line in COMMANDS if "assignment-5-perplexity" in line and "assign " in line)
    assert typed(new, tmp_path).exit_code == 0
    (master,) = (tmp_path / "mine/masters").glob("*.ipynb")
    notebook = nbformat.read(master, as_version=4)
    cells = {cell.id: cell for cell in notebook.cells}
    written = CELL.findall(GUIDE)
    assert {name for name, _ in written} == {"q1-text", "q1", "q1-check", "q2-text", "q2"}
    for name, source in written:
        cells[name].source = source.rstrip()
    for name, about in METADATA.findall(GUIDE):
        cells[name].metadata = nbformat.from_dict(json.loads(about))
    master.write_text(nbformat.writes(notebook), "utf-8")
    (mistakes,) = MISTAKES.findall(GUIDE)
    master.with_suffix(".mistakes.md").write_text(mistakes, "utf-8")

    assignment = assignments.read(master)
    assert assignment.points == 14 and len(trial.mistakes(assignment)) == 2
    said = typed(check, tmp_path)
    assert said.exit_code == 0 and "2 questions, 14 points, in order" in said.output
    assert typed(release, tmp_path).exit_code == 0
    copy = (tmp_path / "mine" / master.name).read_text("utf-8")
    assert "def perplexity(p)" in copy and "np.exp(-np.sum" not in copy and "How to mark" not in copy


def test_the_points_in_the_guides_table_are_those_of_the_masters():
    rows = re.findall(r"(?m)^\| (\d) \|.*\| (\d+) \| (\d+) \|$", GUIDE)
    assert len(rows) == len(assignments.masters()) == 4
    for (_, computer, person), master in zip(rows, assignments.masters(), strict=True):
        points = {"code": 0.0, "written": 0.0}
        for question in assignments.read(master).questions:
            points[question.kind] += question.points
        assert points == {"code": float(computer), "written": float(person)}


def test_the_guide_speaks_of_a_hundred_mistakes_and_there_are_more():
    count = sum(len(trial.mistakes(assignments.read(master))) for master in assignments.masters())
    assert "over a hundred in all" in GUIDE and count > 100
