"""The base class of encoders, the part of a player that reads. The library's are GRU, convolution and BERT."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor, nn

if TYPE_CHECKING:
    from ver_lite.corpora.core import Corpus, Vocabulary


class Encoder(nn.Module):
    """Reads the words of a text and gives a state for each. A subclass writes :meth:`forward`.

    The constructor takes ``(inputs, hidden, ...)``: the size D of a word vector, the size H of a state, and settings of
    its own with defaults, which a config names in ``player_options``. A setting called ``reads_padding`` is given by
    the protocol (``read_padding``).

    Three attributes have defaults:

    ``pretrained``    True: another player of this kind starts from the same weights, not from new ones.
    ``reads_device``  True: a step reads a number back from the device, so it cannot be recorded as a CUDA graph.
    ``pace``          the factor of the run's learning rate for the encoder's parameters.
    """

    pretrained: ClassVar[bool] = False
    reads_device: ClassVar[bool] = False
    pace: float = 1.0

    def __init__(self, inputs: int, hidden: int):
        super().__init__()

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """The states [B, T, H] of word vectors ``x`` (float [B, T, D]; a hidden word is zero). ``real`` bool [B, T]:
        where there is a word. States where ``real`` is False are not read; they must not change the others."""
        raise NotImplementedError

    def of_words(self, embedding: nn.Embedding, tokens: Tensor, shown: Tensor, real: Tensor) -> Tensor:
        """The states [B, T, H] of the words ``tokens`` (int [B, T]), their vectors multiplied by ``shown`` (float
        [B, T]). An encoder that has a faster way than :meth:`forward` overrides this."""
        return self(embedding(tokens) * shown[..., None], real)

    def reading(
        self, embedding: nn.Embedding, tokens: Tensor, shown: Tensor, real: Tensor
    ) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """The masked word vectors as the encoder gets them, float [B, T, D], and the function from them to the states.
        Methods that need the gradient with respect to the vectors call it (CR, observation 3)."""
        return embedding(tokens) * shown[..., None], lambda read: self(read, real)

    @classmethod
    def options(cls) -> dict[str, Any]:
        """The encoder's own settings and their defaults, without ``reads_padding``."""
        named = list(inspect.signature(cls).parameters.values())[2:]
        kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        return {p.name: p.default for p in named if p.kind not in kinds and p.name != "reads_padding"}

    @classmethod
    def follows_padding(cls) -> bool:
        """Whether the encoder has the setting ``reads_padding``, which the protocol gives."""
        return "reads_padding" in inspect.signature(cls).parameters

    @classmethod
    def check(cls, hidden: int, options: dict[str, Any], own_vectors: bool) -> None:
        """Raise ValueError for settings that do not go together. ``own_vectors``: the run asks for word vectors."""

    @classmethod
    def word_vectors(cls, vocabulary: Vocabulary, options: dict[str, Any]) -> Tensor | None:
        """The table [V, D] that replaces the run's word vectors, or None if the encoder reads the run's. ``options``:
        the settings in ``player_options``."""
        return None

    @classmethod
    def fit(cls, corpus: Corpus, vectors: Tensor, hidden: int, options: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The values of ``hidden`` and ``options`` for this corpus and its vectors [V, D]. Raises CorpusError for a
        corpus that the encoder cannot read."""
        return hidden, options

    @classmethod
    def blank(cls, options: dict[str, Any]) -> dict[str, Any]:
        """The options for making an encoder without reading a file; its weights are loaded afterwards."""
        return options
