"""One process writes to a run's folder at a time: real processes that train, resume, are killed, and come too late."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest

from small_corpora import keyword_corpus
from ver_lite.system import locks
from ver_lite.system.files import FileError, read_json
from ver_lite.training import folders, runs
from ver_lite.training.folders import LOCK, RunError, claim_folder, claimed, held
from ver_lite.training.runs import load_run
from ver_lite.training.training import resume, train

ROOT = Path(__file__).resolve().parents[1]
CORPUS = keyword_corpus(60, 20, 20)
QUICK = {"epochs": 2, "hidden": 8, "dimension": 8, "batch_size": 8, "progress": False}
TRAIN = ("train", "reviews", "-o", "size=tiny", "--hidden", "8", "--dimension", "8", "--quiet", "--device", "cpu")
LONG = ("--epochs", "5000")
HOLD = """
import sys
from pathlib import Path
from ver_lite.training.folders import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def start(*words) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen([sys.executable, *map(str, words)], env=environment, text=True, **pipes)


def command(*words) -> subprocess.Popen:
    return start("-m", "ver_lite.cli", *words)


def wait_for(path: Path, process: subprocess.Popen) -> None:
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def ended(process: subprocess.Popen) -> tuple[int, str]:
    _, err = process.communicate(timeout=300)
    return process.returncode, err


@pytest.fixture
def holder(tmp_path):
    """Another process that holds tmp_path/run until it is killed."""
    process = start("-c", HOLD, tmp_path / "run")
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.slow
def test_of_two_trainings_into_one_folder_the_second_ends_with_an_error_and_changes_nothing(tmp_path):
    folder = tmp_path / "same"
    first = command(*TRAIN, *LONG, "--out", folder, "--seed", 1)
    wait_for(folder / "history.json", first)
    for more in ((), ("--overwrite",)):
        code, err = ended(command(*TRAIN, "--epochs", 2, "--seed", 2, "--method", "ver", "--out", folder, *more))
        assert code == 1 and err.count("\n") == 1, err
        assert re.search("already holds an unfinished run|is in use: another process trains there", err)
    assert "is in use" in err  # overwriting it is refused, too
    code, err = ended(command("resume", folder, "--quiet"))
    assert code == 1 and "is in use" in err and err.count("\n") == 1
    first.send_signal(signal.SIGTERM)
    assert ended(first)[0] == 130
    config, history = read_json(folder / "config.json"), read_json(folder / "history.json")
    assert (config["seed"], config["method"], config["epochs"]) == (1, "rnp", 5000)
    assert [row["epoch"] for row in history] == list(range(1, len(history) + 1))


@pytest.mark.slow
def test_of_two_trainings_that_start_together_one_trains(tmp_path):
    """Both find the folder free at first. The one that is late may find the other's run finished."""
    both = [command(*TRAIN, "--epochs", 30, "--out", tmp_path / "same", "--seed", seed) for seed in (1, 2)]
    codes = [ended(process) for process in both]
    assert sorted(code for code, _ in codes) == [0, 1], codes
    assert re.search("is in use|already holds", "".join(err for _, err in codes))
    run, winner = load_run(tmp_path / "same"), [code for code, _ in codes].index(0) + 1
    assert run.config.seed == winner and len(run.history) == 30 and run.status == "finished"
    assert not (tmp_path / "same" / LOCK).exists()


@pytest.mark.slow
def test_a_killed_training_leaves_its_folder_free(tmp_path):
    folder = tmp_path / "run"
    process = command(*TRAIN, *LONG, "--out", folder)
    wait_for(folder / "checkpoint.safetensors", process)
    process.kill()
    process.communicate()
    code, err = ended(command(*TRAIN, "--epochs", 2, "--out", folder, "--overwrite"))
    assert (code, err) == (0, "") and len(load_run(folder).history) == 2
    assert not (folder / LOCK).exists()


def test_a_folder_that_another_process_holds_is_refused_until_that_is_killed(holder, tmp_path):
    folder = tmp_path / "run"
    run = train(CORPUS, **QUICK, out=tmp_path / "other")
    for use in (
        lambda: train(CORPUS, **QUICK, out=folder),
        lambda: train(CORPUS, **QUICK, out=folder, overwrite=True),
        lambda: run.save(folder),
    ):
        with pytest.raises(RunError, match="is in use: another process trains there or resumes the run. Wait"):
            use()
    assert [path.name for path in folder.iterdir()] == [LOCK]
    holder.kill()
    holder.wait()
    assert claim_folder(folder) == folder  # its lock was dropped, the file is no part of a run
    assert train(CORPUS, **QUICK, out=folder).history == run.history
    assert not (folder / LOCK).exists()


def test_resume_is_refused_too_and_a_finished_run_needs_no_lock(tmp_path):
    train(CORPUS, **QUICK, out=tmp_path / "run")
    (tmp_path / "run" / "provenance.json").unlink()
    with held(tmp_path / "run"):
        with pytest.raises(RunError, match="is in use"):
            resume(tmp_path / "run", CORPUS, progress=False)
    assert resume(tmp_path / "run", CORPUS, progress=False).status == "finished"
    with held(tmp_path / "run"):
        assert resume(tmp_path / "run", CORPUS, progress=False).status == "finished"


def test_a_run_that_another_process_finishes_between_look_and_lock_is_not_replaced(tmp_path, monkeypatch):
    real = folders.held

    def late(folder):
        if not folder.exists():
            monkeypatch.setattr(folders, "held", real)
            train(CORPUS, **QUICK, out=folder, seed=7)
        return real(folder)

    monkeypatch.setattr(folders, "held", late)
    with pytest.raises(RunError, match="already holds a run"):
        train(CORPUS, **QUICK, out=tmp_path / "run", seed=8)
    assert load_run(tmp_path / "run").config.seed == 7


def test_threads_of_one_process_exclude_each_other(tmp_path):
    found = []

    def second():
        with pytest.raises(RunError, match="is in use"), claimed(tmp_path / "run"):
            pass
        found.append(True)

    with claimed(tmp_path / "run"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert found == [True]


def test_a_training_that_fails_at_once_leaves_nothing(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="no such file"):
        train(CORPUS, **QUICK, vectors=str(tmp_path / "none.txt"), out=tmp_path / "a" / "b" / "run")
    assert list(tmp_path.iterdir()) == []

    def full(path, value):
        if path.name == "vocabulary.json":
            raise FileError(f"cannot write {path}: No space left on device")
        real(path, value)

    real = runs.write_json
    monkeypatch.setattr(runs, "write_json", full)
    with pytest.raises(FileError, match="No space left"):
        train(CORPUS, **QUICK, out=tmp_path / "a" / "b" / "run")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    with pytest.raises(FileError, match="No space left"):
        train(CORPUS, **QUICK, out=tmp_path / "mine")
    assert list((tmp_path / "mine").iterdir()) == []  # a folder that was there stays


def test_where_there_are_no_locks_training_goes_on_with_a_warning(tmp_path, monkeypatch):
    def none(file, wait=False):
        raise locks.NoLocks(f"the file system of {file.parent} has no locks (flock)")

    monkeypatch.setattr("ver_lite.training.folders.locked", none)
    with pytest.warns(UserWarning, match="has no locks .* nothing keeps a second training out of"):
        assert train(CORPUS, **QUICK, out=tmp_path / "run").status == "finished"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_run(tmp_path / "run").status == "finished"
