"""The bench: what it counts, what it fits, what it says when a peer is not there, and a tiny one from end to end."""

import os
import platform
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import growth, parts, race
from benchmarks.__main__ import about_machine, main, write
from benchmarks.operations import multiply_adds, product_rate
from benchmarks.report import COLUMNS, report
from benchmarks.workers import RELEASED_FILES, PeerError, Worker, check_released
from ver_lite.corpora.core import Batch
from ver_lite.methods import Protocol
from ver_lite.players import players
from ver_lite.players.players import random_vectors
from ver_lite.system import tuning
from ver_lite.system.files import read_json
from ver_lite.training.game import build_game

RECORD = Path(__file__).resolve().parents[1] / "data" / "results" / "bench.json"
SMALL = {"hidden": 4, "batch_size": 4, "texts": 8, "rounds": 1}


@pytest.mark.parametrize(("texts", "width", "hidden", "dimension", "classes"), [(3, 5, 8, 6, 2), (1, 1, 2, 3, 4)])
def test_the_count_is_what_torch_counts_for_two_gru(texts, width, hidden, dimension, classes):
    config = race.game_config(hidden, texts, Protocol.paper())
    game = build_game(config, random_vectors(9, dimension), classes)
    for player in (game.selector, game.predictor):
        player.encoder = race.PlainEncoder(player.encoder)
    everywhere = torch.ones(texts, width, dtype=torch.bool)
    tokens, labels = torch.randint(1, 9, (texts, width)), torch.randint(classes, (texts,))
    batch = Batch(tokens, everywhere, everywhere, labels, everywhere, everywhere[:, 0], torch.arange(texts))
    with FlopCounterMode(display=False) as counter:
        for move in game.play(batch):
            move.loss.backward()
    counted = multiply_adds(texts * width, texts, hidden, dimension, classes)
    assert counter.get_total_flops() == 2 * counted


def test_multiplying_each_word_once_saves_the_input_products_and_nothing_else():
    places, texts, lookups, hidden, dimension = 1000, 10, 30, 20, 7
    gates = 3 * hidden // 2
    full = multiply_adds(places, texts, hidden, dimension)
    least = multiply_adds(places, texts, hidden, dimension, lookups=lookups)
    # two directions; forward and weights for two players, and for one of them the way to the mask
    assert full - least == 2 * (4 * dimension * gates * (places - lookups) + (dimension - 1) * gates * places)


def test_the_fit_recovers_an_exponent():
    x = [1, 3, 10, 50]
    assert growth.exponent(x, [3 * v**1.7 for v in x]) == pytest.approx(1.7)
    assert growth.exponent(x, [5, 5, 5, 5]) == pytest.approx(0, abs=1e-12)
    assert growth.exponent(x, [0, 1, 2, 3]) is None


def test_a_wrong_path_is_said(tmp_path, capsys):
    with pytest.raises(PeerError, match="no such folder"):
        check_released(tmp_path / "nowhere")
    for name in RELEASED_FILES:
        with pytest.raises(PeerError, match=f"{name} is missing.*Rationalization-VER"):
            check_released(tmp_path)
        (tmp_path / name).touch()
    assert check_released(tmp_path) == tmp_path.resolve()
    with pytest.raises(SystemExit, match="no such folder"):
        main(["race", "--peer", str(tmp_path / "nowhere"), "--out", str(tmp_path)])
    with pytest.raises(SystemExit):
        main(["groth"])
    assert "no part is called 'groth'" in capsys.readouterr().err


def test_a_worker_that_dies_says_its_last_words():
    with (
        pytest.raises(PeerError, match="(?s)worker 'nobody' ended with status 1.*KeyError"),
        Worker("nobody", {}) as it,
    ):
        it.ready()


def test_the_texts_are_the_same_after_the_way_to_the_peers(tmp_path):
    import gzip

    import numpy as np

    corpus = race.review_corpus(5)
    race.export(corpus, 10, tmp_path)
    with gzip.open(tmp_path / "reviews.aspect0.train.txt.gz", "rt") as file:
        lines = [line.rstrip("\n").split("\t") for line in file]
    assert [int(float(label)) for label, _ in lines] == corpus.train.labels.tolist()
    for i, (_, text) in enumerate(lines):
        length = int(corpus.train.lengths[i])
        assert corpus.vocabulary.encode(text.split(" ")) == corpus.train.tokens[i, :length].tolist()
    assert np.load(tmp_path / "vectors.npy").shape == (len(corpus.vocabulary), 10)


def test_many_words_keep_the_lengths():
    corpus = race.review_corpus(20)
    many = race.with_many_words(corpus, 500).train
    assert torch.equal(many.tokens != 0, corpus.train.tokens != 0)
    assert race.distinct_words(many, 10) > race.distinct_words(corpus.train, 10)


@pytest.mark.slow
def test_a_tiny_bench_from_end_to_end(tmp_path, monkeypatch):
    monkeypatch.setattr(growth, "TEXTS", 4)
    monkeypatch.setattr(race, "product_rate", lambda *size: product_rate(8, 8, 8, seconds=0.001))
    said: list[str] = []
    made = race.race(**SMALL, tell=said.append)
    curves = growth.growth({"texts": (2, 4), "runs": (1,)}, hidden=4, tell=said.append)
    worth = parts.parts(texts=4, rounds=1, hidden=4, batch_size=2, tell=said.append)
    assert len(said) == 6
    about = about_machine("make bench")
    record = {"race": made | {"made": about | {"peers": made["peers"]}}, "growth": {"curves": curves, "made": about}}
    record["parts"] = worth | {"made": about}
    write(tmp_path, record)
    assert read_json(tmp_path / "bench.json") == record
    page = (tmp_path / "bench.md").read_text("utf-8")
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")
    heads = [title for key, title in COLUMNS.items() if key.endswith(race.PLAIN) or not key.startswith("against")]
    assert f"|  | {' | '.join(heads)} |" in page
    for variant in (race.OURS, f"{race.OURS}, released protocol", race.MANY, race.PLAIN):
        assert len(made["seconds"][variant]) == 1 and f"\n| {variant} | " in page
    for name in parts.PARTS:
        assert len(worth["seconds"][name]) == 1 and f"\n| {name} | " in page
    assert parts.times_as_long(worth)[parts.AS_IT_IS] == 1
    for curve in curves:
        assert len(curve["x"]) == len(curve["y"]) and f"\n| {growth.TITLES[curve['name']]} | " in page


@pytest.mark.skipif("PEER" not in os.environ, reason="PEER names no checkout of the released code")
def test_the_released_code_runs_from_its_checkout():
    made = race.race(**SMALL, peer=os.environ["PEER"])
    assert 0 < made["seconds"][race.RELEASED][0] < made["seconds"][race.SHIPPED][0]
    assert {f"against {race.RELEASED}", f"against {race.SHIPPED}"} <= set(race.summary(made)[0])


def test_memory_does_not_grow_while_it_trains_on():
    """The allocator takes 4 to 9 MiB at once, some time after the first epochs; what leaks makes every stretch grow."""
    places, peaks = growth.memory_over_epochs((8, 80, 152), hidden=4)
    assert places == [8, 80, 152]
    assert min(later - earlier for earlier, later in pairwise(peaks)) < 3


def test_a_worker_reads_nothing_but_the_standard_library_and_what_it_needs():
    code = "import sys; sys.path.insert(0, sys.argv[1]); import benchmarks.child; print('torch' in sys.modules)"
    folder = Path(race.__file__).parents[1]
    said = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"


def test_the_recorded_page_is_what_the_record_gives():
    record = read_json(RECORD)
    assert RECORD.with_suffix(".md").read_text("utf-8") == report(record)
    assert set(record) == {"race", "parts", "growth"}
    assert {race.RELEASED, race.SHIPPED} <= set(record["race"]["seconds"])
    assert [curve["name"] for curve in record["growth"]["curves"]] == list(growth.POINTS)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told what to do with freed memory")
def test_a_part_that_is_left_out_is_left_out(monkeypatch):
    """Each child's own way takes effect: its steps run uncompiled, its memory is not kept, its gradient is torch's."""
    asks = "import torch; from ver_lite.players import gru; from ver_lite.system.tuning import memory_kept; "
    asks += "print(isinstance(gru._steps, torch.jit.ScriptFunction), memory_kept().__enter__())"
    for name, expected in (
        (parts.AS_IT_IS, "True True"),
        ("without steps compiled by TorchScript", "False True"),
        ("without memory that stays", "True False"),
    ):
        environment = os.environ | parts.PARTS[name][0]
        said = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, env=environment, check=True)
        assert said.stdout.strip() == expected
    states = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(101), requires_grad=True)
    real = torch.arange(5) < torch.tensor([[5], [2], [0]])
    plain, ours = parts.pytorchs_max_pool(states, real), players.max_pool(states, real)
    assert torch.equal(plain, ours)
    monkeypatch.setattr(players, "max_pool", players.max_pool)  # so that it is put back
    monkeypatch.setattr(parts, "review_corpus", lambda texts: None)
    parts.train_part(4, 4, 2, "largest")
    assert players.max_pool is parts.pytorchs_max_pool


def test_threads_wait_shorter_for_us_than_for_a_peer(monkeypatch):
    """What the benchmark sets before torch is loaded is not for the peers; what the user set, everybody gets."""
    asks = "import os; from ver_lite.system.tuning import wait_briefly; wait_briefly(); "
    asks += "print(os.environ.get('GOMP_SPINCOUNT'))"
    bare = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    for more, expected in (({}, "30000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "passive"}, "None")):
        command = [sys.executable, "-c", asks]
        said = subprocess.run(command, capture_output=True, text=True, env=bare | more, check=True)
        assert said.stdout.strip() == expected
    for value, left in (("30000", None), ("7", "7")):
        monkeypatch.setenv("GOMP_SPINCOUNT", value)
        seen = os.environ | tuning.not_ours()
        assert seen["GOMP_SPINCOUNT"] == left


def test_every_round_has_another_order():
    order, said = [], []
    epochs = [lambda name=name: order.append(name) or {name: float(len(order))} for name in "abcd"]
    took = race.in_turn(epochs, 5, said.append, lambda: order.append("|"))
    first, *rounds = "".join(order)[:4], *"".join(order)[4:].strip("|").split("|")
    assert first == "abcd" and len(rounds) == 5 and len(said) == 6
    assert {"".join(sorted(each)) for each in rounds} == {"abcd"} and len(set(rounds)) > 3
    assert list(took) == ["a", "b", "c", "d"] and all(len(times) == 5 for times in took.values())
