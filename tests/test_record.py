"""The engine of jobs and the recording of studies: what counts as done, what is kept when workers fail, die or are
interrupted, and that a sweep whose runs are a study's jobs is measured too."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ver_lite.experiments import engine, record
from ver_lite.experiments import jobs as jobs_module
from ver_lite.experiments.engine import Entry, difference, is_current, left, work
from ver_lite.experiments.jobs import Job, Study
from ver_lite.experiments.plan import plan
from ver_lite.experiments.studies import benchmark
from ver_lite.experiments.sweep import read_spec, survey
from ver_lite.system import markdown
from ver_lite.system.files import read_json
from ver_lite.training.config import Config
from ver_lite.training.runs import start_folder

ROOT = Path(__file__).resolve().parents[1]


def job(name: str, **settings) -> Job:
    return Job(name, {"name": "reviews"}, settings, {})


def row_of(job: Job) -> dict:
    return {"name": job.name, "config": job.config().as_dict()}


# what counts as done


BASE = Config.make({"corpus": {"name": "reviews"}, "method": "ver"})


@pytest.mark.parametrize(
    ("recorded", "wanted", "name"),
    [
        ({}, {}, None),
        ({"alpha": 0.3}, {}, "alpha"),
        ({"lambda1": 2}, {"lambda1": 2.0}, None),
        ({"perturbation": 0.1}, {}, "perturbation"),
        ({"method": "rnp"}, {}, "method"),
        ({"protocol": {"omega": "batch"}}, {}, "protocol.omega"),
        ({"corpus": {"name": "reviews", "world": "rivals"}}, {}, None),  # a run's config says all options of its corpus
        ({}, {"corpus": {"name": "reviews", "world": "rivals"}}, "corpus.world"),
        ({"method": "lime", "options": {"samples": 200}}, {"method": "lime"}, "samples"),
        ({"method": "lime"}, {"method": "lime", "options": {"samples": 200}}, "samples"),
        ({"vectors": "mine.txt", "dimension": 50}, {"vectors": "mine.txt"}, None),
        ({"vectors": "glove", "dimension": 50}, {"vectors": "glove"}, "dimension"),
        ({"encoder": "bert", "hidden": 8, "player_options": {"shape": {}}}, {"encoder": "bert"}, None),
        ({"encoder": "bert", "seed": 2}, {"encoder": "bert"}, "seed"),
    ],
)
def test_one_rule_says_for_a_row_and_for_a_folder_whether_it_is_what_would_be_run(tmp_path, recorded, wanted, name):
    have, want = (BASE.but(**changed) for changed in (recorded, wanted))
    assert (difference(have, want) or [None])[0] == name
    settings = {key: value for key, value in want.as_dict().items() if key != "corpus"}
    asked = Job("asked", want.corpus, settings, {})
    row = json.loads(json.dumps({"config": have.as_dict()}))
    assert is_current(row, asked) == (name is None)
    (planned,) = plan([want])
    start_folder(tmp_path / planned.name, have, _Words(), ("no", "yes"))
    (there,) = survey(tmp_path, [asked])
    assert there.status.startswith("failed") == (name is not None) and (name or "") in there.status


class _Words:
    words = ["<pad>", "<unk>", "word"]


def test_a_setting_that_came_after_a_row_was_recorded_had_its_default_then():
    row = row_of(job("a", seed=3))
    del row["config"]["player_options"], row["config"]["corpus"]
    assert is_current(row, job("a", seed=3)) and not is_current(row, job("a", seed=4))
    assert not is_current({"config": {"no such setting": 1}}, job("a")) and not is_current(None, job("a"))


# the engine


def worked(do, names="abc", done=(), **options):
    jobs = [job(name, seed=seed) for seed, name in enumerate(names, 1)]
    entries = [Entry(one, "finished", row_of(one)) if one.name in done else Entry(one, "new") for one in jobs]
    kept = []

    def keep(one, answer):
        kept.append(one.name)
        return Entry(one, answer) if isinstance(answer, str) else Entry(one, "finished", answer)

    options = {"stop": lambda: None, **options}
    with ThreadPoolExecutor(2) as executor:
        found = work(entries, do, keep, executor=executor, **options)
    return {entry.job.name: entry for entry in found}, kept


def test_what_is_done_is_skipped_and_what_fails_leaves_the_others_alone():
    def do(one):
        return row_of(one) if one.name != "b" else 1 / 0

    found, kept = worked(do, done="a")
    assert sorted(kept) == ["b", "c"] and found["a"].row and found["c"].status == "finished"
    assert found["b"].status == "failed: its worker failed (ZeroDivisionError: division by zero)"
    end = left(found.values())
    assert (end.done, end.jobs, end.bad, end.interrupted) == (2, 3, 1, False)
    assert end.troubles == (f"b: {found['b'].status}",)


def test_a_job_that_is_held_is_handed_out_again(monkeypatch):
    monkeypatch.setattr(engine, "AGAIN", 0.01)
    asked = []

    def do(one):
        asked.append(one.name)
        return row_of(one) if asked.count("a") > 2 or one.name != "a" else engine.HELD

    found, kept = worked(do)
    assert asked.count("a") == 3 and asked.count("b") == 1
    assert sorted(kept) == ["a", "b", "c"] and all(entry.row for entry in found.values())


def test_asked_to_stop_it_hands_out_no_more_and_says_what_is_left(monkeypatch):
    asked, stops, over = [], [], threading.Event()

    class Interruptions:
        __enter__, __exit__ = lambda self: asked, lambda *_: None

    monkeypatch.setattr(engine.machine, "interruptions", Interruptions)
    monkeypatch.setattr(engine, "AGAIN", 0.01)

    def do(one):
        if one.name == "a":
            return engine.HELD
        asked.append(1)
        return "interrupted" if over.wait(30) else row_of(one)

    def stop():
        stops.append(1)
        over.set()

    found, _ = worked(do, "abc", done="c", stop=stop)
    assert stops == [1] and found["b"].status == "interrupted" and found["a"].status == "new"
    end = left(found.values())
    assert end.interrupted and end.interruption("runs") == (
        "interrupted and saved, 1 of 3 runs done; the same command goes on"
    )


# a record


def measured(job: Job) -> dict | str:
    """What the workers of the tests below do."""
    if job.name == "dies":
        os._exit(1)
    if job.name == "fails":
        raise ValueError("no good")
    if job.name == "sleeps":
        time.sleep(600)
    return row_of(job)


def study(names) -> Study:
    jobs = [job(name, seed=seed) for seed, name in enumerate(names, 1)]
    return Study("study", lambda: jobs, measured, lambda made: "")


@pytest.mark.slow
def test_a_worker_that_dies_costs_its_job_and_one_that_fails_says_why(tmp_path, capfd):
    path = tmp_path / "out" / "study.json"
    one = study(["a", "dies", "fails", "b"])
    by_name = {entry.job.name: entry for entry in record.record(one, one.jobs(), 1, path)}
    assert [row["name"] for row in read_json(path)["rows"]] == ["a", "b"]
    assert by_name["dies"].status.startswith("failed: its worker failed (BrokenProcessPool: its process was killed")
    assert by_name["fails"].status == "failed: no good" and "ValueError: no good" in capfd.readouterr().err
    assert (left(by_name.values()).bad, left(by_name.values()).done) == (2, 2)


SCRIPT = """
import sys
from pathlib import Path
from test_record import study
from ver_lite.experiments import record
from ver_lite.experiments.engine import left

if __name__ == "__main__":
    path = Path(sys.argv[1])
    one = study(["a", "sleeps", "b"])
    end = left(record.record(one, one.jobs(), 1, path))
    print(end.interrupted, end.done)
"""


@pytest.mark.slow
def test_interrupted_it_keeps_what_is_measured_and_its_workers_end(tmp_path):
    script, path = tmp_path / "script.py", tmp_path / "study.json"
    script.write_text(SCRIPT)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
        "OMP_NUM_THREADS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, script, path], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    end = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None and time.monotonic() < end, process.communicate(timeout=5)
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and out.splitlines()[-1] == "True 1", (out, err)
    assert [row["name"] for row in read_json(path)["rows"]] == ["a"]


def test_every_file_of_a_study_is_among_those_that_the_command_knows():
    from ver_lite.experiments import studies

    found = {
        path.stem
        for path in Path(studies.__file__).parent.glob("*.py")
        if "\nSTUDY = " in path.read_text(encoding="utf-8")
    }
    assert found == set(record.STUDIES)
    assert len({one.path for one in record.STUDIES.values()}) == len(found)


def test_a_study_that_is_not_there_and_one_without_a_record_are_said(capsys, monkeypatch, tmp_path):
    with pytest.raises(SystemExit) as ended:
        record.main(["nonsense"])
    assert ended.value.code == 2 and "there is no study 'nonsense'; there are: " in capsys.readouterr().err
    monkeypatch.setattr(jobs_module, "FOLDER", tmp_path)
    assert record.main(["argument_paper", "--table"]) == 0 and list(tmp_path.iterdir()) == []


# a sweep whose runs are a study's jobs


@pytest.mark.slow
def test_a_sweep_of_a_study_s_file_is_measured_into_its_record_and_another_file_is_not(say, monkeypatch, tmp_path):
    spec = tmp_path / "mine.yaml"
    spec.write_text(
        "corpus: {name: reviews, size: tiny}\nsettings: {epochs: 1, hidden: 8, dimension: 8}\n"
        "grid: {method: [rnp, ver]}\nruns:\n- {}\n- {corpus: nowhere.jsonl, grid: {method: [rnp]}}\n"
    )
    (tmp_path / "other.yaml").write_text(spec.read_text())
    named = [replace(job, name=f"another name {i}") for i, job in enumerate(plan(read_spec(spec)))]
    mine = Study("mine", lambda: named, benchmark.measure, lambda made: f"{len(made['rows'])} rows\n", spec=spec)
    for module in (jobs_module, record):
        monkeypatch.setattr(module, "FOLDER", tmp_path / "records")
    monkeypatch.setitem(record.STUDIES, "mine", mine)
    words = ("--quiet", "--workers", "1", "--device", "cpu", "--out", "runs")
    code, out, err = say("sweep", "other.yaml", *words)
    assert code == 1 and "nowhere.jsonl" in out and "written" not in out, (out, err)
    assert not (tmp_path / "records").exists()
    trained = {path: path.stat().st_mtime_ns for path in Path("runs").glob("*/game.safetensors")}
    code, out, err = say("sweep", "mine.yaml", *words)
    assert code == 1 and err == "ver-lite: 1 of 3 runs failed or stopped: see above\n"
    assert f"written: {tmp_path / 'records' / 'mine.md'}" in out
    assert (tmp_path / "records" / "mine.md").read_text() == "2 rows\n"
    rows = read_json(tmp_path / "records" / "mine.json")["rows"]
    assert [row["name"] for row in rows] == [job.name for job in named if job.corpus["name"] == "reviews"]
    assert trained == {path: path.stat().st_mtime_ns for path in Path("runs").glob("*/game.safetensors")}
    before = (tmp_path / "records" / "mine.json").stat().st_mtime_ns
    assert say("sweep", "mine.yaml", *words)[0] == 1
    assert (tmp_path / "records" / "mine.json").stat().st_mtime_ns == before


# tables


def test_a_table_in_markdown_keeps_its_columns_whatever_stands_in_a_cell():
    made = markdown.table(["a", "b"], [["x|y", None], ["two\nlines", 1], ["\\|", ""]], right=[1])
    assert made.splitlines() == ["| a | b |", "| --- | --: |", "| x\\|y |  |", "| two lines | 1 |", "| \\| |  |"]
    assert made.endswith("|\n")
    with pytest.raises(ValueError, match="a row of 1 cells in a table of 2 columns"):
        markdown.table(["a", "b"], [["alone"]])
