"""DR, decoupled rationalization (Liu et al. 2023): the predictor learns more slowly than the selector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ver_lite.corpora.core import Batch
from ver_lite.methods.base import Step, learners
from ver_lite.methods.rnp import RNP
from ver_lite.methods.ver import VER
from ver_lite.system.checks import check_choice

RATES = ("adaptive", "tenth")


class DR(RNP):
    """RNP whose predictor learns more slowly than its selector. A slow predictor stays smooth (its Lipschitz constant
    grows slowly), so it does not commit to the words of the first masks.

    In every step the predictor's learning rate is the selector's times the share of words that the batch's masks
    select::

        η_P = η_S · max(Σm / Σl, .05)        (η_S where nothing is selected)

    ``rate="tenth"``: η_P = η_S / 10 throughout, the simple form that the authors recommend. VER's code has both as
    switches (``dis_lr=1``, ``dr=1``). The loss is RNP's.
    """

    def __init__(self, *players, rate: str = "adaptive", **options):
        super().__init__(*players, **options)
        check_choice("rate", rate, RATES)
        self.rate = rate

    def play(self, batch: Batch) -> Iterator[Step]:
        for step in super().play(batch):
            yield replace(step, pace={"predictor": pace(step.mask, batch.selectable)}) if self.adapts else step

    @property
    def adapts(self) -> bool:
        return self.rate == "adaptive"

    def groups(self) -> dict[str, list[dict[str, Any]]]:
        times = 1.0 if self.adapts else 0.1
        slow = learners(self.predictor, times=times, name="predictor", without=self.selector.embedding)
        return {"game": learners(self.selector) + slow}


def pace(mask: Tensor, selectable: Tensor) -> Tensor:
    """The factor by which DR multiplies the predictor's learning rate: a scalar in [.05, 1]."""
    share = mask.detach().sum() / selectable.sum().clamp(min=1)
    return torch.where(share > 0, share.clamp(min=0.05, max=1.0), 1.0)


class VERDR(DR, VER):
    """VER's perturbed masks, in a game whose predictor learns slowly."""
