"""Lesson 02's players, sampler, Ω and loss, written from scratch, against the library's."""

import pytest
import torch

from notebook_tools import definitions
from ver_lite import masks
from ver_lite.corpora.reviews import make_reviews
from ver_lite.measures import metrics
from ver_lite.methods import RNP
from ver_lite.players import players

LESSON = definitions("02-the-rationalization-game.ipynb")
PRICE = {"alpha": 0.25, "lambda1": 2.0, "lambda2": 0.02}


@pytest.fixture(scope="module", params=[101, 102, 103])
def both(request):
    """A batch, the lesson's players and the library's, with the same weights."""
    torch.manual_seed(request.param)
    corpus = make_reviews("tiny", seed=request.param)
    embedding = players.make_embedding(players.random_vectors(len(corpus.vocabulary), 16))
    mine = LESSON["Selector"](embedding, 12), LESSON["Predictor"](embedding, 12)
    theirs = players.Selector(embedding, "conv", 12), players.Predictor(embedding, 2, "conv", 12)
    for a, b in zip(mine, theirs, strict=True):
        b.load_state_dict(a.state_dict())
    return corpus.train.batch(torch.arange(16)), mine, theirs


def test_the_players_are_the_library_s(both):
    batch, mine, theirs = both
    shown = (torch.rand(batch.real.shape) < 0.4).float() * batch.real
    for a, b in zip(mine, theirs, strict=True):
        a.eval(), b.eval()
    logits = mine[0](batch.tokens, batch.real)
    assert torch.allclose(logits, theirs[0](batch.tokens, batch.real), atol=1e-6)
    answers = [player(batch.tokens, batch.real, shown) for player in (mine[1], theirs[1])]
    assert torch.allclose(*answers, atol=1e-6)


def test_the_sampler_is_the_library_s_value_and_gradient(both):
    batch = both[0]
    logits = torch.randn(*batch.real.shape, 2, requires_grad=True)
    weights = torch.randn(batch.real.shape)
    drawn = []
    for sample in (LESSON["sample"], masks.sample):
        torch.manual_seed(7)
        mask = sample(logits, batch.real)
        drawn.append((mask.detach(), torch.autograd.grad((mask * weights).sum(), logits)[0]))
    for mine, library in zip(*drawn, strict=True):
        assert torch.allclose(mine, library, atol=1e-6)


def test_omega_is_the_library_s(both):
    batch = both[0]
    mask = (torch.rand(batch.real.shape) < 0.4).float() * batch.real
    mine, library = (omega(mask, batch.real, **PRICE) for omega in (LESSON["omega"], masks.omega))
    assert abs(mine - library) < 1e-6


def test_the_loss_is_the_library_s_rnp(both):
    batch, mine, theirs = both
    for player in (*mine, *theirs):
        player.train()
    torch.manual_seed(8)
    loss = LESSON["rnp_loss"](*mine, batch, **PRICE)
    torch.manual_seed(8)
    step = next(RNP(*theirs, **PRICE).play(batch))
    assert abs(loss - step.loss) < 1e-6
    for a, b in zip(mine, theirs, strict=True):
        pairs = zip(a.parameters(), b.parameters(), strict=True)
        wanted = [(p, q) for p, q in pairs if p.requires_grad]
        gradients = torch.autograd.grad(loss, [p for p, _ in wanted], retain_graph=True)
        library = torch.autograd.grad(step.loss, [q for _, q in wanted], retain_graph=True)
        assert all(torch.allclose(x, y, atol=1e-6) for x, y in zip(gradients, library, strict=True))


@pytest.mark.parametrize("counts", [(3, 5, 7), (0, 5, 7), (0, 0, 7), (0, 5, 0), (0, 0, 0)])
def test_precision_recall_f1_is_the_library_s(counts):
    library = metrics.precision_recall_f1(*(torch.tensor(float(c)) for c in counts))
    assert LESSON["precision_recall_f1"](*counts) == pytest.approx([float(x) for x in library])


def test_the_stub_of_the_exercise_is_left_to_the_reader():
    assert LESSON["top_k"](torch.rand(4), 2) is None
