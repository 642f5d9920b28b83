"""Ctrl-C, SIGTERM, kill -9: what was trained is kept, and resuming gives the uninterrupted run's history."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from interrupting import stop_at
from small_corpora import keyword_corpus
from ver_lite.methods import RNP
from ver_lite.training import loop
from ver_lite.training.runs import RunError, load_run
from ver_lite.training.training import resume, train

CORPUS = keyword_corpus(60, 20, 20)
QUICK = {"epochs": 3, "hidden": 8, "dimension": 8, "batch_size": 8, "progress": False}


def play(**settings):
    return train(CORPUS, **{**QUICK, **settings})


def same(one, other):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return play(method="ver", out=tmp_path_factory.mktemp("uninterrupted") / "whole")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("step", [1, 3, 8, 11, 16])  # 8 steps an epoch: within one, at its end, at the next one's start
def test_an_interrupted_run_resumes_to_the_same_history(monkeypatch, tmp_path, uninterrupted, number, step):
    handlers, whole = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)], uninterrupted
    with monkeypatch.context() as patched:
        stop_at(patched, step, number)
        half = play(method="ver", out=tmp_path / "half")
    assert half.status == "interrupted" and len(half.history) == (step - 1) // 8
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers
    with pytest.raises(RunError, match="is not finished.*ver-lite resume"):
        load_run(tmp_path / "half")
    rest = resume(tmp_path / "half", CORPUS, progress=False)
    assert rest.status == "finished" and rest.history == whole.history
    assert same(rest.game, whole.game) and same(rest.last, whole.last)
    for name in ("history.json", "config.json", "vocabulary.json"):
        assert (tmp_path / "half" / name).read_bytes() == (whole.folder / name).read_bytes()
    assert len(rest.provenance["seconds_per_epoch"]) == 3


def test_an_interruption_while_dev_is_evaluated_loses_nothing(monkeypatch, tmp_path):
    real = loop.evaluate

    def stopped(*args, **named):
        os.kill(os.getpid(), signal.SIGTERM)
        return real(*args, **named)

    with monkeypatch.context() as patched:
        patched.setattr(loop, "evaluate", stopped)
        half = play(out=tmp_path / "half")
    assert half.status == "interrupted" and len(half.history) == 1
    assert resume(tmp_path / "half", CORPUS, progress=False).history == play().history


def test_a_run_may_be_interrupted_again_and_again(monkeypatch, tmp_path):
    whole = play()
    with monkeypatch.context() as patched:
        stop_at(patched, 5, signal.SIGINT)
        play(out=tmp_path / "run")
    for _ in range(30):
        with monkeypatch.context() as patched:
            stop_at(patched, 4, signal.SIGINT)
            run = resume(tmp_path / "run", CORPUS, progress=False)
        if run.status == "finished":
            break
    assert run.history == whole.history and same(run.game, whole.game)


def test_a_second_interruption_stops_at_once(monkeypatch):
    real = RNP.play

    def impatient(self, batch):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        yield from real(self, batch)

    monkeypatch.setattr(RNP, "play", impatient)
    with pytest.raises(KeyboardInterrupt):
        play()


def test_training_works_outside_the_main_thread():
    made = []
    thread = threading.Thread(target=lambda: made.append(play(epochs=1)))
    thread.start()
    thread.join()
    assert made[0].history == play(epochs=1).history


def test_trained_vectors_and_the_gru_resume_exactly(monkeypatch, tmp_path):
    settings = {"trainable_vectors": True, "encoder": "gru", "protocol": "released", "epochs": 2}
    whole = play(**settings)
    with monkeypatch.context() as patched:
        stop_at(patched, 10, signal.SIGTERM)
        play(out=tmp_path / "run", **settings)
    rest = resume(tmp_path / "run", CORPUS, progress=False)
    assert rest.history == whole.history and same(rest.game, whole.game)
    assert not bool(rest.game.selector.embedding.weight[0].any())


def test_resuming_a_finished_run_returns_it_and_another_corpus_is_refused(monkeypatch, tmp_path):
    run = play(out=tmp_path / "done")
    assert resume(tmp_path / "done", CORPUS, progress=False).history == run.history
    stop_at(monkeypatch, 10, signal.SIGTERM)
    play(out=tmp_path / "half")
    other = keyword_corpus(60, 20, 20, seed=7)
    for wrong in (keyword_corpus(40, 20, 20), other):
        with pytest.raises(RunError, match="half was trained on another corpus"):
            resume(tmp_path / "half", wrong, progress=False)
    other.vocabulary = CORPUS.vocabulary  # the same words and classes, other texts
    with pytest.raises(RunError, match="its train or its dev texts differ"):
        resume(tmp_path / "half", other, progress=False)
    assert len(resume(tmp_path / "half", CORPUS, progress=False).history) == 3


# a process of its own

TRAIN = [
    "train",
    "-o",
    "size=tiny",
    "--epochs",
    "40",
    "--hidden",
    "16",
    "--batch-size",
    "4",
    "--quiet",
    "--method",
    "ver",
]


def command(*words, wait=True, cwd=None):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    run = subprocess.Popen(
        [sys.executable, "-m", "ver_lite.cli", *map(str, words)],
        env=environment,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if not wait:
        return run
    out, err = run.communicate(timeout=120)
    return run.returncode, out, err


def when_there(process, path):
    """Wait for the process to write ``path``."""
    end = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None and time.monotonic() < end, process.communicate()
        time.sleep(0.002)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of an uninterrupted run of TRAIN."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    code, _, said = command(*TRAIN, "--out", folder)
    assert code == 0, said
    return folder


def is_the_same_run(one, other):
    for name in ("history.json", "config.json", "vocabulary.json", "game.safetensors"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_saves_when_interrupted_and_resumes(tmp_path, whole, number):
    folder = tmp_path / "run"
    process = command(*TRAIN, "--out", folder, wait=False)
    when_there(process, folder / "checkpoint.safetensors")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and not (folder / "provenance.json").exists(), (out, err)
    assert err.strip() == f"interrupted and saved; continue with: ver-lite resume {folder}"
    code, out, err = command("resume", folder, "--quiet")
    assert (code, err) == (0, "") and "chosen: epoch" in out
    is_the_same_run(folder, whole)


@pytest.mark.slow
def test_a_killed_command_resumes_from_its_last_checkpoint(tmp_path, whole):
    folder, kills = tmp_path / "run", 0
    process = command(*TRAIN, "--out", folder, wait=False)
    when_there(process, folder / "checkpoint.safetensors")
    for pause in (0.0, 0.013, 0.037):  # also in the middle of writing
        time.sleep(pause)
        process.kill()
        process.communicate()
        if (folder / "provenance.json").exists():
            break
        kills += 1
        before = (folder / "checkpoint.safetensors").stat().st_mtime_ns
        process = command("resume", folder, "--quiet", wait=False)
        while process.poll() is None and (folder / "checkpoint.safetensors").stat().st_mtime_ns == before:
            time.sleep(0.002)
    process.communicate(timeout=60)
    assert kills >= 1
    code, _, err = command("resume", folder, "--quiet")
    assert (code, err) == (0, "")
    is_the_same_run(folder, whole)
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]
