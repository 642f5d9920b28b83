"""What a reader of your own texts passes over or doubts: keys that nobody reads, rejected texts, spans that cut words.

It stands on the corpus's card, and is said once, as a warning, when the corpus is loaded.
"""

from __future__ import annotations

import difflib
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

UNITS = ("characters", "utf-16")  # what the two numbers of a span count
REJECTED = ("reject", "ignore")  # Prodigy's answers to a text that is no example
ANSWERS = ("accept", *REJECTED)
OTHER_NAMES = {  # what other programs call a key of ours, if it holds a list
    "rationale": ("spans", "span", "highlights", "highlight", "evidence", "evidences"),
}


def meant(key: str, value: Any, lacking: Iterable[str]) -> str | None:
    """Which of our keys, of those that are ``lacking``, another ``key`` seems to mean; None if it means none."""
    lower = key.lower()
    lacking = [name for name in lacking if len(name) > 2]  # an "id" may be left out, and near it is everything
    for name in lacking if isinstance(value, list | dict) and value else ():
        if lower in OTHER_NAMES.get(name, ()) or name in lower:
            return name
    return next(iter(difflib.get_close_matches(lower, lacking, 1, cutoff=0.8)), None)


def places(text: str, units: str = "utf-16") -> list[int]:
    """Where each character of ``text`` begins, and where the text ends, in ``units``."""
    if units == "characters":
        return list(range(len(text) + 1))
    return list(accumulate((1 + (c > "\uffff") for c in text), initial=0))


@dataclass
class Noticed:
    """``name``: of the file, folder or table. ``ignored``: keys that nobody reads, with the number of texts that have
    them. ``rejected``: texts left out, by their answer. ``cut``: of ``spans``, those that begin or end inside a word,
    and ``cut_in_utf16``, how many would if they were counted in UTF-16 units."""

    name: str
    units: str = "characters"
    ignored: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    spans: int = 0
    cut: int = 0
    cut_in_utf16: int = 0
    first_cut: str = ""

    def look(
        self, text: str, offsets: Sequence[tuple[str, int, int]], spans: Sequence[tuple[int, int]], where: str
    ) -> None:
        """Count the spans of a text, in characters, and those that cut its words."""
        inside = {i for _, start, end in offsets for i in range(start + 1, end)}
        cut = sum(a in inside or b in inside for a, b in spans)
        self.first_cut = self.first_cut or (where if cut else "")
        self.spans += len(spans)
        self.cut += cut
        if text.isascii():
            self.cut_in_utf16 += cut
            return
        whole = {place: i for i, place in enumerate(places(text)) if i not in inside}
        self.cut_in_utf16 += sum(a not in whole or b not in whole for a, b in spans)

    def facts(self) -> dict[str, Any]:
        """What stands on the card."""
        return {
            "ignored_keys": dict(self.ignored),
            "rejected": dict(self.rejected),
            "spans": {"units": self.units, "all": self.spans, "cutting_words": self.cut},
        }

    def say(self, keys: bool = True) -> None:
        """Warn of what was passed over or is doubtful; ``keys``: also of keys that nobody reads."""
        if self.ignored and keys:
            named = ", ".join(f'"{key}" ({n:,})' for key, n in self.ignored.most_common())
            _warn(f"{self.name}: keys that are not read, and how many texts have them: {named}.")
        if self.rejected:
            named = ", ".join(f'{n:,} with "answer": "{answer}"' for answer, n in self.rejected.items())
            _warn(f"{self.name}: texts that are left out: {named}.")
        if self.cut:
            problem = f"{self.cut:,} of {self.spans:,} rationale spans begin or end inside a word"
            better = self.units == "characters" and self.cut_in_utf16 < self.cut
            counted = f"Counted in UTF-16 units, as JavaScript and Java count, {self.cut_in_utf16:,} would"
            hint = f' {counted}: give span_units="utf-16".' if better else ""
            touched = "Every word that a span touches is marked."
            _warn(f"{self.name}: {problem} (the first: {self.first_cut}). {touched}{hint}")


def _warn(said: str) -> None:
    warnings.warn(said, stacklevel=5)
