"""Inter_RAT, interventional rationalization (Yue et al. 2023): a backdoor adjustment over the labels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ver_lite.corpora.core import Batch, Split
from ver_lite.methods.rnp import RNP
from ver_lite.system.checks import check_choice

PRIORS = ("train", "uniform")


class InterRAT(RNP):
    """RNP in which both players also look at a mean over the labels, weighted by how frequent each is: an approximate
    backdoor adjustment, Σ_y P(y) · f(x, y), for a label that confounds selection and prediction.

    With learned label vectors e_y, prior π and a = softmax_y(h · W e_y), the selector's logits for a word with state h
    are head(h) + U Σ_y π_y a_y e_y. The predictor pools f = Σ_t h_t / Σ_t m_t, the sum over all real words divided by
    the number of shown ones. Its logits are head(f) + V Σ_y π_y a_y e_y, where a is computed without W. The loss is
    RNP's, H_c + Ω.

    ``prior``: π is the label's share of the training texts ("train"), or "uniform". The released code has fixed
    numbers: .05 and .95 for beer, .5 elsewhere. Its Ω is per text, with transitions divided by the length; in our terms
    λ1 = .05 and λ2 = .01 / (l − 1), so weak that sparsity hardly holds. It has one linear layer on [h; Σ...], which is
    the same sum, except for our head's normalization and dropout.
    """

    prior: Tensor  # float [C]

    def __init__(self, *players, prior: str = "train", **options):
        super().__init__(*players, **options)
        check_choice("prior", prior, PRIORS)
        size, classes = self.selector.head.in_features, self.classes
        self.learns_prior = prior == "train"
        self.register_buffer("prior", torch.full((classes,), 1 / classes))
        self.labels = nn.Parameter(0.1 * torch.randn(classes, size))
        self.keys = nn.Linear(size, size)
        self.to_words, self.to_labels = nn.Linear(size, 2, bias=False), nn.Linear(size, classes, bias=False)

    def prepare(self, train: Split) -> None:
        if self.learns_prior:
            self.prior.copy_(torch.bincount(train.labels.cpu(), minlength=self.classes) / len(train))

    def adjustment(self, states: Tensor, keys: Tensor) -> Tensor:
        """Σ_y π_y a_y e_y for states [..., H]; ``keys`` [C, H] say which label a state attends to."""
        return ((states @ keys.T).softmax(-1) * self.prior) @ self.labels

    def logits(self, batch: Batch) -> Tensor:
        states = self.selector.states(batch.tokens, batch.real)
        return self.selector.score(states) + self.to_words(self.adjustment(states, self.keys(self.labels)))

    def predict(self, batch: Batch, shown: Tensor, pool: Tensor | None = None) -> Tensor:
        shown = (shown + batch.query) * batch.real
        states = self.predictor.states(batch.tokens, batch.real, shown)
        pool = batch.real if pool is None else pool & batch.real
        feature = (states * pool[..., None]).sum(1) / shown.sum(1, keepdim=True).clamp(min=1)
        return self.predictor.decide(feature) + self.to_labels(self.adjustment(feature, self.labels))
