"""Lesson 04's answers, losses and split, written from scratch, against the library's `judge`."""

import pytest
import torch

from notebook_tools import definitions
from ver_lite.corpora.reviews import make_reviews
from ver_lite.observations import judge
from ver_lite.training.training import train

LESSON = definitions("04-observation-2-gold-misjudged.ipynb")
SMALL = {"alpha": 0.3, "hidden": 8, "dimension": 12, "batch_size": 16, "learning_rate": 5e-3, "epochs": 3}
SHOWN = {"own": ("own", False), "gold": ("gold", False), "gold alone": ("gold", True)}


@pytest.fixture(scope="module", params=[101, 102, 103])
def played(request):
    """A corpus and a small trained game, in evaluation mode as in the lesson."""
    corpus = make_reviews("tiny", seed=request.param)
    return corpus, train(corpus, progress=False, seed=request.param, **SMALL).last.eval()


@pytest.mark.parametrize("shown", SHOWN)
def test_answers_losses_and_split_are_the_library_s_judgement(played, shown):
    corpus, game = played
    batch, mask, said = LESSON["answers"](game, corpus.test, *SHOWN[shown])
    lost = LESSON["losses_of"](said, batch.labels)
    parts = LESSON["in_two"](corpus.world.log_posterior(batch.tokens, mask), said)
    library = judge(game, corpus.test, shown, how="sample", oracle=corpus.world)
    assert float(lost.mean()) == pytest.approx(library.cross_entropy, abs=1e-9)
    assert float(lost.quantile(0.5)) == pytest.approx(library.median, abs=1e-9)
    assert float((said.argmax(1) == batch.labels).double().mean()) == pytest.approx(library.accuracy)
    assert [float(part.mean()) for part in parts] == pytest.approx([library.entropy, library.divergence], abs=1e-9)


def test_the_split_is_zero_where_it_must_be_and_adds_up():
    certain = torch.tensor([[0.25, 0.75], [0.5, 0.5]], dtype=torch.float64).log()
    entropy, divergence = LESSON["in_two"](certain, certain)
    assert torch.allclose(divergence, torch.zeros(2, dtype=torch.float64))
    said = torch.tensor([[0.5, 0.5], [0.9, 0.1]], dtype=torch.float64).log()
    parts = LESSON["in_two"](certain, said)
    assert torch.allclose(sum(parts), -(certain.exp() * said).sum(1)) and (parts[1] > 0).all()
    assert torch.allclose(parts[0], entropy)


def test_the_part_of_the_worst():
    losses = torch.tensor([0.0, 6.0, 1.0, 3.0])
    assert LESSON["part_of_worst"](losses, 0.25) == pytest.approx(0.6)
    assert LESSON["part_of_worst"](losses, 1.0) == pytest.approx(1.0)


def test_the_stub_of_the_exercise_is_left_to_the_reader():
    assert LESSON["leave_out"](torch.rand(4), 0.1) is None
