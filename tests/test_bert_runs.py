"""Runs of BERT players: trained, interrupted, loaded without their checkpoint, from the command line too."""

import json
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from interrupting import stop_at
from small_bert import real_checkpoint, words_of, write_checkpoint
from small_corpora import keyword_corpus
from ver_lite.corpora import Split, load_corpus
from ver_lite.measures.evaluation import evaluate
from ver_lite.methods import METHODS
from ver_lite.methods.fr import FR
from ver_lite.observations import lipschitz_released
from ver_lite.players.bert.encoder import BertEncoder
from ver_lite.system.files import read_json
from ver_lite.training.config import Config
from ver_lite.training.runs import load_run
from ver_lite.training.training import resume, train

CORPUS = keyword_corpus(32, 12, 12, longest=12)
SETTINGS = {"encoder": "bert", "epochs": 2, "batch_size": 16, "learning_rate": 1e-2, "progress": False, "device": "cpu"}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("bert"), words=words_of(CORPUS)[:40])


def same(one, other):
    ours, theirs = one.state_dict(), other.state_dict()
    return list(ours) == list(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_run_folder_is_whole_without_the_checkpoint(checkpoint, tmp_path):
    gone = shutil.copytree(checkpoint, tmp_path / "bert")
    options = {"checkpoint": str(gone), "masking": "log_attn", "checkpointing": True}
    run = train(CORPUS, Config(method="ver"), out=tmp_path / "run", player_options=options, **SETTINGS)
    shutil.rmtree(gone)
    loaded = load_run(tmp_path / "run")
    assert same(loaded.game, run.game) and same(loaded.last, run.last) and loaded.config == run.config
    assert loaded.config.hidden == 16 and loaded.config.player_options["checkpoint"] == str(gone)
    assert evaluate(loaded.game, CORPUS.test) == evaluate(run.game, CORPUS.test)
    encoder = loaded.game.predictor.encoder
    assert encoder.masking == "log_attn" and encoder.checkpointing


def test_an_interrupted_run_resumes_to_the_same_history(checkpoint, tmp_path, monkeypatch):
    settings = {**SETTINGS, "method": "ver", "player_options": {"checkpoint": checkpoint}}
    whole = train(CORPUS, out=tmp_path / "whole", **settings)
    with monkeypatch.context() as patched:
        stop_at(patched, 3, signal.SIGTERM)  # of two steps an epoch, each with dropout
        assert train(CORPUS, out=tmp_path / "half", **settings).status == "interrupted"
    rest = resume(tmp_path / "half", CORPUS, progress=False, device="cpu")
    assert rest.history == whole.history and same(rest.game, whole.game) and same(rest.last, whole.last)


def test_bf16_is_near_float32(checkpoint):
    settings = {**SETTINGS, "epochs": 1, "player_options": {"checkpoint": checkpoint, "masking": "log_attn"}}
    whole, rounded = (train(CORPUS, precision=p, **settings).history[0]["loss"] for p in ("float32", "bf16"))
    assert whole != rounded and abs(whole - rounded) < 0.05


def test_the_slopes_of_a_bert_player_are_measured(checkpoint):
    run = train(CORPUS, player_options={"checkpoint": checkpoint}, **SETTINGS)
    for game in (run.game, FR(run.game.selector, run.game.predictor)):
        steep, mean = lipschitz_released(game, CORPUS.dev)
        assert steep >= mean > 0


def test_settings_that_bert_cannot_have_are_refused(checkpoint):
    with pytest.raises(ValueError, match="BERT players have word pieces of their own"):
        Config(encoder="bert", vectors="glove")
    with pytest.raises(ValueError, match="no vectors"):
        train(
            CORPUS,
            vectors=torch.zeros(len(CORPUS.vocabulary), 8),
            player_options={"checkpoint": checkpoint},
            **SETTINGS,
        )
    with pytest.raises(
        ValueError, match="no player option of bert players is called 'maskings'; did you mean 'masking'"
    ):
        Config(encoder="bert", player_options={"maskings": "delete"})


def test_from_the_command_line_with_a_query(say, checkpoint, tmp_path, monkeypatch):
    texts = tmp_path / "asked.jsonl"
    with texts.open("w", encoding="utf-8") as file:
        for i in range(40):
            record = {
                "tokens": ["w1", "good" if i % 2 else "bad", f"w{i}"],
                "query": "is it good",
                "label": "ny"[i % 2],
            }
            print(json.dumps({**record, "rationale": [0, 1, 0]}), file=file)
    given = [
        "train",
        texts,
        "--encoder",
        "bert",
        "--player-option",
        f"checkpoint={checkpoint}",
        "--epochs",
        "1",
        "--quiet",
    ]
    given += ["--player-option", "checkpointing=true", "--player-option", "pace=0.2", "--out", "run"]
    code, _, err = say(*given)
    assert (
        code == 1 and "cannot tell queries from texts" in err and "-o query_end=[SEP]" in err and err.count("\n") == 1
    )
    code, out, err = say(*given, "-o", "query_end=[SEP]")
    assert (code, err) == (0, "") and "saved in run" in out
    options = read_json(Path("run/config.json"))["player_options"]
    assert (options["checkpointing"], options["pace"]) == (True, 0.2)
    code, out, err = say("evaluate", "run")
    assert (code, err) == (0, "") and out.startswith("test: argmax masks")
    code, out, _ = say("show", "run", "0")
    assert code == 0 and "is it good [SEP]" in out
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # or it would be downloaded
    code, _, err = say(*given[:2], "--encoder", "bert", "--out", "other", "--quiet")
    assert code == 1 and "google-bert/bert-base-uncased" in err and "hf download" in err and err.count("\n") == 1


@pytest.mark.parametrize("method", METHODS)
def test_every_method_plays_with_bert_players(checkpoint, tmp_path, method):
    settings = {**SETTINGS, "epochs": 1, "player_options": {"checkpoint": checkpoint}}
    settings["options"] = {"teacher_epochs": 1} if "teacher_epochs" in METHODS[method].options() else {}
    run = train(CORPUS, method=method, out=tmp_path / "run", **settings)  # two steps, dropout, and an evaluation
    assert run.status == "finished" and len(run.history) == 1
    assert all(value.isfinite().all() for value in run.game.state_dict().values() if value.is_floating_point())
    start = BertEncoder(1, 16, checkpoint).state_dict()
    berts = [part for part in run.last.modules() if isinstance(part, BertEncoder)]
    assert any(not torch.equal(value, start[name]) for part in berts for name, value in part.state_dict().items())
    assert same(load_run(tmp_path / "run").game, run.game)


@pytest.mark.slow
def test_the_predictor_of_a_pretrained_bert_learns_from_240_tweets(real_data):
    checkpoint, tweets = real_checkpoint(), load_corpus("tweets", folder=real_data)

    def short(split, count):
        texts = [text for text in split.texts if len(text.words) <= 14]
        return Split.encode(texts[:count], tweets.vocabulary)

    few = replace(tweets, train=short(tweets.train, 240), dev=short(tweets.dev, 200), test=short(tweets.test, 200))
    settings = {**SETTINGS, "epochs": 1, "learning_rate": 1e-3, "alpha": 0.3, "seed": 101}
    scores = train(few, player_options={"checkpoint": checkpoint}, **settings).history[0]["dev"]
    assert scores["accuracy"] > scores["majority"] + 0.05  # the selector needs more than fifteen steps
