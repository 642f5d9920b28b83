"""The GRU written out for CPUs: the numbers of nn.GRU, forward and backward, whatever the threads."""

import inspect
import runpy
from functools import partial

import pytest
import torch
from torch import nn

from ver_lite.corpora.reviews import make_reviews
from ver_lite.players import gru
from ver_lite.players.encoders import GRUEncoder
from ver_lite.players.gru import bidirectional
from ver_lite.players.players import random_vectors
from ver_lite.training.config import Config
from ver_lite.training.game import build_game

WORLD = make_reviews("tiny")


def plain(encoder, embedding, tokens, shown, real):
    """The same encoder by nn.GRU, every place a product of its own."""
    return encoder(embedding(tokens) * shown[..., None], real)


def case(kind, seed=0, reads_padding=False, batch=7, width=11):
    torch.manual_seed(seed)
    embedding = nn.Embedding(20, 5).double()
    encoder = GRUEncoder(5, 12, reads_padding).double()
    real = torch.arange(width) < torch.randint(1, width + 1, (batch, 1))
    tokens = torch.randint(0, 20, (batch, width)) * real
    shown = {"hard": torch.rand(batch, width) < 0.4, "soft": torch.rand(batch, width), "empty": torch.zeros(real.shape)}
    return encoder, embedding, tokens, (shown[kind] * real).double().requires_grad_(), real


def gradients(states, *leaves):
    weight = torch.linspace(-1, 1, states.numel(), dtype=states.dtype).view_as(states)
    return torch.autograd.grad((states * weight).sum(), leaves, retain_graph=True)


@pytest.mark.parametrize("reads_padding", [False, True])
@pytest.mark.parametrize("kind", ["hard", "soft", "empty"])
def test_states_and_every_gradient_are_those_of_nn_gru(kind, reads_padding):
    encoder, embedding, tokens, shown, real = case(kind, reads_padding=reads_padding)
    leaves = [shown, embedding.weight, *encoder.parameters()]
    fast = encoder.fused(embedding, tokens, shown, real)
    slow = plain(encoder, embedding, tokens, shown, real)
    counts = torch.ones_like(real) if reads_padding else real  # states beyond a text's end mean nothing
    fast, slow = fast * counts[..., None], slow * counts[..., None]
    assert torch.allclose(fast, slow, rtol=0, atol=1e-13)
    for ours, theirs in zip(gradients(fast, *leaves), gradients(slow, *leaves), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_a_second_backward_pass_gives_the_same():
    encoder, embedding, tokens, shown, real = case("hard")
    states = encoder.fused(embedding, tokens, shown, real)
    first, second = (gradients(states, shown, *encoder.parameters()) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_one_text_one_word_and_no_gradient():
    encoder, embedding, tokens, shown, real = case("hard", batch=1, width=1)
    with torch.no_grad():
        fast = encoder.fused(embedding, tokens, shown, real)
        assert not fast.requires_grad
        assert torch.allclose(fast, plain(encoder, embedding, tokens, shown, real), rtol=0, atol=1e-14)
    vectors = embedding(tokens[0]).detach()
    frozen = bidirectional(vectors, torch.zeros_like(tokens), None, None, *encoder.parameters())
    assert frozen.requires_grad  # the weights learn, though neither words nor mask do


def test_one_thread_or_two_is_the_same_to_the_bit():
    encoder, embedding, tokens, shown, real = case("hard", batch=40, width=30)
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            states = encoder.fused(embedding, tokens, shown, real)
            found.append([states, *gradients(states, shown, *list(encoder.parameters())[1:])])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_the_steps_run_outside_the_interpreter_and_give_the_same_within(monkeypatch):
    assert all(isinstance(steps, torch.jit.ScriptFunction) for steps in (gru._steps, gru._steps_back))
    encoder, embedding, tokens, shown, real = case("hard", batch=40, width=30)
    found = []
    for _ in range(2):
        states = encoder.fused(embedding, tokens, shown, real)
        found.append([states, *gradients(states, shown, *encoder.parameters())])
        monkeypatch.delattr(torch.jit, "script", raising=False)  # as when torch no longer has it
        plain = runpy.run_path(gru.__file__)
        for name in ("_steps", "_steps_back"):
            monkeypatch.setattr(gru, name, plain[name])
        assert inspect.isfunction(gru._steps)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_the_faster_way_is_taken_on_a_cpu(monkeypatch):
    encoder, embedding, tokens, shown, real = case("hard")
    monkeypatch.setattr(encoder, "fused", lambda *given: "fused")
    assert encoder.of_words(embedding, tokens, shown, real) == "fused"
    elsewhere = [x.to("meta") for x in (tokens, shown, real)]
    assert encoder.to("meta").of_words(embedding.to("meta"), *elsewhere) != "fused"


def steps(way, method, protocol, count=20):
    """The masks, losses and gradients of the first steps of one game."""
    torch.manual_seed(3)
    config = Config(
        method=method, encoder="gru", hidden=20, dimension=16, protocol=getattr(Config().protocol, protocol)()
    )
    game = build_game(config, random_vectors(len(WORLD.vocabulary), 16), 2, torch.Generator().manual_seed(5))
    for player in (game.selector, game.predictor):
        encoder = player.encoder
        encoder.of_words = encoder.fused if way == "fused" else partial(plain, encoder)
    optimizer = torch.optim.Adam(game.groups()["game"], lr=2e-3)
    seen = []
    for batch in list(WORLD.train.batches(16))[:count]:
        (move,) = game.play(batch)
        optimizer.zero_grad()
        move.loss.backward()
        seen.append(
            (move.mask.detach(), move.loss.detach(), [p.grad.clone() for p in game.parameters() if p.requires_grad])
        )
        optimizer.step()
    return seen


@pytest.mark.parametrize(("method", "protocol"), [("rnp", "paper"), ("ver", "paper"), ("ver", "released")])
def test_the_first_steps_of_a_game_are_those_of_the_plain_path(method, protocol):
    fast, slow = (steps(way, method, protocol) for way in ("fused", "plain"))
    for (mask, loss, _), (other, wanted, _) in zip(fast, slow, strict=True):
        assert torch.equal(mask > 0.5, other > 0.5)
        assert abs(loss - wanted) < 1e-5
    for ours, theirs in zip(fast[0][2], slow[0][2], strict=True):
        assert (ours - theirs).norm() <= 1e-6 * theirs.norm() + 1e-9
