"""The two players: Selector and Predictor.

Both read frozen word vectors multiplied by a mask and never see what the mask hides. The encoder is one argument
(encoders.py): the paper's settings are in the docstrings below. Lesson 02 builds both players from scratch.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ver_lite.players.base import Encoder
from ver_lite.players.encoders import EncoderMaker, make_encoder


class Dropout(nn.Dropout):
    """``nn.Dropout`` that draws its noise from ``generator`` (None: torch's own)."""

    generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.generator is None or not self.training or self.p == 0:
            return super().forward(x)
        kept = torch.rand(x.shape, generator=self.generator, device=x.device) >= self.p
        return x * kept / (1 - self.p)


class Selector(nn.Module):
    """Reads the whole text and scores every word: logits [B, T, 2], channel 1 = select.

    word vectors → encoder → LayerNorm → dropout → linear, as in the paper's code: GRU, H = 200, dropout .2.
    """

    def __init__(self, embedding: nn.Embedding, encoder: EncoderMaker = "gru", hidden=200, dropout=0.2):
        super().__init__()
        self.embedding = embedding
        self.encoder = make_encoder(encoder, embedding.embedding_dim, hidden)
        self.norm, self.dropout = nn.LayerNorm(hidden), Dropout(dropout)
        self.head = nn.Linear(hidden, 2)

    def forward(self, tokens: Tensor, real: Tensor) -> Tensor:
        return self.score(self.states(tokens, real))

    def states(self, tokens: Tensor, real: Tensor) -> Tensor:
        """The encoder's states of the whole text: float [B, T, H]."""
        return self.encoder.of_words(self.embedding, tokens, real.to(self.head.weight), real)

    def score(self, states: Tensor) -> Tensor:
        """The logits [B, T, 2] from what :meth:`states` gave, in whole precision for the draw."""
        return self.head(self.dropout(self.norm(states))).to(self.norm.weight)


class Predictor(nn.Module):
    """Names the label from the shown words alone: logits [B, C].

    word vectors · shown → encoder → max-pool over real positions → dropout → linear. Hidden words are zero vectors at
    their places: the predictor cannot read them, but it can see where they stood (the *shape* of the mask reaches it).
    """

    def __init__(
        self,
        embedding: nn.Embedding,
        classes=2,
        encoder: EncoderMaker = "gru",
        hidden=200,
        dropout=0.2,
    ):
        super().__init__()
        self.embedding = embedding
        self.encoder = make_encoder(encoder, embedding.embedding_dim, hidden)
        self.dropout, self.head = Dropout(dropout), nn.Linear(hidden, classes)

    def forward(self, tokens: Tensor, real: Tensor, shown: Tensor, pool: Tensor | None = None) -> Tensor:
        """``shown`` float [B, T]: 1 where the word is visible. ``pool`` bool [B, T]: where to pool (None: ``real``)."""
        return self.decide(max_pool(self.states(tokens, real, shown), real, pool))

    def states(self, tokens: Tensor, real: Tensor, shown: Tensor) -> Tensor:
        """The encoder's states of the shown words: float [B, T, H]."""
        return self.encoder.of_words(self.embedding, tokens, shown * real, real)

    def decide(self, pooled: Tensor) -> Tensor:
        """The logits [B, C] from a text's pooled states [B, H], in whole precision."""
        return self.head(self.dropout(pooled)).to(self.embedding.weight)

    def read(self, tokens: Tensor, real: Tensor, shown: Tensor) -> Tensor:
        """The word vectors as the predictor gets them, hidden ones zero: float [B, T, D]."""
        return self.embedding(tokens) * (shown * real)[..., None]

    def reading(self, tokens: Tensor, real: Tensor, shown: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """What :meth:`read` gives, and the function from it to the logits. BERT supports this way only: its word vector
        is float [P·H], the output of the embedding layer for the word's pieces at their places."""
        read, states_of = self.encoder.reading(self.embedding, tokens, shown * real, real)
        return read, lambda read: self.decide(max_pool(states_of(read), real))

    def answer(self, read: Tensor, real: Tensor, pool: Tensor | None = None) -> Tensor:
        """The logits [B, C] from what :meth:`read` gave."""
        return self.decide(max_pool(self.encoder(read, real), real, pool))


def max_pool(states: Tensor, real: Tensor, pool: Tensor | None = None) -> Tensor:
    """The largest of each feature over the real positions, or over those of ``pool`` (bool [B, T]) alone: [B, T, H] →
    [B, H]. Zeros where there are none. Equal largest ones share the gradient; the released code gives it to one."""
    pool = real if pool is None else pool & real
    return torch.where(pool.any(1, keepdim=True), _Largest.apply(states, pool), 0.0)


class _Largest(torch.autograd.Function):
    """``states.masked_fill(~pool[..., None], -1e6).amax(1)`` with a gradient that is faster on a CPU. As in torch,
    equal largest values share the gradient."""

    @staticmethod
    def forward(ctx, states: Tensor, pool: Tensor) -> Tensor:
        largest = torch.where(pool[..., None], states, -1e6).amax(1)
        ctx.save_for_backward(states, pool, largest)
        return largest

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        states, pool, largest = ctx.saved_tensors
        found = torch.eq(states, largest[:, None], out=torch.empty_like(states)).mul_(pool[..., None])
        return found.mul_((grad / found.sum(1).clamp(min=1))[:, None]), None


def another(player: nn.Module) -> nn.Module:
    """A player like this one that shares its word vectors and has learned nothing yet: parameters are drawn anew, and
    a pretrained encoder is copied as it is."""
    twin = copy.deepcopy(player, {id(player.embedding): player.embedding})
    _draw_anew(twin, player.embedding)
    return twin


def _draw_anew(module: nn.Module, shared: nn.Module) -> None:
    if module is shared or (isinstance(module, Encoder) and module.pretrained):
        return
    if hasattr(module, "reset_parameters"):
        module.reset_parameters()
    for part in module.children():
        _draw_anew(part, shared)


@contextmanager
def in_mode(module: nn.Module, training: bool) -> Iterator[None]:
    """Inside, the module and its parts are in training mode or not, as asked; afterwards each is in its own mode
    again, also after an error."""
    modes = [(part, part.training) for part in module.modules()]
    module.train(training)
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def make_embedding(vectors: Tensor, trainable: bool = False) -> nn.Embedding:
    """An embedding of word vectors [V, D] whose row 0 (padding) is zero and stays so."""
    vectors = vectors.clone()
    vectors[0] = 0
    return nn.Embedding.from_pretrained(vectors, freeze=not trainable, padding_idx=0)


def random_vectors(words: int, dimension: int, generator: torch.Generator | None = None) -> Tensor:
    """Vectors for a vocabulary without pretrained ones: normal, length about 1. float32 [V, D], row 0 zero."""
    vectors = torch.randn(words, dimension, generator=generator) / dimension**0.5
    vectors[0] = 0
    return vectors
