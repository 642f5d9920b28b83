"""Texts cut down to some of their words, and classifiers that are trained on what is left. The paper's §2 sees
rationales as "a method of data cleaning"; lesson 10 cleans two corpora.

A cleaned text is a text of its own: the words that were cut out leave no gaps.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from ver_lite.corpora.core import Split
from ver_lite.methods.whole_texts import answer, learn_once
from ver_lite.players.compaction import closed_up
from ver_lite.players.players import Predictor, make_embedding
from ver_lite.system import machine
from ver_lite.training.config import Config


def cleaned(split: Split, mask: Tensor) -> Split:
    """The texts without the words outside ``mask`` (bool [N, T]), closed up. A text that keeps no word is left out.

    Raises ValueError if no text keeps a word.
    """
    kept = mask.any(1)
    if not bool(kept.any()):
        raise ValueError("the mask leaves no word of any text")
    order, there = closed_up(mask[kept])
    width = int(there.sum(1).max())
    tokens, gold = (part[kept].gather(1, order)[:, :width] * there[:, :width] for part in (split.tokens, split.gold))
    return Split.from_arrays(tokens, there.sum(1), split.labels[kept], gold, split.annotated[kept])


def teach(train: Split, dev: Split, vectors: Tensor, config: Config, epochs: int, classes: int = 2) -> Predictor:
    """Train a classifier of whole texts, which is a predictor that is shown every word, and return it in evaluation
    mode with the parameters of the epoch with the best accuracy on dev.

    Encoder, size, learning rate, batches and seed are the config's; ``vectors`` are its word vectors, float [V, D].
    """
    where = vectors.device
    with machine.own_random_state(config.seed, where):
        reader = Predictor(make_embedding(vectors), classes, config.encoder, config.hidden, config.dropout).to(where)
        learning = [weights for weights in reader.parameters() if weights.requires_grad]
        optimizer = torch.optim.Adam(learning, lr=config.learning_rate)
        best, kept = -1.0, {}
        for epoch in range(epochs):
            order = torch.Generator().manual_seed(config.seed * 1_000_003 + epoch)
            learn_once(reader, train, optimizer, config.batch_size, order)
            right = accuracy(reader, dev)
            if right > best:
                best, kept = right, copy.deepcopy(reader.state_dict())
        reader.load_state_dict(kept)
    return reader.eval()


@torch.no_grad()
def probabilities(reader: Predictor, split: Split, batch_size: int = 256) -> Tensor:
    """P(class | whole text) for every text, in the split's order: float64 [N, C]."""
    reader.eval()
    said = torch.zeros(len(split), reader.head.out_features, dtype=torch.float64)
    for batch in split.batches(batch_size):
        said[batch.index] = answer(reader, batch).double().softmax(-1)
    return said


def accuracy(reader: Predictor, split: Split) -> float:
    """The share of texts whose label the reader names, given all their words."""
    return float((probabilities(reader, split).argmax(1) == split.labels).double().mean())


def sufficiency(reader: Predictor, split: Split, mask: Tensor) -> float:
    """ERASER's sufficiency of the words in ``mask`` for a reader: the mean of P(ŷ | text) − P(ŷ | these words), where ŷ
    is its prediction for the whole text (DeYoung et al. 2020, Eq. 2). Texts without such words are left out."""
    whole = probabilities(reader, split)[mask.any(1)]
    named = whole.argmax(1, keepdim=True)
    return float((whole - probabilities(reader, cleaned(split, mask))).gather(1, named).mean())
