"""The door: a method and an encoder of one's own, trained, saved, found again, and never imported unasked."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import outsiders
from outsiders import Bag, Calm
from small_corpora import keyword_corpus
from ver_lite import load_run, resume, train
from ver_lite.corpora import load_corpus
from ver_lite.experiments.sweep import read_spec, sweep
from ver_lite.measures.evaluation import evaluate
from ver_lite.methods import METHODS, RNP, method_class
from ver_lite.methods.base import learners
from ver_lite.players.encoders import encoder_class
from ver_lite.system import outside
from ver_lite.system.files import read_json, write_json
from ver_lite.training.config import Config
from ver_lite.training.game import build_game
from ver_lite.training.runs import RunError

HERE = Path(__file__).parent
CORPUS = keyword_corpus(40, 20, 20)
QUICK = {"epochs": 2, "hidden": 8, "dimension": 8, "batch_size": 8, "progress": False}
SETTINGS = {"corpus": "reviews", "corpus.size": "tiny", "hidden": 4, "dimension": 4, "epochs": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own") / "run"
    return train(CORPUS, method=Calm, encoder=Bag, player_options={"depth": 2}, out=folder, **QUICK), folder


def test_a_class_trains_under_its_name_and_its_options_are_complete(made):
    run, folder = made
    assert (run.config.method, run.config.encoder) == ("outsiders:Calm", "outsiders:Bag")
    assert run.config.options == {"price": 0.1} and isinstance(run.game, Calm)
    assert read_json(folder / "config.json")["options"] == {"price": 0.1}
    assert len(run.game.selector.encoder.layers) == 2
    assert {group["times"] for group in learners(run.game)} == {1.0, Bag.pace}
    assert train(CORPUS, method=RNP, **QUICK).config.method == "rnp"  # the library's have their own names


def test_it_loads_where_the_class_is_given_and_only_there(made):
    run, folder = made
    back = load_run(folder, method=Calm, encoder=Bag)
    assert evaluate(back.game, CORPUS.test) == evaluate(run.game, CORPUS.test)
    assert (back.config, back.history) == (run.config, run.history)
    with pytest.raises(RunError, match=r"'outsiders:Calm', which is not part of ver-lite.*load_run\(folder, method="):
        load_run(folder)
    with pytest.raises(RunError, match=r"load_run\(folder, encoder=Bag\)"):
        load_run(folder, method=Calm)
    with pytest.raises(RunError, match="Calm'; RNP is another one"):
        load_run(folder, method=RNP, encoder=Bag)


def test_an_interrupted_run_goes_on_to_the_history_it_would_have_had(tmp_path):
    settings = {**QUICK, "epochs": 3, "method": Calm, "price": 0.2}
    whole = train(CORPUS, **settings)
    folder = tmp_path / "run"

    def stop(run, row):
        run.status = "interrupted"

    train(CORPUS, out=folder, callbacks=(stop,), **settings)
    with pytest.raises(RunError, match="load_run"):
        resume(folder, CORPUS, progress=False)
    assert resume(folder, CORPUS, progress=False, method=Calm).history == whole.history


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """A run whose config names a module that leaves a mark when it is imported."""
    folder = tmp_path / "run"
    train(CORPUS, out=folder, **QUICK)
    (tmp_path / "trapped.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w')\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder, tmp_path / "mark"


@pytest.mark.parametrize("setting", ["method", "encoder"])
@pytest.mark.parametrize("name", ["trapped:Method", "trapped.py:Method"])
def test_a_folder_never_imports_code_by_itself(trap, say, monkeypatch, setting, name):
    folder, mark = trap
    monkeypatch.chdir(folder.parent)
    write_json(folder / "config.json", {**read_json(folder / "config.json"), setting: name, "options": {}})
    for refused in (lambda: load_run(folder), lambda: resume(folder, CORPUS)):
        with pytest.raises(RunError, match="not part of ver-lite"):
            refused()
    for command in ("show", "evaluate", "resume"):
        code, _, err = say(command, folder)
        assert code == 1 and ("not part of ver-lite" in err or "cannot be loaded" in err)
    assert not mark.exists()


def test_a_class_that_cannot_be_found_again_trains_and_saving_says_so(tmp_path):
    class Mine(RNP):
        pass

    with pytest.warns(UserWarning, match=r"method Mine is defined in a notebook.*load_run\(folder, method=Mine\)"):
        train(CORPUS, method=Mine, out=tmp_path / "run", **QUICK)
    assert isinstance(load_run(tmp_path / "run", method=Mine).game, Mine)
    run = train(CORPUS, method=Mine, **QUICK)
    with pytest.warns(UserWarning, match="no other process finds it"):
        run.save(tmp_path / "saved")


def test_a_fresh_process_loads_it(made):
    code = (
        "import sys; from ver_lite import load_run; from outsiders import Bag, Calm\n"
        "run = load_run(sys.argv[1], method=Calm, encoder=Bag); print(type(run.game).__name__, run.config.options)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)])}
    said = subprocess.run(
        [sys.executable, "-c", code, made[1]], capture_output=True, text=True, check=True, env=environment
    )
    assert said.stdout.strip() == "Calm {'price': 0.1}"


@pytest.mark.slow
def test_a_sweep_on_two_workers_finds_it_and_a_second_one_finds_it_done(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parent)]))
    spec = tmp_path / "own.yaml"
    spec.write_text(
        json.dumps(
            {
                "corpus": {"name": "reviews", "size": "tiny"},
                "settings": {"hidden": 4, "dimension": 4, "epochs": 1, "method": "outsiders:Calm"},
                "grid": {"options.price": [0.0, 0.5]},
                "seeds": 1,
            }
        )
    )
    entries = sweep(read_spec(spec), tmp_path / "runs", workers=2, progress=False)
    assert [entry.status for entry in entries] == ["finished"] * 2, entries
    assert sorted(entry.row["config"]["options"]["price"] for entry in entries) == [0.0, 0.5]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*.safetensors")}
    sweep(read_spec(spec), tmp_path / "runs", workers=1, progress=False)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*.safetensors")}


def test_the_command_line_takes_a_file(say, tmp_path):
    shutil.copy(HERE / "outsiders.py", tmp_path / "mine.py")
    few = ("--epochs", "1", "--hidden", "4", "--dimension", "4", "-o", "size=tiny", "--quiet")
    own = ("--method", "mine.py:Calm", "-m", "price=0.3", "--encoder", "mine.py:Bag")
    code, _, err = say("train", "reviews", *few, *own, "--out", "run")
    assert (code, err) == (0, "")
    assert read_json(Path("run/config.json"))["options"] == {"price": 0.3}
    code, _, err = say("show", "run")
    assert code == 1 and "--method mine.py:Calm" in err
    named = ("--method", "mine.py:Calm", "--encoder", "mine.py:Bag")
    assert say("show", "run", *named)[0] == say("evaluate", "run", *named)[0] == 0
    code, _, err = say("train", "reviews", *few, "--method", "mine.py:Calm", "-m", "prise=0.3", "--out", "other")
    assert code == 1 and "did you mean 'price'" in err and not Path("other").exists()


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("outsiders:Nothing", "outsiders has no 'Nothing'"),
        ("outsiders:", "names no class"),
        (":Calm", "names no class"),
        ("no.such.thing:Calm", "no module 'no'"),
        ("no_such.py:Calm", "no file no_such.py"),
        ("outsiders:Bag", "is not a subclass of ver_lite.methods.base.Method"),
        ("outsiders:Iterator", "is not a subclass"),
    ],
)
def test_a_wrong_name_says_what_is_not_there(name, what):
    with pytest.raises(ValueError, match=what):
        method_class(name)


def test_a_name_finds_its_class_and_a_file_is_read_once(tmp_path):
    assert method_class("outsiders:Calm") is Calm and encoder_class("outsiders:Bag") is Bag
    assert outside.name_of(Calm) == "outsiders:Calm" and outsiders.Calm is Calm
    file = shutil.copy(HERE / "outsiders.py", tmp_path / "mine.py")
    assert method_class(f"{file}:Calm") is method_class(f"{file}:Calm") is not Calm
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            method_class(f"{broken}:Calm")


def test_an_option_may_not_hide_a_setting_and_a_needed_one_must_be_given():
    class Hides(RNP):
        def __init__(self, *players, epochs: int = 3, **options):
            super().__init__(*players, **options)

    class Needs(RNP):
        def __init__(self, *players, price: float, **options):
            super().__init__(*players, **options)

    with pytest.raises(ValueError, match="option called 'epochs', which is a setting of every run"):
        train(CORPUS, method=Hides, **QUICK)
    with pytest.raises(ValueError, match="needs the option price"):
        train(CORPUS, method=Needs, **QUICK)
    assert train(CORPUS, method=Needs, price=1, **QUICK).config.options == {"price": 1}


# players that go on


def test_a_run_that_goes_on_with_players_has_their_settings_and_can_be_saved(tmp_path):
    first = train(CORPUS, encoder="conv", **QUICK)
    settings = {"epochs": 1, "batch_size": 8, "progress": False}
    run = train(CORPUS, Config(encoder="gru", hidden=6), players=first.game, method="ver", **settings)
    assert (run.config.encoder, run.config.hidden, run.config.dimension) == ("conv", 8, 8)
    run.save(tmp_path / "run")
    assert evaluate(load_run(tmp_path / "run").game, CORPUS.test) == evaluate(run.game, CORPUS.test)
    with pytest.raises(ValueError, match="players: encoder is 'conv' in the game that goes on, not 'gru'"):
        train(CORPUS, players=first.game, encoder="gru", **settings)
    by_hand = RNP(first.game.selector, first.game.predictor)
    with pytest.raises(ValueError, match="made by hand"):
        train(CORPUS, players=by_hand, **settings)


# what earlier releases wrote


@pytest.mark.parametrize("method", ["rnp", "ver"])
def test_a_run_of_an_earlier_release_loads_and_scores_as_it_did(method, tmp_path):
    folder = HERE / "old_runs" / f"format-1-{method}"
    assert read_json(folder / "config.json")["perturbation"] == 0.2  # though RNP has none
    run = load_run(folder)
    assert run.config.options == ({"perturbation": 0.2} if method == "ver" else {})
    corpus = load_corpus("reviews", size="tiny")
    scores = evaluate(run.game, corpus.dev).as_dict()
    assert scores["how"] == "argmax" and scores["accuracy_per_class"] == run.best["dev"]["accuracy_per_class"]
    for name in ("sparsity", "f1", "accuracy", "cross_entropy", "gold_cross_entropy"):
        assert scores[name] == pytest.approx(run.best["dev"][name], rel=1e-5)
    copy = shutil.copytree(folder, tmp_path / "run")
    for name in ("provenance.json", "game.safetensors", "history.json"):
        (copy / name).unlink()
    write_json(copy / "config.json", {**read_json(copy / "config.json"), "epochs": 2})
    assert len(resume(copy, corpus, progress=False).history) == 2


def test_a_config_reads_what_it_writes_and_other_ways_to_say_it():
    for name in METHODS:
        config = Config(method=name)
        assert Config.read(json.loads(json.dumps(config.as_dict()))) == config
    assert Config.make({"method": "ver", "perturbation": 0.1}) == Config(method="ver", options={"perturbation": 0.1})
    assert Config(method="ver").but(perturbation=0.1).but(perturbation=0.3) == Config(method="ver")
    assert Config(method="ver", options={"perturbation": 0.1}).but(method="rnp") == Config()
    with pytest.raises(ValueError, match="perturbation is given twice"):
        Config.make({"method": "ver", "perturbation": 0.1, "options": {"perturbation": 0.2}})
    with pytest.raises(ValueError, match="perturbation is a setting of ver, .*, not of rnp"):
        Config.make({"perturbation": 0.1})
    with pytest.raises(ValueError, match="method must be a name or a class, not 3"):
        Config.make({"method": 3})


def test_build_game_keeps_to_torchs_random_state():
    torch.manual_seed(3)
    one = build_game(Config(hidden=4, dimension=3), 7, 2)
    torch.manual_seed(3)
    other = build_game(Config(hidden=4, dimension=3), 7, 2)
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
