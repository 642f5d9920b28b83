"""HardKuma: gates that are exactly 0 or 1 with a probability, and differentiable (Bastings et al. 2019)."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from ver_lite.corpora.core import Batch
from ver_lite.methods.base import Method, Step
from ver_lite.system.checks import check_number

LOW, HIGH = -0.1, 1.1  # the gate is stretched to this interval, then cut to [0, 1]


class HardKuma(Method):
    r"""RNP without the straight-through trick: a word's gate z is drawn from a stretched Kumaraswamy distribution, so
    that it is 0 or 1 with a positive probability and still has a true gradient. Ω is not a price but a constraint on
    the *expected* rationale, kept by multipliers that grow while it is violated.

    With a, b > 0 from the selector's two numbers for the word (softplus) and u uniform:

    .. math::
        k = (1 - (1 - u)^{1/b})^{1/a}, \qquad z = \min(1, \max(0, 1.2 k - 0.1)), \qquad
        P(z = 0) = 1 - (1 - 12^{-a})^b

    Two constraints, c₀: the expected share of words with z ≠ 0 minus α, and c₁: the expected number of changes between
    z = 0 and z ≠ 0 per word minus ``changes``. Each has a moving average c̄ ← (c̄ + c)/2 and a multiplier
    λ ← λ exp(.05 c̄), kept in [1e-12, 5]; the loss is H_c + Σ λᵢ (cᵢ + c̄ᵢ − cᵢ), where the last two carry no gradient.

    ``multiplier``: where both start; the published 1e-5 needs thousands of steps to matter. ``growth``: the .05 above.
    At test time a word is selected unless 0 is likelier than 1 and than everything between.

    At test time the released code shows a word by its gate's mean where a value between 0 and 1 is likeliest. It lets
    the gates depend on each other through a recurrent cell, skips hidden words in the encoder, and predicts a rating by
    regression. Here the gates are independent, a mask at test time is 0 or 1, and the players are those of all methods.
    The released Adam (rate 4e-4) has a schedule, which ours does not have: the rate is multiplied by .97 after every
    epoch, down to 5e-5; weight decay is 2e-6; a step's gradients are clipped to norm 5; and the epoch is chosen by its
    dev loss, after the fifth. λ1, λ2, the temperature and the protocol's Ω and padding switches are not used in
    training.
    """

    def __init__(self, *players, changes: float = 0.02, multiplier: float = 1e-5, growth: float = 0.05, **options):
        super().__init__(*players, **options)
        check_number("changes", changes, least=0, most=1)
        check_number("multiplier", multiplier, least=1e-12, most=5)
        check_number("growth", growth, above=0)
        self.changes, self.growth = changes, growth
        self.register_buffer("multipliers", torch.full((2,), multiplier))
        self.register_buffer("averages", torch.zeros(2))

    def play(self, batch: Batch) -> Iterator[Step]:
        a, b = self.shape(batch)
        u = torch.rand(a.shape, generator=self.generator, device=a.device, dtype=a.dtype) * 0.998 + 0.001
        gates = hard_kuma(a, b, u) * batch.selectable
        broken = self.constraints(a, b, batch)
        with torch.no_grad():
            self.averages.copy_((self.averages + broken) / 2)
            self.multipliers.copy_((self.multipliers * (self.growth * self.averages).exp()).clamp(1e-12, 5))
        price = (self.multipliers * (broken + (self.averages - broken).detach())).sum()
        logits = self.predict(batch, gates)
        yield Step("game", self.cross_entropy(logits, batch) + price, (gates > 0).to(gates), logits)

    def shape(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """a and b of every word's gate: float [B, T] each, in [1e-6, 100]. A large a opens it, a large b shuts it."""
        b, a = F.softplus(self.selector(batch.tokens, batch.real)).clamp(1e-6, 100).unbind(-1)
        return a, b

    def constraints(self, a: Tensor, b: Tensor, batch: Batch) -> Tensor:
        """c₀ and c₁, by how much the expected share and the expected changes exceed their targets: float [2]."""
        may = batch.selectable
        length = may.sum(1).clamp(min=1)
        on = log_open(a, b).exp() * may
        off = (1 - on) * may
        change = off[:, :-1] * on[:, 1:] + on[:, :-1] * off[:, 1:]
        share, changes = (on.sum(1) / length).mean(), (change.sum(1) / length).mean()
        return torch.stack([share - self.alpha, changes - self.changes])

    def logits(self, batch: Batch) -> Tensor:
        """log P(z = 0) and log P(z ≠ 0), float [B, T, 2]: a draw from them says whether the gate is open at all."""
        opened = log_open(*self.shape(batch))
        tiny = torch.finfo(opened.dtype).tiny
        return torch.stack([(-opened.expm1()).clamp(min=tiny).log(), opened.clamp(min=math.log(tiny))], -1)

    def choose(self, batch: Batch, how: str | None = None, share: float | None = None, generator=None) -> Tensor:
        if (how or self.protocol.evaluation) != "argmax" or share is not None:
            return super().choose(batch, how, share, generator)
        a, b = self.shape(batch)
        on, one = log_open(a, b).exp(), (b * torch.log1p(-((11 / 12) ** a))).exp()
        return ((1 - on < one) | (1 - on < on - one)) * batch.selectable.float()


def hard_kuma(a: Tensor, b: Tensor, u: Tensor) -> Tensor:
    """The gate z in [0, 1] from a uniform u, by the inverse of the stretched and cut Kumaraswamy distribution."""
    k = ((-torch.expm1(torch.log1p(-u) / b)).log() / a).exp()
    return (LOW + (HIGH - LOW) * k).clamp(0, 1)


def log_open(a: Tensor, b: Tensor) -> Tensor:
    """log P(z ≠ 0) = b log(1 − 12^−a): the logarithm of the chance that the stretched gate is above 0."""
    return b * torch.log1p(-((-LOW / (HIGH - LOW)) ** a))
