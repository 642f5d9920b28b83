"""Rationale quality as the field measures it, counted on the device and read once.

Token precision, recall and F1 come in two forms: **micro** sums the counts of all annotated texts and divides once;
**macro** averages each text's own P, R and F1. The two differ; a number that does not say which it is, is micro. A
ratio 0/0 is 0, so empty, full and all-padding texts give defined values, never NaN.

So an annotated text without gold words that gets no mask counts in the macro means, as P = R = F1 = 0. ERASER's code
leaves such a text out: where a share q of the texts is so, these means are 1 − q times ERASER's. Micro numbers do not
differ.
"""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def divide(numerator: Tensor, denominator: Tensor) -> Tensor:
    """numerator / denominator, elementwise, and 0 where the denominator is 0."""
    empty = denominator == 0
    return torch.where(empty, torch.zeros_like(numerator), numerator / torch.where(empty, 1, denominator))


def precision_recall_f1(hits: Tensor, selected: Tensor, gold: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """P = hits/selected, R = hits/gold, F1 = 2·hits/(selected + gold), elementwise on float counts."""
    return divide(hits, selected), divide(hits, gold), divide(2 * hits, selected + gold)


@dataclass(frozen=True)
class Scores:
    """The scores that a tally gives. Shares are in [0, 1]. A number is ``None`` where no text allows it.

    ``sparsity`` S: selected / selectable words over the whole set. ``f1`` and its parts are micro. ``majority`` is the
    accuracy of always naming the most frequent class of the same set.
    """

    texts: int
    annotated: int
    sparsity: float
    accuracy: float
    cross_entropy: float
    accuracy_per_class: tuple[float | None, ...]
    majority: float
    precision: float | None
    recall: float | None
    f1: float | None
    precision_macro: float | None
    recall_macro: float | None
    f1_macro: float | None

    def as_dict(self) -> dict[str, Any]:
        return {name: list(v) if isinstance(v, tuple) else v for name, v in vars(self).items()}


class Labeled(typing.Protocol):
    """What a tally needs of a batch: ``selectable``, ``gold`` bool [B, T], ``annotated`` bool [B], ``labels`` [B]."""

    selectable: Tensor
    gold: Tensor
    annotated: Tensor
    labels: Tensor


class Tally:
    """Running counts over batches. ``add`` never waits for the device; ``scores`` reads everything once."""

    def __init__(self, classes: int, device: str | torch.device = "cpu"):
        device = torch.device(device)
        self.dtype = torch.float32 if device.type == "mps" else torch.float64
        self._sums = torch.zeros(len(_SUMS), dtype=self.dtype, device=device)
        self._classes = torch.arange(classes, device=device)
        self._seen = torch.zeros(classes, dtype=self.dtype, device=device)
        self._right = torch.zeros_like(self._seen)

    def add(
        self,
        mask: Tensor,
        batch: Labeled,
        logits: Tensor,
        counted: Tensor | None = None,
        places: Tensor | None = None,
    ) -> None:
        """Count one batch: ``mask`` float [B, T], ``logits`` float [B, C]. ``counted`` bool [B]: texts to count; None
        counts all. ``places`` bool [B, T]: where a selected place counts as selected (None: where there is a word). S
        divides by the words in any case."""
        counted = torch.ones_like(batch.annotated) if counted is None else counted
        annotated = batch.annotated & counted
        places = batch.selectable if places is None else places
        mask = (mask.detach() > 0.5) & places & counted[:, None]
        gold = batch.gold & batch.selectable
        marked_mask = mask & annotated[:, None]
        hits, chosen, marked = (x.sum(1).to(self.dtype) for x in (mask & gold, marked_mask, gold & annotated[:, None]))
        p, r, f = precision_recall_f1(hits, chosen, marked)
        logits = logits.detach().to(self.dtype)
        surprise = F.cross_entropy(logits, batch.labels, reduction="none") * counted
        each = annotated.to(self.dtype)
        words = (batch.selectable & counted[:, None]).sum().to(self.dtype)
        counts = [mask.sum().to(self.dtype), words, surprise.sum(), each.sum()]
        self._sums += torch.stack(counts + [(each * x).sum() for x in (hits, chosen, marked, p, r, f)])
        is_class = (batch.labels[:, None] == self._classes) & counted[:, None]
        self._seen += is_class.sum(0)
        self._right += (is_class & (logits.argmax(1) == batch.labels)[:, None]).sum(0)

    def state(self) -> dict[str, Tensor]:
        """The counts, to be saved and given back to :meth:`restore`."""
        return {"sums": self._sums, "seen": self._seen, "right": self._right}

    def restore(self, state: dict[str, Tensor]) -> None:
        for name, counts in self.state().items():
            counts.copy_(state[name])

    def reset(self) -> None:
        """Set all counts to zero, in the same place in memory."""
        for counts in self.state().values():
            counts.zero_()

    def scores(self) -> Scores:
        """The scores of everything counted so far. This reads the device."""
        sums = dict(zip(_SUMS, self._sums.tolist(), strict=True))
        right, seen = self._right.tolist(), self._seen.tolist()
        texts, annotated = sum(seen), sums["annotated"]
        hits, chosen, marked = (torch.tensor(sums[k], dtype=torch.float64) for k in ("hits", "chosen", "marked"))
        micro = [float(x) for x in precision_recall_f1(hits, chosen, marked)]
        macro = [_ratio(sums[k], annotated) for k in ("p", "r", "f")]
        quality: list[float | None] = [*micro, *macro] if annotated else [None] * 6
        return Scores(
            int(texts),
            int(annotated),
            _ratio(sums["selected"], sums["words"]),
            _ratio(sum(right), texts),
            _ratio(sums["cross_entropy"], texts),
            tuple(r / n if n else None for r, n in zip(right, seen, strict=True)),
            _ratio(max(seen, default=0.0), texts),
            *quality,
        )


_SUMS = ("selected", "words", "cross_entropy", "annotated", "hits", "chosen", "marked", "p", "r", "f")


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else 0.0
