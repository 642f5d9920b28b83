"""Locks between processes. The system unlocks a file when the process that holds it ends, however it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ver_lite.system.files import FileError


class NoLocks(FileError):
    """The file system has no locks."""


@contextmanager
def locked(file: Path, wait: bool = False) -> Iterator[bool]:
    """Hold the lock ``file``, in a folder that exists, inside; False when another holds it, unless told to ``wait``.

    The file stays. Whoever holds it may remove it: who then waits for it takes a new one (filelock sees to that).
    Raises NoLocks where the file system has none, OSError where the file cannot be made.
    """
    from filelock import FileLock, SoftFileLock, Timeout

    lock = FileLock(file)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        yield False
        return
    except NotImplementedError:
        raise _no_locks(file) from None
    try:
        if isinstance(lock, SoftFileLock):  # what filelock falls back to; it would outlive a killed owner
            raise _no_locks(file)
        yield True
    finally:
        lock.release()


def _no_locks(file: Path) -> NoLocks:
    return NoLocks(f"the file system of {file.parent} has no locks (flock)")
