"""Small files for the tests of readers, and the shape that every refusal must have."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from ver_lite.corpora.core import CorpusError


def fails(call, *parts: str) -> None:
    """``call`` raises a one-line CorpusError whose text holds all ``parts``."""
    with pytest.raises(CorpusError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message, message


def write(path: Path, text: str, packed: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


def cut(path: Path, keep: float = 0.5) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])


def archive(path: Path, files: dict[str, str], extra: list[tarfile.TarInfo] = (), mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as made:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            made.addfile(info, io.BytesIO(text.encode()))
        for info in extra:
            made.addfile(info)
    return path


def packed(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in files.items():
            made.writestr(name, text)
    return path
