"""The assignments: copies are what release makes, solutions pass, stubs and usual mistakes do not, errors in words."""

import io
import os
import subprocess
import sys
import time
from contextlib import redirect_stdout
from copy import deepcopy
from pathlib import Path

import nbformat
import numpy as np
import pytest

import ver_lite
from tools import notebooks
from ver_lite import observations
from ver_lite.course.questions import own_numbers
from ver_lite.system.files import PACKAGE
from ver_lite.teaching import assignments, trial
from ver_lite.teaching import master as rules
from ver_lite.teaching.assignments import AssignmentError
from ver_lite.teaching.grading import attacks
from ver_lite.teaching.skeleton import new_master

MASTERS = assignments.masters(Path(__file__).resolve().parents[1] / "notebooks" / "assignments" / "masters")
names = [path.stem for path in MASTERS]
TRAINS = [pytest.mark.slow]
EACH = [pytest.param(path, marks=TRAINS if "replicate" in path.stem else [], id=path.stem) for path in MASTERS]


# the four assignments


def test_there_are_four_and_each_is_worth_a_hundred_points():
    assert [name[:12] for name in names] == [f"assignment-{n}" for n in (1, 2, 3, 4)]
    for path in MASTERS:
        assignment = assignments.read(path)
        assert assignment.points == 100 and assignment.name == path.stem
        assert {"code", "written"} == {question.kind for question in assignment.questions}


def test_copies_are_exactly_what_release_makes_of_the_masters():
    assert [path for path in map(assignments.copy_of, MASTERS) if not path.exists()] == []
    assert assignments.stale(MASTERS) == []


def release_of_nbgrader(notebook):
    """The student's copy by nbgrader's own preprocessors; what is ours alone (hints, blank ends) is taken out here."""
    from nbgrader.preprocessors import ClearHiddenTests, ClearOutput, ClearSolutions, LockCells

    stubs = ClearSolutions(code_stub={"python": rules.CODE_STUB}, text_stub=rules.TEXT_STUB)
    copy, resources = deepcopy(notebook), {}
    for step in (LockCells(), stubs, ClearHiddenTests(), ClearOutput()):
        copy, resources = step.preprocess(copy, resources)
    for cell in copy.cells:
        cell.source = cell.source.rstrip()
        rules.about(cell).pop("hints", None)
    return copy


@pytest.mark.parametrize("path", [*MASTERS, None], ids=[*names, "a used one"])
def test_a_copy_is_what_nbgrader_makes_of_its_master(path, tmp_path):
    notebook = nbformat.read(path or new_master(tmp_path / "used.ipynb"), as_version=4)
    if path is None:
        cells = {cell.id: cell for cell in notebook.cells}
        cells["q1"].source += "\n\n### BEGIN SOLUTION\nlikeliest.seen = 1\n### END SOLUTION\n\n"
        cells["q1-check"].outputs = [nbformat.v4.new_output("stream", text="stored")]
        cells["q1-check"].execution_count = 7
        cells["world"].metadata.update(collapsed=True, scrolled=True, mine=1)
        notebook.metadata["celltoolbar"] = "Create Assignment"
        nbformat.write(notebook, path := tmp_path / "used.ipynb")
    assert assignments.release(path) == release_of_nbgrader(notebook)


@pytest.mark.parametrize("path", MASTERS, ids=names)
def test_a_copy_gives_nothing_away(path):
    assignment = assignments.read(path)
    given = "\n".join(cell.source for cell in assignment.copy.cells) + str([c.metadata for c in assignment.copy.cells])
    for question in assignment.questions:
        if question.kind == "written":
            lost = question.answer.split("\n")
        else:
            lost = [*question.hidden.split("\n"), *(question.hints or {}).values()]
            stub = rules.with_stubs(question.answer)
            lost += [line for line in question.answer.split("\n") if line not in stub]
        long = [line.strip() for line in lost if len(line.strip()) > 40]
        assert not [line for line in long if line in given], question.name
    assert "BEGIN" not in given and "How to mark" not in given


@pytest.mark.parametrize("path", MASTERS, ids=names)
def test_nbgrader_finds_its_metadata_in_order(path):
    from nbgrader.nbgraderformat import MetadataValidator

    MetadataValidator().validate_nb(notebooks.read(path))


@pytest.mark.parametrize("path", MASTERS, ids=names)
def test_every_code_question_comes_with_usual_mistakes(path):
    assignment = assignments.read(path)
    wrong = [mistake.question for mistake in trial.mistakes(assignment)]
    assert all(wrong.count(q.name) >= 2 for q in assignment.questions if q.kind == "code")


@pytest.mark.parametrize("path", EACH)
def test_solutions_pass_and_stubs_and_mistakes_do_not(path):
    """The solution passes every test; an empty answer passes none; no usual mistake passes all hidden tests."""
    assert trial.problems_with(assignments.read(path)) == []


def test_the_first_assignment_can_be_solved_with_anybodys_numbers():
    assignment = assignments.read(MASTERS[0])
    for number in range(20):
        for question, namespace in trial.walk(assignment, f"student {number}"):
            outcome = trial.tried(question, question.answer, namespace)
            assert outcome.passed, (number, question.name, outcome)


def test_another_students_numbers_earn_nothing():
    assignment = assignments.read(MASTERS[0])
    question, hers = next(trial.walk(assignment, "ada"))
    exec(question.answer, hers)
    copied = "\n".join(f"{name} = {hers[name]!r}" for name in question.values)
    for other in ("grace", "alan", "emmy"):
        _, theirs = next(trial.walk(assignment, other))
        assert len(trial.tried(question, copied, theirs).failed) >= 2


@pytest.mark.parametrize("path", EACH)
def test_a_copy_runs_to_its_end_and_says_that_nothing_is_answered(path):
    assignment, namespace = assignments.read(path), {"__name__": "copy"}
    for cell in (cell for cell in assignment.copy.cells if cell.cell_type == "code"):
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile(rules.MAGIC.sub(r"\1pass", cell.source), cell.id, "exec"), namespace)
        if rules.is_check(cell):
            question = assignment.question(rules.about(cell)["question"])
            *lines, last = printed.getvalue().strip().split("\n")
            assert lines and all(line.endswith("not answered yet") for line in lines), cell.id
            assert last.startswith("0 of ") and f"; {len(question.tests)} hidden test" in last


def test_each_of_the_four_observations_can_be_measured():
    cells = {cell.id: cell.source for cell in assignments.read(MASTERS[3]).notebook.cells}
    names = {"own_numbers": own_numbers, "np": np, "ver_lite": ver_lite, "observations": observations}
    exec(f"{cells['parameters']}\n{cells['measure']}", names)
    corpus = ver_lite.load_corpus("reviews", size="tiny")
    for observation in (1, 2, 3, 4):
        first, second = names["measure"](observation, corpus, {"epochs": 2}, 1)
        assert np.isfinite([first, second]).all() and min(first, second) >= 0


@pytest.mark.slow
@pytest.mark.notebook
@pytest.mark.parametrize("path", MASTERS, ids=names)
def test_a_master_runs_from_top_to_bottom_in_a_fresh_kernel(path):
    """Its hidden tests run in the same kernel, as they do under nbgrader."""
    notebook, began = notebooks.read(path), time.monotonic()
    notebooks.run(notebook, path, timeout=300)
    said = ["".join(output.text for output in cell.outputs) for cell in notebook.cells if rules.is_check(cell)]
    assert said and all("all public checks passed" in text for text in said)
    assert time.monotonic() - began < 300  # 75 s on a quiet machine


@pytest.mark.slow
@pytest.mark.notebook
def test_nbgrader_itself_takes_the_first_assignment(tmp_path):
    """Its commands generate and autograde: full marks for the solutions, none for the stubs."""
    master = MASTERS[0]
    (tmp_path / "source/ps1").mkdir(parents=True)
    (tmp_path / "source/ps1" / master.name).write_bytes(master.read_bytes())
    nbgrader(tmp_path, "generate_assignment", "ps1", "--create")
    released = nbformat.read(tmp_path / "release/ps1" / master.name, as_version=4)
    solved, answers = nbformat.from_dict(released), {q.name: q.answer for q in assignments.read(master).questions}
    for student in ("empty", "solved"):
        (tmp_path / "submitted" / student / "ps1").mkdir(parents=True)
    nbformat.write(released, tmp_path / "submitted/empty/ps1" / master.name)
    for cell in solved.cells:
        cell.source = answers.get(cell.id, cell.source)
    nbformat.write(solved, tmp_path / "submitted/solved/ps1" / master.name)
    nbgrader(tmp_path, "autograde", "ps1", "--create")
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as book:
        marks = {s: book.find_submission_notebook(master.stem, "ps1", s) for s in ("empty", "solved")}
        assert marks["empty"].score == 0 and marks["solved"].score == 84 and marks["solved"].max_score == 100
        assert [grade.cell.name for grade in marks["solved"].grades if grade.needs_manual_grade] == ["q4"]


def nbgrader(folder: Path, *arguments: str) -> None:
    """Run a command of nbgrader in a course's folder; its own programs are found beside this Python."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = [sys.executable, "-m", "nbgrader", *arguments]
    ran = subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]


# what is wrong with a master is said with file and cell


@pytest.fixture
def master(tmp_path) -> Path:
    return new_master(tmp_path / "masters" / "assignment-9-small.ipynb")


def spoiled(path: Path, change) -> str:
    """What `read` says of a master after a change to its cells, by id."""
    notebook = nbformat.read(path, as_version=4)
    change({cell.id: cell for cell in notebook.cells}, notebook)
    path.write_text(nbformat.writes(notebook))
    with pytest.raises(AssignmentError) as error:
        assignments.read(path)
    return str(error.value)


def put(cell: str, old: str, new: str):
    def change(cells, _):
        assert old in cells[cell].source
        cells[cell].source = cells[cell].source.replace(old, new)

    return change


def test_a_new_master_is_in_order_and_is_released_beside_its_folder(master):
    assert trial.problems_with(assignments.read(master)) == []
    assert assignments.write_copy(master) == master.parent.parent / master.name
    assert assignments.write_copy(master) is None
    with pytest.raises(AssignmentError, match="is there already"):
        new_master(master)


def test_no_hidden_test_of_a_new_master_stands_in_the_library(master):
    """The sandbox shows the library to submissions; an attack of the rehearsal searches all files that it can read."""
    needle = "".join(attacks.needle(assignments.read(master)))
    assert needle in master.read_text("utf-8")
    assert not [path for path in PACKAGE.rglob("*.py") if needle in path.read_text("utf-8")]


def test_a_copy_lands_above_masters_or_in_copies_and_never_on_a_master(tmp_path, monkeypatch):
    above = new_master(tmp_path / "masters" / "one.ipynb")
    beside = new_master(tmp_path / "course" / "one.ipynb")
    assert assignments.copy_of(above) == tmp_path / "one.ipynb"
    assert assignments.copy_of(beside) == tmp_path / "course" / "copies" / "one.ipynb"
    monkeypatch.chdir(above.parent)
    before = above.read_bytes()
    assert assignments.write_copy(Path("one.ipynb")) == tmp_path / "one.ipynb" and above.read_bytes() == before
    monkeypatch.chdir(beside.parent)
    assert assignments.write_copy(Path("one.ipynb")) == tmp_path / "course" / "copies" / "one.ipynb"


@pytest.mark.parametrize("there", ["no notebook", "a lecture", "a master"])
def test_release_leaves_alone_what_is_no_copy(master, there):
    path = assignments.copy_of(master)
    if there == "a master":
        new_master(path)
    else:
        path.write_text(there if there == "no notebook" else nbformat.writes(nbformat.v4.new_notebook()), "utf-8")
    before = path.read_bytes()
    with pytest.raises(AssignmentError, match=f"{path.name} is there already and is no student's copy"):
        assignments.write_copy(master)
    assert path.read_bytes() == before


def test_a_changed_copy_and_one_without_a_master_are_told_and_other_notebooks_are_not(master):
    copy = assignments.write_copy(master)
    nbformat.write(nbformat.v4.new_notebook(), copy.with_name("lecture.ipynb"))
    assert assignments.stale([master]) == []
    copy.with_name("old.ipynb").write_bytes(copy.read_bytes())
    copy.write_text(copy.read_text("utf-8").replace("Two sentences", "Three sentences"), "utf-8")
    assert assignments.stale([master]) == [
        f"{copy.name}: not what its master makes today; release it again",
        "old.ipynb: has no master",
    ]


# where masters are


def test_masters_are_found_below_the_current_folder_and_then_in_the_checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert assignments.masters() == MASTERS
    far = new_master(tmp_path / "notebooks" / "assignments" / "masters" / "far.ipynb")
    assert assignments.masters() == [far.relative_to(tmp_path)]
    near = new_master(tmp_path / "masters" / "near.ipynb")
    assert assignments.masters() == [near.relative_to(tmp_path)]
    assert assignments.masters(far.parent) == [far]


@pytest.mark.parametrize(
    "words", ["assign check", "assign release", "assign rehearse", "grade work --out marks", "assign check work"]
)
def test_without_a_master_every_command_says_where_it_looked(words, say, monkeypatch, tmp_path):
    monkeypatch.setattr(assignments, "checkout", lambda: None)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "ada.txt").write_text("no notebook")
    if words.startswith("grade"):
        nbformat.write(nbformat.v4.new_notebook(), tmp_path / "work" / "ada.ipynb")
    code, out, err = say(*words.split())
    looked = "work/" if words.endswith("work") else "masters/, notebooks/assignments/masters/"
    assert code == 1 and out == "" and f"no master (a notebook NAME.ipynb) in {looked}. Name a master" in err
    assert not (tmp_path / "marks").exists()


@pytest.mark.parametrize(
    "change, said",
    [
        (put("q1", "### END SOLUTION", ""), "cell q1: needs lines '### BEGIN SOLUTION' and '### END SOLUTION'"),
        (put("q1-check", "### BEGIN HIDDEN TESTS", ""), "cell q1-check: needs one line '### BEGIN HIDDEN TESTS'"),
        (put("q1-check", "hidden=2", "hidden=3"), "cell q1-check: says hidden=3 to public_checks, and has 2 hidden"),
        (put("q1-check", "hidden_tests(hidden_own_numbers, ", "hidden_tests("), "q1-check: its hidden part must end"),
        (put("q1-check", '    """The first, if several are the largest."""\n', ""), "hidden_first_of_several needs a"),
        (put("q1-check", "public = public_checks", "public_checks"), "cell q1-check: its public part must end with"),
        (put("q1", "def likeliest(p):", "def likeliest(p:"), "cell q1, line 1: "),
        (put("q1", "    ### END SOLUTION", "    ### END SOLUTION\n    ## BEGIN SOLUTION"), "'## BEGIN SOLUTION' would"),
        (put("q1", "### END SOLUTION", "### END SOLUTION\n    ### BEGIN HIDDEN TESTS"), "q1: the line '### BEGIN H"),
        (put("world", "own =", "### BEGIN SOLUTION\nown ="), "cell world: the line '### BEGIN SOLUTION' would hide"),
        (put("q2", "When", "### BEGIN SOLUTION\nWhen"), "cell q2: the line '### BEGIN SOLUTION' would hide nothing"),
        (put("q1-text", "(6 points)", "(5 points)"), "cell q1: the text above it needs the heading"),
        (put("parameters", "seed: int", "seed: str"), "notebook: one cell tagged 'parameters' must define student"),
        (lambda cells, _: cells["q1-check"].metadata["nbgrader"].pop("points"), "cell q1-check: is graded and has no"),
        (lambda cells, _: cells["q1-check"].metadata["ver_lite"]["hints"].popitem(), "needs one hint"),
        (lambda cells, _: cells["q1"].metadata["nbgrader"].update(grade_id="x"), "cell q1: its grade_id is 'x'"),
        (lambda cells, book: book.cells.remove(cells["q1-check"]), "cell q1: has no check cell"),
        (lambda cells, book: book.metadata.pop("ver_lite"), 'notebook: its metadata need "ver_lite"'),
    ],
)  # fmt: skip
def test_a_master_that_is_not_in_order_is_refused_by_cell(master, change, said):
    message = spoiled(master, change)
    assert message.startswith("assignment-9-small.ipynb, ") and said in message


def test_an_id_that_stands_twice_is_seen_although_nbformat_repairs_it(master):
    text = master.read_text().replace('"id": "q2-text"', '"id": "q1-text"')
    master.write_text(text)
    with pytest.raises(AssignmentError, match="cell q1-text: this id stands twice"):
        assignments.read(master)
    master.write_text("no notebook")
    with pytest.raises(AssignmentError, match="assignment-9-small.ipynb: not a notebook"):
        assignments.read(master)


def test_tests_that_are_too_weak_are_told_from_the_mistake_they_let_pass(master):
    mistakes = master.with_suffix(".mistakes.md")
    mistakes.write_text("## q1: always the last\n\nText.\n\n```python\ndef likeliest(p):\n    return len(p) - 1\n```\n")
    assert trial.problems_with(assignments.read(master)) == []
    change = put("q1-check", "p.argmax() and likeliest(p[::-1]) == p[::-1].argmax()", "likeliest(p)")
    notebook = nbformat.read(master, as_version=4)
    change({cell.id: cell for cell in notebook.cells}, notebook)
    change = put("q1-check", "likeliest(np.array([0.2, 0.4, 0.4])) == 1", "likeliest(np.array([0.4, 0.4])) < 2")
    change({cell.id: cell for cell in notebook.cells}, notebook)
    master.write_text(nbformat.writes(notebook))
    (problem,) = [line for line in trial.problems_with(assignments.read(master)) if "mistake" in line]
    assert problem == "assignment-9-small.ipynb, q1: the mistake 'always the last' passes every hidden test"
