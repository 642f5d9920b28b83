"""3PLAYER, complement control (Yu et al. 2019): what was not selected should not tell the label."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from ver_lite.corpora.core import Batch
from ver_lite.methods.base import Method, Step, frozen, learners
from ver_lite.players.players import another
from ver_lite.system.checks import check_number


class ThreePlayer(Method):
    """RNP and a third player, a predictor that reads the complement: the words that were *not* selected. It minimizes
    its own cross-entropy, and the selector pays unless it does worse than the predictor by a margin h::

        selector    H_z + λ · max(0, H_z − H_c + h) + Ω(m)
        predictors  H_z + H_c,   the cross-entropies from the rationale Z and from its complement

    ``complement_weight``: λ. ``margin``: h, in nats.

    This is the paper's objective in its differentiable form, with RNP's sampled masks. The released code
    (Gorov/three_player_for_emnlp) trains the selector by REINFORCE, on a reward of right and wrong answers in which the
    margin is not used; its price asks for a number of words (8) and of runs of words (4), not for a share; and it pools
    over the shown words only, while this class pools over all positions.
    """

    def __init__(self, *players, complement_weight: float = 1.0, margin: float = 0.2, **options):
        super().__init__(*players, **options)
        check_number("complement_weight", complement_weight, least=0)
        check_number("margin", margin, least=0)
        self.complement_weight, self.margin = complement_weight, margin
        self.complement = another(self.predictor)

    def play(self, batch: Batch) -> Iterator[Step]:
        mask = self.select(batch)
        with frozen(self.predictor, self.complement):
            logits = self.predict(batch, mask)
            kept = self.cross_entropy(logits, batch)
            rest = self.cross_entropy(self.predict_from_rest(batch, mask), batch)
        excess = F.relu(kept - rest + self.margin)
        yield Step("selector", kept + self.complement_weight * excess + self.omega(mask, batch), mask, logits)
        mask = mask.detach()
        answers = self.predict(batch, mask), self.predict_from_rest(batch, mask)
        yield Step("predictors", sum(self.cross_entropy(logits, batch) for logits in answers))

    def groups(self) -> dict[str, list[dict[str, Any]]]:
        selector = learners(self.selector, without=self.selector.embedding)
        return {"selector": selector, "predictors": learners(self.predictor, self.complement)}

    def predict_from_rest(self, batch: Batch, mask: Tensor) -> Tensor:
        """Logits [B, C] of the third player, from the words outside ``mask`` and the query."""
        rest = batch.selectable * (1 - mask) + batch.query
        return self.complement(batch.tokens, batch.real, rest)
