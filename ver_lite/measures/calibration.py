"""When a predictor says 80 %, is it right in 80 of 100 texts? Computed from its logits [N, C] and the labels [N]."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ver_lite.measures.metrics import divide


def reliability(logits: Tensor, labels: Tensor, bins: int = 15) -> tuple[Tensor, Tensor, Tensor]:
    """A reliability diagram: (share of the texts, accuracy, mean confidence) of each bin of confidence.

    Confidence is the probability of the class that is named. Bin b of M holds the confidences in ((b − 1)/M, b/M] (Guo
    et al. 2017, §2). Returns three float64 [M]; an empty bin has zeros.
    """
    confidence, named = logits.detach().double().softmax(-1).max(-1)
    at = (confidence * bins).ceil().long().clamp(1, bins) - 1
    weights = (torch.ones_like(confidence), (named == labels).double(), confidence)
    count, right, said = (torch.bincount(at, w, minlength=bins) for w in weights)
    return count / max(len(labels), 1), divide(right, count), divide(said, count)


def calibration_error(logits: Tensor, labels: Tensor, bins: int = 15) -> float:
    """Expected calibration error: Σ over bins of (share of the texts) · |accuracy − confidence|, equal-width bins on
    (0, 1], 15 of them as in Guo et al. (2017, Eq. 3). It depends on the bins. For a perfectly calibrated predictor it
    tends to 0 as N grows."""
    share, accuracy, confidence = reliability(logits, labels, bins)
    return float((share * (accuracy - confidence).abs()).sum())


def brier_score(logits: Tensor, labels: Tensor) -> float:
    """Mean over texts of Σ over classes (P(class) − [it is the label])², from 0 to 2 (Brier 1950). For two classes it
    is twice the score of the second class alone, which scikit-learn returns."""
    probabilities = logits.detach().double().softmax(-1)
    wrong = probabilities - F.one_hot(labels, logits.shape[-1])
    return float(wrong.square().sum(-1).mean()) if len(labels) else 0.0
