"""VER, vicinal evaluation rationalization (the paper's §4.3, Eq. 8)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ver_lite import masks
from ver_lite.corpora.core import Batch
from ver_lite.methods.rnp import RNP
from ver_lite.system.checks import check_number


class VER(RNP):
    """RNP whose predictor, in training only, is shown a mask from the neighborhood of the selector's (Eq. 8).

    Each selected word is hidden with probability ``perturbation``; as many unselected ones are shown in its place. Ω
    prices the unperturbed mask. The released code counts the drops per batch and always adds a word: see Protocol.
    """

    def __init__(self, *players, perturbation: float = 0.3, **options):
        super().__init__(*players, **options)
        self.check_options({"perturbation": perturbation})
        self.perturbation = perturbation

    @classmethod
    def check_options(cls, options: dict[str, Any]) -> None:
        check_number("perturbation", options["perturbation"], least=0, most=1)

    def shown_to_predictor(self, mask: Tensor, batch: Batch) -> Tensor:
        perturb = masks.perturb if self.protocol.flips == "text" else masks.perturb_released
        return perturb(mask, batch.selectable, self.perturbation, generator=self.generator)
