"""The two players and the encoders that they read with.

The files::

    base         the base class of encoders, for one of your own
    encoders     the encoders by name: GRU, convolution, BERT
    players      Selector and Predictor
    gru          the bidirectional GRU for CPUs, which reads each distinct word of a batch once
    compaction   a predictor that sees the kept words closed up
    bert/        pretrained BERT as an encoder
"""

from ver_lite.players.base import Encoder
from ver_lite.players.encoders import ENCODERS, ConvEncoder, GRUEncoder
from ver_lite.players.players import Predictor, Selector, make_embedding, max_pool, random_vectors

__all__ = [
    "ENCODERS",
    "ConvEncoder",
    "Encoder",
    "GRUEncoder",
    "Predictor",
    "Selector",
    "make_embedding",
    "max_pool",
    "random_vectors",
]
