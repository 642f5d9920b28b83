"""DMR, distribution matching rationalization (Huang et al. 2021): rationales are to look like whole texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ver_lite.corpora.core import Batch, Split
from ver_lite.methods.base import Step, learners
from ver_lite.methods.rnp import RNP
from ver_lite.methods.whole_texts import answer, learn_once
from ver_lite.players.players import another, max_pool
from ver_lite.system.checks import check_choice, check_number, check_switch

CHOICES = {"moments": ("powers", "first"), "matching": ("both", "predictor"), "path": ("none", "gold")}


class DMR(RNP):
    """RNP that also makes rationales look like whole texts to the predictor. Its pooled states h of both are matched,
    and its answers are matched to those of a frozen teacher, which was trained on whole texts.

    The loss is H_c(Y, Ŷ | Z) + w_o · H_c(R(X) / τ, Ŷ | Z) + w_f · D(h(Z), h(X)) + Ω(m). R is the teacher; only its
    logits are divided by τ = ``softening``. D is the :func:`moment_distance`; w_o = ``output_matching``,
    w_f = ``feature_matching``. The weight of H_c is the protocol's: DMR's .9. (Its scripts use .1, .9, .01 or .9, .1,
    .01 to .1.)

    The released code multiplies where a moment takes a power (``moments="first"``), gives the selector no gradient from
    matching (``matching="predictor"``), makes masks without noise (``draws=False``), and builds on CAR. There every
    class has a selector. In training whole batches take the two paths in turn; each selector reads the gold label
    beside every word, on both paths, and minimizes −P(its own class) + Ω. At test time a text goes to its *gold*
    label's selector. Here DMR builds on RNP, as VER's paper says, and no player sees a label. ``path="gold"`` shows
    what a label at test time is worth. It is not that code's training: each text goes to its gold label's selector in
    training too, and all players minimize the loss above. The game then names even labels that were drawn at random,
    about which no text tells anything (a test). The teacher learns in :meth:`prepare`, again when a run is resumed, for
    ``teacher_epochs`` (published: 4 or 10, rate .001, batches of 200; the defaults here are a laptop's).
    """

    def __init__(
        self,
        *players,
        output_matching: float = 0.1,
        feature_matching: float = 0.01,
        moments: str = "powers",
        matching: str = "both",
        path: str = "none",
        draws: bool = True,
        softening: float = 3.0,
        teacher_epochs: int = 10,
        teacher_rate: float = 2e-3,
        teacher_batch: int = 32,
        **options,
    ):
        super().__init__(*players, **options)
        check_number("output_matching", output_matching, least=0)
        check_number("feature_matching", feature_matching, least=0)
        check_number("softening", softening, above=0)
        check_number("teacher_rate", teacher_rate, above=0)
        check_number("teacher_epochs", teacher_epochs, least=1, whole=True)
        check_number("teacher_batch", teacher_batch, least=1, whole=True)
        for name, value in (("moments", moments), ("matching", matching), ("path", path)):
            check_choice(name, value, CHOICES[name])
        check_switch("draws", draws)
        self.output_matching, self.feature_matching = output_matching, feature_matching
        self.moments, self.matching, self.softening, self.draws = moments, matching, softening, draws
        self.teacher_epochs, self.teacher_rate, self.teacher_batch = teacher_epochs, teacher_rate, teacher_batch
        self.teacher = another(self.predictor)
        classes = self.predictor.head.out_features if path == "gold" else 1
        self.others = nn.ModuleList(another(self.selector) for _ in range(1, classes))

    def groups(self) -> dict[str, list[dict[str, Any]]]:
        return {"game": learners(self.selector, self.others, self.predictor)}

    def logits(self, batch: Batch) -> Tensor:
        """The selector's logits [B, T, 2]; with ``path="gold"``, those of the gold label's selector."""
        if not self.others:
            return super().logits(batch)
        pleas = torch.stack([selector(batch.tokens, batch.real) for selector in (self.selector, *self.others)], 1)
        return pleas[torch.arange(len(batch), device=pleas.device), batch.labels]

    def prepare(self, train: Split) -> None:
        groups = learners(self.teacher, without=self.teacher.embedding)
        optimizer = torch.optim.Adam([{**group, "lr": self.teacher_rate * group["times"]} for group in groups])
        for _ in range(self.teacher_epochs):
            learn_once(self.teacher, train, optimizer, self.teacher_batch, torch.default_generator)
        self.teacher.zero_grad()

    def play(self, batch: Batch) -> Iterator[Step]:
        mask = self.select(batch)
        shown = self.shown_to_predictor(mask, batch) + batch.query
        seen, whole = self.pooled(shown, batch), self.pooled(batch.real.to(shown), batch)
        logits = self.predictor.decide(seen)
        if self.matching == "both":
            matched, said = seen, logits
        else:
            matched = self.pooled(shown.detach(), batch)
            said = self.predictor.decide(matched)
        self.teacher.eval()
        with torch.no_grad():
            taught = (answer(self.teacher, batch) / self.softening).softmax(-1)
        loss = self.cross_entropy(logits, batch) + self.omega(mask, batch)
        loss = loss + self.output_matching * F.cross_entropy(said, taught)
        loss = loss + self.feature_matching * moment_distance(matched, whole, powers=self.moments == "powers")
        yield Step("game", loss, mask, logits)

    def pooled(self, shown: Tensor, batch: Batch) -> Tensor:
        """The predictor's pooled states [B, H] of the words ``shown``."""
        return max_pool(self.predictor.states(batch.tokens, batch.real, shown), batch.real)


def moment_distance(one: Tensor, other: Tensor, orders: int = 5, powers: bool = True) -> Tensor:
    """The central moment discrepancy of two samples [B, H] (Zellinger et al. 2017), unscaled: the distance of their
    means plus that of the means of their centered k-th powers, k = 2 to ``orders``.

    Without ``powers``, centered features are multiplied by k instead, as in DMR's code: their means are zero, so that
    only the first distance is left. High powers suit states that are bounded, as a GRU's are.
    """
    means = one.mean(0), other.mean(0)
    centered = one - means[0], other - means[1]
    distance = (means[0] - means[1]).norm()
    for k in range(2, orders + 1):
        first, second = ((c**k if powers else c * k).mean(0) for c in centered)
        distance = distance + (first - second).norm()
    return distance
