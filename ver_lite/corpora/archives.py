"""Tar archives, read member by member into memory. Nothing is unpacked to disk and no link is followed."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ver_lite.corpora.core import CorpusError
from ver_lite.corpora.reading import AGAIN, CUT, opened, safe_name

LARGEST_MEMBER = 512 * 2**20  # bytes; the largest published one, FEVER's train.jsonl, is well below
LARGEST_ARCHIVE = 2 * 2**30  # bytes unpacked
MOST_MEMBERS = 500_000  # the published aclImdb has about 100,000


def is_file(name: str, member: tarfile.TarInfo) -> bool:
    """Whether a member is a regular file."""
    return member.isreg()


def read_archive(path: Path, wanted: Callable[[str, tarfile.TarInfo], bool] = is_file) -> dict[str, bytes]:
    """Name -> bytes of the ``wanted`` members of a .tar or .tar.gz; the others are passed over, unless ``wanted``
    raises an error of its own.

    Raises CorpusError for a member outside the archive's folder, an archive that is too large, cut off, damaged or
    empty.
    """
    files: dict[str, bytes] = {}
    total = count = 0
    try:
        with opened(path) as raw:
            stream = _Bounded(raw, path)
            with tarfile.open(fileobj=stream, mode="r:") as archive:  # type: ignore[call-overload]
                for count, member in enumerate(archive, 1):
                    name = safe_name(member.name)
                    if name is None:
                        problem = f"the member {member.name!r} points outside the archive"
                        raise CorpusError(problem, path, hint="Unsafe.")
                    total += member.size
                    if member.size > LARGEST_MEMBER or total > LARGEST_ARCHIVE:
                        raise CorpusError(f"too large: {name} brings it to {total:,} bytes unpacked", path)
                    if count > MOST_MEMBERS:
                        raise CorpusError(f"too large: it has more than {MOST_MEMBERS:,} members", path)
                    if wanted(name, member) and (content := archive.extractfile(member)):
                        files[name] = content.read()
            while stream.read(1 << 16):  # up to the end, so that gzip's own checksum is looked at
                pass
    except CUT as error:
        raise CorpusError(f"the archive cannot be read ({error})", path, hint=AGAIN) from None
    if count == 0:
        raise CorpusError("the archive is empty", path, hint=AGAIN)
    return files


class _Bounded:
    """A byte stream for ``tarfile`` that refuses to unpack more than the limits, whatever the headers say."""

    def __init__(self, raw: BinaryIO, path: Path):
        self.raw, self.path = raw, path
        self.seek, self.tell = raw.seek, raw.tell

    def read(self, size: int) -> bytes:
        if size > LARGEST_MEMBER or self.tell() > LARGEST_ARCHIVE + MOST_MEMBERS * 1024:
            raise CorpusError(f"too large: it goes on after {self.tell():,} bytes unpacked", self.path)
        return self.raw.read(size)
