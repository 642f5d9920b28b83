"""The command line: every command, and what it says to a person who typed something wrong."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ver_lite import cli
from ver_lite.methods import Protocol
from ver_lite.system.files import read_json, write_json
from ver_lite.training.config import SETTINGS, Config
from ver_lite.training.runs import read_config

ROOT = Path(__file__).resolve().parents[1]
GROUPS = ("corpus", "options", "player_options")  # settings that hold several; they have options of their own
TINY = ["-o", "size=tiny", "--epochs", "2", "--hidden", "8", "--quiet"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run made by the command."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    with pytest.MonkeyPatch.context() as patched, pytest.raises(SystemExit) as ended:
        patched.setattr(sys, "argv", ["ver-lite", "train", *TINY, "--out", str(folder)])
        cli.main()
    assert ended.value.code == 0
    return folder


def own_file(path, count=30):
    with open(path, "w", encoding="utf-8") as file:
        for i in range(count):
            record = {"text": f"really {('bad', 'good')[i % 2]} food, number {i}", "label": ("no", "yes")[i % 2]}
            print(json.dumps({**record, "rationale": [[7, 10 + i % 2]]}), file=file)
    return path


# what works


def test_training_says_what_it_read_what_it_chose_and_where_it_is(say):
    code, out, err = say("train", *TINY, "--method", "ver", "--perturbation", "0.2", "--out", "here")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "reviews: train 48, dev 24, test 24 texts; classes negative, positive"
    assert lines[1].startswith("chosen: epoch ") and lines[2].startswith("dev: argmax masks, 24 texts: S ")
    assert lines[4] == "saved in here; look at it with: ver-lite show here"
    config = read_json(Path("here/config.json"))
    assert (config["method"], config["options"], config["epochs"]) == ("ver", {"perturbation": 0.2}, 2)
    assert config["corpus"] == {"name": "reviews", "size": "tiny"}


def test_evaluating_and_showing(say, run):
    code, out, _ = say("evaluate", run)
    assert code == 0 and out.startswith("test: argmax masks, 24 texts: S ")
    for words in (["--split", "dev"], ["--how", "top_k", "--share", "0.5"], ["--how", "sample"], ["--last"]):
        code, out, _ = say("evaluate", run, "--json", *words)
        scores = json.loads(out)
        assert code == 0 and scores["texts"] == 24 and 0 <= scores["sparsity"] <= 1
    code, out, _ = say("evaluate", run, "--full")
    assert code == 0 and out.startswith("test: argmax masks, 24 texts: S ") and "\nSufficiency " in out
    code, out, _ = say("show", run, "3", "--split", "train", "--how", "top_k", "--share", "0.5")
    assert code == 0 and "[" in out and "_" in out and "gold words among them" in out and "label " in out
    code, out, _ = say("show", run, "--text", "The <head> was lovely!")
    assert code == 0 and "<" in out and "words selected" in out and "label" not in out and "gold" not in out


def test_resuming_a_finished_run_reports_it(say, run):
    before = {path: path.read_bytes() for path in run.iterdir()}
    code, out, _ = say("resume", run, "--quiet")
    assert code == 0 and "saved in" in out
    assert {path: path.read_bytes() for path in run.iterdir()} == before


def test_corpora_help_and_version(say, monkeypatch, real_data):
    monkeypatch.setenv("VER_LITE_DATA", str(real_data))
    code, out, _ = say("corpora")
    assert code == 0 and "here: " in out and "ver-lite fetch beer" in out and "JSON Lines" in out
    assert say("--version")[1].startswith("ver-lite ")
    for words in ([], ["--help"], ["-h"]):
        code, out, _ = say(*words)
        assert code == 0 and all(
            name in out for name in ("train", "resume", "sweep", "evaluate", "show", "fetch", "corpora")
        )
    said = say("train", "--help")[1]
    assert "Eq. 4" in said and all(f"--{name.replace('_', '-')} " in said for name in SETTINGS if name not in GROUPS)
    code, out, _ = say("assign")
    assert code == 0 and "rehearse" in out


def test_the_defaults_of_the_command_line_are_those_of_a_config(say):
    assert say("train", "-o", "size=tiny", "--epochs", "1", "--quiet", "--out", "run")[0] == 0
    assert read_config(Path("run"))[1] == Config(corpus={"name": "reviews", "size": "tiny"}, epochs=1)
    switches = ("-s", "omega=batch", "--temperature", "0.5", "--dropout", "0", "--trainable-vectors")
    assert say("train", *TINY, "--quiet", "--protocol", "released", *switches[2:], "--out", "other")[0] == 0
    config = read_config(Path("other"))[1]
    assert config.protocol == Protocol.released() and (config.temperature, config.dropout) == (0.5, 0)
    assert config.trainable_vectors
    assert say("train", *TINY, "--quiet", *switches, "--out", "third")[0] == 0
    assert read_config(Path("third"))[1].protocol == replace(Protocol.paper(), omega="batch")


def test_a_file_of_ones_own_from_end_to_end(say):
    own_file("own.jsonl")
    code, out, _ = say("train", "own.jsonl", *TINY[2:], "--out", "mine", "-o", "seed=3", "--max-length", "4")
    assert code == 0 and out.startswith("own.jsonl: train 22, dev 4, test 4 texts; classes no, yes")
    assert say("evaluate", "mine")[0] == 0 and say("show", "mine", "2")[0] == 0
    assert "predicted" in say("show", "mine", "--text", "good food")[1]
    assert read_json(Path("mine/config.json"))["corpus"]["seed"] == 3
    assert say("show", "mine", "4")[2] == "ver-lite: there is no text 4: the split has texts 0 to 3\n"
    own_file("own.jsonl", 60)  # it has changed since: its words have other numbers now
    code, _, err = say("evaluate", "mine")
    assert code == 1 and "own.jsonl has changed since mine was trained" in err
    Path("own.jsonl").unlink()
    code, _, err = say("evaluate", "mine")
    assert code == 1 and "mine was trained on cannot be loaded: no corpus and no file is called 'own.jsonl'" in err


def test_leaks_are_told(say):
    for part in ("train", "test"):
        Path("own").mkdir(exist_ok=True)
        own_file(f"own/{part}.jsonl", 60 if part == "train" else 10)
    out = say("train", "own", *TINY[2:], "--out", "a")[1]
    assert "; 10 train and dev texts that are in the test set too: removed" in out
    out = say("train", "own", *TINY[2:], "--out", "b", "-o", "leaks=keep")[1]
    assert "; 10 train and dev texts that are in the test set too: kept" in out


# what doesn't

NAMES = "reviews, movies, multirc, fever, beer, hotel, imdb, tweets"


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["tran"], ["no command is called 'tran'; there are: train, resume, sweep, evaluate, show, fetch, corpora"]),
        (["train", "nosuch"], ["'nosuch'", NAMES]),
        (["train", "revews"], ["Did you mean 'reviews'?"]),
        (["train", "nosuch.jsonl"], ["'nosuch.jsonl'", "or give a path"]),
        (["train", "--method", "verr"], ["'verr'", "rnp, ver"]),
        (["train", "--encoder", "lstm"], ["'lstm'", "gru, conv"]),
        (["train", "--protocol", "mine"], ["'mine'", "paper", "released"]),
        (["train", *TINY, "--device", "gpu"], ["'gpu'", "auto, cuda, mps, cpu"]),
        (["train", "-o", "size=huge"], ["'huge'", "tiny, lesson, paper"]),
        (["train", "-o", "colour=1"], ["'colour'", "rho"]),
        (["train", "-o", "rho=abc"], ["rho for aroma must be a number", "'abc'"]),
        (["train", "-o", "seed=x"], ["seed must be a whole number", "'x'"]),
        (["train", "-o", "size"], ["NAME=VALUE", "'size'"]),
        (["train", "--folder", "x"], ["reviews is made, not read", "folder"]),
        (["train", "--max-length", "9"], ["reviews is made, not read", "max_length"]),
        (["train", "movies", "--folder", "/none"], ["/none", "ver-lite fetch movies"]),
        (["train", "--alpha", "0"], ["alpha must be a number above 0 and at most 1, not 0"]),
        (["train", "--alpha", "1.5"], ["alpha", "1.5"]),
        (["train", "--alpha", "-1"], ["alpha", "-1"]),
        (["train", "--alpha", "nan"], ["alpha", "nan"]),
        (["train", "--alpha", "abc"], ["--alpha", "number", "ver-lite train --help"]),
        (
            ["train", *TINY, "--method", "ver", "--perturbation", "1.2"],
            ["perturbation must be a number from 0 to 1, not 1.2"],
        ),
        (
            ["train", *TINY, "--perturbation", "0.2"],
            ["no option of rnp is called 'perturbation'; it is one of ver, ver-drop"],
        ),
        (["train", *TINY, "--method", "ver", "--perturbation"], ["--perturbation", "needs a value"]),
        (["train", *TINY, "-s", "omega=bach"], ["'bach'"]),
        (["train", *TINY, "-s", "omeg=batch"], ["protocol has no switch 'omeg'"]),
        (["train", *TINY, "--dropout", "1"], ["dropout must be a number of at least 0 and below 1"]),
        (["train", *TINY, "--method", "none.py:Mine"], ["there is no file none.py"]),
        (["train", *TINY, "--method", "json:JSONDecoder"], ["'json:JSONDecoder' is not a subclass", "Method"]),
        (["train", *TINY, "--method", "no_such_thing:Mine"], ["no module 'no_such_thing'"]),
        (["train", "--lambda1", "-2"], ["lambda1"]),
        (["train", "--seed", "9" * 25], ["seed"]),
        (["train", "--epochs", "0"], ["epochs"]),
        (["train", "--batch-size", "0"], ["batch_size"]),
        (["train", "--hidden", "7", "--encoder", "gru"], ["hidden must be even"]),
        (["train", *TINY, "--vectors", "none.txt"], ["none.txt: no such file"]),
        (["train", "--learning-rate", "inf"], ["learning_rate"]),
        (["train", "--epoch", "3"], ["--epoch", "--epochs"]),
        (["train", "--method"], ["--method"]),
        (["show"], ["Missing argument", "ver-lite show --help"]),
        (["show", "nowhere"], ["nowhere is not a run: there is no such folder"]),
        (["evaluate", "."], ["is not a run: it has no config.json"]),
        (["resume", "nowhere"], ["nowhere is not a run"]),
        (["fetch", "beeer"], ["'beeer'", "movies, multirc, fever, beer, hotel, imdb, glove"]),
        (["fetch", "tweets"], ["Kaggle"]),
        (["fetch"], ["Missing argument"]),
        (["corpora", "x"], ["unexpected extra argument"]),
    ],
)
def test_a_wrong_command_is_one_line_that_says_what_is_right(say, tmp_path, words, parts):
    code, _, err = say(*words)
    assert code in (1, 2)
    for part in parts:
        assert part in err, err
    assert list(tmp_path.iterdir()) == []  # and nothing was made


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["show", "RUN", "24"], ["there is no text 24: the split has texts 0 to 23"]),
        (["show", "RUN", "x"], ["number", "ver-lite show --help"]),
        (["show", "RUN", "--split", "val"], ["'val'", "train, dev, test"]),
        (["show", "RUN", "--text", ""], ["the text has no words"]),
        (["show", "RUN", "--text", "  \n "], ["the text has no words"]),
        (["show", "RUN", "--how", "best"], ["argmax, sample, top_k", "'best'"]),
        (["evaluate", "RUN", "--split", "val"], ["'val'", "train, dev, test"]),
        (["evaluate", "RUN", "--how", "best"], ["argmax, sample, top_k"]),
        (["evaluate", "RUN", "--share", "0.2"], ["a share is for top_k"]),
        (["evaluate", "RUN", "--how", "top_k", "--share", "0"], ["share must be a number above 0"]),
        (["evaluate", "RUN", "--how", "top_k", "--share", "nan"], ["share", "nan"]),
        (["evaluate", "RUN", "--device", "gpu"], ["'gpu'"]),
        (["train", *TINY, "--out", "RUN"], ["already holds a run", "overwrite"]),
    ],
)
def test_a_wrong_question_to_a_run(say, run, words, parts):
    code, _, err = say(*(str(run) if word == "RUN" else word for word in words))
    assert code in (1, 2) and all(part in err for part in parts), err


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["own.jsonl", "empty"]),
        ('{"text": "a", "label": 1\n', ["own.jsonl, line 1", "not valid JSON"]),
        ('{"text": "a", "label": 0}\n{"text": "", "label": 1}\n', ["own.jsonl, line 2", "zero words"]),
        ("".join(f'{{"text": "a b {i}", "label": 0}}\n' for i in range(30)), ["one class only"]),
    ],
)
def test_a_file_that_cannot_be_read(say, text, parts):
    Path("own.jsonl").write_text(text)
    code, _, err = say("train", "own.jsonl", "--out", "run")
    assert code == 1 and all(part in err for part in parts), err
    assert not Path("run").exists()


def test_training_that_stops_says_why(say):
    code, out, err = say("train", *TINY, "--learning-rate", "1e30", "--out", "run")
    assert code == 1 and "saved" not in out
    assert err == "ver-lite: training stopped: the loss was not finite in epoch 1; try a lower learning_rate\n"


def test_a_spoiled_run_is_one_line_too(say, run, tmp_path):
    say("train", *TINY, "--out", "run")
    write_json(Path("run/config.json"), {**read_json(Path("run/config.json")), "corpus": {}})
    assert "cannot be loaded" in say("evaluate", "run")[2]
    Path("run/checkpoint.safetensors").unlink()
    write_json(Path("run/config.json"), read_json(run / "config.json"))
    assert "no checkpoint" in say("evaluate", "run", "--last")[2]
    Path("run/game.safetensors").write_bytes(b"xx")
    assert "game.safetensors is damaged" in say("show", "run")[2]


def test_debug_shows_where_an_error_came_from_and_unexpected_ones_say_so(monkeypatch, say):
    monkeypatch.setattr(sys, "argv", ["ver-lite", "--debug", "show", "nowhere"])
    with pytest.raises(RuntimeError, match="nowhere is not a run"):
        cli.main()
    code, _, err = say("show", "nowhere")
    assert code == 1
    monkeypatch.setattr("ver_lite.training.runs.load_run", lambda *a, **k: 1 / 0)
    code, _, err = say("show", "nowhere")
    assert code == 1 and "ZeroDivisionError: division by zero" in err and "--debug" in err


def test_the_module_runs_and_its_output_may_be_cut():
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = f"{sys.executable} -m ver_lite.cli corpora | head -1"
    done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("reviews ") and done.stderr == ""
