"""Hotel reviews in the form of R2A (Bao et al. 2018): three aspects, binary, 200 annotated reviews each.

``data/oracle/hotel_{Location,Service,Cleanliness}.{train,dev}`` and ``data/target/hotel_*.train`` (the
annotated reviews, our test set), in the published zip, in its folder, or flat with the annotated ones under
``annotations/``. Tab separated with a header: ``task label text``, the annotated ones also ``rationale`` (a
flag 0 or 1 a token). R2A annotated all three aspects. Where an aspect has no annotated file, its test set is
``data/held_out_hotels/hotel_*.test``: labelled reviews of other hotels, no rationales.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ver_lite.corpora.assembly import balanced
from ver_lite.corpora.beer import aspect_number
from ver_lite.corpora.core import CorpusError, Text
from ver_lite.corpora.reading import AGAIN, CUT, lines_of, number_in, plain_or_gz, read_lines

ASPECTS = ("Location", "Service", "Cleanliness")
CLASSES = ("negative", "positive")
ZIP = "data.zip"  # as R2A calls it
LARGEST_MEMBER = 2**30  # bytes unpacked

_PLACES = {  # in the order they are looked for, relative to the folder
    "train": ("data/oracle/{}.train", "oracle/{}.train", "{}.train"),
    "dev": ("data/oracle/{}.dev", "oracle/{}.dev", "{}.dev"),
    "test": ("data/target/{}.train", "target/{}.train", "annotations/{}.train"),
}
_UNMARKED = ("data/held_out_hotels/{}.test", "held_out_hotels/{}.test")  # the test set where nothing is annotated
# What is left of letters after UTF-8 was read as Latin-1, control characters, or as GBK, Chinese ones.
_MOJIBAKE = re.compile("[\u0080-\u009f\u4e00-\u9fff]")


def read_hotel(
    path: str | Path, aspect: str | int = "Location", *, balance: bool = True, seed: int = 0
) -> tuple[dict[str, list[Text]], tuple[str, ...], dict[str, Any]]:
    """The texts of one Hotel ``aspect`` (a name of ASPECTS or its number) from a folder or the zip ``path``.

    Surplus rationale flags, if all 0, are cut and counted; ``balance`` cuts train to equal classes (a
    subsample fixed by ``seed``; the published files are balanced already). Texts with mojibake are kept and counted.
    Raises CorpusError with file and line.
    """
    name = f"hotel_{ASPECTS[aspect_number(aspect, ASPECTS)]}"
    path = Path(path)
    splits: dict[str, list[Text]] = {}
    cut = 0
    for split, places in _PLACES.items():
        also = _UNMARKED if split == "test" else ()
        where, lines = _open(path, [place.format(name) for place in (*places, *also)])
        splits[split], surplus = _texts(
            lines, where, split == "test" and not where.removesuffix(".gz").endswith(".test")
        )
        cut += surplus
    annotated = {text.key() for text in splits["test"] if text.rationale is not None}
    copies = {part: len(annotated & {text.key() for text in splits[part]}) for part in ("train", "dev")}
    mojibake = {part: sum(map(_has_mojibake, texts)) for part, texts in splits.items()}
    before = len(splits["train"])
    if balance:
        splits["train"] = balanced(splits["train"], seed)
    facts = {
        "aspect": name.removeprefix("hotel_"),
        "balanced": {"train": balance, "left_out": before - len(splits["train"]), "seed": seed},
        "surplus_flags_cut": cut,
        "mojibake": mojibake,
        "annotated_also_in": copies,
        "notes": [_note(annotated, copies)],
    }
    return splits, CLASSES, facts


def _note(annotated: set[str], copies: dict[str, int]) -> str:
    if not annotated:
        return "no review is annotated here: the test set is of other hotels, for accuracy only"
    stand = " and ".join(f"{n} in the {part} file" for part, n in copies.items())
    return f"of {len(annotated)} different annotated reviews, {stand} too"


def _has_mojibake(text: Text) -> bool:
    return any(_MOJIBAKE.search(word) for word in text.words if not word.isascii())


def _open(path: Path, places: Sequence[str]) -> tuple[str, Iterator[tuple[int, str]]]:
    """(name for errors, numbered lines) of the first of ``places`` that exists under ``path``."""
    if path.is_dir() and (path / ZIP).is_file():
        path = path / ZIP
    if path.is_dir():
        found = next((f for place in places if (f := plain_or_gz(path, place))), None)
        if found is None:
            raise CorpusError(f"no {places[0]} here", path, hint="Expected R2A's data/oracle and data/target.")
        return str(found), read_lines(found)
    if not path.exists():
        raise CorpusError("no such file", path, hint="See: ver-lite fetch hotel.")
    try:
        with zipfile.ZipFile(path) as archive:
            names = [n for place in places for n in archive.namelist() if n == place or n.endswith("/" + place)]
    except CUT as error:
        raise CorpusError(f"the archive cannot be read ({error})", path, hint=AGAIN) from None
    if not names:
        raise CorpusError(f"the archive holds no {places[0]}", path, hint="Expected R2A's data.zip.")
    return f"{path}/{names[0]}", _member(path, names[0])


def _member(path: Path, name: str) -> Iterator[tuple[int, str]]:
    """The numbered lines of one member, read without unpacking it to disk."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(name)
        if info.file_size > LARGEST_MEMBER:
            raise CorpusError(f"too large: {name} has {info.file_size:,} bytes unpacked", path)
        if info.flag_bits & 1:
            raise CorpusError(f"{name} is encrypted", path)
        with archive.open(info) as stream:
            yield from lines_of(stream, f"{path}/{name}")


def _texts(lines: Iterator[tuple[int, str]], path: str, annotated: bool) -> tuple[list[Text], int]:
    """The texts of one file and the number of texts whose surplus flags were cut."""
    wanted = ("label", "text", "rationale") if annotated else ("label", "text")
    header = next(lines)[1].split("\t")
    missing = [column for column in wanted if column not in header]
    if missing:
        raise CorpusError(f"no column {missing[0]!r}; the header has {', '.join(header)}", path, 1)
    at = [header.index(column) for column in wanted]
    texts = []
    cut = 0
    for number, line in lines:
        if not line.strip():
            continue
        columns = line.split("\t")
        if len(columns) <= max(at):
            raise CorpusError(f"{len(columns)} columns, expected {max(at) + 1} separated by tabs", path, number)
        label = number_in(columns[at[0]], "the label", path, number)
        if label not in (0, 1):
            raise CorpusError(f"the label is {columns[at[0]]}, expected 0 or 1", path, number)
        words = tuple(columns[at[1]].split())
        if not words:
            raise CorpusError("a text of zero words", path, number)
        flags = None
        if annotated:
            flags, surplus = _flags(columns[at[2]], len(words), path, number)
            cut += surplus
        texts.append(Text(words, int(label), flags, id=f"{path.rsplit('/', 1)[-1]}:{number}"))
    return texts, cut


def _flags(column: str, length: int, path: str, line: int) -> tuple[tuple[bool, ...], bool]:
    """The rationale flags of a text of ``length`` words, and whether surplus zeros were cut."""
    values = [number_in(flag, "a rationale flag", path, line) for flag in column.split()]
    strange = [value for value in values if value not in (0, 1)]
    if strange:
        raise CorpusError(f"a rationale flag is {strange[0]:g}, expected 0 or 1", path, line)
    if len(values) < length:
        raise CorpusError(f"{len(values)} rationale flags for {length} words", path, line)
    if any(values[length:]):
        raise CorpusError(f"the rationale is longer than its text: {len(values)} flags for {length} words", path, line)
    return tuple(value == 1 for value in values[:length]), len(values) > length
