"""What every corpus becomes: texts in, batches out.

A reader turns a file into :class:`Text` records; ``assemble`` (assembly.py) checks them, builds the vocabulary and
encodes each split once; :meth:`Split.batches` cuts a split into batches of similar length. Lesson 02 explains a batch.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ver_lite.system.checks import check_number

PADDING, UNKNOWN = 0, 1


class CorpusError(ValueError):
    """Bad input, with a message that says what was wrong, where (file and line, or row and column), and what to do."""

    def __init__(self, problem: str, path: str | Path | None = None, line: int | None = None, hint: str = ""):
        self.problem, self.path, self.line, self.hint = problem, path, line, hint
        where = "" if path is None else f"{path}" + ("" if line is None else f", line {line}") + ": "
        super().__init__(f"{where}{problem.rstrip('.')}." + (f" {hint}" if hint else ""))


@dataclass(frozen=True)
class Text:
    """One text as read, before it is encoded.

    ``words`` keep their case; encoding lower-cases them. ``rationale`` has one flag a word, or is None where nobody
    annotated the text. ``query`` (a question, a claim) stands before the text: both players read it, nobody selects it.
    ``sentences``: the places in ``words`` at which a sentence starts; empty where the source does not say.
    """

    words: tuple[str, ...]
    label: int
    rationale: tuple[bool, ...] | None = None
    query: tuple[str, ...] = ()
    id: str = ""
    sentences: tuple[int, ...] = ()

    def key(self) -> str:
        """Query and words, lower-cased. Two texts with the same key count as the same text."""
        return " ".join((*self.query, "\0", *self.words)).lower()


class Vocabulary:
    """Words and their numbers. 0 is padding, 1 the unknown word."""

    def __init__(self, words: Sequence[str]):
        self.words = ["<pad>", "<unk>", *words]
        self._index = {word: i for i, word in enumerate(self.words)}
        if len(self._index) != len(self.words):
            twice = next(word for word, n in Counter(self.words).items() if n > 1)
            raise CorpusError(f"the vocabulary lists {twice!r} twice", hint="Give every word once.")

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word.lower() in self._index

    def index(self, word: str) -> int:
        return self._index.get(word.lower(), UNKNOWN)

    def encode(self, words: Iterable[str]) -> list[int]:
        return [self._index.get(word.lower(), UNKNOWN) for word in words]

    def decode(self, ids: Iterable[int]) -> list[str]:
        return [self.words[int(i)] for i in ids]

    @classmethod
    def build(cls, texts: Iterable[Text], min_count: int = 1, max_size: int | None = None) -> Vocabulary:
        """The words of ``texts`` seen at least ``min_count`` times, most frequent first, ties in alphabetical order."""
        counts = Counter(word.lower() for text in texts for word in (*text.query, *text.words))
        for reserved in ("<pad>", "<unk>"):
            counts.pop(reserved, None)
        kept = sorted((w for w, n in counts.items() if n >= min_count), key=lambda w: (-counts[w], w))
        return cls(kept[:max_size])


@dataclass(frozen=True)
class Batch:
    """What the players are given. The notation page explains the names.

    ``tokens`` int [B, T], ``real`` bool [B, T] (a word, not padding), ``selectable`` bool [B, T] (real and not part of
    the query), ``labels`` int [B], ``gold`` bool [B, T], ``annotated`` bool [B] (somebody marked a rationale),
    ``index`` int [B] (the texts' numbers in their split).
    """

    tokens: Tensor
    real: Tensor
    selectable: Tensor
    labels: Tensor
    gold: Tensor
    annotated: Tensor
    index: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def query(self) -> Tensor:
        """bool [B, T]: real words that are shown to both players and never selected."""
        return self.real & ~self.selectable


@dataclass
class Split:
    """Encoded texts, padded once. ``lengths`` count query and text; both length tensors stay on the CPU.

    ``environments``: the group of each text, numbered from 0. What agrees with the label by accident does so at another
    rate in each group; INVRAT learns from that. None where the corpus has no groups.
    """

    tokens: Tensor  # int32 [N, T]
    lengths: Tensor  # int64 [N]
    query_lengths: Tensor  # int64 [N]
    labels: Tensor  # int64 [N]
    gold: Tensor  # bool [N, T]
    annotated: Tensor  # bool [N]
    texts: list[Text] | None = field(default=None, repr=False)
    environments: Tensor | None = None  # int64 [N]

    @classmethod
    def from_arrays(cls, tokens, lengths, labels, gold, annotated=None, query_lengths=None, texts=None) -> Split:
        """A split from arrays or tensors (``tokens``, ``gold`` [N, T]; the others [N]).

        Raises CorpusError when the shapes disagree, a length exceeds T, or gold marks the query or the padding.
        """
        n = len(labels)
        annotated = np.ones(n, bool) if annotated is None else annotated
        query_lengths = np.zeros(n, np.int64) if query_lengths is None else query_lengths
        made = cls(
            torch.as_tensor(tokens).to(torch.int32),
            torch.as_tensor(lengths).to(torch.int64),
            torch.as_tensor(query_lengths).to(torch.int64),
            torch.as_tensor(labels).to(torch.int64),
            torch.as_tensor(gold).to(torch.bool),
            torch.as_tensor(annotated).to(torch.bool),
            texts,
        )
        shape = tuple(made.tokens.shape)
        if len(shape) != 2 or shape[0] != n:
            raise CorpusError(f"tokens have shape {shape}, expected [{n}, T]")
        if tuple(made.gold.shape) != shape:
            raise CorpusError(f"gold has shape {tuple(made.gold.shape)}, expected {shape}")
        for name in ("lengths", "query_lengths", "annotated"):
            if tuple(getattr(made, name).shape) != (n,):
                raise CorpusError(f"{name} has shape {tuple(getattr(made, name).shape)}, expected ({n},)")
        if n and (int(made.lengths.max()) > shape[1] or bool((made.query_lengths > made.lengths).any())):
            raise CorpusError(f"a length exceeds what holds it: the padded width is {shape[1]}")
        selectable = _positions(made.lengths, made.query_lengths, shape[1])[1]
        if bool((made.gold & ~selectable).any()):
            raise CorpusError("gold marks a position that is padding or query")
        return made

    @classmethod
    def encode(cls, texts: Sequence[Text], vocabulary: Vocabulary, max_length: int | None = 256) -> Split:
        """Number the words of ``texts``, cut each text at ``max_length`` words (the query is not counted or cut)."""
        cut = [text.words[:max_length] for text in texts]
        queries = np.array([len(text.query) for text in texts], np.int64)
        lengths = queries + np.array([len(words) for words in cut], np.int64)
        tokens = np.zeros((len(texts), int(lengths.max(initial=0))), np.int32)
        gold = np.zeros(tokens.shape, bool)
        for i, (text, words) in enumerate(zip(texts, cut, strict=True)):
            tokens[i, : lengths[i]] = vocabulary.encode((*text.query, *words))
            if text.rationale is not None:
                gold[i, queries[i] : lengths[i]] = text.rationale[: len(words)]
        labels = np.array([text.label for text in texts], np.int64)
        annotated = np.array([text.rationale is not None for text in texts], bool)
        return cls.from_arrays(tokens, lengths, labels, gold, annotated, queries, list(texts))

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: str | torch.device) -> Split:
        """The same split with its tensors on ``device``. The lengths stay on the CPU, so that cutting a batch to its
        longest text does not wait for the device."""
        names = ("tokens", "labels", "gold", "annotated")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})

    def first(self, count: int) -> Split:
        """The first ``count`` texts, or all if there are fewer."""
        return replace(self, **{f.name: v[:count] for f in fields(self) if (v := getattr(self, f.name)) is not None})

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that differ when any token, length or label does."""
        parts = (self.tokens, self.lengths, self.query_lengths, self.labels)
        joined = b"".join(part.cpu().contiguous().numpy().tobytes() for part in parts)
        return hashlib.sha256(joined).hexdigest()[:16]

    def words(self, i: int, vocabulary: Vocabulary) -> list[str]:
        """The words of text ``i`` as its source wrote them, query first, cut as the players see them."""
        if self.texts is None:
            return vocabulary.decode(self.tokens[i, : int(self.lengths[i])])
        return list((*self.texts[i].query, *self.texts[i].words)[: int(self.lengths[i])])

    def sentences(self, vocabulary: Vocabulary) -> Tensor:
        """The number of the sentence in which each word stands, from 0 in every text: int64 [N, T], on the CPU; −1 for
        query and padding. Where the source does not say (``Text.sentences``), a sentence ends with a word made of
        ".", "!" and "?" alone."""
        made = torch.full(tuple(self.tokens.shape), -1)
        for i, (length, query) in enumerate(zip(self.lengths.tolist(), self.query_lengths.tolist(), strict=True)):
            known = self.texts[i].sentences if self.texts is not None else ()
            starts = [query + start for start in known] or _after_stops(self.words(i, vocabulary), query)
            flags = torch.zeros(length, dtype=torch.int64)
            flags[[start for start in starts if query < start < length]] = 1
            made[i, query:length] = flags.cumsum(0)[query:]
        return made

    def batch(self, rows: Tensor, width: int | None = None) -> Batch:
        """The texts ``rows`` (int64, on the CPU) as one batch, trimmed to the longest of them, or padded to ``width``
        places if that is more."""
        device = self.tokens.device
        lengths, queries = self.lengths[rows], self.query_lengths[rows]
        longest = max(int(lengths.max()), 1) if len(rows) else 1
        return self.gather(rows.to(device), lengths.to(device), queries.to(device), max(longest, width or 1))

    def gather(self, at: Tensor, lengths: Tensor, queries: Tensor, width: int) -> Batch:
        """The texts ``at`` (int [B]) as a batch of ``width`` places. ``lengths`` and ``queries`` (int [B]) are those of
        the texts and of their queries; ``width`` is at least the longest length. All tensors are on the split's device,
        and no value is read back from it."""
        real, selectable = _positions(lengths, queries, width)
        tokens = self.tokens[at, :width].to(torch.int64)
        gold = self.gold[at, :width]
        if missing := width - tokens.shape[1]:
            tokens, gold = F.pad(tokens, (0, missing)), F.pad(gold, (0, missing))
        return Batch(tokens, real, selectable, self.labels[at], gold, self.annotated[at], at)

    def batches(self, size: int, *, generator: torch.Generator | None = None, bucket: int = 50) -> Iterator[Batch]:
        """Batches of ``size`` texts of similar length.

        Without a generator every text comes once, longest batches last, in a fixed order. With one, the texts are
        shuffled, sorted by length within pools of ``bucket`` batches, and the batches shuffled again: the same
        generator state gives the same batches.
        """
        check_number("batch size", size, least=1, whole=True)
        yield from (self.batch(rows) for rows in self.batch_rows(size, generator, bucket))

    def batch_rows(
        self, size: int, generator: torch.Generator | None = None, bucket: int = 50, by_length: bool = True
    ) -> list[Tensor]:
        """The rows of each batch, as :meth:`batches` deals them. Not ``by_length``: the texts as they are shuffled, or,
        without a generator, as they stand in the split."""
        if generator is None:
            order = torch.argsort(self.lengths, stable=True) if by_length else torch.arange(len(self))
            return list(order.split(size))
        order = torch.randperm(len(self), generator=generator)
        if not by_length:
            return list(order.split(size))
        pools = order.split(size * bucket)
        rows = [b for pool in pools for b in pool[torch.argsort(self.lengths[pool], stable=True)].split(size)]
        return [rows[int(i)] for i in torch.randperm(len(rows), generator=generator)]


def _after_stops(words: Sequence[str], first: int) -> list[int]:
    """The places after each full stop, exclamation or question mark, from place ``first`` on."""
    return [i + 1 for i, word in enumerate(words) if i >= first and word and not word.strip(".!?")]


def _positions(lengths: Tensor, query_lengths: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """``real`` and ``selectable`` (bool [B, T]) from the two lengths of each text (int [B])."""
    at = torch.arange(width, device=lengths.device)
    real = at < lengths[:, None]
    return real, real & (at >= query_lengths[:, None])


@dataclass
class Corpus:
    """Three splits, their vocabulary, the names of the classes, and a card that describes them."""

    name: str
    train: Split
    dev: Split
    test: Split
    vocabulary: Vocabulary
    classes: tuple[str, ...]
    card: dict[str, Any]
    world: Any = None

    def splits(self) -> dict[str, Split]:
        return {"train": self.train, "dev": self.dev, "test": self.test}
