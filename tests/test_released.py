"""The released protocol plays and scores what the released code of VER does: the same small case, weights and noise.

The numbers of the released code are stored (``released_numbers.json``). Where PEER names a checkout of it, as for
`make bench`, it makes them again.
"""

import dataclasses
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

import released_case as case
from benchmarks.workers import check_released
from ver_lite import masks
from ver_lite.corpora import load_corpus
from ver_lite.corpora.core import Corpus, Split, Text, Vocabulary
from ver_lite.measures.evaluation import evaluate, play_through
from ver_lite.measures.faithfulness import faithfulness
from ver_lite.methods import Protocol
from ver_lite.observations import judge, lipschitz_released, roughness
from ver_lite.players import players
from ver_lite.players.players import in_mode
from ver_lite.system.files import read_json
from ver_lite.training.config import Config
from ver_lite.training.game import build_game, word_vectors
from ver_lite.training.loop import Loop
from ver_lite.training.runs import Run
from ver_lite.training.training import train

THEIRS = read_json(case.NUMBERS)
CONFIG = Config(
    method="ver",
    options={"perturbation": case.SETTINGS["perturb_rate"]},
    alpha=case.SETTINGS["sparsity_percentage"],
    lambda1=case.SETTINGS["sparsity_lambda"],
    lambda2=case.SETTINGS["continuity_lambda"],
    protocol=Protocol.released(),
    encoder="gru",
    hidden=case.HIDDEN,
    learning_rate=case.SETTINGS["lr"],
    batch_size=len(case.LENGTHS["train"]),
    epochs=1,
)


def parameters(game):
    """Our parameters by their names in the released code."""
    found = {}
    for ours, theirs in (("selector", "gen"), ("predictor", "cls")):
        player = getattr(game, ours)
        for direction, end in (("forward_gru", ""), ("backward_gru", "_reverse")):
            for name, p in getattr(player.encoder, direction).named_parameters():
                found[f"{theirs}.{name}{end}"] = p
        found |= {f"{theirs}_fc.{name}": p for name, p in player.head.named_parameters()}
    return found | {f"layernorm1.{name}": p for name, p in game.selector.norm.named_parameters()}


def weigh(game):
    """Give a game the weights of the case."""
    with torch.no_grad():
        for name, p in parameters(game).items():
            p.copy_(case.weight(name, p))
    return game


class Scripted:
    """Masks, flips and dropout get the case's noise, each text its own, in the one step of training."""

    def __init__(self, patch):
        self.patch, self.step = patch, {}

    def before(self, game, batch):
        weigh(game)
        texts, width = len(batch), batch.tokens.shape[1]
        at = batch.index
        drawn = [case.noise(name, texts, case.WIDTH)[at, :width] for name in ("flips", "adds")]
        self.patch.setattr(masks, "gumbel_noise", lambda *_: case.gumbel("step", texts)[at, :width])
        self.patch.setattr(torch, "rand", lambda *_, **__: drawn.pop(0))
        dropped = case.dropped("selector dropout", texts, case.WIDTH, case.HIDDEN)[at, :width]
        game.selector.dropout = case.Scripted(dropped)
        game.predictor.dropout = case.Scripted(case.dropped("predictor dropout", texts, case.HIDDEN)[at])
        self.first = {name: p.detach().clone() for name, p in parameters(game).items()}
        price = game.omega

        def omega(mask, batch):
            paid = price(mask, batch)
            share = mask.detach().sum() / batch.real.sum()
            continuity = paid - game.lambda1 * (share - game.alpha).abs()
            self.step |= {"omega": paid.item(), "share": share.item(), "continuity": continuity.item()}
            return paid

        game.omega = omega

    def after(self, game, batch):
        self.patch.undo()
        del game.omega
        learned = parameters(game)
        self.step["gradient"] = {name: case.digest(p.grad) for name, p in learned.items()}
        self.step["moved"] = {name: case.digest(p - self.first[name]) for name, p in learned.items()}


def in_turn(patch, name, texts):
    """Masks get the case's noise for a split, batch after batch in the order of its texts."""
    left = case.split_rows(case.gumbel(name, texts))
    patch.setattr(masks, "gumbel_noise", lambda logits, *_: left.pop(0)[:, : logits.shape[1]])


def run_ours(folder, protocol):
    """The numbers of the case by our code."""
    case.write(folder)
    config = replace(CONFIG, protocol=protocol, vectors=str(folder / "vectors.txt"))
    corpus = load_corpus("beer", folder=folder, aspect=0)
    with pytest.MonkeyPatch.context() as patch:
        watch = Scripted(patch)
        run = train(corpus, config, watch=watch, device="cpu", progress=False)
    step = watch.step
    step["cross_entropy"] = run.history[0]["loss"] - step["omega"]
    game = weigh(build_game(config, word_vectors(config, corpus.vocabulary), 2).eval())
    with pytest.MonkeyPatch.context() as patch:
        in_turn(patch, "test", len(corpus.test))
        made = evaluate(game, corpus.test, batch_size=case.TEST_BATCH)
        in_turn(patch, "test", len(corpus.test))
        with torch.no_grad(), in_mode(game, training=False):
            played = [game.predict(b, game.choose(b)) for b in game.batches(corpus.test, case.TEST_BATCH)]
        in_turn(patch, "lipschitz", len(corpus.train))
        slopes = lipschitz_released(game, corpus.train, batch_size=case.TEST_BATCH)
    test = {name: getattr(made.scores, name) for name in ("sparsity", "precision", "recall", "f1", "accuracy")}
    test |= {"gold_accuracy": made.gold_accuracy, "logits": torch.cat(played).tolist()}
    whole = evaluate(game, corpus.dev, how="all").scores.accuracy
    return {"step": step, "test": test, "dev": {"accuracy_whole": whole}, "lipschitz": list(slopes)}


def flat(numbers, name=""):
    """Nested numbers by dotted names."""
    if isinstance(numbers, int | float):
        return {name: numbers}
    parts = numbers.items() if isinstance(numbers, dict) else enumerate(numbers)
    return {key: value for part, inside in parts for key, value in flat(inside, f"{name}.{part}").items()}


def unlike(ours, theirs, rel=2e-5):
    """The names of the numbers that differ."""
    ours, theirs = flat(ours), flat(theirs)
    assert set(ours) == set(theirs)
    return {name for name, value in theirs.items() if ours[name] != pytest.approx(value, rel=rel, abs=2e-6)}


def one_largest(states, real, pool=None):
    """`max_pool` as the released code has it: of several largest ones, the first alone gets the gradient."""
    pool = real if pool is None else pool & real
    largest = states.masked_fill(~pool[..., None], -1e6).max(1).values
    return torch.where(pool.any(1, keepdim=True), largest, 0.0)


NUMBERS = {name: part for name, part in THEIRS.items() if name != "made"}


def test_ours_are_the_released_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(players, "max_pool", one_largest)
    assert not unlike(run_ours(tmp_path, Protocol.released()), NUMBERS)


def test_only_equal_states_share_a_gradient_otherwise(tmp_path):
    """Zero vectors in a row bring a GRU to states that are equal to the last digit. `max_pool` shares the gradient
    among them; the released code gives it to one. This reaches the selector's gradient and the Lipschitz proxy alone.
    """
    ours = run_ours(tmp_path, Protocol.released())
    differ = unlike(ours, NUMBERS)
    learned = [f".step.{what}.{player}" for what in ("gradient", "moved") for player in ("gen", "layernorm1")]
    assert differ and all(name.startswith((*learned, ".lipschitz")) for name in differ)
    far = unlike(ours, NUMBERS, rel=0.01)  # Adam's first step is a sign, also where a gradient is nearly 0
    assert all(name.startswith(".step.moved") for name in far)


@pytest.mark.parametrize(
    ("switches", "still_equal"),
    [
        ({"pad_to": None}, ".test.logits.6.0"),  # of the longest text
        ({"count_padding": False}, ".step.omega"),
        ({"pad_to": None, "count_padding": False}, ".test.logits.6.0"),
        ({"select_padding": False}, ".test.sparsity"),
        ({"read_padding": False}, ".test.logits.6.0"),
        ({"omega": "text"}, ".test.sparsity"),
        ({"flips": "text"}, ".step.omega"),
        ({"cross_entropy_weight": 1.0}, ".step.omega"),
        ({"gold_pooling": "all"}, ".step.omega"),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else "",
)
def test_every_switch_is_needed(tmp_path, switches, still_equal):
    ours = run_ours(tmp_path, replace(Protocol.released(), **switches))
    differ = unlike(ours, NUMBERS, rel=0.01)
    assert differ and still_equal not in differ


@pytest.mark.skipif("PEER" not in os.environ, reason="PEER names no checkout of the released code")
def test_the_stored_numbers_are_those_of_a_checkout():
    command = [sys.executable, case.__file__, str(check_released(os.environ["PEER"]))]
    paths = os.pathsep.join([str(case.NUMBERS.parents[1]), str(case.NUMBERS.parent)])
    said = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths})
    assert said.returncode == 0, said.stderr[-2000:]
    made = json.loads(said.stdout)
    about = made.pop("made")
    assert about["sha256"] == THEIRS["made"]["sha256"], "this checkout is another state of the released code"
    assert not unlike(made, NUMBERS)


# how texts are dealt and padded


def test_batches_are_as_wide_as_the_protocol_says_on_every_device():
    split = Split.encode(texts_of(130, 7, 60, 33, 5, 128), Vocabulary(["w"]), None)
    corpus = Corpus("widths", split, split, split, Vocabulary(["w"]), ("no", "yes"), {})
    rows = torch.arange(4)
    for protocol, width in (
        (Protocol(), 130),
        (Protocol(omega="batch"), 130),
        (Protocol(select_padding=True), 130),
        (Protocol(pad_to=256), 256),
        (Protocol(omega="batch", pad_to=100), 130),
        (Protocol.released(), 256),
    ):
        config = Config(encoder="gru", hidden=4, dimension=4, protocol=protocol)
        game = build_game(config, len(corpus.vocabulary), 2)
        replayed = Loop(Run(config, game, corpus.vocabulary, corpus.classes, [], {}), corpus).replayed
        seen = []
        replayed.step = seen.append
        replayed(rows)
        assert seen[0].tokens.shape[1] == width
        if protocol.width_matters:  # what a GPU would be given is as wide
            assert replayed.width(rows) == width
            mask = seen[0].real.float() * (torch.arange(width) % 3 == 0)
            recorded = replayed.batch(rows, replayed.width(rows))
            assert float(game.omega(mask, recorded)) == float(game.omega(mask, seen[0]))
        assert next(game.batches(split, 6)).tokens.shape[1] == width


def test_the_released_deal_keeps_the_order_of_a_test_and_shuffles_for_training():
    split = Split.encode(texts_of(*range(1, 101)), Vocabulary(["w"]), None)
    released = build_game(Config(protocol=Protocol.released()), 3, 2)
    assert [batch.index.tolist() for batch in released.batches(split, 64)] == [[*range(64)], [*range(64, 100)]]
    order = torch.Generator().manual_seed(1)
    first, second = ([rows.tolist() for rows in split.batch_rows(10, order, by_length=False)] for _ in range(2))
    assert first != second and sorted(sum(first, [])) == list(range(100))
    assert all(max(rows) - min(rows) > 30 for rows in first), "texts of like length stand together"


def texts_of(*lengths):
    return [Text(("w",) * length, i % 2, tuple(at == 0 for at in range(length))) for i, length in enumerate(lengths)]


def test_padding_is_counted_in_scores_and_in_nothing_else():
    """Twelve words, of which four gold, in batches of six places; a game that selects every place."""
    split = Split.encode(texts_of(1, 2, 3, 6), Vocabulary(["w"]), None)
    made = {}
    for counts in (False, True):
        protocol = Protocol(count_padding=counts, pad_to=6)
        game = build_game(Config(encoder="conv", hidden=4, dimension=4, protocol=protocol), 3, 2)
        with torch.no_grad():
            game.selector.head.weight.zero_()
            game.selector.head.bias.copy_(torch.tensor([-9.0, 9.0]))
        made[counts] = game
        for how in ("argmax", "sample"):
            evaluation = evaluate(game, split, how=how)
            scores = evaluation.scores
            assert ("S 200.0 % with padding" in str(evaluation)) == counts
            assert scores.sparsity == (24 / 12 if counts else 1) and scores.recall == 1
            assert scores.precision == pytest.approx(4 / 24 if counts else 4 / 12)
        assert evaluate(game, split, how="top_k", share=1.0).scores.sparsity == 1
        assert play_through(game, split, how="argmax").mask.sum() == 12
    torch.nn.init.zeros_(made[False].selector.head.bias)  # now some words are selected
    made[True].load_state_dict(made[False].state_dict())
    plain, counting = (
        (faithfulness(game, split, how="sample"), judge(game, split, how="sample"), roughness(game, split))
        for game in made.values()
    )
    assert plain == counting


def test_switches_that_came_later_have_their_defaults_in_what_is_recorded():
    later = ("pad_to", "deal", "count_padding")
    recorded = {k: v for k, v in dataclasses.asdict(Protocol.released()).items() if k not in later}
    read = Config.read({"protocol": recorded}).protocol
    assert [getattr(read, name) for name in later] == [None, "length", False]
    assert read == replace(Protocol.released(), pad_to=None, deal="length", count_padding=False)
    for wrong in (0, 2.5, True, "256"):
        with pytest.raises(ValueError, match="protocol pad_to must be a whole number of at least 1"):
            Protocol(pad_to=wrong)
