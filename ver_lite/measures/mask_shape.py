"""What a mask says by its shape alone: a probe that sees where the selected words stand, and no word.

A selector can tell the label in secret: many words for one class, early ones for the other. The predictor sees the
shape (hidden words are gaps), so such a code can work. The probe is a logistic regression from a few numbers that
describe the shape; what it reads is there, and what it does not read may still be there in a form that it cannot see: a
lower bound. Lesson 01 computes the exact quantity, :func:`~ver_lite.theory.information.mask_information`, on a small
world.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ver_lite.measures.agreement import spans
from ver_lite.measures.evaluation import Played
from ver_lite.measures.metrics import divide

PLACES, FOLDS = 8, 5
FEATURES = ("share", "count", "runs", "mean run", "longest run", "mean gap", "first", "last", "mean place") + tuple(
    f"place {k + 1}/{PLACES}" for k in range(PLACES)
)


@dataclass(frozen=True)
class Reading:
    """What the probe reads of one target, each text by a regression that was fitted on other texts.

    ``accuracy`` beside ``majority``, that of always naming the most frequent class of these texts; mean
    ``cross_entropy`` beside ``plain``, that of the same regression without features, which says the class frequencies
    of the fitted texts (nats). ``read`` is their difference: nats of the target that the shape gives away; ``low`` to
    ``high`` are 95 % of its bootstrap means over the texts. It is negative where the regression found by chance in the
    fitted texts what does not hold in others. ``chance``: the share of random assignments of the same answers to the
    texts that are at least as accurate (a permutation test). The probe reads nothing where ``low`` ≤ 0 and ``chance``
    is large.
    """

    texts: int
    accuracy: float
    majority: float
    cross_entropy: float
    plain: float
    read: float
    low: float
    high: float
    chance: float


def shape_features(mask: Tensor, selectable: Tensor) -> Tensor:
    """The shape of each mask in the numbers named by FEATURES: float64 [N, 17]; an empty mask is all zeros.

    Runs and gaps are in words; a gap is what lies between two runs. Places go from 0, the first selectable word, to 1,
    the last; "place k/8" is the share of the selected words that stand in that eighth of the text.
    """
    mask = (mask > 0.5) & selectable
    texts, count = len(mask), mask.sum(1).double()
    length = selectable.sum(1, keepdim=True).double()
    place = (selectable.cumsum(1).double() - 1) / (length - 1).clamp(min=1)
    first = place.masked_fill(~mask, 1).amin(1) * mask.any(1)
    last = place.masked_fill(~mask, 0).amax(1)
    found = spans(mask)
    sizes = (found[:, 2] - found[:, 1]).double()
    runs = torch.bincount(found[:, 0], minlength=texts).double()
    longest = torch.zeros(texts, dtype=torch.float64).scatter_reduce(0, found[:, 0], sizes, "amax")
    between = (last - first) * (length[:, 0] - 1) + 1 - count
    eighth = (place * PLACES).long().clamp(0, PLACES - 1)
    histogram = torch.zeros(texts, PLACES, dtype=torch.float64).scatter_add_(1, eighth, mask.double())
    parts = [divide(count, length[:, 0]), count, runs, divide(count, runs), longest]
    parts += [divide(between, runs - 1) * (runs > 1), first, last, divide((place * mask).sum(1), count)]
    return torch.cat([torch.stack(parts, 1), divide(histogram, count[:, None].expand_as(histogram))], 1)


def logistic_regression(features: Tensor, target: Tensor, classes: int, penalty: float = 1.0) -> tuple[Tensor, Tensor]:
    """Weights [F, C] and biases [C] that minimize Σ cross-entropy + ``penalty``/2 · ‖weights‖², by L-BFGS in float64.

    This is scikit-learn's ``LogisticRegression`` with C = 1/penalty; of two classes, with C = 2/penalty, because
    scikit-learn then has one weight a feature, the difference of the two here.
    """
    weights = torch.zeros(features.shape[1], classes, dtype=torch.float64, requires_grad=True)
    biases = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
    search = {"max_iter": 500, "tolerance_grad": 1e-6, "tolerance_change": 1e-12, "line_search_fn": "strong_wolfe"}
    optimizer = torch.optim.LBFGS([weights, biases], **search)

    def loss() -> Tensor:
        optimizer.zero_grad()
        fit = F.cross_entropy(features @ weights + biases, target, reduction="sum")
        total = fit + penalty / 2 * weights.square().sum()
        total.backward()
        return total

    optimizer.step(loss)
    return weights.detach(), biases.detach()


def probe(features: Tensor, target: Tensor, classes: int, *, seed: int = 0, draws: int = 1000) -> Reading:
    """Deal the texts into five folds; fit on four, read the fifth, in turn. ``features`` [N, F], ``target`` int [N].

    Features are standardized by the fitted texts. Raises ValueError for fewer than ten texts.
    """
    texts = len(target)
    if texts < 2 * FOLDS:
        raise ValueError(f"a probe needs at least {2 * FOLDS} texts, not {texts}")
    noise = torch.Generator().manual_seed(seed)
    named, surprise, plain = torch.zeros_like(target), *torch.zeros(2, texts, dtype=torch.float64)
    for held in torch.randperm(texts, generator=noise).tensor_split(FOLDS):
        fitted = torch.ones(texts, dtype=torch.bool).index_fill(0, held, False)
        spread, mean = torch.std_mean(features[fitted], 0, correction=0)
        scaled = (features - mean) / torch.where(spread > 1e-9, spread, 1.0)
        for seen, into in ((scaled, surprise), (scaled[:, :0], plain)):
            weights, biases = logistic_regression(seen[fitted], target[fitted], classes)
            said = (seen[held] @ weights + biases).log_softmax(-1)
            into[held] = F.nll_loss(said, target[held], reduction="none")
            if seen is scaled:
                named[held] = said.argmax(1)
    right = (named == target).double().mean()
    again = torch.randint(texts, (draws, texts), generator=noise)
    shuffled = torch.rand(draws, texts, generator=noise).argsort(1)
    lucky = (named == target[shuffled]).double().mean(1) >= right
    low, high = (plain - surprise)[again].mean(1).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Reading(
        texts=texts,
        accuracy=float(right),
        majority=float(torch.bincount(target).max() / texts),
        cross_entropy=float(surprise.mean()),
        plain=float(plain.mean()),
        read=float((plain - surprise).mean()),
        low=low,
        high=high,
        chance=float((lucky.sum() + 1) / (draws + 1)),
    )


def read_shapes(played: Played, *, seed: int = 0) -> tuple[Reading, Reading]:
    """How much of the labels, and of the game's own decisions, the shapes of its masks give away (in this order).

    The two differ in what they blame. Labels: the selector, which saw the words and may tell more than the words that
    it shows. Decisions: both players, for a predictor that goes by the words alone decides by shape only as far as the
    words go with it.
    """
    features, classes = shape_features(played.mask, played.selectable), played.logits.shape[1]
    return tuple(probe(features, target, classes, seed=seed) for target in (played.labels, played.logits.argmax(1)))
