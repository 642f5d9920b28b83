"""Marking: what travels, what is read, what is recorded, and a small class marked, interrupted and marked again."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import numpy as np
import psutil
import pytest
import torch

from small_assignment import write_master
from ver_lite.course.questions import own_numbers
from ver_lite.system.files import PACKAGE, FileError
from ver_lite.teaching import assignments
from ver_lite.teaching.grading import attacks, classroom, collect, submission, wire
from ver_lite.teaching.grading.grade import grade
from ver_lite.teaching.grading.record import Record, claimed
from ver_lite.teaching.grading.sandbox import Limits, why_no_bubblewrap
from ver_lite.teaching.grading.suspicious import marks_of_tampering
from ver_lite.teaching.master import TEXT_STUB

LIMITS = Limits(cell=20, tests=20)


# what travels


@pytest.mark.parametrize(
    "value",
    [None, ..., True, 2**63, -1.5, float("inf"), "ü\n", [1, (2.0, "x")], {"a": [None, {"b": ()}]}, np.float32(0.1)],
    ids=repr,
)
def test_plain_values_travel(value):
    there = wire.loads(wire.dumps(value))
    assert there == value and type(there) is type(value)


def test_arrays_tensors_and_generators_travel():
    array = np.array([[np.nan, -0.0], [np.inf, 1e-300]])[:, ::-1]
    assert np.array_equal(wire.loads(wire.dumps(array)), array, equal_nan=True)
    tensor = torch.arange(6.0).reshape(2, 3).T.requires_grad_()
    there = wire.loads(wire.dumps(tensor))
    assert torch.equal(there, tensor) and there.requires_grad and there.dtype == tensor.dtype
    generator = torch.Generator().manual_seed(7)
    there = wire.loads(wire.dumps(generator))
    assert torch.equal(torch.rand(3, generator=there), torch.rand(3, generator=generator))


class Sly(float):
    """A number that is equal to everything."""

    def __eq__(self, other):
        return True

    __hash__ = float.__hash__


@pytest.mark.parametrize(
    "value",
    [Sly(1), object(), print, {1: 2}, b"x", 1j, 2**64, np.array([object()]), np.zeros(2**22), [[]] * 200_001],
    ids=lambda value: type(value).__name__,
)
def test_everything_else_is_refused(value):
    with pytest.raises(wire.WireError):
        wire.dumps(value)


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 10_000,
        b'{"kind":"array","dtype":"float64","shape":[9999999999],"value":""}',
        b'{"kind":"array","dtype":"object","shape":[1],"value":""}',
        b'{"kind":"array","dtype":"bool","shape":[1],"value":"Ag=="}',
        b'{"kind":"float","value":"1_0"}',
        b'{"kind":"__class__"}',
        b'{"kind":["x"]}',
        b"9" * 5000,
        b'{"kind":"generator","value":{"kind":"array","dtype":"uint8","shape":[1],"value":"AA=="}}',
    ],
)
def test_forged_messages_are_refused(text):
    with pytest.raises(wire.WireError):
        wire.loads(text)


KEYS = st.sampled_from(["kind", "value", "dtype", "shape"]) | st.text(max_size=3)
LEAVES = st.none() | st.integers() | st.floats() | st.text(max_size=9)
JSON = st.recursive(LEAVES, lambda part: st.lists(part) | st.dictionaries(KEYS, part), max_leaves=12)


@hypothesis.settings(max_examples=50)
@hypothesis.given(JSON)
def test_any_json_is_a_value_or_refused(plain):
    try:
        wire.loads(json.dumps(plain).encode("utf-8", "surrogatepass"))
    except wire.WireError:
        pass


# what is read


def test_an_honest_answer_raises_no_suspicion():
    honest = "import math\nimport numpy as np\n\ndef f(x):\n    y = np.array(x)\n    y[0] = 1\n    return y.sum()\n"
    assert marks_of_tampering(honest) == []
    assert marks_of_tampering("import os") and marks_of_tampering("np.allclose = print") and marks_of_tampering("!ls")


def test_the_wrong_assignment_is_told(tmp_path):
    assignment = write_master(tmp_path)
    notebook = attacks.answered(assignment, "ada")
    notebook.metadata["ver_lite"]["version"] = 7
    read = submission.read("ada", "ada.ipynb", assignments.text_of(notebook).encode(), assignment, own_numbers("ada"))
    assert read.flags == ("was released as version 7; the master is version 1",)
    notebook.metadata["ver_lite"]["assignment"] = "assignment-8-other"
    read = submission.read("ada", "ada.ipynb", assignments.text_of(notebook).encode(), assignment, own_numbers("ada"))
    assert read.flags == ("says that it is 'assignment-8-other'",)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("Ada Lovelace_1234567_assignsubmission_file/assignment-1.ipynb", "Ada Lovelace"),
        ("Ada Lovelace_1234567_assignsubmission_file_assignment-1.ipynb", "Ada Lovelace"),
        ("lovelaceada_LATE_4711_99881_assignment-1-2.ipynb", "4711"),
        ("ada/assignment-1-two-parts/assignment-1-two-parts.ipynb", "ada"),
        ("ada.ipynb", "ada"),
        ("group/ada.ipynb", "ada"),
    ],
)
def test_whose_a_file_is(place, name):
    assert collect.whose(place)[0] == name


def test_a_hostile_zip_is_read_in_memory(tmp_path):
    assignment = write_master(tmp_path)
    attacks.write_zip(tmp_path / "export.zip", assignment)
    before = sorted(os.listdir(tmp_path))
    found = {file.place: file for file in collect.files(tmp_path / "export.zip")}
    assert sorted(os.listdir(tmp_path)) == before and not (tmp_path.parent.parent / "climbs.ipynb").exists()
    problems = {place: file.problem for place, file in found.items() if file.problem}
    assert "link" in problems["linked.ipynb"] and "200 times" in problems["bomb.ipynb"] and len(problems) == 2
    taken, _ = collect.assign(list(found.values()), [])
    slugs = [collect.slug(student.student) for student, _ in taken.values()]
    assert "climbs" in slugs and len(set(slugs)) == len(slugs) and not any("/" in slug for slug in slugs)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name\nAda\n", "line 1: the columns are student"),
        ("student,size\nada,3\n", "not size"),
        ("student,seed\nada,x\n", "line 2: seed is 0 to"),
        ("student\nada\nADA\n", "line 3: ADA is listed twice"),
        ("student,variant\nada,99\n", "line 2: seed is 0 to"),
    ],
)
def test_a_wrong_roster_is_told_by_line(tmp_path, text, says):
    (tmp_path / "roster.csv").write_text(text, "utf-8")
    with pytest.raises(collect.CollectError, match=says):
        collect.roster(tmp_path / "roster.csv")


# what is recorded


def test_half_a_line_and_a_forged_line_do_not_count(tmp_path):
    row = {"assignment": "a", "student": "ada", "key": "k", "mark": {"points": 3}}
    Record(tmp_path).add(row)
    whole = (tmp_path / "run.jsonl").read_bytes()
    forged = json.dumps(row | {"mark": {"points": 100}, "sign": json.loads(whole)["sign"]}).encode()
    (tmp_path / "run.jsonl").write_bytes(whole + forged + b"\n" + whole[:40])
    record = Record(tmp_path)
    assert [found["mark"]["points"] for found in record.rows] == [3]
    assert len(record.problems) == 1 and "line 2: not signed" in record.problems[0]
    record.add(row | {"key": "new"})
    again = Record(tmp_path)
    assert [found["key"] for found in again.rows] == ["k", "new"]
    assert (tmp_path / ".key").stat().st_mode & 0o777 == 0o600


def test_two_markers_do_not_write_into_one_folder(tmp_path):
    with claimed(tmp_path), pytest.raises(FileError, match="another `ver-lite grade`"), claimed(tmp_path):
        pass


def test_the_version_of_the_marker_reads_every_file_that_decides_a_mark():
    files = [PACKAGE / name for name in classroom.MARKERS]
    assert all(path.exists() for path in files) and PACKAGE / "teaching/grading" in files
    assert len(classroom.marker_version()) == 12


# a small class

WRONG = "def squares(values):\n    return np.asarray(values) ** 2 + (np.asarray(values) < 0)"
COLLECTS = """seen, power = [], 2
def squares(values):
    seen.append(np.asarray(values).tolist())
    return np.asarray(values) ** power"""
SHOWS = "print('SEEN', seen)\npower = 3\ndef length(v):\n    raise ValueError(str(seen))"
BROKEN = "def squares(values):\n    return 1 / 0"


class School:
    """A master, a folder of submissions and a folder of marks."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.marks, self.assignment = folder / "in", folder / "marks", write_master(folder)
        self.folder.mkdir()

    def hand_in(self, student: str, **answers: str) -> None:
        text = assignments.text_of(attacks.answered(self.assignment, student, answers))
        (self.folder / f"{student}.ipynb").write_text(text, "utf-8")

    def grade(self, **options) -> int:
        return grade(self.folder, self.marks, str(self.assignment.path), limits=LIMITS, **options)

    def book(self) -> dict[str, dict[str, str]]:
        with open(self.marks / "gradebook.csv", encoding="utf-8", newline="") as file:
            return {row["student"]: row for row in csv.DictReader(file)}

    def rows(self) -> list[dict]:
        return Record(self.marks).rows


@pytest.fixture(scope="module")
def school(tmp_path_factory) -> School:
    school = School(tmp_path_factory.mktemp("school"))
    school.hand_in("right")
    school.hand_in("wrong", q2=WRONG)
    school.hand_in("broken", q2=BROKEN, q4=TEXT_STUB)
    school.hand_in("collector", q2=COLLECTS, q3=SHOWS)
    assert school.grade() == 0
    return school


@pytest.mark.slow
def test_points_are_the_share_of_tests_passed(school):
    book = school.book()
    assert {name: [book[name][f"q{n}"] for n in (1, 2, 3, 4)] for name in book} == {
        "right": ["4.0", "4.0", "4.0", ""],
        "wrong": ["4.0", "2.0", "4.0", ""],
        "broken": ["4.0", "0.0", "4.0", "0.0"],
        "collector": ["4.0", "4.0", "0.0", ""],
    }
    assert book["right"]["to read"] == "q4" and book["broken"]["to read"] == ""


@pytest.mark.slow
def test_a_later_question_is_marked_with_and_without_the_reference_answer(school):
    mark = next(row["mark"] for row in school.rows() if row["student"] == "broken")
    assert mark["alone"]["q3"]["share"] == 0 and mark["helped"]["q3"]["share"] == 1
    page = (school.marks / "feedback" / "broken.html").read_text("utf-8")
    assert "with the reference answer to q2" in page and "look at negative" in page
    assert school.book()["broken"]["with reference answers"] == "q3 100 %, without 0 %"


@pytest.mark.slow
def test_pages_name_hidden_tests_and_show_nothing_of_them(school):
    page = (school.marks / "feedback" / "wrong.html").read_text("utf-8")
    assert "✗ not yet" in page and "look at negative" in page
    assert "-2.0" not in page and "Fresh numbers" not in page and "assert" not in page


@pytest.mark.slow
def test_no_page_shows_what_the_hidden_tests_passed_in(school):
    mark = next(row["mark"] for row in school.rows() if row["student"] == "collector")
    page = (school.marks / "feedback" / "collector.html").read_text("utf-8")
    assert "SEEN [[2, 3]]" in page and "-2.0" in str(mark["alone"]["q3"]["why"])  # the teacher sees it
    assert "-2.0" not in page


@pytest.mark.slow
def test_marking_again_marks_nobody_and_changes_nothing(school, capsys):
    before = (school.marks / "gradebook.csv").read_bytes(), len(school.rows())
    assert school.grade() == 0
    assert ((school.marks / "gradebook.csv").read_bytes(), len(school.rows())) == before
    school.grade(dry_run=True, only="right")
    assert "0 of 4 would be marked" in capsys.readouterr().out


@pytest.mark.slow
def test_a_new_submission_is_marked_alone_and_a_person_may_overrule(school):
    count = len(school.rows())
    school.hand_in("wrong")
    (school.marks / "by-hand.csv").write_text("student,question,points,note\nRight,q4,2.5,Well argued.\n", "utf-8")
    assert school.grade() == 0
    assert [row["student"] for row in school.rows()[count:]] == ["wrong"]
    assert school.book()["wrong"]["q2"] == "4.0" and school.book()["right"]["points"] == "14.5"
    assert "Well argued." in (school.marks / "feedback" / "right.html").read_text("utf-8")


@pytest.mark.slow
def test_one_question_is_marked_again_and_the_others_stay(school):
    count = len(school.rows())
    assert school.grade(regrade="q2", only="broken") == 0
    (new,) = school.rows()[count:]
    assert new["student"] == "broken" and new["mark"]["points"] == {"q1": 4, "q2": 0, "q3": 4, "q4": None}
    with pytest.raises(collect.CollectError, match="no question 'q9'"):
        school.grade(regrade="q9")
    with pytest.raises(collect.CollectError, match="no student is called 'nobody'"):
        school.grade(only="nobody")


@pytest.mark.slow
def test_tables_are_what_moodle_and_canvas_import(school):
    moodle = (school.marks / "moodle.csv").read_text("utf-8").splitlines()
    assert moodle[0] == "ID number,Email address,Full name,assignment-9-small,Feedback"
    canvas = (school.marks / "canvas.csv").read_text("utf-8").splitlines()
    assert canvas[0] == "Student,ID,SIS User ID,SIS Login ID,Section,assignment-9-small"
    assert canvas[1] == "    Points Possible,,,,,15" and len(canvas) == 6
    assert (school.marks / "class.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_marker_that_is_killed_loses_nothing_and_marks_nobody_twice(tmp_path):
    school = School(tmp_path)
    for number in range(5):
        school.hand_in(f"student-{number}", **({"q2": BROKEN} if number == 3 else {}))
    start = "from ver_lite.teaching.grading import grade; from pathlib import Path; import sys; from ver_lite"
    start += ".teaching.grading.sandbox import Limits; folder, out, master = map(Path, sys.argv[1:])\n"
    start += "grade.grade(folder, out, str(master), limits=Limits(cell=20, tests=20))"
    command = [sys.executable, "-c", start, school.folder, school.marks, school.assignment.path]
    root = str(Path(assignments.__file__).parents[2])
    for wanted in (0, 2):
        process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": root}, stderr=subprocess.DEVNULL)
        family = wait_for(
            process, lambda n=wanted: (school.marks / "run.jsonl").exists() == bool(n) and len(school.rows()) >= n
        )
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        gone, alive = psutil.wait_procs(family, timeout=10)
        assert not alive
    assert school.grade() == 0
    students = [row["student"] for row in school.rows()]
    assert sorted(students) == [f"student-{number}" for number in range(5)]
    assert [row["points"] for row in school.book().values()] == ["12.0", "12.0", "12.0", "8.0", "12.0"]


def wait_for(process: subprocess.Popen, done) -> list[psutil.Process]:
    """Wait until a student is being marked and `done()`; returns every process below."""
    until = time.monotonic() + 90
    while time.monotonic() < until and process.poll() is None:
        family = psutil.Process(process.pid).children(recursive=True)
        if len(family) >= 3 and done():
            return family
        time.sleep(0.05)
    raise AssertionError("the marker did not get that far")


@pytest.mark.slow
def test_a_dask_cluster_marks_the_same(tmp_path):
    distributed = pytest.importorskip("distributed")
    school = School(tmp_path)
    school.hand_in("right")
    school.hand_in("wrong", q2=WRONG)
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", dashboard_address=None
    )
    with cluster:
        assert school.grade(scheduler=cluster.scheduler_address) == 0
    assert [row["points"] for row in school.book().values()] == ["12.0", "10.0"]


@pytest.mark.slow
def test_without_a_sandbox_it_marks_and_says_what_is_not_protected(tmp_path, capsys):
    school = School(tmp_path)
    school.hand_in("right")
    school.hand_in("leaves", q2="import os\nos._exit(1)")
    assert school.grade(sandbox=False) == 0
    assert "NOT protected" in capsys.readouterr().err
    assert {name: row["points"] for name, row in school.book().items()} == {"leaves": "8.0", "right": "12.0"}


def test_the_sandbox_works_where_bubblewrap_is_installed():
    why = why_no_bubblewrap()
    assert why is None or "not installed" in why or os.environ.get("CI"), why
