"""MGR, rationalization with many generators (Liu et al. 2023): several selectors for one predictor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ver_lite.corpora.core import Batch
from ver_lite.methods.base import Step, learners
from ver_lite.methods.rnp import RNP
from ver_lite.methods.ver import VER
from ver_lite.players.players import another
from ver_lite.system.checks import check_choice, check_number

INFERENCES = ("first", "mean")


class MGR(RNP):
    """RNP with several selectors for one predictor. The predictor sees several rationales of every text, so it does not
    adopt one selector's early habit. The selectors learn at unequal rates, so that they do not stay alike.

    ::

        Σ_{i=1..n} [ H_c(Y, Ŷ | Z_i) + Ω(m_i) ],    learning rates: selector i: i · η, predictor: η / n

    ``inference="first"``: at test time the first selector chooses, as the paper says. ``"mean"``: the average of all
    selectors' probabilities chooses, as in the released code (which draws from it). The released code counts accuracy
    over the answers to all selectors' masks, in training and on dev, by which it chooses an epoch. Here training counts
    the first selector's answers, and dev those of ``inference``.
    """

    def __init__(self, *players, selectors: int = 3, inference: str = "first", **options):
        super().__init__(*players, **options)
        check_number("selectors", selectors, least=1, whole=True)
        check_choice("inference", inference, INFERENCES)
        self.others = nn.ModuleList(another(self.selector) for _ in range(selectors - 1))
        self.inference = inference

    def play(self, batch: Batch) -> Iterator[Step]:
        losses, masks, logits = [], [], []
        for selector in (self.selector, *self.others):
            masks.append(self.select(batch, selector(batch.tokens, batch.real)))
            logits.append(self.predict(batch, self.shown_to_predictor(masks[-1], batch)))
            losses.append(self.cross_entropy(logits[-1], batch) + self.omega(masks[-1], batch))
        yield Step("game", torch.stack(losses).sum(), masks[0], logits[0])

    def groups(self) -> dict[str, list[dict[str, Any]]]:
        words, count = self.selector.embedding, len(self.others) + 1
        rising = [g for i, other in enumerate(self.others, 2) for g in learners(other, times=i, without=words)]
        return {"game": learners(self.selector) + rising + learners(self.predictor, times=1 / count, without=words)}

    def logits(self, batch: Batch) -> Tensor:
        """The first selector's logits [B, T, 2], or the logarithm of the mean of all selectors' probabilities."""
        if self.inference == "first":
            return super().logits(batch)
        each = [selector(batch.tokens, batch.real).softmax(-1) for selector in (self.selector, *self.others)]
        return torch.stack(each).mean(0).clamp(min=torch.finfo(each[0].dtype).tiny).log()


class VERMGR(MGR, VER):
    """VER's perturbed masks, for a predictor with several selectors."""
