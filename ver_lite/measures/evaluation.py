"""Play a trained game once over a split, and score it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ver_lite.corpora.core import Split
from ver_lite.measures.metrics import Scores, Tally
from ver_lite.methods import Method
from ver_lite.players.players import in_mode


@dataclass(frozen=True)
class Evaluation:
    """How masks were made, the scores, and the same predictor's accuracy and mean cross-entropy (nats) on the gold
    rationales (None where nothing is annotated). ``padding``: whether selected padding is counted in S, P and F1."""

    how: str
    scores: Scores
    gold_accuracy: float | None
    gold_cross_entropy: float | None
    padding: bool = False

    def as_dict(self) -> dict[str, Any]:
        """A flat JSON row; a number that is not finite becomes None."""
        gold = {"gold_accuracy": self.gold_accuracy, "gold_cross_entropy": self.gold_cross_entropy}
        row = {"how": self.how, **self.scores.as_dict(), **gold}
        return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}

    def __str__(self) -> str:
        s = self.scores
        text = f"{self.how} masks, {s.texts} texts: S {100 * s.sparsity:.1f} %{' with padding' if self.padding else ''}"
        if s.f1 is not None:
            text += f", P {100 * s.precision:.1f}, R {100 * s.recall:.1f}, F1 {100 * s.f1:.1f}"
            text += f" (macro {100 * s.f1_macro:.1f}; {s.annotated} annotated)"
        text += f"\nAcc {100 * s.accuracy:.1f} % (majority {100 * s.majority:.1f} %)"
        if self.gold_accuracy is not None:
            text += f", on the gold rationale {100 * self.gold_accuracy:.1f} %"
        return text


@torch.no_grad()
def evaluate(
    game: Method,
    split: Split,
    *,
    how: str | None = None,
    share: float | None = None,
    batch_size=256,
    seed: int = 0,
) -> Evaluation:
    """Play ``game`` once over ``split``, without dropout or perturbation, on the device of the game.

    ``how`` says how masks are made: "argmax", "sample" (with ``seed``), "top_k" (``share`` of each text's words,
    default alpha), or "all" words. None: as the game's protocol says, by default "argmax". The protocol also says how
    far texts are padded, and whether selected padding is counted.
    """
    device = next(game.parameters()).device
    split = split.to(device)
    classes = game.classes
    chosen, on_gold = Tally(classes, device), Tally(classes, device)
    generator = torch.Generator(device).manual_seed(seed)
    with in_mode(game, training=False):
        for batch in game.batches(split, batch_size):
            mask = game.choose(batch, how, share, generator)
            chosen.add(mask, batch, game.predict(batch, mask), places=game.countable(batch))
            pool = batch.gold | batch.query if game.protocol.gold_pooling == "gold" else None
            gold = batch.gold.to(mask)
            on_gold.add(gold, batch, game.predict(batch, gold, pool), counted=batch.gold.any(1))
    gold_scores = on_gold.scores()
    quality = (gold_scores.accuracy, gold_scores.cross_entropy) if gold_scores.texts else (None, None)
    return Evaluation(how or game.protocol.evaluation, chosen.scores(), *quality, game.protocol.count_padding)


@dataclass(frozen=True)
class Played:
    """A game's moves on every text of a split, in the split's order, on the CPU; the width T is the split's.

    ``mask`` bool [N, T]: selected words. ``scores`` float [N, T]: the selector's log-odds, 0 where no word may be
    selected. ``logits`` float [N, C]: the predictor's answers to the mask. ``selectable``, ``gold`` bool [N, T],
    ``annotated`` bool [N] and ``labels`` int [N] are the split's.
    """

    mask: Tensor
    scores: Tensor
    logits: Tensor
    selectable: Tensor
    gold: Tensor
    annotated: Tensor
    labels: Tensor


@torch.no_grad()
def play_through(
    game: Method,
    split: Split,
    *,
    how: str | None = None,
    share: float | None = None,
    batch_size: int = 256,
    seed: int = 0,
) -> Played:
    """Play ``game`` once over ``split`` as :func:`evaluate` does, and keep every move. Selected padding is left out."""
    device = next(game.parameters()).device
    shape = tuple(split.gold.shape)
    mask, selectable = torch.zeros(shape, dtype=torch.bool), torch.zeros(shape, dtype=torch.bool)
    scores, logits = torch.zeros(shape), torch.zeros(len(split), game.classes)
    generator = torch.Generator(device).manual_seed(seed)
    with in_mode(game, training=False):
        for batch in game.batches(split.to(device), batch_size):
            at, width = batch.index.cpu(), min(batch.tokens.shape[1], shape[1])
            chosen = game.choose(batch, how, share, generator) * batch.selectable
            logits[at] = game.predict(batch, chosen).float().cpu()
            moves = (chosen > 0.5, batch.selectable, game.scores(batch).float().masked_fill(~batch.selectable, 0.0))
            for kept, move in zip((mask, selectable, scores), moves, strict=True):
                kept[at, :width] = move[:, :width].cpu()
    return Played(mask, scores, logits, selectable, split.gold.cpu(), split.annotated.cpu(), split.labels.cpu())
