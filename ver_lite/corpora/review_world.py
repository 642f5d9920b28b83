"""The review world: synthetic beer reviews whose true P(Y | visible words) is known in closed form.

A review is made in this way. First a label y is drawn (negative 0, positive 1, equally likely). Each aspect has a
sentiment: the target's is y, that of another aspect agrees with y with probability rho. Each aspect has a segment of
phrases, and each phrase is a frame with a noun and slots for adjectives.

A slot draws from the list of its aspect's sentiment with probability `reliability`, else from the opposite list. It
takes one of the list's first `types` words, each as likely, and no word of an aspect a second time before all were
used. Neutral sentences (filler) stand between the segments. Frames, nouns, filler, order, lengths and the choice within
a list are drawn without looking at the label or a sentiment. So the only evidence is which lists the visible slot words
come from, and these are independent given the sentiments:

    P(y | visible words) ∝ P(y) Π_aspects Σ_s P(s | y) Π_visible slot words P(list of w | s).

That product is the oracle, :meth:`ReviewWorld.log_posterior`. Randomness is integer arithmetic on raw PCG64
draws: the same seed gives the same bytes on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral

import numpy as np

from ver_lite.corpora.core import CorpusError, Vocabulary
from ver_lite.corpora.review_knobs import ReviewKnobs
from ver_lite.corpora.review_writing import Reviews, Templates, write
from ver_lite.system.checks import check_number


@dataclass(frozen=True)
class ReviewWorld(ReviewKnobs):
    """A world of reviews: its knobs are those of :class:`~ver_lite.corpora.review_knobs.ReviewKnobs`."""

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
        return write(self.templates, int(n), int(positives), seed)

    def log_posterior(self, tokens, mask, *, prior: float = 0.5):
        """The oracle: ln P(Y | words visible under `mask`), float64 [B, 2] (negative, positive).

        `tokens` int [B, T] and `mask` [B, T] (a word is visible where it exceeds 1/2), numpy arrays or torch
        tensors; the answer is of the same kind. Nothing visible gives the log of the prior. `prior` is
        P(positive), .5 in the world itself; give a split's own share where a split is not balanced.

        Exact for masks chosen without looking at the sentiment words (fixed, random, gold). For a trained
        selector it is the information *in the visible words*: what the choice of the mask reveals is not
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
