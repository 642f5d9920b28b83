"""Lesson 07's perturbation and two-word game, written from scratch, against the library's."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_tools import definitions
from ver_lite import masks
from ver_lite.theory import two_word_game

LESSON = definitions("07-ver.ipynb")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=20), st.floats(0.01, 1), st.integers(0, 10_000))
def test_the_perturbation_is_the_library_s(chosen, p, seed):
    mask = torch.tensor(chosen).float()
    if mask.sum() > len(mask) / 2:
        mask = 1 - mask  # the lesson's needs enough words to swap in
    real = torch.ones(1, len(mask), dtype=torch.bool)
    mine = LESSON["perturb"](mask, p, torch.Generator().manual_seed(seed))
    theirs = masks.perturb(mask[None], real, p, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(mine[None], theirs) and mine.sum() == mask.sum()


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5])
@pytest.mark.parametrize(("K_g", "speed_w"), [(50, 0.2), (7, 1.5)])
def test_the_equations_are_the_library_s(p, K_g, speed_w):
    game = two_word_game.TwoWordGame(better_types=K_g, predictor_speed=speed_w, perturbation=p)
    for state in np.random.default_rng(1).normal(size=(20, 3)):
        mine = LESSON["velocity"](*state, K_g=K_g, speed_w=speed_w, p=p)
        assert np.allclose(mine, game.velocity(*state), atol=1e-12)


def test_the_cost_is_the_library_s():
    w, a = np.linspace(-30, 30, 61), 0.8
    assert np.allclose(LESSON["loss"](w, a), two_word_game.loss(w, a), atol=1e-12)
