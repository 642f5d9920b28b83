"""Every method draws from the generator it was given, and from nothing else."""

from dataclasses import replace

import pytest
import torch

from small_corpora import keyword_texts
from ver_lite.corpora.core import Split, Vocabulary
from ver_lite.methods import METHODS
from ver_lite.players.players import random_vectors
from ver_lite.training.config import Config
from ver_lite.training.game import build_game

TEXTS = keyword_texts(12, 101)
VOCABULARY = Vocabulary.build(TEXTS)
SPLIT = replace(Split.encode(TEXTS, VOCABULARY), environments=torch.arange(12) % 2)
BATCH = SPLIT.batch(torch.arange(12))
# Those that draw nothing while they are trained: the selector's best words, or whole texts.
DRAW_NOTHING = {"a2r", "attention", "lime"}
# mask-dropout is torch's own dropout, and draws where that does.
METHODS_WITH_A_GENERATOR = [name for name in METHODS if name != "mask-dropout"]


def played(method, outside, noise):
    """What two steps of a game without dropout come to, torch's global random numbers starting at ``outside``."""
    torch.manual_seed(1)
    config = Config(method=method, encoder="conv", hidden=8, alpha=0.3, dropout=0.0)
    made = build_game(config, random_vectors(len(VOCABULARY), 6), 2, torch.Generator().manual_seed(noise))
    made.prepare(SPLIT)
    torch.manual_seed(outside)
    before = torch.get_rng_state()
    steps = [step for _ in range(2) for step in made.play(BATCH)]
    assert torch.equal(torch.get_rng_state(), before), "torch's global random numbers were drawn"
    return [float(step.loss.detach()) for step in steps]


@pytest.mark.parametrize("method", METHODS_WITH_A_GENERATOR)
def test_a_step_depends_on_the_methods_generator_and_on_no_other(method):
    losses = played(method, outside=5, noise=7)
    assert losses == played(method, outside=6, noise=7)
    assert (losses == played(method, outside=5, noise=8)) == (method in DRAW_NOTHING)


@pytest.mark.parametrize("method", ["ver", "ver-drop", "ver-add", "rnp-add-one", "ver-fr", "ver-dr", "ver-mgr"])
def test_a_perturbation_draws_from_the_methods_generator(method):
    """Of the same mask, so that only the perturbation is left to draw."""
    torch.manual_seed(1)
    options = {} if method == "rnp-add-one" else {"perturbation": 0.5}
    config = Config(method=method, encoder="conv", hidden=8, options=options)
    made = build_game(config, random_vectors(len(VOCABULARY), 6), 2)
    mask = (torch.arange(BATCH.tokens.shape[1]) % 2 == 0).float() * BATCH.selectable
    shown = []
    for outside, noise in ((5, 7), (6, 7), (5, 8)):
        torch.manual_seed(outside)
        made.generator = torch.Generator().manual_seed(noise)
        shown.append(made.shown_to_predictor(mask, BATCH))
    assert torch.equal(shown[0], shown[1]) and not torch.equal(shown[0], shown[2])
