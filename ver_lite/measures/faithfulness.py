"""Is a rationale what the predictor goes by? Comprehensiveness and sufficiency (DeYoung et al. 2020, §4.2, ERASER).

Both measures call the predictor on texts from which words were taken. A predictor of this game was never trained on
whole texts, nor on the words that its selector does not choose. So its answers there are answers to unusual input, and
each measure comes with that of random words, to be compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ver_lite import masks
from ver_lite.corpora.core import Batch, Split
from ver_lite.methods import Method
from ver_lite.players.players import in_mode

BINS = (0.01, 0.05, 0.1, 0.2, 0.5)


@dataclass(frozen=True)
class Faithfulness:
    """Means over the texts, in probability; ŷ is the class that the predictor names when it is shown the whole text x.

    ``comprehensiveness``: P(ŷ | x) − P(ŷ | x without r); it is large if the rationale r was needed (Eq. 1).
    ``sufficiency``: P(ŷ | x) − P(ŷ | r); it is near 0 if r is enough (Eq. 2). ``..._random``: the same with as many
    words of each text, drawn uniformly. ``..._at``: with the ⌈share · length⌉ words that the selector wants most, for
    each share of ``bins``. ``aopc_...``: the mean over these bins, the area over the perturbation curve as ERASER's
    code computes it (its paper divides by one more, for the empty bin).
    """

    texts: int
    comprehensiveness: float
    sufficiency: float
    comprehensiveness_random: float
    sufficiency_random: float
    aopc_comprehensiveness: float
    aopc_sufficiency: float
    bins: tuple[float, ...]
    comprehensiveness_at: tuple[float, ...]
    sufficiency_at: tuple[float, ...]


@torch.no_grad()
def faithfulness(
    game: Method,
    split: Split,
    *,
    how: str | None = None,
    share: float | None = None,
    bins: Sequence[float] = BINS,
    batch_size: int = 256,
    seed: int = 0,
) -> Faithfulness:
    """Measure ``game`` on ``split``, its masks made as in ``evaluate``, without dropout. A query is always shown.

    Raises ValueError for a bin that is not above 0 and at most 1, or when there is none.
    """
    if not bins:
        raise ValueError("faithfulness needs at least one bin, for instance 0.2")
    device = next(game.parameters()).device
    noise, blind = (torch.Generator(device).manual_seed(n) for n in (seed, seed + 1))
    with in_mode(game, training=False):
        drops = []
        for batch in game.batches(split.to(device), batch_size):
            chosen = game.choose(batch, how, share, noise) * batch.selectable
            random = masks.random_words(batch.selectable, chosen.sum(1), generator=blind)
            scores = game.scores(batch)
            shown = [chosen, random, *(masks.top_k(scores, batch.selectable, size) for size in bins)]
            drops.append(_drops(game, batch, shown))
    means = torch.cat(drops, 1).mean(1) if drops else torch.zeros(2 * len(bins) + 4, dtype=torch.float64)
    (lost, lost_random, *lost_at), (short, short_random, *short_at) = means.view(-1, 2).T.tolist()
    return Faithfulness(
        texts=len(split),
        comprehensiveness=lost,
        sufficiency=short,
        comprehensiveness_random=lost_random,
        sufficiency_random=short_random,
        aopc_comprehensiveness=sum(lost_at) / len(bins),
        aopc_sufficiency=sum(short_at) / len(bins),
        bins=tuple(bins),
        comprehensiveness_at=tuple(lost_at),
        sufficiency_at=tuple(short_at),
    )


def _drops(game: Method, batch: Batch, shown: list[Tensor]) -> Tensor:
    """How far P(ŷ) falls from the whole text to the text without the words of a mask, and to these words alone.

    Each mask has these two rows, in this order: float64 [2 · masks, B].
    """
    whole = batch.selectable.to(shown[0])

    def answer(words: Tensor) -> Tensor:
        return game.predict(batch, words).cpu().double().softmax(-1)

    before = answer(whole)
    named = before.argmax(1, keepdim=True)

    def drop(words: Tensor) -> Tensor:
        return (before - answer(words)).gather(1, named)[:, 0]

    return torch.stack([drop(words) for mask in shown for words in (whole - mask, mask)])
