"""The scores of rules that read no word: random words, the first words, the last words, any words at the same places.

Everywhere ``gold`` and ``selectable`` are bool [N, T], of annotated texts: the words of the human rationale, and the
words that may be selected. Scores are micro F1 of masks that take ⌈share · length⌉ words of every text.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ver_lite import masks

TENTHS = 10


def random_words(gold: Tensor, selectable: Tensor, share: float) -> float:
    """The expected F1 of words that are drawn uniformly. It is exact: the expected number of hits is known, and the
    other two counts do not depend on the draw. 0 without gold."""
    words, marked = selectable.sum(1), (gold & selectable).sum(1)
    taken = masks.share_of_words(selectable, share)
    return _f1(float((taken.double() * marked / words.clamp(min=1)).sum()), int(taken.sum()), int(marked.sum()))


def first_words(gold: Tensor, selectable: Tensor, share: float, *, last: bool = False) -> float:
    """The F1 of the first words of every text, or of the ``last``. Summaries are compared with it, the *lead*."""
    place = torch.arange(gold.shape[1], dtype=torch.float32, device=gold.device).expand(gold.shape)
    mask = masks.top_k(place if last else -place, selectable, share) > 0
    return _f1(int((mask & gold).sum()), int(mask.sum()), int((gold & selectable).sum()))


def gold_by_place(gold: Tensor, selectable: Tensor) -> Tensor:
    """The share of gold among the words of each tenth of the texts, the first tenth first: float [10]."""
    at = tenth(selectable)
    words, marked = (torch.bincount(at[which & selectable], minlength=TENTHS) for which in (selectable, gold))
    return marked.double() / words.clamp(min=1)


def same_places(mask: Tensor, gold: Tensor, selectable: Tensor) -> float:
    """The expected F1 if each word of ``mask`` (bool [N, T]) were exchanged for a random word from the same tenth of
    some text. A mask that scores no more than this has found *where* gold words stand, and not which words they are."""
    chosen = torch.bincount(tenth(selectable)[mask & selectable], minlength=TENTHS)
    hits = float((chosen * gold_by_place(gold, selectable)).sum())
    return _f1(hits, int(chosen.sum()), int((gold & selectable).sum()))


def tenth(selectable: Tensor) -> Tensor:
    """The tenth of its text in which each selectable word stands, 0 to 9: int [N, T]. Other places have no meaning."""
    before = selectable.cumsum(1) - 1
    return (TENTHS * before // selectable.sum(1, keepdim=True).clamp(min=1)).clamp(0, TENTHS - 1)


def _f1(hits: float, selected: int, marked: int) -> float:
    return 2 * hits / (selected + marked) if marked else 0.0
