"""Your own corpus, in JSON Lines: one object a line.

``{"text": "...", "label": ..., "rationale": [[start, end), ...]}`` with character spans, or ``{"tokens":
[...], "label": ..., "rationale": [0, 1, ...]}`` with a flag a token. ``rationale`` may be left out, ``query``
(a string or a list of words) and ``id`` may be added. Labels are all strings or all whole numbers.
"""

from __future__ import annotations

import difflib
from collections import Counter
from pathlib import Path
from typing import Any

from ver_lite.corpora.core import CorpusError, Text
from ver_lite.corpora.reading import json_objects, plain_or_gz, read_lines
from ver_lite.corpora.records import Cell, Record, into_splits, read_label, read_query, read_string, read_words

KEYS = ("text", "tokens", "label", "rationale", "query", "id")


def read_jsonl(path: str | Path, *, seed: int = 0) -> tuple[dict[str, list[Text]], tuple[str, ...], dict[str, Any]]:
    """Texts from one file, or a folder with train, test and perhaps dev (or val) .jsonl, plain or .gz.

    A single file is split 80/10/10, a missing dev is 10 % of train; both within each class, by ``seed``.
    Classes are the labels of train in order. "text" is cut at white space and punctuation; a word overlapping
    a character span is gold. Raises CorpusError with file and line; overlapping spans are an error, they are
    usually a slip.
    """
    path = Path(path)
    extra: Counter[str] = Counter()
    if path.is_dir():
        found = {
            split: next((f for name in names if (f := plain_or_gz(path, name))), None)
            for split, names in (
                ("train", ["train.jsonl"]),
                ("dev", ["dev.jsonl", "val.jsonl"]),
                ("test", ["test.jsonl"]),
            )
        }
        for split in ("train", "test"):
            if found[split] is None:
                raise CorpusError(f"no {split}.jsonl here", path, hint="Needed: train.jsonl, test.jsonl.")
        records = {split: _read(file, extra) for split, file in found.items() if file is not None}
    else:
        records = {"all": _read(path, extra)}
    splits, classes, notes = into_splits(records, seed)
    facts = {
        "source": path.name,
        "licence": "your own",
        "citation": "",
        "ignored_keys": dict(extra),
        "notes": notes,
    }
    return splits, classes, facts


def _read(path: Path, extra: Counter[str]) -> list[Record]:
    """The record of every line; counts unknown keys in ``extra``."""
    made = []
    for number, values in json_objects(read_lines(path), path):
        extra.update(set(values) - set(KEYS))
        cells = {key: Cell(values.get(key), f'"{key}"', path, number) for key in KEYS}
        name = str(values.get("id", f"{path.name}:{number}"))
        made.append(Record(_text(values, cells, name), read_label(_required(values, cells["label"]), (str, int))))
    return made


def _required(values: dict[str, Any], cell: Cell) -> Cell:
    if cell.value is None:
        close = difflib.get_close_matches(cell.name.strip('"'), set(values) - set(KEYS), 1)
        raise cell.fault(f"no {cell.name}", f'Did you mean "{close[0]}"? Rename it.' if close else "")
    return cell


def _text(values: dict[str, Any], cells: dict[str, Cell], name: str) -> Text:
    if "text" in values and "tokens" in values:
        raise cells["text"].fault('both "text" and "tokens"', "Keep the one that the rationale refers to.")
    if "tokens" in values:
        words, flags = read_words(cells["tokens"], cells["rationale"])
    else:
        words, flags = read_string(_required(values, cells["text"]), cells["rationale"])
    return Text(words, -1, flags, read_query(cells["query"]), name)
