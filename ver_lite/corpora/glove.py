"""Word vectors in GloVe's text form: ``word v1 ... vD`` a line (Pennington, Socher and Manning 2014).

The text forms of word2vec and fastText are read too: they begin with a line ``words D``. Tabs may stand for spaces.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import IO

import numpy as np

from ver_lite.corpora.core import PADDING, UNKNOWN, CorpusError, Vocabulary
from ver_lite.corpora.reading import AGAIN, CUT, lines_of, number_in, opened
from ver_lite.system.checks import check_choice

CHUNK = 4096  # lines parsed at once
TEXTS = (".txt", ".vec", ".tsv")  # how the members of an archive end that may be vectors
_HEAD = re.compile(r"\s*(\d+)[ \t]+(\d+)\s*")  # "words D"
_FASTTEXT = b"\xba\x16\x4f\x2f"  # its models begin so
_AS_TEXT = (
    "Vectors are read as text, word v1 ... vD a line. Write them so, with gensim for instance: "
    'KeyedVectors.load_word2vec_format(file, binary=True).save_word2vec_format("vectors.txt").'
)


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

    A line whose word is white space is passed over: no text has such a word. Raises CorpusError with file and line for
    a line of another length, for what is not a number, and for NaN; and for a file that is not text.
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
    if not count:
        raise CorpusError("no vectors", name, hint="Expected: word v1 ... vD, a line a word.")
    if unknown == "own":
        matrix[~found] = (total / count).astype(np.float32)
        matrix[PADDING] = 0.0
    return matrix, float(found.sum() / max(len(rows), 1))


def _dimension(
    name: str, lines: Iterator[tuple[int, str]], dimension: int | None
) -> tuple[int, str, Iterator[tuple[int, str]]]:
    """(D, where that was read, the lines from the first vector on)."""
    first = next(lines)
    head = _HEAD.fullmatch(first[1])
    if head is None:
        lines = chain([first], lines)
    if dimension is not None:
        return dimension, "as asked for", lines
    in_name = re.search(r"(?<!\d)(\d{1,4})d(?![a-z0-9])", Path(name).name)
    if in_name:
        return int(in_name.group(1)), "as the file's name says", lines
    if head is not None:
        return int(head.group(2)), "as the first line says", lines
    numbers = len(first[1].split()) - (not first[1][:1].isspace())
    if numbers < 2:
        raise CorpusError(f"{max(numbers, 0)} numbers on the first line", name, first[0], "Expected: word v1 ... vD.")
    return numbers, "as on the first line", lines


def _parse(chunk: list[tuple[int, str]], dimension: int, whence: str, name: str) -> tuple[list[str], np.ndarray]:
    """The words and vectors (float32 [n, D]) of some lines."""
    words, rest, at = [], [], []
    for number, line in chunk:
        if not line.strip():
            continue
        word, numbers = _cut(line.replace("\t", " "), dimension, whence, name, number)
        if not word.strip():
            continue
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
    if len(parts) != dimension + 1 or not all(parts[1:]) or " " in word and _is_number(word.rsplit(" ", 1)[1]):
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
    """(name for errors, numbered lines) of a file, or of the member of an archive."""
    if not zipfile.is_zipfile(path):
        if path.suffix == ".zip" and path.is_file():
            raise CorpusError("not a readable zip archive", path, hint=AGAIN)
        return str(path), _lines(lambda: opened(path), str(path))
    try:
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if not n.endswith("/") and not n.startswith("__MACOSX/")]
    except CUT as error:
        raise CorpusError(f"the archive cannot be read ({error})", path, hint=AGAIN) from None
    texts = [n for n in names if n.endswith(TEXTS)]
    if not texts and member is None:
        there = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise CorpusError(f"the archive holds no {', '.join(TEXTS)}, but {there or 'nothing'}", path, hint=_AS_TEXT)
    fitting = [n for n in names if n == member] if member is not None else texts
    if member is None and len(fitting) > 1 and dimension is not None:
        fitting = [n for n in texts if f".{dimension}d." in n]
    if len(fitting) != 1:
        hint = "Unpack the archive and give the path of one of them; load_glove also takes member= or dimension=."
        raise CorpusError(f"{len(fitting)} members fit; it holds {', '.join(names)}", path, hint=hint)
    return f"{path}/{fitting[0]}", _lines(lambda: _member(path, fitting[0]), f"{path}/{fitting[0]}")


@contextmanager
def _member(path: Path, name: str) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(path) as archive, archive.open(name) as stream:
        yield stream


def _lines(open_file: Callable[[], AbstractContextManager[IO[bytes]]], name: str) -> Iterator[tuple[int, str]]:
    """The numbered lines of a file that is text. Raises CorpusError for one that is not."""
    try:
        with open_file() as stream:
            first = stream.read(1 << 16)
    except CUT:
        first = b""  # the lines say where it is cut
    if first.startswith(_FASTTEXT):
        hint = "Take the .vec file that is published beside it."
        raise CorpusError("this is a model of fastText, not text", name, hint=hint)
    if _is_word2vec(first):
        raise CorpusError("this is word2vec's binary form, not text", name, hint=_AS_TEXT)
    if b"\0" in first and not first.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16: its lines say what to do
        raise CorpusError("this is binary, not text", name, hint=_AS_TEXT)
    with open_file() as stream:
        yield from lines_of(stream, name)


def _is_word2vec(first: bytes) -> bool:
    """Whether a file that begins so is word2vec's binary form: the first line of the text form, then no numbers."""
    head, _, rest = first.partition(b"\n")
    if re.fullmatch(rb"\s*\d+[ \t]+\d+\s*", head) is None:
        return False
    try:
        numbers = rest.partition(b"\n")[0].decode("utf-8").split()[1:]
    except UnicodeDecodeError:
        return True
    return not all(map(_is_number, numbers))
