"""RNP, rationalizing neural predictions (Lei et al. 2016, in its Gumbel form; the paper's §3)."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from ver_lite.corpora.core import Batch
from ver_lite.methods.base import Method, Step


class RNP(Method):
    """The plain game: selector and predictor together minimize H_c(Y, Ŷ | Z) + Ω(m) (Eq. 3 and 4).

    The released code weights the cross-entropy .9, counts Ω per batch and lets padding be selected: see Protocol.
    """

    def play(self, batch: Batch) -> Iterator[Step]:
        mask = self.select(batch)
        logits = self.predict(batch, self.shown_to_predictor(mask, batch))
        yield Step("game", self.cross_entropy(logits, batch) + self.omega(mask, batch), mask, logits)

    def shown_to_predictor(self, mask: Tensor, batch: Batch) -> Tensor:
        """In training, the predictor is shown the mask itself."""
        return mask
