"""The knobs of the review world, checked: how many aspects and words, and how often they agree with the label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from ver_lite.corpora import review_words as language
from ver_lite.corpora.core import CorpusError
from ver_lite.system.checks import check_choice, check_number

Knob = float | Sequence[float] | Mapping[str, float]  # one number, one an aspect, or by name

_TYPES = len(language.SENTIMENT["appearance", language.POSITIVE])
_LIMITS = {  # knob: lowest, highest, whole numbers only
    "rho": (0, 1, False),
    "types": (1, _TYPES, True),
    "reliability": (0.5, 1, False),
    "phrases": (1, 12, False),
    "adjectives": (1, 4, True),
    "filler": (0, 40, False),
    "frames": (1, 6, True),
    "nouns": (1, 8, True),
    "sentences": (1, len(language.FILLER), True),
}


@dataclass(frozen=True)
class ReviewKnobs:
    """What decides a world of reviews. Knobs marked * take one number, a sequence (one per aspect, in the order of
    `aspects`) or a mapping with the names of aspects, "target" and "others" as keys. Raises CorpusError,
    naming the knob.

    aspects        the segments, in reading order; any of appearance, aroma, taste, palate, overall
    target         the aspect whose sentiment is the label and whose phrases are the gold rationale
    rho *          probability that its sentiment is the label (.5: it says nothing); the target's is 1
    types *        word types per polarity, 1 to 88 (the first 40 are plain adjectives, the rest compounds)
    reliability *  probability that a slot word comes from the list of the sentiment, .5 to 1
    phrases *      mean number of phrases in a segment, at least 1; 2.3: two, and in 30 % of the texts three
    adjectives *   slots per phrase, 1 to 4
    style          "sentences" ("the head is gorgeous and radiant .") or "notes" ("gorgeous radiant head .")
    order          of the segments: "fixed" as in `aspects`, or "shuffled" anew in each text
    filler         mean number of neutral sentences (2 ceil(filler) candidates, each as likely to be there)
    frames, nouns  how many of each an aspect has (None: all, 6 frames or 2 in notes, 8 nouns)
    sentences      how many different neutral sentences there are (None: all 47)
    """

    aspects: tuple[str, ...] = ("appearance", "aroma", "palate")
    target: str = "appearance"
    rho: Knob = 0.8
    types: Knob = field(default_factory=lambda: {"target": 20, "others": 4})
    reliability: Knob = 0.9
    phrases: Knob = 1.25
    adjectives: Knob = 2
    style: str = "sentences"
    order: str = "fixed"
    filler: float = 1.0
    frames: int | None = None
    nouns: int | None = None
    sentences: int | None = None

    def __post_init__(self) -> None:
        known = ", ".join(language.ASPECTS)
        if isinstance(self.aspects, str) or not self.aspects or not set(self.aspects) <= set(language.ASPECTS):
            raise CorpusError(f"aspects must be a sequence of names, not {self.aspects!r}", hint=f"Known: {known}.")
        if len(set(self.aspects)) < len(self.aspects):
            raise CorpusError(f"aspects names one aspect twice: {self.aspects!r}", hint="Name each once.")
        object.__setattr__(self, "aspects", tuple(self.aspects))
        check_choice("target", self.target, self.aspects, error=CorpusError)
        check_choice("style", self.style, ("sentences", "notes"), error=CorpusError)
        check_choice("order", self.order, ("fixed", "shuffled"), error=CorpusError)
        for name in ("rho", "types", "reliability", "phrases", "adjectives"):
            self.per_aspect(name)
        for name in ("filler", "frames", "nouns", "sentences"):
            if name == "filler" or getattr(self, name) is not None:
                _check_number(name, getattr(self, name))

    def per_aspect(self, knob: str) -> tuple[float, ...]:
        """The values of a knob, one per aspect in the order of `aspects`. The target's rho is always 1."""
        given = getattr(self, knob)
        if isinstance(given, Mapping):
            unknown = sorted(set(given) - {*self.aspects, "target", "others"})
            if unknown:
                raise CorpusError(f"{knob}: no aspect named {unknown[0]!r}", hint=f"This world has {self.aspects}.")
            values = [given.get(a, given.get("target" if a == self.target else "others")) for a in self.aspects]
        elif isinstance(given, Sequence) and not isinstance(given, str):
            if len(given) != len(self.aspects):
                raise CorpusError(f"{knob} has {len(given)} values for {len(self.aspects)} aspects")
            values = list(given)
        else:
            values = [given] * len(self.aspects)
        if knob == "rho":
            values = [1.0 if a == self.target else v for a, v in zip(self.aspects, values, strict=True)]
        for aspect, value in zip(self.aspects, values, strict=True):
            _check_number(knob, value, f" for {aspect}")
        return tuple(values)

    def knobs(self) -> dict[str, Any]:
        """Every knob as plain data for a card, the per-aspect ones by aspect name."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in ("rho", "types", "reliability", "phrases", "adjectives"):
            plain[name] = dict(zip(self.aspects, self.per_aspect(name), strict=True))
        return {**plain, "aspects": list(self.aspects)}


def _check_number(knob: str, value: Any, where: str = "") -> None:
    low, high, whole = _LIMITS[knob]
    value = value.item() if isinstance(value, np.number) else value
    check_number(f"{knob}{where}", value, least=low, most=high, whole=whole, error=CorpusError)
