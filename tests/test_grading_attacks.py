"""A class of attackers, marked in one go: each gets what the answers earn and a flag, nobody else is touched."""

import csv
import hashlib
import os
from pathlib import Path

import psutil
import pytest

from small_assignment import write_master
from ver_lite.teaching import assignments
from ver_lite.teaching.grading import attacks, collect
from ver_lite.teaching.grading.grade import grade
from ver_lite.teaching.grading.record import Record
from ver_lite.teaching.grading.sandbox import MEBI, Limits, why_no_bubblewrap

pytestmark = pytest.mark.slow
LIMITS = Limits(cell=8, tests=3, resident=1024 * MEBI, disk=64 * MEBI)
ATTACKS = [*attacks.IN_CODE, *attacks.in_calls("squares"), *attacks.AS_FILES]
INNOCENTS = ("innocent-1", "innocent-2", "innocent-3")


class Marked:
    """The class after marking: its record by student, and the folders."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.assignment = folder, write_master(folder)
        self.submissions, self.marks = folder / "submissions", folder / "marks"
        self.submissions.mkdir()
        for name in (*INNOCENTS, *attacks.NAMES):
            text = assignments.text_of(attacks.answered(self.assignment, collect.clean(name)))
            (self.submissions / f"{name}.ipynb").write_text(text, "utf-8")
        attacks.write_all(self.submissions, self.assignment)
        self.before = self.state()
        master = str(self.assignment.path)
        self.temporary = folder / "t"  # kernels' folders lie here, so that their processes can be told from others
        self.temporary.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TMPDIR", str(self.temporary))
            self.code = grade(self.submissions, self.marks, master, workers=2, limits=LIMITS)
        record = Record(self.marks)
        self.problems, self.rows = record.problems, {row["student"]: row for row in record.rows}
        self.count = len(record.rows)

    def state(self) -> dict[str, str]:
        """What lies in the folder of submissions."""
        found = {}
        for path in self.submissions.iterdir():
            whole = path.is_symlink() or path.stat().st_size > 10**7
            found[path.name] = str(path.lstat()) if whole else hashlib.sha256(path.read_bytes()).hexdigest()
        return found

    def page(self, student: str) -> str:
        return (self.marks / "feedback" / f"{collect.slug(student)}.html").read_text("utf-8")


@pytest.fixture(scope="module")
def marked(tmp_path_factory) -> Marked:
    if why := why_no_bubblewrap():
        pytest.skip(f"attacks run in a sandbox alone: {why}")
    return Marked(tmp_path_factory.mktemp("attacks"))


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attacker_gets_what_the_answers_earn_and_a_flag(marked, attack):
    row = marked.rows[attack.name]
    assert attacks.judge(attack, marked.assignment, row, marked.page(attack.name)) == []
    assert row["mark"]["flags"]


def test_everybody_is_marked_once(marked):
    assert marked.code == 0
    assert marked.count == len(marked.rows) == len(ATTACKS) + len(INNOCENTS) + len(attacks.NAMES)
    assert not marked.problems


@pytest.mark.parametrize("name", INNOCENTS)
def test_the_innocent_are_untouched(marked, name):
    mark = marked.rows[name]["mark"]
    assert mark["points"] == {"q1": 4, "q2": 4, "q3": 4, "q4": None}
    assert mark["flags"] == []
    assert marked.before == marked.state()


def test_odd_names_are_marked_and_stay_inside(marked):
    pages = os.listdir(marked.marks / "feedback")
    assert len(pages) == len(marked.rows)
    assert all(name.endswith(".html") and len(name) < 90 and name.isascii() for name in pages)
    assert sorted(os.listdir(marked.folder)) == ["assignment-9-small.ipynb", "marks", "submissions", "t"]
    with open(marked.marks / "gradebook.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(marked.rows)
    assert {row["points"] for row in rows if row["student"] in map(collect.clean, attacks.NAMES)} <= {"12", "12.0"}
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row.values())


def test_nothing_outlives_the_marking(marked):
    running = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert ["sleep", "98765"] not in running
    assert not [command for command in running if str(marked.temporary) in " ".join(command)]
    assert os.listdir(marked.temporary) == []
    assert not Path("/tmp/LOOT").exists()


def test_walkers_looked_around_and_found_nothing(marked):
    said = {
        name: str(marked.rows[name]["mark"]["alone"]["q2"]["outputs"]) for name in ("walks-the-disk", "phones-home")
    }
    assert int(said["walks-the-disk"].split("looked at ")[1].split()[0]) > 50
    assert "unreachable" in said["phones-home"] or "refused" in said["phones-home"]


def test_pages_load_nothing_and_run_nothing(marked):
    for name in marked.rows:
        page = marked.page(name)
        assert "default-src 'none'" in page
        assert page.count("<img") == page.count('src="data:image/png;base64,')
        assert "@import" not in page and "url(" not in page and "<link" not in page
