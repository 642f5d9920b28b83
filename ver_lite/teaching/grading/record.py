"""`run.jsonl`: a signed line for every marking of every student. Lines are only ever added.

Half a line does not count, so a marker that is killed at any moment loses at most the student that it was marking. The
key of the signatures lies beside the file, readable for its owner alone. No submission ever sees the folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ver_lite.system.files import FileError

NAME = "run.jsonl"


class Record:
    """The rows of a folder of marks. `problems` has a line about each row that does not count."""

    def __init__(self, folder: Path) -> None:
        self.path, self._secret = folder / NAME, folder / ".key"
        self.rows: list[dict[str, Any]] = []
        self.problems: list[str] = []
        if self.path.exists():
            self._read()

    def _read(self) -> None:
        lines = self.path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                sign = row.pop("sign")
                if not hmac.compare_digest(str(sign), self._sign(row)):
                    self.problems.append(
                        f"{self.path}, line {number}: not signed with this folder's key; does not count"
                    )
                    continue
                self.rows.append(row)
            except (ValueError, KeyError, AttributeError, RecursionError):
                if number < len(lines):  # a damaged last line is what a killed marker leaves, and no problem
                    self.problems.append(f"{self.path}, line {number}: damaged; does not count")

    def add(self, row: dict[str, Any]) -> None:
        """Append a row in one write. It is on the disk before this returns."""
        line = json.dumps(row | {"sign": self._sign(row)}).encode() + b"\n"
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                end = os.lseek(handle, 0, os.SEEK_END)
                if end and os.pread(handle, 1, end - 1) != b"\n":
                    line = b"\n" + line  # a killed marker left half a line
                while line:
                    line = line[os.write(handle, line) :]
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise FileError(f"cannot write {self.path}: {error.strerror}") from None
        self.rows.append(row)

    def last(self, assignment: str, student: str, key: str | None = None) -> dict[str, Any] | None:
        """The newest row of a student; with `key`, the newest of that submission, master and marker."""
        for row in reversed(self.rows):
            if (row["assignment"], row["student"]) == (assignment, student) and key in (None, row["key"]):
                return row
        return None

    def _sign(self, row: dict[str, Any]) -> str:
        text = json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hmac.new(self._key(), text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def _key(self) -> bytes:
        if not self._secret.exists():
            handle = os.open(self._secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(os.urandom(32))
        key = self._secret.read_bytes()
        if len(key) != 32:
            raise FileError(f"{self._secret} is damaged; remove it and {NAME} to mark everybody again")
        return key


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep a second marker out of the folder. The claim ends with this process, even when it is killed."""
    with open(folder / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FileError(f"{folder} is being written by another `ver-lite grade`; wait for it, or stop it") from None
        yield
