"""Word vectors in GloVe's text form: ``word v1 ... vD`` a line (Pennington, Socher and Manning 2014)."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np

from ver_lite.corpora.core import PADDING, UNKNOWN, CorpusError, Vocabulary
from ver_lite.corpora.reading import AGAIN, CUT, lines_of, number_in, read_lines
from ver_lite.system.checks import check_choice

CHUNK = 4096  # lines parsed at once


def load_glove(
    path: str | Path,
    vocabulary: Vocabulary,
    *,
    dimension: int | None = None,
    unknown: str = "own",
    member: str | None = None,
) -> tuple[np.ndarray, float]:
    """Vectors for ``vocabulary``: (float32 [V, D], share of its words, but the two reserved, with a vector).

    ``path`` is plain text, gzip, or a zip, of which ``member`` is read (by default the only one, or the one
    of ``dimension``). D is ``dimension``, else what the name says ("100d"), else what the first line has. Row
    0, padding, is zero. ``unknown`` says what row 1 and every word without a vector get: "own" is the mean of all
    vectors in the file, "zero" is the zero vector, as in the released code of VER.

    Raises CorpusError with file and line for a line of another length, for what is not a number, and for NaN.
    """
    check_choice("unknown", unknown, ("own", "zero"))
    name, lines = _open(Path(path), dimension, member)
    expected, whence, lines = _dimension(name, lines, dimension)
    rows = {word: i for i, word in enumerate(vocabulary.words) if i not in (PADDING, UNKNOWN)}
    matrix = np.zeros((len(vocabulary), expected), np.float32)
    found = np.zeros(len(vocabulary), bool)
    total, count = np.zeros(expected), 0
    while chunk := list(islice(lines, CHUNK)):
        words, vectors = _parse(chunk, expected, whence, name)
        total += vectors.sum(0, dtype=np.float64)
        count += len(vectors)
        for word, vector in zip(words, vectors, strict=True):
            row = rows.get(word)
            if row is not None and not found[row]:
                matrix[row], found[row] = vector, True
    if unknown == "own":
        matrix[~found] = (total / count).astype(np.float32)
        matrix[PADDING] = 0.0
    return matrix, float(found.sum() / max(len(rows), 1))


def _dimension(
    name: str, lines: Iterator[tuple[int, str]], dimension: int | None
) -> tuple[int, str, Iterator[tuple[int, str]]]:
    """(D, where that was read, the lines from the first on)."""
    first = next(lines)
    lines = chain([first], lines)
    if dimension is not None:
        return dimension, "as asked for", lines
    in_name = re.search(r"(?<!\d)(\d{1,4})d(?![a-z0-9])", Path(name).name)
    if in_name:
        return int(in_name.group(1)), "as the file's name says", lines
    numbers = len(first[1].split()) - 1
    if numbers < 2:
        hint = "word2vec's files begin so: delete that line." if numbers == 1 else "Expected: word v1 ... vD."
        raise CorpusError(f"{max(numbers, 0)} numbers on the first line", name, first[0], hint)
    return numbers, "as on the first line", lines


def _parse(chunk: list[tuple[int, str]], dimension: int, whence: str, name: str) -> tuple[list[str], np.ndarray]:
    """The words and vectors (float32 [n, D]) of some lines."""
    words, rest, at = [], [], []
    for number, line in chunk:
        if not line.strip():
            continue
        word, numbers = _cut(line, dimension, whence, name, number)
        words.append(word)
        rest.append(numbers)
        at.append(number)
    try:
        vectors = np.loadtxt(rest, np.float32, ndmin=2, comments=None) if rest else np.zeros((0, dimension))
        wrong = not np.isfinite(vectors).all()
    except ValueError:
        wrong = True
    if wrong:
        for number, numbers in zip(at, rest, strict=True):
            for value in numbers.split():
                number_in(value, "a value", name, number)
        raise CorpusError(
            "a value is too large for 32 bits", name, at[0], f"It is on this line or one of the next {CHUNK}."
        )
    return words, vectors


def _cut(line: str, dimension: int, whence: str, name: str, number: int) -> tuple[str, str]:
    """(word, its numbers) of a line; the word may hold spaces, so the numbers are counted from the right."""
    if line.count(" ") == dimension and line[0] != " ":
        word, numbers = line.split(" ", 1)
        if "  " not in line and line[-1] != " ":
            return word, numbers
    parts = line.rstrip().rsplit(" ", dimension)
    word = parts[0]
    if len(parts) != dimension + 1 or not word.strip() or " " in word and _is_number(word.rsplit(" ", 1)[1]):
        values = line.split()
        n = next((i for i, value in enumerate(reversed(values[1:])) if not _is_number(value)), len(values) - 1)
        raise CorpusError(f"{max(n, 0)} numbers, expected {dimension} ({whence})", name, number)
    return word, " ".join(parts[1:])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _open(path: Path, dimension: int | None, member: str | None) -> tuple[str, Iterator[tuple[int, str]]]:
    if not zipfile.is_zipfile(path):
        if path.suffix == ".zip" and path.is_file():
            raise CorpusError("not a readable zip archive", path, hint=AGAIN)
        return str(path), read_lines(path)
    try:
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if n.endswith(".txt")]
    except CUT as error:
        raise CorpusError(f"the archive cannot be read ({error})", path, hint=AGAIN) from None
    fitting = [n for n in names if n == member or (member is None and (dimension is None or f".{dimension}d." in n))]
    if len(fitting) != 1:
        hint = "Say which with member= or dimension=."
        raise CorpusError(f"{len(fitting)} members fit; it holds {', '.join(names) or 'no .txt'}", path, hint=hint)
    return f"{path}/{fitting[0]}", _member(path, fitting[0])


def _member(path: Path, name: str) -> Iterator[tuple[int, str]]:
    with zipfile.ZipFile(path) as archive, archive.open(name) as stream:
        yield from lines_of(stream, f"{path}/{name}")
