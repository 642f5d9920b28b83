"""A table that is in memory as a corpus: a pandas DataFrame, a Hugging Face Dataset, or several of them by split.

Columns are taken by name. A text is a string or a list of words. A rationale is a list of character spans
[[start, end], ...] for a string, or one flag, 0 or 1, a word for a list; it is None or NaN where nobody marked one.
pandas and datasets are not imported: a table is known by its class.
"""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ver_lite.corpora.core import CorpusError, Text
from ver_lite.corpora.noticed import ANSWERS, OTHER_NAMES, REJECTED, UNITS, Noticed, meant
from ver_lite.corpora.records import Cell, Record, into_splits, read_label, read_query, read_string, read_words
from ver_lite.system.checks import check_choice

KNOWN = (("pandas", "DataFrame"), ("datasets", "Dataset"))
SPLITS = {"train": ("train",), "dev": ("dev", "validation", "val", "valid"), "test": ("test",)}
USUAL = {  # a role, and the columns that have it if nobody says otherwise
    "text": ("text", "tokens"),
    "label": ("label",),
    "rationale": ("rationale",),
    "query": ("query",),
    "id": ("id",),
}
NEEDED = ("text", "label")
ANSWER = "answer"  # Prodigy's column, read if it holds nothing but Prodigy's answers
OTHERS = {name for names in OTHER_NAMES.values() for name in names}


@dataclass(frozen=True)
class Table:
    """A DataFrame or a Dataset, seen the same way. ``name``: what errors call it. ``classes``: the names of a column's
    whole numbers, where the table knows them. ``index``: what the table calls its rows; None: by their numbers."""

    name: str
    columns: list[Hashable]
    values: Mapping[Hashable, list]
    classes: Mapping[Hashable, list[str]]
    index: list | None
    frame: bool

    def where(self, row: int, column: Hashable) -> str:
        called = "" if self.index is None else f" (index {self.index[row]!r})"
        return f'{self.name}, row {row}{called}, column "{column}"'

    def cell(self, row: int, column: Hashable | None, name: str) -> Cell:
        """The value in a column, None where the table has no such column or nothing stands in it."""
        if column is None:
            return Cell(None, name, self.name)
        value, classes = _plain(self.values[column][row]), self.classes.get(column)
        if classes and type(value) is int:
            value = classes[value] if 0 <= value < len(classes) else None
        return Cell(value, name, self.where(row, column))

    def without(self, column: Hashable) -> str:
        """How to leave out the rows in which nothing stands in a column."""
        if self.frame:
            return f"Leave such rows out: frame.dropna(subset=[{column!r}])."
        there = f"row[{column!r}] >= 0" if column in self.classes else f"row[{column!r}] is not None"
        return f"Leave such rows out: data.filter(lambda row: {there})."


def read_table(
    table: Any,
    *,
    text: Hashable | None = None,
    label: Hashable | None = None,
    rationale: Hashable | None = None,
    query: Hashable | None = None,
    id: Hashable | None = None,
    seed: int = 0,
    span_units: str = "characters",
) -> tuple[dict[str, list[Text]], tuple[str, ...], dict[str, Any]]:
    """Texts from a DataFrame or a Dataset, or from a mapping (a DatasetDict) with train, test and perhaps dev (or
    validation).

    The columns are given by name. None is the column of the same name, for ``text`` also "tokens"; only text and label
    must be there. Labels are strings, whole numbers or booleans; where the table names its classes (ClassLabel), the
    classes are these, in that order. A single table is split 80/10/10, a missing dev is 10 % of train; both within each
    class, by ``seed``. ``span_units`` and Prodigy's column "answer": as for JSON Lines. Raises CorpusError with row
    (from 0) and column, and for a column whose name is nearly that of a role which no column has.
    """
    check_choice("span_units", span_units, UNITS, error=CorpusError)
    asked = {"text": text, "label": label, "rationale": rationale, "query": query, "id": id}
    given, left_out = _by_split(table)
    tables = {split: _seen(some, split, asked) for split, some in given.items()}
    anywhere = {column for some in tables.values() for column in some.columns}
    columns = {split: _columns(some, asked, anywhere) for split, some in tables.items()}
    noticed = Noticed(_kind(table), span_units)
    for split, some in tables.items():
        _check_others(some, columns[split])
    records = {split: list(_records(some, columns[split], noticed)) for split, some in tables.items()}
    for split, some in records.items():
        if not some:
            raise CorpusError(f"no rows{' but rejected ones' if noticed.rejected else ''}", tables[split].name)
    first = next(iter(tables))
    order = tables[first].classes.get(columns[first]["label"], ())
    splits, classes, notes = into_splits(records, seed, order)
    used = {role: str(c) for some in columns.values() for role, c in some.items() if c is not None}
    left = [column for column in tables[first].columns if column not in columns[first].values()]
    noticed.ignored.update({str(column): len(records[first]) for column in left if column != _answers(tables[first])})
    noticed.say(keys=False)  # the columns to read were given by name; the card lists the others
    info = getattr(next(iter(given.values())), "info", None)
    facts = {
        "source": f"in memory: {_kind(table)}",
        "licence": getattr(info, "license", "") or "your own",
        "citation": getattr(info, "citation", "") or "",
        "columns": used,
        "rows": {split: len(some) for split, some in records.items()},
        **noticed.facts(),
        "dealt": bool(notes),
        "notes": [*notes, *(f"the split {name!r} is not used" for name in left_out)],
    }
    return splits, classes, facts


def _kind(table: Any) -> str:
    """The class of a table, or of the tables in a mapping of splits."""
    if isinstance(table, Mapping):
        return f"{type(table).__name__} of {', '.join(map(str, table))}"
    return _class(table) or type(table).__name__


def _class(table: Any) -> str | None:
    bases = [(base.__module__.partition(".")[0], base.__name__) for base in type(table).__mro__]
    return next((name for package, name in bases if (package, name) in KNOWN), None)


def _by_split(table: Any) -> tuple[dict[str, Any], list[str]]:
    """The tables by split ("all" where there is one), and the names of splits that are not used."""
    if not isinstance(table, Mapping):
        return {"all": table}, []
    found = {split: next((n for n in names if n in table), None) for split, names in SPLITS.items()}
    for split in ("train", "test"):
        if found[split] is None:
            has = ", ".join(map(str, table)) or "nothing"
            hint = 'Needed: train and test. To have one table split 80/10/10, give it alone: data["train"].'
            raise CorpusError(f"no {split} split; there is {has}", type(table).__name__, hint=hint)
    used = {split: table[name] for split, name in found.items() if name is not None}
    return used, [str(name) for name in table if name not in found.values()]


def _seen(table: Any, split: str, asked: Mapping[str, Hashable | None]) -> Table:
    kind = _class(table)
    if kind is None:
        hint = "Give a name, a path, a pandas DataFrame, a Dataset, or a mapping of these with train and test."
        if type(table).__name__ == "IterableDataset":
            hint = "It is streamed: load it without streaming=True."
        raise CorpusError(f"no corpus can be made of a {type(table).__name__}", hint=hint)
    name = kind if split == "all" else f"the {split} split"
    wanted = {*asked.values(), *(column for usual in USUAL.values() for column in usual), ANSWER, *OTHERS}
    if kind == "DataFrame":
        columns = list(table.columns)
        if twice := [column for column in columns if columns.count(column) > 1 and column in wanted]:
            raise CorpusError(f"two columns are called {twice[0]!r}", name, hint="Rename one of them.")
        values = {column: table[column].tolist() for column in columns if column in wanted}
        numbered = list(table.index) == list(range(len(table)))
        return Table(name, columns, values, {}, None if numbered else list(table.index), True)
    columns = list(table.column_names)
    read = table.with_format(None).select_columns([column for column in columns if column in wanted])
    features = {column: getattr(table.features[column], "names", None) for column in read.column_names}
    classes = {column: list(names) for column, names in features.items() if names}
    return Table(name, columns, read[:], classes, None, False)


def _columns(table: Table, asked: Mapping[str, Hashable | None], anywhere: set[Hashable]) -> dict[str, Hashable | None]:
    """Which column has which role; None where the table has none for it. ``anywhere``: the columns of all splits. One
    that was asked for may be missing in some of them, if it is not the text or the label."""
    found: dict[str, Hashable | None] = {}
    has = ", ".join(map(str, table.columns))
    for role, usual in USUAL.items():
        names = usual if asked[role] is None else (asked[role],)
        there = [name for name in names if name in table.columns]
        if len(there) > 1:
            raise CorpusError(f"columns {' and '.join(map(repr, there))}", table.name, hint=f"Say which: {role}=...")
        if not there and (role in NEEDED or (asked[role] is not None and asked[role] not in anywhere)):
            near = difflib.get_close_matches(str(names[0]), list(map(str, table.columns)), 1)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            raise CorpusError(f"no column {names[0]!r}", table.name, hint=f"{hint}It has: {has}. Say {role}=COLUMN.")
        found[role] = there[0] if there else None
    return found


def _check_others(table: Table, columns: Mapping[str, Hashable | None]) -> None:
    """Raise CorpusError for a column that seems to have a role which no column has."""
    lacking = [role for role, column in columns.items() if column is None]
    for column in table.columns:
        if column not in columns.values():
            values = map(_plain, table.values.get(column, ()))
            first = next((value for value in values if value is not None), None)
            if (role := meant(str(column), first, lacking)) is not None:
                hint = f"If it is the {role}, say {role}={column!r}; if not, leave it out or rename it."
                raise CorpusError(f"the column {column!r} is not read, and there is no {role}", table.name, hint=hint)


def _answers(table: Table) -> str | None:
    """Prodigy's column, if the table has it."""
    values = [_plain(value) for value in table.values.get(ANSWER, ())]
    return ANSWER if values and all(value in ANSWERS for value in values) else None


def _records(table: Table, columns: Mapping[str, Hashable | None], noticed: Noticed) -> Iterator[Record]:
    answers = table.values[ANSWER] if ANSWER not in columns.values() and _answers(table) else None
    for role in reversed(NEEDED):  # labels first: one that is missing makes pandas write all others as 1.0, 2.0, ...
        for row in range(len(table.values[columns[role]])):
            cell = table.cell(row, columns[role], f"the {role}")
            if cell.value is None:
                raise cell.fault(f"no {role} here", table.without(columns[role]))
    whole = f"Make whole numbers of them: frame[{columns['label']!r}].astype(int)." if table.frame else ""
    for row in range(len(table.values[columns["text"]])):
        if answers is not None and answers[row] in REJECTED:
            noticed.rejected[answers[row]] += 1
            continue
        cells = {role: table.cell(row, column, f"the {role}") for role, column in columns.items()}
        if isinstance(cells["text"].value, list):
            words, flags = read_words(cells["text"], cells["rationale"])
        else:
            words, flags = read_string(cells["text"], cells["rationale"], noticed)
        label = cells["label"]
        label = read_label(label, (str, int, bool), whole if isinstance(label.value, float) else "")
        name = str(row if cells["id"].value is None else cells["id"].whole().value)
        yield Record(Text(words, -1, flags, read_query(cells["query"]), name), label)


def _plain(value: Any) -> Any:
    """A value as JSON has it: lists for arrays and tuples, Python's numbers, None for what is missing."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    missing = isinstance(value, float) and np.isnan(value) or type(value).__name__ in ("NAType", "NaTType")
    return None if missing else value
