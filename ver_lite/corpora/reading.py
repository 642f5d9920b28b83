"""What every reader of files needs: lines with their numbers, JSON with its errors, spans, dealing into splits.

Nothing here depends on a particular corpus. Every problem is a :class:`~ver_lite.corpora.core.CorpusError` that names
file and line.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import numpy as np

from ver_lite.corpora.core import CorpusError, Text

CUT = (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError, zipfile.BadZipFile)
AGAIN = "It is cut off or damaged: download or copy it again."


@contextmanager
def opened(path: str | Path) -> Iterator[BinaryIO]:
    """The bytes of a plain or gzip file. Its first two bytes decide which it is, not its name."""
    path = Path(path)
    try:
        raw = open(path, "rb")
    except FileNotFoundError:
        raise CorpusError("no such file", path, hint="Check the path.") from None
    except IsADirectoryError:
        raise CorpusError("this is a folder, expected a file", path) from None
    except OSError as error:
        raise CorpusError(f"cannot be opened ({error.strerror})", path) from None
    with raw:
        if raw.peek(2)[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield unpacked  # type: ignore[misc]
        else:
            yield raw


def lines_of(stream: Iterable[bytes], path: str | Path) -> Iterator[tuple[int, str]]:
    """(number from 1, line without its end) of a byte stream.

    Raises CorpusError, with ``path`` and line, for a stream cut in the middle, invalid UTF-8, or no line at
    all.
    """
    number = 0
    try:
        for number, raw in enumerate(stream, 1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                problem = f"byte {error.start + 1} is not valid UTF-8 (0x{raw[error.start]:02x})"
                raise CorpusError(problem, path, number, "Save the file as UTF-8.") from None
            yield number, line.rstrip("\r\n")
    except CUT as error:
        raise CorpusError(f"the compressed file cannot be read further ({error})", path, number + 1, AGAIN) from None
    if number == 0:
        raise CorpusError("the file is empty", path, hint="Check that it was downloaded or written whole.")


def read_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """(number, line) of a plain or gzip text file; :func:`lines_of` and :func:`opened` say what is raised."""
    with opened(path) as stream:
        yield from lines_of(stream, path)


def lines_of_bytes(content: bytes, path: str | Path) -> Iterator[tuple[int, str]]:
    """(number, line) of a file already in memory, plain or gzip; ``path`` is its name in errors."""
    if content[:2] == b"\x1f\x8b":
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            yield from lines_of(stream, path)
    else:
        yield from lines_of(io.BytesIO(content), path)


def plain_or_gz(folder: Path, name: str) -> Path | None:
    """``folder/name`` or ``folder/name.gz`` (or ``name`` without its .gz), whichever exists."""
    stem = name.removesuffix(".gz")
    return next((folder / n for n in (name, stem, stem + ".gz") if (folder / n).is_file()), None)


def json_objects(lines: Iterable[tuple[int, str]], path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(number, object) of JSON Lines, blank lines skipped; CorpusError for anything but an object a line."""
    seen = False
    for number, line in lines:
        if not line.strip():
            continue
        seen = True
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            problem = f"not valid JSON: {error.msg} at column {error.colno}"
            raise CorpusError(problem, path, number, "Each line must be one JSON object.") from None
        except RecursionError:
            raise CorpusError("the JSON is nested too deeply", path, number) from None
        if not isinstance(record, dict):
            kind = type(record).__name__
            raise CorpusError(f"expected a JSON object, found a {kind}", path, number, 'Write {"text": ...} a line.')
        yield number, record
    if not seen:
        raise CorpusError("the file holds no JSON object, only blank lines", path)


def number_in(text: str, what: str, path: str | Path, line: int) -> float:
    """``text`` as a finite number; raises CorpusError naming ``what`` otherwise."""
    try:
        value = float(text)
    except (TypeError, ValueError):
        raise CorpusError(f"{what} is not a number: {text!r}", path, line) from None
    if not np.isfinite(value):
        raise CorpusError(f"{what} is not a finite number: {text!r}", path, line)
    return value


def span_in(
    span: Any, length: int, what: str, path: str | Path, line: int | None, *, empty: bool = False, hint: str = ""
) -> tuple[int, int]:
    """Check that ``span`` is [start, end) inside ``length``, and return it. Raises CorpusError that says what is wrong.

    ``empty`` allows start = end. ``hint``: what to do about one that is too long.
    """
    whole = isinstance(span, list | tuple) and len(span) == 2 and all(type(x) is int for x in span)
    if not whole:
        raise CorpusError(f"{what} is {span!r}, expected two whole numbers [start, end)", path, line)
    start, end = span
    if start < 0:
        raise CorpusError(f"{what} [{start}, {end}) is negative", path, line, "Positions count from 0.")
    if end < start or (end == start and not empty):
        raise CorpusError(f"{what} [{start}, {end}) is empty or runs backwards", path, line)
    if end > length:
        raise CorpusError(f"{what} [{start}, {end}) is longer than its text, which ends at {length}", path, line, hint)
    return start, end


def safe_name(name: str) -> str | None:
    """An archive member's or document's name in plain form, or None if it points outside its folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or not path.parts:
        return None
    return str(path)


def deal(texts: Sequence[Text], shares: Sequence[float], seed: int) -> list[list[Text]]:
    """Split ``texts`` at random into ``len(shares) + 1`` parts, each class in proportion, order kept.

    Part i + 1 takes ``shares[i]`` of every class (rounded, at least one text of a class that has enough of
    them), part 0 the rest. Same texts and seed, same parts.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    part = np.zeros(len(texts), np.int64)
    labels = np.array([text.label for text in texts], np.int64)
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == label))
        enough = len(rows) > len(shares)
        at = 0
        for i, share in enumerate(shares, 1):
            size = max(round(share * len(rows)), int(enough))
            part[rows[at : at + size]] = i
            at += size
    return [[text for text, p in zip(texts, part, strict=True) if p == i] for i in range(len(shares) + 1)]
