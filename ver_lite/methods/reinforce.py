"""RNP by REINFORCE, as it was first trained (Lei et al. 2016)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from ver_lite import masks
from ver_lite.corpora.core import Batch
from ver_lite.methods.base import Method, Step
from ver_lite.system.checks import check_choice, check_number

PRICES = ("omega", "count")


class Reinforce(Method):
    r"""RNP's game without a gradient through the mask: the selector draws masks and makes the cheap ones likelier. Its
    gradient is unbiased and noisy; Gumbel's is biased and smooth.

    .. math::
        c(m) = H_c(Y, \hat Y | Z) + \text{price}(m), \qquad
        \nabla_S = E_{m \sim S}[\, c(m) \, \nabla \textstyle\sum_t \log S(m_t | x) \,]

    and the predictor minimizes H_c. ``price="omega"``: the Ω of Eq. 4, so that α means what it means for the other
    methods. ``price="count"``: ``weight`` · (Σ m + 2 Σ \|m_t − m_{t−1}\|), the paper's price, whose weight has to be
    found in a narrow range for every corpus (too small: everything is selected, and the gradient vanishes).
    ``baseline``: what is subtracted from a text's cost is the mean cost of the batch's other texts; the paper subtracts
    nothing. The original predicts a rating by regression with RCNN encoders. It draws padding too, and counts it in
    both sums, but not in log S. Here the draw and the sums are over the words alone, and Ω is per text, so the
    protocol's Ω and padding switches are not used in training.
    """

    def __init__(self, *players, price: str = "omega", weight: float = 3e-4, baseline: bool = False, **options):
        super().__init__(*players, **options)
        check_choice("price", price, PRICES)
        check_number("weight", weight, least=0)
        self.price, self.weight, self.baseline = price, weight, baseline

    def play(self, batch: Batch) -> Iterator[Step]:
        scores = self.logits(batch)
        mask = self.draw(scores.detach(), batch)
        logits = self.predict(batch, mask)
        surprise = self.protocol.cross_entropy_weight * F.cross_entropy(logits, batch.labels, reduction="none")
        advantage = self.advantage(surprise.detach() + self.price_of(mask, batch))
        yield Step("game", surprise.mean() + (advantage * chance(scores, mask, batch)).mean(), mask, logits)

    def draw(self, scores: Tensor, batch: Batch) -> Tensor:
        """A mask [B, T] drawn from the selector's probabilities, without gradient."""
        return masks.sample(scores, batch.selectable, generator=self.generator)

    def price_of(self, mask: Tensor, batch: Batch) -> Tensor:
        """The price of each text's mask: float [B]."""
        if self.price == "omega":
            return masks.omega_of_each(mask, batch.selectable, self.alpha, self.lambda1, self.lambda2)
        return self.weight * (mask.sum(1) + 2 * masks.transitions(mask, batch.selectable))

    def advantage(self, cost: Tensor) -> Tensor:
        """The costs [B], with ``baseline`` each minus the mean cost of the other texts."""
        if not self.baseline or len(cost) < 2:
            return cost
        return cost - (cost.sum() - cost) / (len(cost) - 1)


def chance(scores: Tensor, mask: Tensor, batch: Batch) -> Tensor:
    """The log-probability log S(m | x) of each text's mask: float [B]."""
    each = scores.log_softmax(-1)
    return (torch.where(mask > 0, each[..., 1], each[..., 0]) * batch.selectable).sum(1)
