"""A classifier of whole texts, which is a predictor that is shown every word: its answers and its training."""

from __future__ import annotations

from torch import Generator, Tensor
from torch.nn import functional as F
from torch.optim import Optimizer

from ver_lite.corpora.core import Batch, Split
from ver_lite.players.players import Predictor


def answer(reader: Predictor, batch: Batch) -> Tensor:
    """The reader's logits for the whole texts: float [B, C]."""
    return reader(batch.tokens, batch.real, batch.real.to(reader.embedding.weight))


def learn_once(reader: Predictor, train: Split, optimizer: Optimizer, batch_size: int, order: Generator) -> None:
    """Train the reader for one epoch on cross-entropy. ``order`` shuffles the training texts into batches."""
    reader.train()
    for batch in train.batches(batch_size, generator=order):
        optimizer.zero_grad()
        F.cross_entropy(answer(reader, batch), batch.labels).backward()
        optimizer.step()
