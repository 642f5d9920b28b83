"""What readers of your own texts share: one record's values become a Text, and records become three splits.

A value comes in a :class:`Cell`, which knows where it stands and what errors call it. A string is cut into words and
marked with spans of characters; a list of words is marked with one flag a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ver_lite.corpora.core import CorpusError, Text
from ver_lite.corpora.noticed import Noticed, places
from ver_lite.corpora.reading import deal, span_in
from ver_lite.corpora.words import flags_from_spans, lone_surrogate, words_of, words_with_offsets

SHARES = (0.1, 0.1)  # dev, test
Label = str | int | bool
Marked = tuple[tuple[str, ...], tuple[bool, ...] | None]  # words, and a flag a word
_KINDS = {str: "a string", int: "a number", bool: "True or False"}


@dataclass(frozen=True)
class Cell:
    """A value as it was given, None where there is none; ``name`` is what errors call it; ``path`` and ``line`` say
    where it stands (a table's path names the row and the column, its line is None)."""

    value: Any
    name: str
    path: str | Path
    line: int | None = None

    def fault(self, problem: str, hint: str = "") -> CorpusError:
        return CorpusError(problem, self.path, self.line, hint)

    def whole(self) -> Cell:
        """The cell again, if its strings can be written to a file. Raises CorpusError for half a character."""
        for string in self.value if isinstance(self.value, list) else (self.value,):
            if isinstance(string, str) and (at := lone_surrogate(string)) is not None:
                problem = f"{self.name} holds half of a character, \\u{ord(string[at]):04x}, at place {at}"
                raise self.fault(problem, "A longer text was cut there: write the whole character, or remove it.")
        return self

    @property
    def where(self) -> str:
        return f"{self.path}" + ("" if self.line is None else f", line {self.line}")


@dataclass(frozen=True)
class Record:
    """A text whose label is not numbered yet, and the cell in which the label stands."""

    text: Text
    label: Cell


def read_label(cell: Cell, kinds: tuple[type, ...], hint: str = "") -> Cell:
    """The cell again, if its value is a label of one of ``kinds``. Raises CorpusError, with ``hint``, otherwise."""
    if type(cell.value) not in kinds or cell.value == "":
        expected = "a string or a whole number" if bool not in kinds else "a string, a whole number, True or False"
        raise cell.fault(f"{cell.name} is {cell.value!r}, expected {expected}", hint)
    return cell.whole()


def read_words(words: Cell, marks: Cell) -> Marked:
    """A list of words, and their flags, True for 0, 1 and True; None if there are no marks. Raises CorpusError."""
    given, flags = words.value, marks.value
    if not isinstance(given, list) or not all(isinstance(word, str) and word.strip() for word in given):
        raise words.fault(f"{words.name} must be a list of strings, none of them empty")
    if not given:
        raise words.fault("a text of zero words")
    words.whole()
    if flags is None:
        return tuple(given), None
    _check_list(marks)
    if any(isinstance(flag, list) for flag in flags):
        problem = f"{marks.name} has spans, but {words.name} is a list of words"
        raise marks.fault(problem, "Give one flag, 0 or 1, a word.")
    strange = [flag for flag in flags if not (type(flag) in (int, bool) and flag in (0, 1))]
    if strange:
        raise marks.fault(f"a rationale flag is {strange[0]!r}, expected 0 or 1")
    if len(flags) != len(given):
        longer = "the rationale is longer than its text: " if len(flags) > len(given) else ""
        raise marks.fault(f"{longer}{len(flags)} rationale flags for {len(given)} words")
    return tuple(given), tuple(bool(flag) for flag in flags)


def read_string(text: Cell, marks: Cell, noticed: Noticed) -> Marked:
    """The words of a string, cut at white space and punctuation. A word that overlaps a span [start, end) is marked;
    ``noticed`` says what spans count, and counts those that cut words. Overlapping spans are an error: they are usually
    a slip. Raises CorpusError."""
    if not isinstance(text.value, str):
        raise text.fault(f"{text.name} is {type(text.value).__name__}, expected a string")
    offsets = words_with_offsets(text.whole().value)
    words = tuple(word for word, _, _ in offsets)
    if not words:
        raise text.fault("a text of zero words")
    if marks.value is None:
        return words, None
    _check_list(marks)
    if marks.value and not any(isinstance(mark, list) for mark in marks.value):
        hint = "Mark a string with character spans: [[start, end], ...]. Flags go with a text that is a list of words."
        raise marks.fault(f"{marks.name} has flags, but {text.name} is a string", hint)
    spans = _spans(text.value, marks, noticed.units)
    for (a, b), (c, d) in zip(spans, spans[1:], strict=False):
        if c < b:
            raise marks.fault(f"the rationale spans [{a}, {b}) and [{c}, {d}) overlap", "Merge them.")
    for a, b in spans:
        if not any(flags_from_spans(offsets, [(a, b)])):
            raise marks.fault(f"the rationale span [{a}, {b}) holds no word")
    noticed.look(text.value, offsets, spans, marks.where)
    return words, flags_from_spans(offsets, spans)


def _spans(text: str, marks: Cell, units: str) -> list[tuple[int, int]]:
    """The spans in characters, sorted. Raises CorpusError for one that is not in the text or cuts a character."""
    starts = places(text, units)
    ends = [mark[1] for mark in marks.value if isinstance(mark, list) and len(mark) == 2 and type(mark[1]) is int]
    fits = units == "characters" and not text.isascii() and max(ends, default=0) <= places(text)[-1]
    hint = 'Counted in UTF-16 units, as JavaScript and Java count, it fits: give span_units="utf-16".' if fits else ""
    at = marks.path, marks.line
    spans = sorted(span_in(mark, starts[-1], "the rationale", *at, hint=hint) for mark in marks.value)
    if units == "characters":
        return spans
    number = {place: i for i, place in enumerate(starts)}
    for a, b in spans:
        if a not in number or b not in number:
            hint = 'Are the spans counted in characters? Then leave span_units="utf-16" away.'
            raise marks.fault(f"the rationale [{a}, {b}) cuts a character in two", hint)
    return [(number[a], number[b]) for a, b in spans]


def _check_list(marks: Cell) -> None:
    if not isinstance(marks.value, list):
        raise marks.fault(f"{marks.name} is {type(marks.value).__name__}, expected a list")


def read_query(cell: Cell) -> tuple[str, ...]:
    """The words of a query, a string or a list of words; none if there is none. Raises CorpusError."""
    query = cell.whole().value
    if query is None:
        return ()
    if isinstance(query, str):
        return words_of(query)
    if isinstance(query, list) and all(isinstance(word, str) and word.strip() for word in query):
        return tuple(query)
    raise cell.fault(f"{cell.name} must be a string or a list of strings")


def into_splits(
    records: dict[str, list[Record]], seed: int, order: Sequence[Label] = ()
) -> tuple[dict[str, list[Text]], tuple[str, ...], list[str]]:
    """Train, dev and test, the names of the classes, and notes for the card.

    ``records``: by split, "train", "test" and perhaps "dev"; or all of them as "all". "all" is split 80/10/10, a
    missing dev is 10 % of train; both within each class, by ``seed``. Classes are the labels of train, sorted, or in
    the ``order`` given. Raises CorpusError where kinds of labels are mixed, or a label never occurs in train.
    """
    classes = _classes(records, order)
    number = {label: i for i, label in enumerate(classes)}
    texts = {split: [replace(r.text, label=number[r.label.value]) for r in some] for split, some in records.items()}
    notes = []
    if "all" in texts:
        texts = dict(zip(("train", "dev", "test"), deal(texts["all"], SHARES, seed), strict=True))
        notes.append(f"given as one, split 80/10/10 within each class, seed {seed}")
    elif "dev" not in texts:
        texts["train"], texts["dev"] = deal(texts["train"], SHARES[:1], seed)
        notes.append(f"given without dev: 10 % of train held out within each class, seed {seed}")
    return texts, tuple(str(label) for label in classes), notes


def _classes(records: dict[str, list[Record]], order: Sequence[Label]) -> list[Label]:
    first = next(iter(records))  # "all", or "train"
    kind = type(records[first][0].label.value)
    known = {record.label.value for record in records[first] if type(record.label.value) is kind}
    for some in records.values():
        for cell in (record.label for record in some):
            if type(cell.value) is not kind:
                problem = f"the label {cell.value!r} is {_KINDS[type(cell.value)]}, those before it are not"
                raise cell.fault(problem, "Write all labels as strings or all as whole numbers.")
            if cell.value not in known:
                names = ", ".join(map(str, sorted(known)))
                raise cell.fault(f"the label {cell.value!r} does not occur in {first}", f"There: {names}.")
    return [label for label in order if label in known] if order else sorted(known)
