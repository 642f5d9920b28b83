"""NIR, noise injection (Storek et al. 2023), in the two forms that have this name."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ver_lite import masks
from ver_lite.corpora.core import Batch, Split
from ver_lite.methods.base import Step, learners
from ver_lite.methods.noise import WordNoise
from ver_lite.methods.rnp import RNP
from ver_lite.system.checks import check_choice, check_number

DIVERGENCES = ("jensen-shannon", "reversed")


class NIR(RNP):
    """RNP whose predictor, in training only, reads other words in place of some selected ones. VER's paper compares
    with this form of NIR.

    The loss is H_c(Y, Ŷ | noisy Z) + Ω(m). A share ``noise`` (η) of the words is replaced;
    :class:`~ver_lite.methods.noise.WordNoise` says how, and what ``replaced_by`` is. The gradient of m_t passes through
    the word that was put in, so the selector is credited for words that it did not select, as VER's paper says.
    """

    def __init__(self, *players, noise: float = 0.1, replaced_by: str = "low", **options):
        super().__init__(*players, **options)
        self.noise = WordNoise(self.selector.embedding.num_embeddings, noise, replaced_by)

    def prepare(self, train: Split) -> None:
        self.noise.fit(train)

    def play(self, batch: Batch) -> Iterator[Step]:
        mask = self.select(batch)
        noisy = self.noise.corrupt(batch, mask, self.generator)
        logits = self.predict(noisy, self.shown_to_predictor(mask, batch))
        yield Step("game", self.cross_entropy(logits, batch) + self.omega(mask, batch), mask, logits)


class NIRAttention(NIR):
    """NIR's own model (there on BERT players): the selector is the attention a of a soft predictor on the whole text,
    p = softmax(W Σ_t a_t h_t); the predictor q reads the α best words, with noise. No gradient passes through the
    selection.

    The soft predictor minimizes H_c(Y, p) + λ · JS(p, q), the predictor H_c(Y, q) + λ · JS(p, q), λ = ``consistency``,
    each with the other one fixed. The released code averages KL(M‖p) and KL(M‖q), M = (p + q) / 2, and sums over the
    batch (``divergence="reversed"``), takes the cross-entropy of probabilities as if they were logits
    (``softmaxes=2``), and counts query and special words into the budget α · l (not here), which it rounds to the
    nearest whole number. Here it is ⌈α · l⌉, as for all ``top_k`` masks. Ω is not used.

    The attention is computed from states, which also carry information about neighbors, so it may choose a word beside
    the one that matters.
    """

    ranks_only = True

    def __init__(self, *players, consistency=0.1, divergence="jensen-shannon", softmaxes=1, **options):
        super().__init__(*players, **options)
        check_number("consistency", consistency, least=0)
        check_choice("divergence", divergence, DIVERGENCES)
        check_number("softmaxes", softmaxes, least=1, most=2, whole=True)
        self.consistency, self.divergence, self.softmaxes = consistency, divergence, softmaxes
        self.soft = nn.Linear(self.selector.head.in_features, self.classes)

    def groups(self) -> dict[str, list[dict[str, Any]]]:
        attention = learners(self.selector, self.soft, without=self.selector.embedding)
        return {"attention": attention, "game": learners(self.predictor)}

    def play(self, batch: Batch) -> Iterator[Step]:
        states = self.selector.states(batch.tokens, batch.real)
        scores = self.selector.score(states).diff(dim=-1)[..., 0]
        mask = masks.top_k(scores.detach(), batch.selectable, self.alpha)
        attention = scores.masked_fill(~batch.selectable, -1e9).softmax(1) * batch.selectable
        soft = self.soft((attention[..., None] * states).sum(1)).to(scores)
        hard = self.predict(self.noise.corrupt(batch, mask, self.generator), mask)
        soft_loss, hard_loss = self.loss(soft, hard, batch), self.loss(hard, soft, batch)
        yield Step("attention", soft_loss)
        yield Step("game", hard_loss, mask, hard)

    def loss(self, own: Tensor, other: Tensor, batch: Batch) -> Tensor:
        """The loss of the player with logits ``own`` [B, C], with ``other`` [B, C] fixed."""
        wrong = self.cross_entropy(own if self.softmaxes == 1 else own.softmax(-1), batch)
        return wrong + self.consistency * divergence(own, other.detach(), self.divergence == "reversed")


def divergence(one: Tensor, other: Tensor, reversed: bool = False) -> Tensor:
    """The Jensen–Shannon divergence of the probabilities behind two logits [B, C], in nats, averaged over the batch.
    With ``reversed``, what NIR's code computes instead, summed over the batch."""
    p, q = one.log_softmax(-1), other.log_softmax(-1)
    middle = torch.logaddexp(p, q) - math.log(2)
    if reversed:
        return (middle.exp() * (middle - (p + q) / 2)).sum()
    return (p.exp() * (p - middle) + q.exp() * (q - middle)).sum(-1).mean() / 2
