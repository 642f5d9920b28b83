"""A predictor that is trained on random words (the paper's Empirical Observation 4, Fig. 6, §A.6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from ver_lite import masks
from ver_lite.corpora.core import Batch
from ver_lite.methods.base import Step, learners
from ver_lite.methods.rnp import RNP


class RandomMasks(RNP):
    """The predictor alone learns, from ``alpha`` of each text's words, drawn anew at every step, all equally likely.

    The selector does not move; afterwards it is trained as in RNP against the frozen predictor
    (``observations.random_then_frozen``). The released code draws its masks from a selector that is trained by Ω alone
    (a deviation that lesson 11 tries); this class does what the paper's text says.
    """

    def play(self, batch: Batch) -> Iterator[Step]:
        mask = masks.random_mask(batch.selectable, self.alpha, generator=self.generator)
        logits = self.predict(batch, mask)
        yield Step("game", self.cross_entropy(logits, batch), mask, logits)

    def groups(self) -> dict[str, list[dict[str, Any]]]:
        return {"game": learners(self.predictor)}

    def choose(self, batch: Batch, how=None, share=None, generator=None) -> Tensor:
        """A random mask at test time too, because no selector is trained yet."""
        return masks.random_mask(batch.selectable, self.alpha, generator=generator or self.generator)
