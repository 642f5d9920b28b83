"""The encoder: it makes rows of pieces from words, reads them, and turns their states back into states of words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint as recomputed

from ver_lite.corpora.core import Corpus, Vocabulary
from ver_lite.masks import closed_up
from ver_lite.players.base import Encoder
from ver_lite.players.bert.checkpoints import (
    CHECKPOINT,
    check_corpus,
    piece_table,
    pretrained,
    random_model,
    shape_of,
)
from ver_lite.system.checks import check_choice, check_number

MASKINGS = ("zero_embed", "attn_mask", "log_attn", "delete")


@dataclass(frozen=True)
class Row:
    """A batch of texts as pieces: ``ids`` and ``types`` int [B, L], ``real`` bool [B, L]. ``place`` int [B, T, P]:
    where each piece of each word stands (L: nowhere). ``word`` int [B, L]: to which word a place belongs (T: none)."""

    ids: Tensor
    types: Tensor
    real: Tensor
    place: Tensor
    word: Tensor


class BertEncoder(Encoder):
    """A pretrained BERT: word ids [B, T] → states [B, T, H].

    ``inputs``: the most pieces that a word has. ``checkpoint``: a folder, or a name on the Hugging Face hub; None:
    weights drawn at random, to be loaded into. ``shape``: what :func:`~ver_lite.players.bert.checkpoints.shape_of` says
    (None: it is asked).
    ``frozen_embeddings``: the embedding layer does not learn. ``pace``: the factor on the run's learning rate.
    ``checkpointing``: for the backward pass keep only each layer's input, and compute the rest again. Dropout is as the
    model's configuration says. One number is read back from the device: the length of the longest row. Pieces beyond
    the model's positions are not read, and the states of their words are zero.

    Raises ValueError for a setting out of range, and CheckpointError for a checkpoint that cannot be had or is no BERT.
    """

    pretrained = True
    reads_device = True

    def __init__(
        self,
        inputs: int,
        hidden: int,
        checkpoint: str | None = CHECKPOINT,
        masking: str = "zero_embed",
        frozen_embeddings: bool = True,
        pace: float = 0.1,
        checkpointing: bool = False,
        shape: dict[str, Any] | None = None,
    ):
        super().__init__(inputs, hidden)
        check_choice("masking", masking, MASKINGS)
        check_number("pace", pace, above=0)
        self.masking, self.pace, self.checkpointing = masking, pace, checkpointing
        if shape is None and checkpoint is None:
            raise ValueError("a BERT without checkpoint needs a shape, as shape_of gives it")
        self.shape = shape_of(checkpoint) if shape is None else shape
        self.model = random_model(self.shape) if checkpoint is None else pretrained(checkpoint)
        size = self.model.config.hidden_size
        if hidden != size:
            raise ValueError(f"hidden must be {size}, the size of this checkpoint's states, not {hidden}")
        if frozen_embeddings:
            self.model.embeddings.requires_grad_(False)

    @classmethod
    def check(cls, hidden: int, options: dict[str, Any], own_vectors: bool) -> None:
        if own_vectors:
            raise ValueError("BERT players have word pieces of their own: no vectors, no trainable_vectors")

    @classmethod
    def word_vectors(cls, vocabulary: Vocabulary, options: dict[str, Any]) -> Tensor:
        """The table of the words' pieces, int [V, P]."""
        return piece_table((cls.options() | options)["checkpoint"], vocabulary.words)

    @classmethod
    def fit(cls, corpus: Corpus, vectors: Tensor, hidden: int, options: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The sizes that the checkpoint brings with it. Raises CorpusError for texts that are too long to be read."""
        shape = shape_of((cls.options() | options)["checkpoint"])
        check_corpus(corpus, vectors, shape["max_position_embeddings"])
        return shape["hidden_size"], {**options, "shape": shape}

    @classmethod
    def blank(cls, options: dict[str, Any]) -> dict[str, Any]:
        return {**options, "checkpoint": None}

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        raise TypeError("BERT reads words, not vectors: call of_words, or reading for the vectors of words")

    def of_words(self, embedding: nn.Embedding, tokens: Tensor, shown: Tensor, real: Tensor) -> Tensor:
        """The states [B, T, H] of words of which ``shown`` (float [B, T]) are shown. ``embedding``: the table of pieces
        as :func:`piece_table` makes it."""
        if self.masking != "delete":
            row = self.row(embedding, tokens, real)
            return self._states(row, self._vectors(row, shown), shown)
        closed = _Closed(shown, real)
        row = self.row(embedding, closed.up(tokens), closed.real)
        return closed.out(self._states(row, self._vectors(row, closed.shown), closed.shown))

    def reading(
        self, embedding: nn.Embedding, tokens: Tensor, shown: Tensor, real: Tensor
    ) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """The masked vectors of words as the embedding layer gives them, the pieces of a word side by side: float
        [B, T, P·H]; and the function that computes the states from them."""
        if self.masking != "delete":
            return self._reading(embedding, tokens, shown, real)
        closed = _Closed(shown, real)
        vectors, states_of = self._reading(embedding, closed.up(tokens), closed.shown, closed.real)
        return closed.out(vectors) * closed.kept[..., None], lambda x: closed.out(states_of(closed.up(x)))

    def _reading(self, embedding, tokens, shown, real):
        row = self.row(embedding, tokens, real)
        vectors = nn.functional.pad(self._vectors(row, shown), (0, 0, 0, 1))
        at = row.place.flatten(1)[..., None].expand(-1, -1, vectors.shape[-1])

        def states_of(x: Tensor) -> Tensor:
            return self._states(row, vectors.detach().scatter(1, at, x.reshape(at.shape))[:, :-1], shown)

        return vectors.gather(1, at).view(*tokens.shape, -1), states_of

    def row(self, embedding: nn.Embedding, tokens: Tensor, real: Tensor) -> Row:
        """The pieces of the words, closed up, between ``[CLS]`` and ``[SEP]``."""
        pieces = embedding(tokens).detach().long()
        there = (pieces > 0) & real[..., None]
        order = there.flatten(1).cumsum(1)
        count = order[:, -1:]
        step = 16 if count.is_cuda else 1  # at other widths, a GPU's attention copies the mask for every head
        width = min(-(-(int(count.max()) + 2) // step) * step, self.model.config.max_position_embeddings)
        place = torch.where(there.flatten(1) & (order < width - 1), order, width)
        ids = place.new_full((len(tokens), width + 1), self.shape["pad_token_id"])
        ids[:, 0] = self.shape["cls_token_id"]
        end = count.clamp(max=width - 2) + 1
        ids = ids.scatter(1, place, pieces.flatten(1) - 1).scatter(1, end, self.shape["sep_token_id"])[:, :-1]
        words = torch.arange(tokens.shape[1], device=ids.device)[:, None].expand_as(pieces).flatten(1)
        word = place.new_full((len(tokens), width + 1), tokens.shape[1]).scatter(1, place, words)[:, :-1]
        ends = ids == self.shape["sep_token_id"]
        types = (ends.cumsum(1) - ends.long()).clamp(max=self.model.config.type_vocab_size - 1)
        real = torch.arange(width, device=ids.device) <= end
        return Row(ids, types, real, place.view_as(pieces), word)

    def _vectors(self, row: Row, shown: Tensor) -> Tensor:
        """The output of the embedding layer, masked if ``masking`` is "zero_embed": float [B, L, H]."""
        vectors = self.model.embeddings(input_ids=row.ids, token_type_ids=row.types)
        return vectors * _by_piece(row, shown)[..., None] if self.masking == "zero_embed" else vectors

    def _states(self, row: Row, x: Tensor, shown: Tensor) -> Tensor:
        attended = row.real
        if self.masking == "attn_mask":
            attended = row.real & (_by_piece(row, shown) > 0.5)
        elif self.masking == "log_attn":
            attended = (_by_piece(row, shown) + 1e-8).log().masked_fill(~row.real, -torch.inf)
        attended = attended[:, None, None]
        for layer in self.model.encoder.layer:
            if self.checkpointing and torch.is_grad_enabled():
                x = recomputed(layer, x, attended, use_reentrant=False)
            else:
                x = layer(x, attended)
            x = x[0] if isinstance(x, tuple) else x  # a layer of transformers 4 returns a tuple
        first = row.place[..., 0]
        read = first < x.shape[1]
        states = _gather(x, first * read) * read[..., None]
        return states * shown[..., None] if self.masking == "attn_mask" else states


class _Closed:
    """Texts without their hidden words. ``up`` moves values per word to the places of the closed-up text, ``out`` moves
    them back."""

    def __init__(self, shown: Tensor, real: Tensor):
        self.kept = (shown > 0.5) & real
        self.order, self.real = closed_up(self.kept)
        self.shown = self.real.to(shown)
        self.at = (self.kept.cumsum(1) - 1).clamp(min=0)

    def up(self, x: Tensor) -> Tensor:
        return _gather(x, self.order)

    def out(self, x: Tensor) -> Tensor:
        return _gather(x, self.at)


def _gather(x: Tensor, at: Tensor) -> Tensor:
    """x[b, at[b, t]]: [B, L] or [B, L, H] → [B, T] or [B, T, H]."""
    return x.gather(1, at if x.ndim == 2 else at[..., None].expand(-1, -1, x.shape[-1]))


def _by_piece(row: Row, shown: Tensor) -> Tensor:
    """The mask of pieces, float [B, L]: each has the value of its word, and 1 if it belongs to no word."""
    return nn.functional.pad(shown, (0, 1), value=1.0).gather(1, row.word)
