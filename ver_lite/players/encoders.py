"""The encoders by name: "gru" as in the paper, "conv", a small convolution for laptops, "bert", pretrained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ver_lite.players.base import Encoder
from ver_lite.players.bert.encoder import BertEncoder
from ver_lite.players.gru import bidirectional
from ver_lite.system import outside


class GRUEncoder(Encoder):
    """A bidirectional GRU: float [B, T, D] → states [B, T, H], half of the H numbers from each direction.

    Nothing is packed, and nothing depends on padding: the backward direction starts at each text's last word. With
    ``reads_padding`` it starts at the end of the padded row, as in the released code, so that a text's states depend
    on how far its batch is padded.
    """

    def __init__(self, inputs: int, hidden: int, reads_padding: bool = False):
        super().__init__(inputs, hidden)
        self.check(hidden, {}, False)
        self.forward_gru = nn.GRU(inputs, hidden // 2, batch_first=True)
        self.backward_gru = nn.GRU(inputs, hidden // 2, batch_first=True)
        self.reads_padding = reads_padding

    @classmethod
    def check(cls, hidden: int, options: dict[str, Any], own_vectors: bool) -> None:
        if hidden % 2:
            raise ValueError(f"hidden must be even for a GRU (half of it a direction), not {hidden}")

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        turned = self.turned(real)[..., None]
        ahead = self.forward_gru(x)[0]
        back = self.backward_gru(x.gather(1, turned.expand_as(x)))[0]
        return torch.cat([ahead, back.gather(1, turned.expand_as(back))], -1)

    def of_words(self, embedding: nn.Embedding, tokens: Tensor, shown: Tensor, real: Tensor) -> Tensor:
        """The states [B, T, H] of ``embedding(tokens) * shown``; on a CPU :meth:`fused` computes them faster."""
        if tokens.device.type == "cpu":
            return self.fused(embedding, tokens, shown, real)
        return super().of_words(embedding, tokens, shown, real)

    def fused(self, embedding: nn.Embedding, tokens: Tensor, shown: Tensor, real: Tensor) -> Tensor:
        """The same states by our own GRU for CPUs (gru.py), which reads each distinct word of a batch once."""
        words, rows = tokens.unique(return_inverse=True)
        weights = (*self.forward_gru.parameters(), *self.backward_gru.parameters())
        return bidirectional(embedding(words), rows, shown, None if self.reads_padding else real, *weights)

    def turned(self, real: Tensor) -> Tensor:
        """The position that the backward direction reads at step t: int [B, T], its own inverse."""
        width = real.shape[1]
        end = torch.full_like(real[:, :1], width, dtype=torch.long) if self.reads_padding else real.sum(1, keepdim=True)
        at = torch.arange(width, device=real.device)
        return torch.where(at < end, end - 1 - at, at)


class ConvEncoder(Encoder):
    """Two convolutions over ``width`` neighboring words with ReLU: float [B, T, D] → states [B, T, H]. Fast on a CPU.

    A state sees 2·⌊width/2⌋ words on either side. Padding is zeroed between the layers, so it changes nothing.
    """

    def __init__(self, inputs: int, hidden: int, width: int = 5):
        super().__init__(inputs, hidden)
        self.first = nn.Conv1d(inputs, hidden, width, padding=width // 2)
        self.second = nn.Conv1d(hidden, hidden, width, padding=width // 2)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        keep = real[:, None].to(x)
        states = self.first(x.transpose(1, 2)).relu() * keep
        return (self.second(states).relu() * keep).transpose(1, 2)


ENCODERS: dict[str, type[Encoder]] = {"gru": GRUEncoder, "conv": ConvEncoder, "bert": BertEncoder}
EncoderMaker = str | type[Encoder] | Callable[[int, int], Encoder]


def encoder_class(name: str) -> type[Encoder]:
    """The encoder class of a name: one of the library's, or "package.module:Class", which is imported. Raises
    ValueError for a name that is neither."""
    return outside.find(name, Encoder) if outside.is_outside(name) else library_encoder(name)


def library_encoder(name: str) -> type[Encoder]:
    """The library's encoder of this name. Raises ValueError that lists all names."""
    return outside.one_of(ENCODERS, name, "encoder")


def encoder_name(kind: type[Encoder]) -> str:
    """The name by which a config gives this encoder."""
    return outside.name_among(ENCODERS, kind)


def make_encoder(encoder: EncoderMaker, inputs: int, hidden: int) -> Encoder:
    """Make an encoder from a name, a class, or a function ``(inputs, hidden) -> Encoder``. Raises TypeError if the
    result is not an :class:`Encoder`."""
    made = (encoder_class(encoder) if isinstance(encoder, str) else encoder)(inputs, hidden)
    if not isinstance(made, Encoder):
        raise TypeError(f"an encoder is a subclass of ver_lite.players.Encoder, not {type(made).__name__}")
    return made
