"""Lesson 05's slopes, written from scratch, against the library's `roughness` and `lipschitz_released`."""

import math

import numpy as np
import pytest
import torch

from notebook_tools import definitions
from ver_lite import observations
from ver_lite.corpora.reviews import make_reviews
from ver_lite.training.training import train

LESSON = definitions("05-observation-3-overfitting.ipynb")
SMALL = {"alpha": 0.3, "hidden": 8, "dimension": 12, "batch_size": 16, "learning_rate": 5e-3, "epochs": 3}


@pytest.fixture(scope="module", params=[101, 102])
def played(request):
    """A small trained game, its training texts as one batch, and the masks the library draws for them."""
    corpus = make_reviews("tiny", seed=request.param)
    game = train(corpus, progress=False, seed=request.param, **SMALL).last.eval()
    batch = next(corpus.train.batches(256))
    with torch.no_grad():
        mask = game.choose(batch, "sample", None, torch.Generator().manual_seed(0))
    return game, corpus.train, batch, mask


def test_the_slopes_are_the_library_s(played):
    game, split, batch, mask = played
    texts = [i for i in range(len(batch)) if mask[i].any()]
    slopes = [
        float(
            LESSON["slope_of"](game.predictor, *(part[i : i + 1] for part in (batch.tokens, batch.real, mask))).norm()
        )
        for i in texts
    ]
    made = observations.roughness(game, split)
    assert max(slopes) == pytest.approx(made.largest, rel=1e-4)
    assert sum(slopes) / len(slopes) == pytest.approx(made.mean, rel=1e-4)


def test_the_released_values_are_the_library_s_at_every_batch_size(played, monkeypatch):
    game, split, batch, mask = played
    place = {int(i): row for row, i in enumerate(batch.index)}
    drawn = lambda few, *_: mask[[place[int(i)] for i in few.index], : few.real.shape[1]]  # noqa: E731
    monkeypatch.setattr(game, "choose", drawn)
    for size in (len(batch), 20, 7):
        values = torch.cat(LESSON["released_slopes"](game.predictor, batch, mask, size))
        library = observations.lipschitz_released(game, split, batch_size=size)
        assert (float(values.max()), float(values.mean())) == pytest.approx(library, rel=1e-4)


def test_a_flipped_word_changes_what_the_library_says(played):
    game, _, batch, mask = played
    for i in range(0, len(batch), 7):
        text = batch.tokens[i : i + 1], batch.real[i : i + 1], mask[i : i + 1]
        change = LESSON["change_if_flipped"](game.predictor, *text)
        for t in range(int(batch.real[i].sum())):
            flipped = mask.clone()
            flipped[i, t] = 1 - flipped[i, t]
            assert float(observations._moved(game, batch, mask, flipped)[i]) == pytest.approx(
                float(change[t]), abs=1e-6
            )


def test_the_steepest_pair_of_a_line_is_its_slope():
    x = torch.linspace(-1, 1, 201, dtype=torch.float64)
    assert LESSON["steepest"](3 * x + 1, x) == pytest.approx(3)
    assert LESSON["steepest"](torch.sigmoid(8 * x), x) == pytest.approx(2, rel=0.01)


def test_rank_correlation_sees_the_order_alone():
    rising = [0.1, 0.2, 5.0, 9.0]
    assert LESSON["rank_correlation"](range(4), rising) == pytest.approx(1)
    assert LESSON["rank_correlation"](range(4), [math.exp(-v) for v in rising]) == pytest.approx(-1)


def test_a_correlation_inside_the_rates_does_not_see_what_the_rates_share():
    noise = np.random.default_rng(1).normal(size=(2, 6, 5))
    rate = 10 * np.arange(6)[:, None]
    a, b = noise + rate
    assert LESSON["correlation"](a, b) > 0.9
    inside = LESSON["correlation"](LESSON["inside"](a), LESSON["inside"](b))
    plain = LESSON["correlation"](LESSON["inside"](noise[0]), LESSON["inside"](noise[1]))
    assert inside == pytest.approx(plain) and abs(inside) < 0.5
    assert 0 < LESSON["by_chance"](a, b) <= 1 and LESSON["by_chance"](a, a) == 0


def test_the_stub_of_the_exercise_is_left_to_the_reader():
    assert LESSON["slope_of_log_odds"](0.1, 0.5) is None
