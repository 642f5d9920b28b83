"""LIME: a linear model of what a classifier says when words are missing (Ribeiro et al. 2016), by captum."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ver_lite import masks
from ver_lite.corpora.core import Batch
from ver_lite.methods.post_hoc import PostHoc
from ver_lite.system.checks import check_number

TOGETHER = 256  # perturbed texts in a forward pass
WIDTH = 0.25  # the kernel's width on the cosine distance; LIME has 25, because its distances are in percent


class Lime(PostHoc):
    r"""A classifier of whole texts, explained one text at a time. Many copies of a text lack some of its words, and a
    ridge regression on which words are there estimates what each adds to the probability of the predicted class.

    .. math::
        w = \arg\min_w \sum_i \pi_i \, (f(x \odot z_i) - w_0 - w \cdot z_i)^2 + \|w\|^2, \qquad
        \pi_i = \exp(-d(1, z_i)^2 / (2 \cdot .25^2))

    d is the cosine distance. Each copy z_i but the first, which is whole, lacks a number of words that is drawn
    uniformly. The features are positions, the explained class is the predicted one, never the gold label, and the
    rationale is the words with the largest weights; VER's paper does not say how it used LIME. By default, the
    reference implementation has a feature for each distinct word. A query is never a feature. ``samples``: copies of
    each text, one forward pass of the classifier each (LIME's default is 5000). Needs captum and scikit-learn.
    """

    def __init__(self, *players, samples: int = 1000, **options):
        super().__init__(*players, **options)
        check_number("samples", samples, least=2, whole=True)
        self.samples = samples

    def choose(self, batch: Batch, how: str | None = None, share: float | None = None, generator=None) -> Tensor:
        if how == "all":
            return super().choose(batch, how)
        scores = self.scores(batch, generator)
        return masks.top_k(scores, batch.selectable, self.alpha if share is None else share)

    @torch.no_grad()
    def scores(self, batch: Batch, generator: Generator | None = None) -> Tensor:
        """Each word's weight: float [B, T], 0 outside the text. ``generator`` draws the words that copies lack (None: a
        new one with seed 0)."""
        generator = generator or Generator(batch.tokens.device).manual_seed(0)
        weights = torch.zeros_like(batch.selectable, dtype=torch.float32)
        named = self.predict(batch, batch.selectable.float()).argmax(1).tolist()
        for i, may in enumerate(batch.selectable):
            if words := int(may.sum()):
                kept = copies(self.samples, words, generator)
                weights[i, may] = self.explain(row(batch, i), kept, named[i]).to(weights)
        return weights

    def explain(self, text: Batch, kept: Tensor, named: int) -> Tensor:
        """The weight of each of one text's words for class ``named``, from ``kept`` [N, words], the words of its
        copies: float [words]."""
        from captum._utils.models.linear_model import SkLearnRidge
        from captum.attr import LimeBase

        def chance(kept: Tensor) -> Tensor:
            many = Batch(*(value.expand(len(kept), *value.shape[1:]) for value in vars(text).values()))
            shown = torch.zeros_like(many.selectable, dtype=kept.dtype)
            shown[:, text.selectable[0]] = kept
            return self.predict(many, shown).softmax(-1)[:, named]

        def draw(*_, **__):
            yield from kept.split(1)

        weights = iter(similarity(kept).tolist())  # captum asks for a copy's weight when it draws the copy
        explainer = LimeBase(
            chance, SkLearnRidge(alpha=1.0), lambda *_, **__: next(weights), draw, False, None, _itself
        )
        whole = torch.ones_like(kept[:1])
        return explainer.attribute(whole, n_samples=len(kept), perturbations_per_eval=TOGETHER).flatten()


def _itself(copy: Tensor, *_, **__) -> Tensor:
    """A copy's features, which are the copy itself: the words that it keeps."""
    return copy


def similarity(kept: Tensor) -> Tensor:
    """π of each copy [N, words]: the cosine between it and the whole text is √(share of words kept). float [N]."""
    distance = 1 - kept.mean(1).sqrt()
    return (-distance.square() / (2 * WIDTH**2)).exp()


def copies(count: int, words: int, generator: Generator) -> Tensor:
    """Which words each copy of a text keeps: float [count, words]. The first keeps all; each other lacks a number of
    them, uniform from 1 to all, and any of them equally likely."""
    device = generator.device
    lacking = torch.randint(1, words + 1, (count, 1), generator=generator, device=device)
    lacking[0] = 0
    order = torch.rand(count, words, generator=generator, device=device).argsort(1).argsort(1)
    return (order >= lacking).float()


def row(batch: Batch, i: int) -> Batch:
    """Text ``i`` of a batch as a batch of its own, without padding."""
    end = int(batch.real[i].sum())
    return Batch(*(v[i : i + 1, :end] if v.ndim == 2 else v[i : i + 1] for v in vars(batch).values()))
