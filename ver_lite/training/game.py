"""The game that a config describes: its classes looked up, its word vectors found, its two players built."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ver_lite.corpora.core import UNKNOWN, Corpus, CorpusError, Split, Vocabulary
from ver_lite.methods import Method, method_class
from ver_lite.players.base import Encoder
from ver_lite.players.compaction import CompactPredictor
from ver_lite.players.encoders import encoder_class
from ver_lite.players.players import Predictor, Selector, make_embedding, random_vectors
from ver_lite.training.config import Config

# What a config says of the players; a game that goes on with the players of another has these of it.
OF_PLAYERS = ("encoder", "hidden", "dropout", "vectors", "dimension", "trainable_vectors", "player_options")


@dataclass(frozen=True)
class Kinds:
    """The classes of a config's method and encoder, looked up once, where it is decided whether their code may run."""

    method: type[Method]
    encoder: type[Encoder]

    @classmethod
    def of(cls, config: Config, method: type[Method] | None = None, encoder: type[Encoder] | None = None) -> Kinds:
        """The classes that a config names, or those given in their place. A class outside the library is imported."""
        return cls(method or method_class(config.method), encoder or encoder_class(config.encoder))

    @classmethod
    def of_game(cls, game: Method) -> Kinds:
        """The classes of an existing game."""
        return cls(type(game), type(game.selector.encoder))


def build_game(
    config: Config,
    words: int | Tensor,
    classes: int,
    generator: torch.Generator | None = None,
    kinds: Kinds | None = None,
) -> Method:
    """The method and its two players, newly initialized from torch's random state.

    ``words``: the vectors [V, D], or V for zeros (to be loaded into). ``kinds``: the classes that the config names
    (None: they are looked up).
    """
    kinds = kinds or Kinds.of(config)
    config = config.settled(kinds.method, kinds.encoder)
    vectors = words if isinstance(words, Tensor) else torch.zeros(words, config.dimension)
    embedding = make_embedding(vectors, config.trainable_vectors)
    own = dict(config.player_options)
    predictor = CompactPredictor if own.pop("compact", False) else Predictor
    if kinds.encoder.follows_padding():
        own["reads_padding"] = config.protocol.read_padding
    encoder = partial(kinds.encoder, **own)
    size = {"hidden": config.hidden, "dropout": config.dropout}
    players = Selector(embedding, encoder, **size), predictor(embedding, classes, encoder, **size)
    shared = {name: getattr(config, name) for name in ("alpha", "lambda1", "lambda2", "temperature", "protocol")}
    game = kinds.method(*players, **shared, **config.options, generator=generator)
    game.players_settings = {name: getattr(config, name) for name in OF_PLAYERS}
    return game


def word_vectors(config: Config, vocabulary: Vocabulary, kinds: Kinds | None = None) -> Tensor:
    """The vectors [V, D] that a config asks for: random ones from torch's random state, or GloVe's. An encoder that has
    a table of its own gives that instead (BERT's: the pieces of each word, [V, P])."""
    encoder = (kinds or Kinds.of(config)).encoder
    own = encoder.word_vectors(vocabulary, config.player_options)
    if own is not None:
        return own
    if config.vectors is not None:
        from ver_lite.corpora.glove import load_glove
        from ver_lite.corpora.word_vectors import glove_vectors

        unknown = config.protocol.unknown
        if config.vectors == "glove":
            return torch.as_tensor(glove_vectors(vocabulary, config.dimension, unknown)[0])
        return torch.as_tensor(load_glove(config.vectors, vocabulary, unknown=unknown)[0])
    vectors = random_vectors(len(vocabulary), config.dimension)
    if config.protocol.unknown == "zero":
        vectors[UNKNOWN] = 0
    return vectors


def about_vectors(config: Config, game: Method, train: Split) -> dict[str, Any] | None:
    """Where the word vectors of a game that has not learned yet come from, and the share of the running words of
    ``train`` that have one; None for random vectors."""
    from ver_lite.corpora.word_vectors import glove_source, share_with_vector

    if config.vectors is None:
        return None
    try:
        source = glove_source(config.dimension) if config.vectors == "glove" else Path(config.vectors).name
    except CorpusError:  # a game that goes on elsewhere
        source = config.vectors
    share = share_with_vector(train, game.selector.embedding.weight.detach())
    return {"source": source, "running_words": round(share, 4)}


def fitted(config: Config, corpus: Corpus, vectors: Tensor, kinds: Kinds | None = None) -> Config:
    """The config with the sizes of the word vectors and of a pretrained encoder, and with its method's options
    complete. Raises CorpusError for a corpus that the encoder cannot read."""
    kinds = kinds or Kinds.of(config)
    hidden, options = kinds.encoder.fit(corpus, vectors, config.hidden, config.player_options)
    made = replace(config, dimension=vectors.shape[1], hidden=hidden, player_options=options)
    return made.settled(kinds.method, kinds.encoder)
