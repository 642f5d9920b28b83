"""Your own corpus, in JSON Lines: one object a line.

``{"text": "...", "label": ..., "rationale": [[start, end), ...]}`` with character spans, or ``{"tokens":
[...], "label": ..., "rationale": [0, 1, ...]}`` with a flag a token. ``rationale`` may be left out, ``query``
(a string or a list of words) and ``id`` may be added. Labels are all strings or all whole numbers. A line that Prodigy
wrote with ``"answer": "reject"`` or ``"ignore"`` is left out and counted.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from ver_lite.corpora.core import CorpusError, Text
from ver_lite.corpora.noticed import ANSWERS, REJECTED, UNITS, Noticed, meant
from ver_lite.corpora.reading import json_objects, plain_or_gz, read_lines
from ver_lite.corpora.records import Cell, Record, into_splits, read_label, read_query, read_string, read_words
from ver_lite.system.checks import check_choice

KEYS = ("text", "tokens", "label", "rationale", "query", "id")
OPTIONAL = ("rationale", "query")


def read_jsonl(
    path: str | Path, *, seed: int = 0, span_units: str = "characters"
) -> tuple[dict[str, list[Text]], tuple[str, ...], dict[str, Any]]:
    """Texts from one file, or a folder with train, test and perhaps dev (or val) .jsonl, plain or .gz.

    A single file is split 80/10/10, a missing dev is 10 % of train; both within each class, by ``seed``.
    Classes are the labels of train in order. "text" is cut at white space and punctuation; a word overlapping
    a span is gold. ``span_units``: what a span counts, "characters" or "utf-16" units, as JavaScript and Java do.

    Raises CorpusError with file and line; overlapping spans are an error, they are usually a slip, and so is a key that
    is nearly one of ours. Warns once of other keys that are not read, of rejected lines, and of spans that cut words.
    """
    check_choice("span_units", span_units, UNITS, error=CorpusError)
    path = Path(path)
    noticed = Noticed(str(path), span_units)
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
        records = {split: _read(file, noticed) for split, file in found.items() if file is not None}
    else:
        records = {"all": _read(path, noticed)}
    splits, classes, notes = into_splits(records, seed)
    noticed.say()
    facts = {
        "source": path.name,
        "licence": "your own",
        "citation": "",
        **noticed.facts(),
        "dealt": bool(notes),
        "notes": notes,
    }
    return splits, classes, facts


def _read(path: Path, noticed: Noticed) -> list[Record]:
    """The record of every line that is not rejected."""
    made = []
    for number, values in json_objects(read_lines(path), path):
        if values.get("answer") in REJECTED:
            noticed.rejected[values["answer"]] += 1
            continue
        cells = {key: Cell(values.get(key), f'"{key}"', path, number) for key in KEYS}
        name = str(Cell(values.get("id", f"{path.name}:{number}"), '"id"', path, number).whole().value)
        made.append(
            Record(_text(values, cells, name, noticed), read_label(_required(values, cells["label"]), (str, int)))
        )
        _unread(values, cells, noticed)
    if not made:
        raise CorpusError('every line is rejected: "answer" is "reject" or "ignore"', path, hint="Nothing is left.")
    return made


def _required(values: dict[str, Any], cell: Cell) -> Cell:
    if cell.value is None:
        close = difflib.get_close_matches(cell.name.strip('"'), set(values) - set(KEYS), 1)
        raise cell.fault(f"no {cell.name}", f'Did you mean "{close[0]}"? Rename it.' if close else "")
    return cell


def _unread(values: dict[str, Any], cells: dict[str, Cell], noticed: Noticed) -> None:
    """Count the keys that are not read. Raises CorpusError for one that seems to mean a key of ours."""
    lacking = [key for key in OPTIONAL if cells[key].value is None]
    for key, value in values.items():
        if key in KEYS or key == "answer" and value in ANSWERS:
            continue
        if (ours := meant(key, value, lacking)) is not None:
            forms = {
                "rationale": '[[start, end], ...] for a "text", one flag, 0 or 1, a word for "tokens"',
                "query": "a string or a list of words",
            }
            prodigy = isinstance(value, list) and any(isinstance(item, dict) for item in value)
            forms["rationale"] += ': {"start": 0, "end": 4} is written [0, 4]' if prodigy else ""
            hint = f'Did you mean "{ours}"? It is {forms[ours]}. If "{key}" is something else, remove it.'
            raise cells[ours].fault(f'"{key}" is not read, and there is no "{ours}"', hint)
        noticed.ignored[key] += 1


def _text(values: dict[str, Any], cells: dict[str, Cell], name: str, noticed: Noticed) -> Text:
    if "text" in values and "tokens" in values:
        raise cells["text"].fault('both "text" and "tokens"', "Keep the one that the rationale refers to.")
    if "tokens" in values:
        words, flags = read_words(cells["tokens"], cells["rationale"])
    else:
        words, flags = read_string(_required(values, cells["text"]), cells["rationale"], noticed)
    return Text(words, -1, flags, read_query(cells["query"]), name)
