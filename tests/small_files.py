"""Small files in the published formats, for the tests of readers, and a check that a reader refuses one properly."""

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from ver_lite.corpora.core import CorpusError


def fails(call, *parts: str) -> None:
    """Check that ``call`` raises a one-line CorpusError whose text holds all ``parts``."""
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


TRAIN = (
    "0.80 0.60 0.70 0.70 0.80\tpours a clear golden color .\n"
    "0.30 0.60 0.70 0.70 0.80\ta dull murky mess .\n"
    "0.60 0.60 0.70 0.70 0.80\tlovely thick head .\n"
    "0.50 0.60 0.70 0.70 0.80\tso so .\n"
    "0.90 0.10 0.70 0.70 0.80\ttall and bright .\n"
    "0.40 0.60 0.70 0.70 0.80\tno head at all .\n"
)


def beer_annotation(score: float, spans: list, words: str = "a bright clear beer .", **other) -> str:
    record = {
        "x": words.split(),
        "y": [score, 0.5, 0.5, 0.5, 0.5],
        "raw": words,
        "0": spans,
        **{str(i): [] for i in range(1, 5)},
    }
    return json.dumps(record | other) + "\n"


def beer(folder: Path, train: str = TRAIN, annotations: str = "", stem: str = "reviews.aspect0", packed=True) -> Path:
    end = ".gz" if packed else ""
    write(folder / f"{stem}.train.txt{end}", train, packed)
    write(folder / f"{stem}.heldout.txt{end}", TRAIN, packed)
    good = beer_annotation(0.9, [[1, 3]]) + beer_annotation(0.5, [[1, 2]]) + beer_annotation(0.2, [])
    write(folder / "annotations.json", good + annotations)
    return folder


LABELLED = "task\tlabel\ttext\n"
ANNOTATED = "task\tlabel\ttext\trationale\n"


def hotel_files(annotated: str = "", train: str = "", name: str = "hotel_Location") -> dict[str, str]:
    leaked = f"{name}\t1\tclose to the station\n{name}\t0\tfar from it all\n"
    more = f"{name}\t1\tgood spot\n{name}\t0\tbad spot\n"
    marked = f"{name}\t1\tclose to the station\t1 1 0 1\n{name}\t0\tfar from it all\t1 0 0 0 0\n"
    return {
        f"data/oracle/{name}.train": LABELLED + leaked + more + train,
        f"data/oracle/{name}.dev": LABELLED + more,
        f"data/target/{name}.train": ANNOTATED + marked + annotated,
    }
