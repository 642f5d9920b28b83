"""FR, folded rationalization (Liu et al. 2022): both players share one encoder."""

from __future__ import annotations

from torch import Tensor, nn

from ver_lite.corpora.core import Split
from ver_lite.methods.rnp import RNP
from ver_lite.methods.ver import VER
from ver_lite.players.base import Encoder


class FR(RNP):
    """RNP whose players share one encoder. The selector knows at once what the predictor learns about words, so it no
    longer shows words that only an early predictor's bias made useful.

    Enc_S = Enc_P = Enc, with a head each::

        m ~ head_S(LayerNorm(Enc(x)))     Ŷ = head_P(max over t of LayerNorm(Enc(m · x))_t)

    FR's own code shares the encoder and the LayerNorm behind it, as here. The FR switch in VER's code shares the
    encoder alone, and its predictor has no LayerNorm: ``shared_norm=False``. Everything learns at one rate. A predictor
    that has an encoder of its own (``train(players=...)``) loses it.
    """

    def __init__(self, *players, shared_norm: bool = True, **options):
        super().__init__(*players, **options)
        self.shared_norm = shared_norm
        self.fold()

    def fold(self) -> None:
        """Give the predictor the selector's encoder."""
        encoder, norm = self.selector.encoder, self.selector.norm
        self.predictor.encoder = Normed(encoder, norm) if self.shared_norm else encoder

    def prepare(self, train: Split) -> None:
        super().prepare(train)
        self.fold()


class Normed(Encoder):
    """An encoder and the LayerNorm behind it, as one encoder."""

    def __init__(self, encoder: Encoder, norm: nn.LayerNorm):
        super().__init__(0, norm.normalized_shape[0])
        self.encoder, self.norm = encoder, norm

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        return self.norm(self.encoder(x, real))

    def of_words(self, embedding: nn.Embedding, tokens: Tensor, shown: Tensor, real: Tensor) -> Tensor:
        return self.norm(self.encoder.of_words(embedding, tokens, shown, real))

    def reading(self, embedding, tokens: Tensor, shown: Tensor, real: Tensor):
        read, states_of = self.encoder.reading(embedding, tokens, shown, real)
        return read, lambda read: self.norm(states_of(read))


class VERFR(FR, VER):
    """VER's perturbed masks, in a game whose players share one encoder."""
