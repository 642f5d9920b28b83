"""CR, causal rationalization (Zhang et al. 2023): an information bottleneck, and a reward for needed words."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from ver_lite import masks
from ver_lite.corpora.core import Batch
from ver_lite.methods.base import Method, Step
from ver_lite.system.checks import check_choice, check_number

TEXTS = ("all", "last")
SURELY_SHOWN = 0.8


class CR(Method):
    """RNP with an information bottleneck in place of Ω, and a reward for words that are needed: without them, the label
    gets less probable (a lower bound on the probability of necessity and sufficiency).

    The loss is H_c(Y, Ŷ | Z) + β · KL(Bernoulli(q_t) ‖ Bernoulli(α)), a mean over words, − μ · mean_j log(1 + max(0,
    p(y | z) − p(y | z without word j))): q_t the probability to select word t, β = ``information``, μ = ``necessity``,
    p(y | z) fixed. The words j are drawn among those with m_t > .8, at most the share ``removed`` of a text. In
    training the mask is soft, a relaxed Bernoulli of ``temperature`` (published: .5, α .1, β 1 or .1, μ 1 or .1,
    ``removed`` .05). Published rationales are the α best words: ``top_k`` masks.

    The released code resets a sum too early, so only each batch's last text earns the reward, which is not divided by
    the number of texts (``texts="last"``). Its players are BERTs. Its mask does not multiply vectors, as ours does: it
    adds log(z + 1e-8) to the predictor's attention scores, [CLS] included. Its selector has one more layer, and dropout
    on its logit. λ1 and λ2 are not used. Every removed word costs a prediction of one more text, which is slow for long
    texts.
    """

    def __init__(
        self,
        *players,
        information: float = 1.0,
        necessity: float = 1.0,
        removed: float = 0.05,
        texts: str = "all",
        **options,
    ):
        super().__init__(*players, **options)
        check_number("removed", removed, above=0, most=1)
        check_number("information", information, least=0)
        check_number("necessity", necessity, least=0)
        check_choice("texts", texts, TEXTS)
        if self.alpha == 1:
            raise ValueError("alpha must be below 1 for CR, which compares with a choice at that rate")
        self.information, self.necessity, self.removed, self.texts = information, necessity, removed, texts

    def play(self, batch: Batch) -> Iterator[Step]:
        words = self.logits(batch)
        noisy = words + masks.gumbel_noise(words, self.generator)
        mask = (noisy / self.temperature).softmax(-1)[..., 1] * batch.selectable
        logits = self.predict(batch, mask)
        loss = self.cross_entropy(logits, batch) + self.information * self.divergence(words, batch)
        if self.necessity:
            loss = loss - self.necessity * self.need(batch, mask, logits.detach())
        yield Step("game", loss, mask, logits)

    def divergence(self, words: Tensor, batch: Batch) -> Tensor:
        """KL(Bernoulli(q_t) ‖ Bernoulli(α)) in nats: a text's mean over its words, and the mean over texts."""
        no, yes = words.log_softmax(-1).unbind(-1)
        each = yes.exp() * (yes - math.log(self.alpha)) + no.exp() * (no - math.log1p(-self.alpha))
        return ((each * batch.selectable).sum(1) / batch.selectable.sum(1).clamp(min=1)).mean()

    def need(self, batch: Batch, mask: Tensor, logits: Tensor) -> Tensor:
        """The reward for needed words, a scalar: mean_j log(1 + max(0, p(y | z) − p(y | z without j))), averaged over
        texts. ``logits`` [B, C] are those of p(y | z)."""
        most = math.ceil(self.removed * mask.shape[1] - 1e-6)
        order = torch.rand(mask.shape, generator=self.generator, device=mask.device)
        luck, out = order.masked_fill(mask.detach() <= SURELY_SHOWN, -1).topk(most, dim=1)  # [B, J]
        allowed = (self.removed * batch.selectable.sum(1, keepdim=True) - 1e-6).ceil()
        counted = (luck >= 0) & (torch.arange(most, device=mask.device) < allowed)
        left = mask[:, None].repeat(1, most, 1).scatter(2, out[..., None], 0.0)  # [B, J, T]
        tokens, real, query, labels = (
            x.repeat_interleave(most, 0) for x in (batch.tokens, batch.real, batch.query, batch.labels)
        )
        without = self.predictor(tokens, real, left.flatten(0, 1) + query)
        chance = without.softmax(-1).gather(1, labels[:, None]).view_as(luck)
        lost = logits.softmax(-1).gather(1, batch.labels[:, None]) - chance
        rewards = (lost.clamp(min=0).log1p() * counted).sum(1) / counted.sum(1).clamp(min=1)
        return rewards.mean() if self.texts == "all" else rewards[-1]
