"""What a method is told reaches what it does: temperature, perturbation, share, generator, and who learns how fast."""

import pytest
import torch
from torch import nn

from test_methods import BATCH, game
from ver_lite import masks
from ver_lite.methods import METHODS, RNP
from ver_lite.methods.base import frozen, learners
from ver_lite.methods.random_masks import RandomMasks
from ver_lite.players.base import Encoder

HALF = (torch.arange(BATCH.tokens.shape[1]) % 2 == 0).float() * BATCH.selectable


@pytest.mark.parametrize("draws", [True, False])
def test_the_temperature_of_a_game_is_that_of_its_masks_gradients(draws):
    logits = torch.randn(*BATCH.tokens.shape, 2, generator=torch.Generator().manual_seed(1), requires_grad=True)
    weights = torch.rand(BATCH.tokens.shape, generator=torch.Generator().manual_seed(2))

    def slope(mask):
        return torch.autograd.grad((mask * weights).sum(), logits)[0]

    made = game(temperature=2.5)
    made.draws = draws
    noise = torch.Generator().manual_seed(7)
    mask = masks.sample(logits, BATCH.selectable, temperature=2.5, generator=noise)
    expected = mask if draws else masks.likelier(logits, BATCH.selectable, temperature=2.5)
    found = made.select(BATCH, logits)
    assert torch.equal(found, expected) and torch.equal(slope(found), slope(expected))


@pytest.mark.parametrize(
    ("name", "kept", "added"), [("ver", 0, 1), ("ver-drop", 0, 0), ("ver-add", 1, 1), ("rnp-add-one", 1, 0)]
)
def test_a_perturbation_that_is_certain_hides_and_shows_all_that_it_can(name, kept, added):
    """Where every selected word is hidden, as many others are shown, as far as there are any; or their halves."""
    certain = {} if name == "rnp-add-one" else {"perturbation": 1.0}
    shown = game(METHODS[name], **certain).shown_to_predictor(HALF, BATCH)
    selected, free = HALF.sum(1), (BATCH.selectable * (1 - HALF)).sum(1)
    more = torch.minimum(selected, free) * added if name != "rnp-add-one" else free.clamp(max=1)
    assert torch.equal((shown * HALF).sum(1), selected * kept)
    assert torch.equal((shown * (1 - HALF)).sum(1), more) and not (shown * ~BATCH.selectable).any()


def test_mask_dropout_scales_what_stays_in_training_alone():
    made = game(METHODS["mask-dropout"], perturbation=0.75)
    assert torch.equal(made.shown_to_predictor(HALF, BATCH), HALF)
    drawn = torch.stack([made.train().shown_to_predictor(HALF, BATCH) for _ in range(400)])
    assert set(drawn.unique().tolist()) == {0.0, 4.0} and not (drawn * (1 - HALF)).any()
    assert float(drawn.mean(0)[HALF > 0].mean()) == pytest.approx(1, abs=0.1)


def test_random_masks_take_their_share_and_the_generator_that_they_are_given():
    made = game(RandomMasks, alpha=0.5)
    expected = masks.random_mask(BATCH.selectable, 0.5, generator=torch.Generator().manual_seed(3))
    assert torch.equal(made.choose(BATCH, generator=torch.Generator().manual_seed(3)), expected)
    own = masks.random_mask(BATCH.selectable, 0.5, generator=torch.Generator().manual_seed(7))
    assert torch.equal(made.choose(BATCH), own)
    made.generator.manual_seed(7)
    (step,) = made.play(BATCH)
    assert torch.equal(step.mask, own) and torch.equal(step.logits, made.predict(BATCH, own))


class Slow(Encoder):
    """An encoder that learns at a quarter of the rate."""

    pace = 0.25

    def __init__(self, inputs, hidden):
        super().__init__(inputs, hidden)
        self.layer = nn.Linear(inputs, hidden)


def test_learners_are_each_parameter_once_at_the_innermost_pace():
    inner, plain, fixed = Slow(2, 3), nn.Linear(3, 4), nn.Linear(4, 5)
    fixed.requires_grad_(False)
    outer = nn.Sequential(inner, plain, fixed, inner)
    groups = {group["times"]: group for group in learners(outer, plain, times=2.0, name="who")}
    assert {times: set(group["params"]) for times, group in groups.items()} == {
        0.5: set(inner.parameters()),
        2.0: set(plain.parameters()),
    }
    assert sum(len(group["params"]) for group in groups.values()) == 4
    assert {group["name"] for group in groups.values()} == {"who"}
    (left,) = learners(outer, without=inner)
    assert set(left["params"]) == set(plain.parameters()) and (left["times"], left["name"]) == (1.0, "")
    assert learners(outer, without=fixed) == learners(outer)


def test_a_frozen_player_passes_gradients_on_and_learns_again_afterwards():
    one, other = nn.Linear(2, 2), nn.Linear(2, 2)
    other.bias.requires_grad_(False)
    words = torch.ones(1, 2, requires_grad=True)
    with pytest.raises(RuntimeError, match="mine"), frozen(one, other):
        other(one(words)).sum().backward()
        raise RuntimeError("mine")
    assert words.grad.any() and one.weight.grad is None and other.weight.grad is None
    assert one.weight.requires_grad and one.bias.requires_grad and other.weight.requires_grad
    assert not other.bias.requires_grad, "what did not learn before does not learn now"


def test_a_share_is_alpha_unless_it_is_given_and_scores_are_the_log_odds():
    made = game(RNP, alpha=0.3)
    logits = made.logits(BATCH)
    assert torch.equal(made.scores(BATCH), logits[..., 1] - logits[..., 0])
    for share, taken in ((None, 0.3), (0.7, 0.7)):
        expected = masks.top_k(made.scores(BATCH), BATCH.selectable, taken)
        assert torch.equal(made.choose(BATCH, "top_k", share), expected)
    assert torch.equal(made.choose(BATCH, "all"), BATCH.selectable.float())
