"""The two players and the encoders that they read with.

players      Selector and Predictor
gru          the bidirectional GRU for CPUs, which reads each distinct word of a batch once
compaction   a predictor that sees the kept words closed up
bert/        pretrained BERT as an encoder
"""

from ver_lite.players.players import (
    ConvEncoder,
    GRUEncoder,
    Predictor,
    Selector,
    make_embedding,
    max_pool,
    random_vectors,
)

__all__ = [
    "ConvEncoder",
    "GRUEncoder",
    "Predictor",
    "Selector",
    "make_embedding",
    "max_pool",
    "random_vectors",
]
