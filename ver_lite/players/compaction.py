"""Compaction: the predictor sees the kept words closed up, so that gaps and places no longer reach it.

A plain predictor sees a zero vector where a word is hidden. So the shape of a mask reaches it, and a selector can write
a message into the gaps (:mod:`~ver_lite.measures.mask_shape` reads it). Here the hidden words are taken out before the
encoder reads. The predictor still sees how many words were kept, which, and in what order.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ver_lite.masks import closed_up
from ver_lite.players.players import Predictor, max_pool


class CompactPredictor(Predictor):
    """A :class:`~ver_lite.players.players.Predictor` of the same weights and interface whose encoder is given the kept
    words only, side by side. Its answer depends neither on where they stood nor on how many words were hidden.

    A kept word's vector is still multiplied by its mask value, so the straight-through gradient reaches the mask at the
    kept words. This has a cost. A hidden word is left out, so its mask value has no gradient; a plain predictor has
    one, which says what a little of that word in its gap would have changed. So a selector learns from the predictor
    about the words of its draw alone, and about the others through Ω. Where nothing is selected, the answer is the
    head's bias, and no gradient comes back. An encoder that reads padding (``reads_padding``) sees how much padding
    follows the last word, so its answer does depend on how many words were hidden.
    """

    def forward(self, tokens: Tensor, real: Tensor, shown: Tensor, pool: Tensor | None = None) -> Tensor:
        """As in Predictor, but pooled over the kept words, or over those of ``pool`` among them."""
        return self.decide(max_pool(self.states(tokens, real, shown), kept_words(shown, real), pool))

    def states(self, tokens: Tensor, real: Tensor, shown: Tensor) -> Tensor:
        """The states of the closed-up words, each at its word's own place, zero where a word is hidden: [B, T, H]."""
        order, kept = closed_up(kept_words(shown, real))
        return _back(super().states(tokens.gather(1, order), kept, shown.gather(1, order)), order, kept)

    def reading(self, tokens: Tensor, real: Tensor, shown: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """As in Predictor; a hidden word's vector is zero."""
        order, kept = closed_up(kept_words(shown, real))
        read, answer = super().reading(tokens.gather(1, order), kept, shown.gather(1, order))
        return _back(read, order, kept), lambda read: answer(read.gather(1, order[..., None].expand_as(read)))

    def answer(self, read: Tensor, real: Tensor, pool: Tensor | None = None) -> Tensor:
        """The logits [B, C] from what ``read`` gave; a word is hidden where its vector is zero."""
        shown = real & (read.detach() != 0).any(-1)
        order, kept = closed_up(shown)
        moved = read.gather(1, order[..., None].expand_as(read))
        return self.decide(max_pool(_back(self.encoder(moved, kept), order, kept), shown, pool))


def kept_words(shown: Tensor, real: Tensor) -> Tensor:
    """Where a word is visible: bool [B, T]."""
    return real & (shown.detach() != 0)


def _back(states: Tensor, order: Tensor, kept: Tensor) -> Tensor:
    states = states * kept[..., None]
    return torch.zeros_like(states).scatter(1, order[..., None].expand_as(states), states)
