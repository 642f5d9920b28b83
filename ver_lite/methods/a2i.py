"""A2I, attack to inspect and instruct (Liu et al. 2024b): a second selector looks for words that mislead."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ver_lite.corpora.core import Batch
from ver_lite.methods.base import Step, frozen, learners
from ver_lite.methods.rnp import RNP
from ver_lite.players.players import another
from ver_lite.system.checks import check_choice, check_number

INSTRUCTIONS = ("hinge", "uniform")


class A2I(RNP):
    """RNP against an attacker: a second selector A that picks, from each text, words z_A for a *wrong* label ỹ. If the
    predictor believes them, it has learned an accident of the game; an instruction term then teaches it not to decide
    by them::

        game    H_c(Y, Ŷ | Z) + Ω(m) − λ_a · min(H_c(Ỹ, Ŷ | Z_A), ln C)     moves selector and predictor
        attack  H_c(Ỹ, Ŷ | Z_A) + Ω(m_A)                                    moves A

    ``instruction_weight``: λ_a. ``instruction``: "hinge" as above, text by text, or "uniform": the released code's
    alternative, + λ_a times the cross-entropy to a prediction that favors no class. The instruction reaches the
    predictor alone, because z_A does not depend on the selector. With two classes, ỹ is the other one. With more, a
    wrong one is drawn for every text; the released code (jugechengzi/Rationalization-A2I) does not cover this case.
    Both moves of a batch use one draw of z_A; the released code draws twice. The instruction starts with the first
    batch; the released code can delay it.
    """

    def __init__(self, *players, instruction: str = "hinge", instruction_weight: float = 1.0, **options):
        super().__init__(*players, **options)
        check_choice("instruction", instruction, INSTRUCTIONS)
        check_number("instruction_weight", instruction_weight, least=0)
        self.instruction, self.instruction_weight = instruction, instruction_weight
        self.attacker = another(self.selector)

    def play(self, batch: Batch) -> Iterator[Step]:
        (game,) = super().play(batch)
        wrong = replace(batch, labels=self.wrong_labels(batch))
        attack = self.select(batch, self.attacker(batch.tokens, batch.real))
        instruction = self.instruct(self.predict(batch, attack.detach()), wrong.labels)
        yield replace(game, loss=game.loss + self.instruction_weight * instruction)
        with frozen(self.predictor):
            fooled = self.cross_entropy(self.predict(batch, attack), wrong)
        yield Step("attack", fooled + self.omega(attack, batch))

    def groups(self) -> dict[str, list[dict[str, Any]]]:
        game = learners(self.selector, self.predictor)
        return {"game": game, "attack": learners(self.attacker, without=self.selector.embedding)}

    def wrong_labels(self, batch: Batch) -> Tensor:
        """A wrong label for each text, all wrong ones equally likely: int [B]."""
        labels = batch.labels
        away = torch.randint(1, self.classes, labels.shape, generator=self.generator, device=labels.device)
        return (labels + away) % self.classes

    def instruct(self, logits: Tensor, wrong: Tensor) -> Tensor:
        """The instruction's loss, a scalar, from the predictor's logits [B, C] on the attack words. With "hinge", a
        text gains nothing beyond ln C, so the predictor only has to be at chance."""
        if self.instruction == "uniform":
            return self.protocol.cross_entropy_weight * -logits.log_softmax(-1).mean()
        surprise = F.cross_entropy(logits, wrong, reduction="none").clamp(max=math.log(self.classes))
        return -self.protocol.cross_entropy_weight * surprise.mean()
