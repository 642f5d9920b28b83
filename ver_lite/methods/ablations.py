"""Ablations of VER, which show what part of Eq. 8 is needed. They are not in the paper; lesson 08 tries each.

Like VER, every class differs from RNP in one line: what the predictor is shown in training.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from ver_lite import masks
from ver_lite.corpora.core import Batch
from ver_lite.methods.rnp import RNP
from ver_lite.methods.ver import VER


class DropOnly(VER):
    """The dropping half of Eq. 8: each selected word is hidden with probability ``perturbation``."""

    def shown_to_predictor(self, mask: Tensor, batch: Batch) -> Tensor:
        return masks.drop_only(mask, batch.selectable, self.perturbation, generator=self.generator)


class AddOnly(VER):
    """The adding half of Eq. 8: as many unselected words are shown as VER would drop."""

    def shown_to_predictor(self, mask: Tensor, batch: Batch) -> Tensor:
        return masks.add_only(mask, batch.selectable, self.perturbation, generator=self.generator)


class AddOne(RNP):
    """One unselected word is added to every text: the released perturbation does at least this, even as p → 0."""

    def shown_to_predictor(self, mask: Tensor, batch: Batch) -> Tensor:
        return masks.add_one(mask, batch.selectable, generator=self.generator)


class MaskDropout(VER):
    """Plain dropout on the mask at rate ``perturbation``: what stays is scaled by 1 / (1 − p), as dropout does."""

    def shown_to_predictor(self, mask: Tensor, batch: Batch) -> Tensor:
        return F.dropout(mask, self.perturbation, training=self.training)
