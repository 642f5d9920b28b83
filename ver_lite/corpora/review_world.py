"""The review world: synthetic beer reviews whose true P(Y | visible words) is known in closed form.

How a review comes about. A label y (negative 0, positive 1, equally likely). Each aspect has a sentiment: the
target's is y, another's agrees with y with probability rho. Each aspect has a segment of phrases, each phrase
is a frame with a noun and slots for adjectives.

A slot draws from the list of its aspect's sentiment with probability `reliability`, else from the opposite
list; which of the list's first `types` words it is, is uniform (and no word of an aspect comes twice before
all were used). Neutral sentences (filler) stand between the segments. Frames, nouns, filler, order, lengths
and the choice within a list are drawn without looking at the label or a sentiment. So the lists that the
visible slot words come from are all the evidence there is, independent given the sentiments:

    P(y | visible words) ∝ P(y) Π_aspects Σ_s P(s | y) Π_visible slot words P(list of w | s).

That product is the oracle, :meth:`ReviewWorld.log_posterior`. Randomness is integer arithmetic on raw PCG64
draws: the same seed gives the same bytes on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np

from ver_lite.corpora import review_words as language
from ver_lite.corpora.core import CorpusError, Vocabulary
from ver_lite.corpora.review_writing import Reviews, Templates, write
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
class ReviewWorld:
    """A world of reviews. Knobs marked * take one number, a sequence (one per aspect, in the order of
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

    @cached_property
    def templates(self) -> Templates:
        """All phrases and neutral sentences of this world, before the slots are filled."""
        return Templates(self)

    @property
    def vocabulary(self) -> Vocabulary:
        """Frame, noun and filler words in alphabetical order, then each aspect's negative, positive words."""
        return self.templates.vocabulary

    @property
    def expected_length(self) -> float:
        """Mean number of words of a text, exactly."""
        segments = sum(p * m for p, m in zip(self.per_aspect("phrases"), self.templates.mean_phrase, strict=True))
        return segments + self.filler * self.templates.mean_sentence

    def generate(self, n: int, seed: int | Sequence[int], *, positives: int | None = None) -> Reviews:
        """`n` reviews, `positives` of them positive (half of them when None), in random order.

        The arrays depend on the knobs, `n`, `seed` and `positives` only. Raises CorpusError for an impossible
        count.
        """
        positives = n // 2 if positives is None else positives
        if not (isinstance(n, Integral) and n >= 1 and 0 <= positives <= n):
            raise CorpusError(f"cannot generate {n!r} reviews, {positives!r} of them positive")
        return write(self, int(n), int(positives), seed)

    def log_posterior(self, tokens, mask, *, prior: float = 0.5):
        """The oracle: ln P(Y | words visible under `mask`), float64 [B, 2] (negative, positive).

        `tokens` int [B, T] and `mask` [B, T] (a word is visible where it exceeds 1/2), numpy arrays or torch
        tensors; the answer is of the same kind. Nothing visible gives the log of the prior. `prior` is
        P(positive), .5 in the world itself; give a split's own share where a split is not balanced.

        Exact for masks chosen without looking at the sentiment words (fixed, random, gold). For a trained
        selector it is the information *in the visible words*: what the choice of the mask itself tells is not
        counted. Raises CorpusError for shapes that differ, for a word outside the vocabulary, and for words
        that cannot stand together in this world (only possible where a reliability is 1).
        """
        check_number("prior", prior, above=0, below=1, error=CorpusError)
        shown, visible = _array(tokens), _array(mask) > 0.5
        if shown.ndim != 2 or shown.shape != visible.shape:
            raise CorpusError(f"tokens {shown.shape} and mask {visible.shape} must both have the shape [B, T]")
        counts = self._count(shown, visible)
        reliability, rho = (np.array(self.per_aspect(name), float) for name in ("reliability", "rho"))
        words = [  # [B, A] for each sentiment s: log of Π P(list of w | s)
            _times_log(counts[:, :, s], reliability) + _times_log(counts[:, :, 1 - s], 1 - reliability) for s in (0, 1)
        ]
        with np.errstate(divide="ignore"):
            agrees, differs, label = np.log(rho), np.log(1 - rho), np.log([1 - prior, prior])
        joint = np.stack([np.logaddexp(agrees + words[y], differs + words[1 - y]).sum(1) for y in (0, 1)], 1) + label
        total = np.logaddexp(joint[:, 0], joint[:, 1])
        if np.isneginf(total).any():
            row = int(np.argmax(np.isneginf(total)))
            raise CorpusError(f"text {row} cannot come from this world: its words contradict a reliability of 1")
        return _like(joint - total[:, None], tokens)

    def entropy(self, tokens, mask, *, prior: float = 0.5):
        """H(Y | these visible words) of each text, nats, float64 [B]; arguments as in `log_posterior`."""
        log_p = _array(self.log_posterior(tokens, mask, prior=prior))
        return _like(-(np.exp(log_p) * np.where(np.isneginf(log_p), 0, log_p)).sum(1), tokens)

    def _count(self, tokens: np.ndarray, visible: np.ndarray) -> np.ndarray:
        """Visible slot words of each aspect and polarity, float64 [B, A, 2]."""
        kinds = self.templates.kind
        if tokens.size and not 0 <= tokens.min() <= tokens.max() < len(kinds):
            raise CorpusError(
                f"tokens must be word ids from 0 to {len(kinds) - 1}", hint="Use this world's vocabulary."
            )
        n, k = len(tokens), 1 + 2 * len(self.aspects)
        cells = np.arange(n)[:, None] * k + np.where(visible, kinds[tokens], 0)
        return np.bincount(cells.ravel(), minlength=n * k).reshape(n, k)[:, 1:].reshape(n, -1, 2).astype(float)


def _check_number(knob: str, value: Any, where: str = "") -> None:
    low, high, whole = _LIMITS[knob]
    value = value.item() if isinstance(value, np.number) else value
    check_number(f"{knob}{where}", value, least=low, most=high, whole=whole, error=CorpusError)


def _times_log(count: np.ndarray, p: np.ndarray) -> np.ndarray:
    """count * log(p), with 0 * log(0) = 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(count > 0, count * np.log(p), 0.0)


def _array(given) -> np.ndarray:
    return given.detach().cpu().numpy() if hasattr(given, "detach") else np.asarray(given)


def _like(values: np.ndarray, given):
    """`values` as what `given` is: a torch tensor on its device, or a numpy array."""
    if not hasattr(given, "detach"):
        return values
    import torch

    return torch.from_numpy(values).to(given.device)
