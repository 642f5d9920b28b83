"""Post-hoc explanations: a classifier of whole texts is trained first, then the words that mattered to it are found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ver_lite.corpora.core import Batch
from ver_lite.methods.base import Method, Step, learners


class PostHoc(Method):
    """A predictor that learns on whole texts; the :meth:`scores` of a subclass say which words mattered to it.

    There is no game: the selector does not move, and nothing is learned from masks. A rationale is the share ``alpha``
    of each text's words with the largest scores, whichever kind of mask is asked for, because such an explanation has
    no threshold of its own. The epoch is chosen by accuracy on whole texts. VER's Table 1 gives no accuracy for these
    methods, because the predictor is not trained on rationales; ``evaluate`` gives its accuracy on the rationale alone.
    """

    judged_on = "all"
    ranks_only = True

    def play(self, batch: Batch) -> Iterator[Step]:
        whole = batch.selectable.float()
        logits = self.predict(batch, whole)
        yield Step("game", self.cross_entropy(logits, batch), whole, logits)

    def groups(self) -> dict[str, list[dict[str, Any]]]:
        return {"game": learners(self.predictor)}

    def logits(self, batch: Batch) -> Tensor:
        """The scores as logits [B, T, 2]: minus and plus half of each, so that their difference is the score."""
        scores = self.scores(batch)
        return torch.stack([-scores, scores], -1) / 2


class Attention(PostHoc):
    """A classifier with attention, and the words it attends to most (the attention baseline of Lei et al. 2016).

    With the predictor's states h_t of the whole text::

        a = softmax over t of v · tanh(U h_t),        Ŷ = head(Σ_t a_t h_t)

    The paper does not fix the form of the score; this is the usual additive one. When only some words are shown, the
    states of the others get no attention.
    """

    def __init__(self, *players, **options):
        super().__init__(*players, **options)
        width = self.predictor.head.in_features
        self.attention = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))

    def groups(self) -> dict[str, list[dict[str, Any]]]:
        return {"game": learners(self.predictor, self.attention)}

    def predict(self, batch: Batch, shown: Tensor, pool: Tensor | None = None) -> Tensor:
        """Logits [B, C] from the words ``shown``. Only these get attention, or those of ``pool`` (bool [B, T])."""
        shown = shown + batch.query
        states = self.predictor.states(batch.tokens, batch.real, shown)
        weights = self.weights(states, (shown > 0) & batch.real if pool is None else pool)
        return self.predictor.decide((weights.exp()[..., None] * states).sum(1))

    def weights(self, states: Tensor, among: Tensor) -> Tensor:
        """The logarithm of the attention to each position: float [B, T]. Outside ``among`` (bool [B, T]) there is
        none."""
        return self.attention(states)[..., 0].masked_fill(~among, -1e9).log_softmax(-1)

    def scores(self, batch: Batch) -> Tensor:
        """The logarithm of each word's attention times the length of its text: float [B, T]. This makes words of texts
        of different lengths comparable."""
        states = self.predictor.states(batch.tokens, batch.real, batch.real.float())
        return self.weights(states, batch.real) + batch.real.sum(1, keepdim=True).clamp(min=1).log()
