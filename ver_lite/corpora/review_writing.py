"""Writing reviews: how texts are drawn from the knobs of a review world.

Every random decision is integer arithmetic on the raw 64-bit stream of PCG64, which numpy promises not to
change. An event of probability p happens where a 32-bit draw is below round(p 2^32); a choice among k is
(draw * k) >> 32.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

import numpy as np

from ver_lite.corpora import review_words as language
from ver_lite.corpora.core import CorpusError, Vocabulary
from ver_lite.corpora.review_knobs import ReviewKnobs

_HALF = np.uint64(32)
_CHUNK = 8192  # texts built at a time


class Reviews(NamedTuple):
    """Generated reviews. Padding is 0 in `tokens`, False in `gold` and -1 in `aspect`."""

    tokens: np.ndarray  # int32 [n, T]
    lengths: np.ndarray  # int64 [n]
    labels: np.ndarray  # int64 [n]
    gold: np.ndarray  # bool [n, T], the target aspect's phrases
    aspect: np.ndarray  # int8 [n, T], whose segment a word belongs to (index into `aspects`), -1 for filler
    sentiment: np.ndarray  # int8 [n, A], the hidden sentiment of each aspect


class Templates:
    """The phrases (aspect, frame, noun) and neutral sentences of a world as token ids; a slot is -1.

    `tokens` int32 [all words], `start`, `length` int64 and `aspect` int8 per template; template 0 is empty.
    `phrase[a, f, n]` and `sentence[i]` are template numbers. `kind` int [V]: 0 for a word without sentiment,
    else 1 + 2 * aspect + polarity. `first_word[a, polarity]`: where the aspect's words begin in the
    vocabulary.
    """

    def __init__(self, knobs: ReviewKnobs):
        self.knobs = knobs
        frames = {
            a: language.SENTENCE_FRAMES[a] if knobs.style == "sentences" else language.NOTE_FRAMES
            for a in knobs.aspects
        }
        phrases = [
            [
                [frame.format(s=_group(knobs.style, int(k)), n=noun) for noun in language.NOUNS[a][: knobs.nouns]]
                for frame in frames[a][: knobs.frames]
            ]
            for a, k in zip(knobs.aspects, knobs.per_aspect("adjectives"), strict=True)
        ]
        sentences = list(language.FILLER[: knobs.sentences])
        written = ["", *(text for aspect in phrases for frame in aspect for text in frame), *sentences]
        self._number_words(knobs, written)
        lines = [[-1 if word == "{s}" else self.vocabulary.index(word) for word in text.split()] for text in written]
        shape = (len(knobs.aspects), len(phrases[0]), len(phrases[0][0]))
        size = int(np.prod(shape))
        self.tokens = np.array([i for line in lines for i in line], np.int32)
        self.length = np.array([len(line) for line in lines], np.int64)
        self.start = np.cumsum(self.length) - self.length
        self.phrase = np.arange(1, 1 + size).reshape(shape)
        self.sentence = np.arange(1 + size, len(lines))
        self.aspect = np.full(len(lines), -1, np.int8)
        self.aspect[self.phrase] = np.arange(shape[0])[:, None, None]
        self.mean_phrase = [float(self.length[p].mean()) for p in self.phrase]
        self.mean_sentence = float(self.length[self.sentence].mean())

    def _number_words(self, knobs: ReviewKnobs, written: list[str]) -> None:
        words = sorted({word for text in written for word in text.split()} - {"{s}"})
        self.first_word = np.zeros((len(knobs.aspects), 2), np.int64)
        kind = [0] * (len(words) + 2)
        for a, types in enumerate(knobs.per_aspect("types")):
            for polarity in (language.NEGATIVE, language.POSITIVE):
                self.first_word[a, polarity] = len(words) + 2
                words += language.SENTIMENT[knobs.aspects[a], polarity][: int(types)]
                kind += [1 + 2 * a + polarity] * int(types)
        self.vocabulary, self.kind = Vocabulary(words), np.array(kind)


def _group(style: str, adjectives: int) -> str:
    """The slots of one phrase; they stay written as {s}."""
    return language.SENTENCE_GROUPS[adjectives] if style == "sentences" else " ".join(["{s}"] * adjectives)


class Draws:
    """Random integers from one seed (a non-negative integer, or several)."""

    def __init__(self, seed: int | Sequence[int]):
        if seed is None:
            raise CorpusError("seed must be a non-negative whole number, not None")
        try:
            self._source = np.random.PCG64(seed)
        except (TypeError, ValueError) as problem:
            raise CorpusError(f"seed must be a non-negative whole number, not {seed!r}") from problem

    def raw(self, *shape: int) -> np.ndarray:
        """uint64 draws."""
        return self._source.random_raw(int(np.prod(shape))).reshape(shape)

    def chance(self, probability, *shape: int) -> np.ndarray:
        """bool: True with the given probability (a number, or an array that broadcasts against `shape`)."""
        return (self.raw(*shape) >> _HALF) < thresholds(probability)

    def below(self, k: int, *shape: int) -> np.ndarray:
        """int64: uniform over 0, ..., k - 1."""
        return (((self.raw(*shape) >> _HALF) * np.uint64(k)) >> _HALF).astype(np.int64)

    def orders(self, rows: int, k: int) -> np.ndarray:
        """int64 [rows, k]: each row an order of 0, ..., k - 1."""
        return np.argsort(self.raw(rows, k), axis=1, kind="stable")


def thresholds(probability) -> np.ndarray:
    """uint64: an event of this probability happens where a 32-bit draw is below its threshold."""
    return np.rint(np.asarray(probability, float) * 2.0**32).astype(np.uint64)


def write(made: Templates, n: int, positives: int, seed: int | Sequence[int]) -> Reviews:
    """`n` reviews, `positives` of them positive, in padded arrays."""
    draws = Draws(seed)
    labels = (draws.orders(1, n)[0] < positives).astype(np.int64)
    target = made.knobs.aspects.index(made.knobs.target)
    parts = [_texts(made, draws, labels[i : i + _CHUNK]) for i in range(0, n, _CHUNK)]
    lengths = np.concatenate([part[2] for part in parts])
    tokens = np.zeros((n, int(lengths.max())), np.int32)
    aspect = np.full(tokens.shape, -1, np.int8)
    for i, (words, owners, part_lengths, _) in enumerate(parts):
        rows = slice(i * _CHUNK, (i + 1) * _CHUNK)
        real = np.arange(tokens.shape[1]) < part_lengths[:, None]
        tokens[rows][real] = words
        aspect[rows][real] = owners
    sentiment = np.concatenate([part[3] for part in parts]).astype(np.int8)
    return Reviews(tokens, lengths, labels, aspect == target, aspect, sentiment)


def _texts(made: Templates, draws: Draws, labels: np.ndarray) -> tuple[np.ndarray, ...]:
    """Words and their aspects (both flat, text after text), lengths [m], sentiments [m, A]."""
    knobs = made.knobs
    agrees = draws.chance(knobs.per_aspect("rho"), len(labels), len(knobs.aspects))
    sentiment = np.where(agrees, labels[:, None], 1 - labels[:, None])
    parts = _arrange(made, draws, len(labels))
    per_part = made.length[parts]
    lengths, flat = per_part.sum(1), per_part.ravel()
    source = np.repeat(made.start[parts].ravel() - (np.cumsum(flat) - flat), flat) + np.arange(flat.sum())
    words, owners = made.tokens[source], np.repeat(made.aspect[parts].ravel(), flat)
    slots = np.flatnonzero(words < 0)
    text = np.searchsorted(np.cumsum(lengths), slots, side="right")
    words[slots] = _slot_words(made, draws, text, owners[slots], sentiment[text, owners[slots]])
    return words, owners, lengths, sentiment


def _slot_words(
    made: Templates, draws: Draws, text: np.ndarray, aspect: np.ndarray, sentiment: np.ndarray
) -> np.ndarray:
    """One word id a slot: `reliability` decides the list, the text's own order of its words decides the word.

    The order is drawn without looking at the sentiment, and both lists share it, so it carries no information. It keeps
    an aspect from using a word twice before all its words were used.
    """
    knobs = made.knobs
    faithful = draws.chance(np.array(knobs.per_aspect("reliability"))[aspect], len(aspect))
    polarity = np.where(faithful, sentiment, 1 - sentiment)
    place = np.zeros(len(aspect), np.int64)
    for a, types in enumerate(knobs.per_aspect("types")):
        mine = np.flatnonzero(aspect == a)
        before = np.searchsorted(text[mine], text[mine])  # slots of this aspect in earlier texts
        used = np.arange(len(mine)) - before
        place[mine] = draws.orders(int(text.max(initial=0)) + 1, types)[text[mine], used % types]
    return made.first_word[aspect, polarity] + place


def _arrange(made: Templates, draws: Draws, texts: int) -> np.ndarray:
    """int [texts, parts]: the templates of each text in reading order (0: nothing).

    Drawn without the label or a sentiment.
    Segment r of A has sort keys from (2 r + 1) * 100, the filler in gap g between segments from 2 g * 100.
    """
    knobs = made.knobs
    count = len(knobs.aspects)
    rank = np.tile(np.arange(count), (texts, 1)) if knobs.order == "fixed" else draws.orders(texts, count)
    chosen, keys = [], []
    for a, mean in enumerate(knobs.per_aspect("phrases")):
        most, sure = ceil(mean), int(mean)
        frames, nouns = (draws.orders(texts, k) for k in made.phrase.shape[1:])
        at = np.arange(most)
        phrase = made.phrase[a][frames[:, at % frames.shape[1]], nouns[:, at % nouns.shape[1]]]
        if most > sure:
            phrase[:, sure] *= draws.chance(mean - sure, texts)
        chosen.append(phrase)
        keys.append((2 * rank[:, [a]] + 1) * 100 + at)
    candidates = np.arange(2 * ceil(knobs.filler))
    if len(candidates):
        order = draws.orders(texts, len(made.sentence))
        here = draws.chance(knobs.filler / len(candidates), texts, len(candidates))
        chosen.append(made.sentence[order[:, candidates % order.shape[1]]] * here)
        keys.append(2 * draws.below(count + 1, texts, len(candidates)) * 100 + candidates)
    order = np.argsort(np.concatenate(keys, 1), axis=1, kind="stable")
    return np.take_along_axis(np.concatenate(chosen, 1), order, 1)
