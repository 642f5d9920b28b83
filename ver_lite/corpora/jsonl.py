"""Your own corpus, in JSON Lines: one object a line.

``{"text": "...", "label": ..., "rationale": [[start, end), ...]}`` with character spans, or ``{"tokens":
[...], "label": ..., "rationale": [0, 1, ...]}`` with a flag a token. ``rationale`` may be left out, ``query``
(a string or a list of words) and ``id`` may be added. Labels are all strings or all whole numbers.
"""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from ver_lite.corpora.core import CorpusError, Text
from ver_lite.corpora.reading import (
    deal,
    flags_from_spans,
    json_objects,
    plain_or_gz,
    read_lines,
    span_in,
    words_of,
    words_with_offsets,
)

KEYS = ("text", "tokens", "label", "rationale", "query", "id")
SHARES = (0.1, 0.1)  # dev, test
Label = str | int


def read_jsonl(path: str | Path, *, seed: int = 0) -> tuple[dict[str, list[Text]], tuple[str, ...], dict[str, Any]]:
    """Texts from one file, or a folder with train, test and perhaps dev (or val) .jsonl, plain or .gz.

    A single file is split 80/10/10, a missing dev is 10 % of train; both within each class, by ``seed``.
    Classes are the labels of train in order. "text" is cut at white space and punctuation; a word overlapping
    a character span is gold. Raises CorpusError with file and line; overlapping spans are an error, they are
    usually a slip.
    """
    path = Path(path)
    extra: Counter[str] = Counter()
    notes: list[str] = []
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
        labelled = {split: _read(file, extra) for split, file in found.items() if file is not None}
    else:
        labelled = {"all": _read(path, extra)}
    classes = _classes(labelled)
    texts = {
        split: [replace(t, label=classes.index(label)) for t, label, _ in some] for split, some in labelled.items()
    }
    if "all" in texts:
        parts = deal(texts["all"], SHARES, seed)
        texts = dict(zip(("train", "dev", "test"), parts, strict=True))
        notes.append(f"one file, split 80/10/10 within each class, seed {seed}")
    elif "dev" not in texts:
        texts["train"], texts["dev"] = deal(texts["train"], SHARES[:1], seed)
        notes.append(f"no dev.jsonl: 10 % of train held out within each class, seed {seed}")
    facts = {
        "source": path.name,
        "licence": "your own",
        "citation": "",
        "ignored_keys": dict(extra),
        "notes": notes,
    }
    return texts, tuple(str(c) for c in classes), facts


def _classes(labelled: dict[str, list[tuple[Text, Label, tuple[Path, int]]]]) -> list[Label]:
    """The labels in order; raises CorpusError where kinds are mixed, or a label never occurs in train."""
    first = next(iter(labelled))  # "all", or "train"
    kind = type(labelled[first][0][1])
    known = {label for _, label, _ in labelled[first] if type(label) is kind}
    for some in labelled.values():
        for _, label, where in some:
            if type(label) is not kind:
                other = "a number" if kind is str else "a string"
                problem = f"the label {label!r} is {other}, those before it are not"
                raise CorpusError(problem, *where, hint="Write all labels as strings or all as whole numbers.")
            if label not in known:
                names = ", ".join(map(str, sorted(known)))
                raise CorpusError(f"the label {label!r} does not occur in {first}", *where, hint=f"There: {names}.")
    return sorted(known)


def _read(path: Path, extra: Counter[str]) -> list[tuple[Text, Label, tuple[Path, int]]]:
    """(text, its label as written, where it stands) of every line; counts unknown keys in ``extra``."""
    made = []
    for number, record in json_objects(read_lines(path), path):
        where = (path, number)
        extra.update(set(record) - set(KEYS))
        made.append((_text(record, *where), _label(record, *where), where))
    return made


def _label(record: dict[str, Any], path: Path, line: int) -> Label:
    label = _required(record, "label", path, line)
    if type(label) not in (str, int) or label == "":
        raise CorpusError(f'"label" is {label!r}, expected a string or a whole number', path, line)
    return label


def _required(record: dict[str, Any], key: str, path: Path, line: int) -> Any:
    if record.get(key) is None:
        close = difflib.get_close_matches(key, set(record) - set(KEYS), 1)
        raise CorpusError(f'no "{key}"', path, line, f'Did you mean "{close[0]}"? Rename it.' if close else "")
    return record[key]


def _text(record: dict[str, Any], path: Path, line: int) -> Text:
    if "text" in record and "tokens" in record:
        raise CorpusError('both "text" and "tokens"', path, line, "Keep the one that the rationale refers to.")
    marks = record.get("rationale")
    if marks is not None and not isinstance(marks, list):
        raise CorpusError(f'"rationale" is {type(marks).__name__}, expected a list', path, line)
    if "tokens" in record:
        words, flags = _from_tokens(record["tokens"], marks, path, line)
    else:
        words, flags = _from_text(_required(record, "text", path, line), marks, path, line)
    if not words:
        raise CorpusError("a text of zero words", path, line)
    return Text(
        words,
        -1,
        flags,
        _query(record.get("query"), path, line),
        str(record.get("id", f"{path.name}:{line}")),
    )


def _from_tokens(
    tokens: Any, marks: list | None, path: Path, line: int
) -> tuple[tuple[str, ...], tuple[bool, ...] | None]:
    if not isinstance(tokens, list) or not all(isinstance(token, str) and token.strip() for token in tokens):
        raise CorpusError('"tokens" must be a list of strings, none of them empty', path, line)
    if marks is None:
        return tuple(tokens), None
    if any(isinstance(mark, list) for mark in marks):
        raise CorpusError(
            '"rationale" has spans, but there are "tokens"', path, line, "Give one flag, 0 or 1, a token."
        )
    strange = [mark for mark in marks if not (type(mark) in (int, bool) and mark in (0, 1))]
    if strange:
        raise CorpusError(f"a rationale flag is {strange[0]!r}, expected 0 or 1", path, line)
    if len(marks) != len(tokens):
        longer = "the rationale is longer than its text: " if len(marks) > len(tokens) else ""
        raise CorpusError(f"{longer}{len(marks)} rationale flags for {len(tokens)} tokens", path, line)
    return tuple(tokens), tuple(bool(mark) for mark in marks)


def _from_text(text: Any, marks: list | None, path: Path, line: int) -> tuple[tuple[str, ...], tuple[bool, ...] | None]:
    if not isinstance(text, str):
        raise CorpusError(f'"text" is {type(text).__name__}, expected a string', path, line)
    offsets = words_with_offsets(text)
    words = tuple(word for word, _, _ in offsets)
    if marks is None:
        return words, None
    if marks and not any(isinstance(mark, list) for mark in marks):
        hint = 'With "text" a rationale is a list of character spans [start, end); token flags go with "tokens".'
        raise CorpusError('"rationale" has flags, but there is "text"', path, line, hint)
    spans = sorted(span_in(mark, len(text), "the rationale", path, line) for mark in marks)
    for (a, b), (c, d) in zip(spans, spans[1:], strict=False):
        if c < b:
            raise CorpusError(f"the rationale spans [{a}, {b}) and [{c}, {d}) overlap", path, line, "Merge them.")
    for a, b in spans:
        if not any(flags_from_spans(offsets, [(a, b)])):
            raise CorpusError(f"the rationale span [{a}, {b}) holds no word", path, line)
    return words, flags_from_spans(offsets, spans)


def _query(query: Any, path: Path, line: int) -> tuple[str, ...]:
    if query is None:
        return ()
    if isinstance(query, str):
        return words_of(query)
    if isinstance(query, list) and all(isinstance(word, str) and word.strip() for word in query):
        return tuple(query)
    raise CorpusError('"query" must be a string or a list of strings', path, line)
