"""Agreement with people beyond single words: phrases, soft scores, sentences; and how many pieces a mask has.

The measures of single words are in :mod:`~ver_lite.measures.metrics`. Here masks and flags are [N, T] of whole splits,
as ``evaluation.play_through`` gathers them; sums are exact or float64, on the CPU. A ratio 0/0 is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ver_lite.measures.metrics import divide, precision_recall_f1


@dataclass(frozen=True)
class Agreement:
    """Precision, recall and F1: micro (counted over all texts, divided once) and macro (averaged over texts)."""

    precision: float
    recall: float
    f1: float
    precision_macro: float
    recall_macro: float
    f1_macro: float


# phrases


def spans(mask: Tensor) -> Tensor:
    """The runs of selected words in a mask [N, T]: int64 [K, 3], a row (text, start, end) each, end exclusive."""
    padded = F.pad((mask > 0.5).to(torch.int8), (1, 1))
    edges = padded[:, 1:] - padded[:, :-1]
    return torch.cat([(edges == 1).nonzero(), (edges == -1).nonzero()[:, 1:]], 1)


def span_agreement(predicted: Tensor, gold: Tensor, iou: float = 0.5) -> Agreement:
    """IOU-F1, ERASER's partial match (DeYoung et al. 2020, §4.1; ``partial_match_score`` in its metrics.py).

    ``predicted``, ``gold``: spans [K, 3] as from :func:`spans`; a span given twice counts once. A predicted span is a
    hit if its intersection with one gold span, over their union, is at least ``iou``. P = hits / predicted spans, R =
    hits / gold spans. Micro: over all texts. Macro, as ERASER has it: P averaged over the texts that have predicted
    spans, R over those that have gold ones, F1 the harmonic mean of these two averages.

    ERASER's gold spans are its evidences. Two evidences may touch or overlap; in a gold mask they form one run. To get
    ERASER's own number, give the evidences as ``gold``.
    """
    predicted, gold = (each.unique(dim=0) for each in (predicted, gold))
    texts = int(torch.cat([predicted[:, 0], gold[:, 0]]).max()) + 1 if len(predicted) + len(gold) else 0
    of_text = torch.bincount(gold[:, 0], minlength=texts)
    partners = of_text[predicted[:, 0]]
    left = torch.arange(len(predicted)).repeat_interleave(partners)
    nth = torch.arange(len(left)) - (partners.cumsum(0) - partners)[left]
    p, g = predicted[left], gold[(of_text.cumsum(0) - of_text)[predicted[left, 0]] + nth]
    shared = (torch.minimum(p[:, 2], g[:, 2]) - torch.maximum(p[:, 1], g[:, 1])).clamp(min=0)
    union = (p[:, 2] - p[:, 1]) + (g[:, 2] - g[:, 1]) - shared
    hit = torch.zeros(len(predicted), dtype=torch.bool)
    hit[left[divide(shared.double(), union.double()) >= iou]] = True
    hits, chosen = (torch.bincount(each[:, 0], minlength=texts).double() for each in (predicted[hit], predicted))
    precision, recall, _ = precision_recall_f1(hits.sum(), chosen.sum(), of_text.sum().double())
    each_p, each_r, _ = precision_recall_f1(hits, chosen, of_text.double())
    macro = _mean(each_p[chosen > 0]), _mean(each_r[of_text > 0])
    micro = float(precision), float(recall)
    return Agreement(*micro, _harmonic(*micro), *macro, _harmonic(*macro))


def pieces(mask: Tensor, selectable: Tensor) -> tuple[float, float]:
    """Continuity: the mean number of runs of selected words in a text, and of transitions Σ_t |m_t − m_{t−1}| between
    neighboring words (the sum in Ω, Eq. 4). A phrase in the middle is one run and two transitions."""
    mask = (mask > 0.5) & selectable
    changes = (mask[:, 1:] != mask[:, :-1]) & selectable[:, 1:] & selectable[:, :-1]
    texts = max(len(mask), 1)
    return len(spans(mask)) / texts, int(changes.sum()) / texts


# soft scores


def ranking(scores: Tensor, gold: Tensor, selectable: Tensor) -> tuple[Tensor, Tensor]:
    """How well soft ``scores`` [N, T] put gold words above the others: (AUPRC, average precision), each float64 [M].

    There is a value for each of the M texts that have both gold words and others. The thresholds are the distinct
    scores of a text, from high to low, and (R_0, P_0) = (0, 1). AUPRC is the area under the precision-recall curve by
    the trapezoid rule, Σ (R_n − R_{n−1}) (P_n + P_{n−1}) / 2, as ERASER reports it. Average precision is
    Σ (R_n − R_{n−1}) P_n. scikit-learn recommends it, because a straight line between two points of the curve is too
    optimistic (Davis and Goadrich 2006). ERASER averages AUPRC over all texts, and average precision over these M.
    """
    gold = gold & selectable
    kept = gold.any(1) & (selectable & ~gold).any(1)
    scores, gold = scores.double().masked_fill(~selectable, -torch.inf)[kept], gold[kept]
    order = scores.argsort(dim=1, descending=True, stable=True)
    scores, gold = scores.gather(1, order), gold.gather(1, order).double()
    place = torch.arange(scores.shape[1]).expand_as(scores)
    last = torch.ones_like(gold, dtype=torch.bool)  # the last place among those with the same score
    last[:, :-1] = scores[:, 1:] != scores[:, :-1]
    until = torch.where(last, place, scores.shape[1]).flip(1).cummin(1).values.flip(1)
    since = torch.where(F.pad(last, (1, -1), value=True), place, 0).cummax(1).values
    precision = gold.cumsum(1) / (place + 1)
    here = precision.gather(1, until)
    before = torch.where(since > 0, precision.gather(1, (since - 1).clamp(min=0)), 1.0)
    share = gold / gold.sum(1, keepdim=True)
    return (share * (here + before) / 2).sum(1), (share * here).sum(1)


# sentences


def sentence_means(scores: Tensor, sentences: Tensor) -> tuple[Tensor, Tensor]:
    """The mean score of each sentence, float64 [N, S], and which of the S sentences exist, bool [N, S].

    ``sentences`` int [N, T]: the number of the sentence in which a word stands, −1 for none (``Split.sentences``).
    """
    count = int(sentences.max()) + 1 if sentences.numel() else 0
    at = torch.where(sentences < 0, count, sentences).long()
    sums = torch.zeros(2, len(at), count + 1, dtype=torch.float64)
    sums[0].scatter_add_(1, at, scores.double())
    sums[1].scatter_add_(1, at, torch.ones_like(at, dtype=torch.float64))
    total, words = sums[..., :count]
    return divide(total, words), words > 0


def best_sentences(scores: Tensor, sentences: Tensor, share: float = 0.2) -> Tensor:
    """The sentences that soft scores [N, T] select, by NIR's rule (Storek et al. 2023, run_ce.py): bool [N, S].

    A sentence's score is the mean score of its words. The round(share · sentences) best sentences are selected, at
    least one. ``scores`` may be a mask of zeros and ones. Then the sentences with the largest share of selected words
    are taken, and a sentence without a selected word is never taken. The rule fixes the number of sentences for a
    reason: when 20 % of the words are selected and scattered, the rule "any word selected" takes nearly every sentence,
    and "most words selected" takes nearly none.
    """
    means, there = sentence_means(scores, sentences)
    count = (there.sum(1) * share).round().clamp(min=1)
    order = means.masked_fill(~there, -torch.inf).argsort(dim=1, descending=True, stable=True)
    return (order.argsort(1) < count[:, None]) & (means > 0)


def sentence_agreement(scores: Tensor, gold: Tensor, sentences: Tensor, share: float = 0.2) -> Agreement:
    """Sentence-level P, R, F1, as NIR reports on MultiRC and FEVER (macro; its F1 column is each text's F1, averaged).

    :func:`best_sentences` selects. Every sentence with a gold word is gold; in these corpora evidences are whole
    sentences. NIR adds 10⁻⁶ to its denominators; here 0/0 is 0. ``scores``, ``gold``: [N, T], annotated texts only.
    """
    chosen, marked = best_sentences(scores, sentences, share), sentence_means(gold, sentences)[0] > 0
    counts = [each.sum(1).double() for each in (chosen & marked, chosen, marked)]
    micro = [float(x) for x in precision_recall_f1(*(each.sum() for each in counts))]
    return Agreement(*micro, *(_mean(each) for each in precision_recall_f1(*counts)))


def _mean(values: Tensor) -> float:
    return float(values.mean()) if len(values) else 0.0


def _harmonic(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision and recall else 0.0
