"""Phrases, soft scores, sentences, pieces, calibration: by hand, against scikit-learn, and at the edges."""

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.metrics import auc, average_precision_score, brier_score_loss, f1_score, precision_recall_curve

from ver_lite import masks
from ver_lite.corpora.core import Split, Text, Vocabulary
from ver_lite.measures.agreement import (
    best_sentences,
    pieces,
    ranking,
    sentence_agreement,
    sentence_means,
    span_agreement,
    spans,
)
from ver_lite.measures.calibration import brier_score, calibration_error, reliability

rows_of_flags = st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=1, max_size=4)


@given(rows_of_flags)
def test_spans_are_the_runs_of_a_mask(rows):
    mask = torch.tensor(rows)
    found = spans(mask).tolist()
    back = torch.zeros_like(mask)
    for text, start, end in found:
        assert start < end and not back[text, max(start - 1, 0) : end + 1].any()  # no two touch
        back[text, start:end] = True
    assert torch.equal(back, mask) and found == sorted(found)
    runs, transitions = pieces(mask.float(), torch.ones_like(mask))
    assert runs == len(found) / len(rows) and transitions == sum(
        int(a != b) for row in rows for a, b in zip(row, row[1:], strict=False)
    ) / len(rows)


def test_transitions_are_those_that_omega_prices():
    real = torch.arange(9) < torch.tensor([[9], [4], [0]])
    mask = (torch.rand(3, 9, generator=torch.Generator().manual_seed(101)) < 0.5).float() * real
    assert pieces(mask, real)[1] == pytest.approx(float(masks.omega(mask, real, 0.5, 0.0, 1.0)))


def test_half_of_a_phrase_is_a_hit_and_less_is_not():
    gold = torch.tensor([[0, 0, 4], [0, 6, 7], [1, 2, 5]])
    predicted = torch.tensor([[0, 0, 2], [0, 5, 8], [1, 0, 3], [3, 1, 2]])  # IOU 1/2, 1/3, 1/5, nothing there
    it = span_agreement(predicted, gold)
    assert (it.precision, it.recall, it.f1) == pytest.approx((1 / 4, 1 / 3, 2 / 7))
    assert (it.precision_macro, it.recall_macro) == pytest.approx((np.mean([1 / 2, 0, 0]), np.mean([1 / 2, 0])))
    assert it.f1_macro == pytest.approx(2 / (6 + 4))
    assert span_agreement(predicted, gold, 1 / 3).precision == 2 / 4
    twice = torch.cat([predicted, predicted])
    assert span_agreement(twice, torch.cat([gold, gold])) == it


@given(rows_of_flags, rows_of_flags)
def test_phrases_that_are_all_there_score_one_and_none_zero(rows, others):
    mask = torch.tensor(rows)
    own, empty = spans(mask), torch.zeros(0, 3, dtype=torch.int64)
    best = 1.0 if len(own) else 0.0
    same = span_agreement(own, own)
    assert (same.f1, same.f1_macro) == (best, best)
    assert span_agreement(own, empty).f1 == span_agreement(empty, own).f1 == span_agreement(empty, empty).f1 == 0
    other = spans(torch.tensor(others))
    p, r = span_agreement(own, other), span_agreement(other, own)
    assert (p.precision, p.recall) == pytest.approx((r.recall, r.precision))  # runs: a hit is a pair, each in one only


some_spans = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6), st.integers(1, 5)), max_size=6)


@given(some_spans, some_spans, st.sampled_from([0.1, 1 / 3, 0.5, 1.0]))
def test_partial_matches_are_those_of_a_plain_count(predicted, gold, iou):
    """Any spans, which may touch, overlap, stand twice, or be in texts where the other side has none."""
    drawn = [[(text, start, start + size) for text, start, size in each] for each in (predicted, gold)]
    tensors = [torch.tensor(each, dtype=torch.int64).view(-1, 3) for each in drawn]
    predicted, gold = map(set, drawn)

    def words(span):
        return {(span[0], place) for place in range(*span[1:])}

    hits = [p for p in predicted if any(len(words(p) & words(g)) / len(words(p) | words(g)) >= iou for g in gold)]

    def ratios(of):
        texts = sorted({text for text, *_ in of})
        each = [sum(h[0] == text for h in hits) / sum(s[0] == text for s in of) for text in texts]
        return (len(hits) / len(of), sum(each) / len(each)) if of else (0.0, 0.0)

    (precision, macro_p), (recall, macro_r) = ratios(predicted), ratios(gold)
    it = span_agreement(*tensors, iou)
    assert (it.precision, it.recall) == pytest.approx((precision, recall))
    assert (it.precision_macro, it.recall_macro) == pytest.approx((macro_p, macro_r))
    assert it.f1 == pytest.approx(2 * precision * recall / (precision + recall) if hits else 0.0)
    assert it.f1_macro == pytest.approx(2 * macro_p * macro_r / (macro_p + macro_r) if hits else 0.0)
    assert iou != 0.5 or it == span_agreement(*tensors)


def test_pieces_count_only_words_that_may_be_selected():
    mask = torch.tensor([[1, 1, 0, 1, 1, 0.5], [0.6, 0, 0, 0, 1, 1]])
    selectable = torch.tensor([[False, True, True, True, True, True], [True] * 4 + [False] * 2])
    assert pieces(mask, selectable) == ((2 + 1) / 2, (3 + 1) / 2)
    assert spans(torch.tensor([[0.5, 0.6, 0.4]])).tolist() == [[0, 1, 2]]
    assert pieces(torch.zeros(0, 6), torch.zeros(0, 6, dtype=torch.bool)) == (0, 0)


scored = st.lists(st.tuples(st.integers(-3, 3), st.booleans(), st.booleans()), min_size=1, max_size=12)


@example([[(1, False, True), (1, True, True), (0, False, True)]])  # a tie at the top
@given(st.lists(scored, min_size=1, max_size=4))
def test_ranking_is_scikit_learns(texts):
    width = max(map(len, texts))
    scores, gold, selectable = torch.zeros(len(texts), width), *torch.zeros(2, len(texts), width, dtype=torch.bool)
    areas, precisions = [], []
    for i, text in enumerate(texts):
        for t, (score, marked, may) in enumerate(text):
            scores[i, t], gold[i, t], selectable[i, t] = score / 3, marked and may, may
        truth, wanted = gold[i][selectable[i]].numpy(), scores[i][selectable[i]].numpy()
        if truth.any() and not truth.all():
            precision, recall, _ = precision_recall_curve(truth, wanted)
            areas.append(auc(recall, precision))
            precisions.append(average_precision_score(truth, wanted))
    found = ranking(scores, gold, selectable)
    assert found[0].tolist() == pytest.approx(areas, abs=1e-12)
    assert found[1].tolist() == pytest.approx(precisions, abs=1e-12)
    moved = ranking(scores * 7 + 2, gold, selectable)  # only the order counts
    assert torch.equal(torch.stack(moved), torch.stack(found))


# sentences


def test_sentences_are_the_sources_or_end_at_stops():
    words = "Good . Very good ! ! So it is".split()
    known = Text(tuple(words), 0, query=("Why", "?"), sentences=(0, 3))
    plain = Text(tuple(words), 0, query=("Why", "?"))
    short = Text(("Well", "..."), 0)
    texts = [known, plain, short]
    vocabulary = Vocabulary.build(texts)
    split = Split.encode(texts, vocabulary, max_length=7)
    numbers = split.sentences(vocabulary)
    assert numbers[0].tolist() == [-1, -1, 0, 0, 0, 1, 1, 1, 1]
    assert numbers[1].tolist() == [-1, -1, 0, 0, 1, 1, 1, 2, 3]
    assert numbers[2].tolist() == [0, 0] + [-1] * 7
    split.texts = None
    assert torch.equal(split.sentences(vocabulary)[1:], numbers[1:])
    without = Split.encode([plain, plain, short], vocabulary, max_length=7)
    assert without.fingerprint() == split.fingerprint()


def test_sentence_scores_by_hand():
    sentences = torch.tensor([[-1, 0, 0, 1, 1, 2, -1], [0, 0, 0, 0, 0, 0, 0]])
    scores = torch.tensor([[9.0, 1, 2, 4, 0, 1.5, 9], [1, 0, 0, 0, 0, 0, 0]])
    means, there = sentence_means(scores, sentences)
    assert means.tolist() == [[1.5, 2.0, 1.5], [pytest.approx(1 / 7), 0, 0]]
    assert there.tolist() == [[True] * 3, [True, False, False]]
    assert best_sentences(scores, sentences, 0.2).tolist() == [[False, True, False], [True, False, False]]
    assert best_sentences(scores, sentences, 0.7).tolist() == [[True, True, False], [True, False, False]]
    gold = torch.zeros(2, 7)
    gold[0, 1] = gold[0, 5] = gold[1, 3] = 1
    it = sentence_agreement(scores, gold, sentences, 0.7)
    assert (it.precision, it.recall, it.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert (it.precision_macro, it.recall_macro, it.f1_macro) == pytest.approx((0.75, 0.75, 0.75))


@given(st.integers(0, 1000), st.floats(0.05, 1))
def test_sentence_f1_is_scikit_learns_over_sets_of_sentences(seed, share):
    g = torch.Generator().manual_seed(seed)
    sentences = torch.randint(-1, 5, (6, 30), generator=g)
    scores, gold = torch.rand(6, 30, generator=g), torch.rand(6, 30, generator=g) < 0.1
    chosen = best_sentences(scores, sentences, share)
    marked = torch.stack([((sentences == k) & gold).any(1) for k in range(chosen.shape[1])], 1)
    there = torch.stack([(sentences == k).any(1) for k in range(chosen.shape[1])], 1)
    assert torch.equal(chosen.sum(1), (there.sum(1) * share).round().clamp(min=1).long())
    assert not (chosen & ~there).any()
    it = sentence_agreement(scores, gold, sentences, share)
    assert it.f1_macro == pytest.approx(f1_score(marked, chosen, average="samples", zero_division=0))
    assert it.f1 == pytest.approx(f1_score(marked, chosen, average="micro", zero_division=0))


def test_no_texts_have_no_sentences():
    means, there = sentence_means(torch.zeros(0, 0), torch.zeros(0, 0, dtype=torch.int64))
    assert means.shape == there.shape == (0, 0)


def test_any_word_takes_nearly_every_sentence_and_most_words_nearly_none():
    sentences = torch.arange(300).expand(200, 300) // 20
    mask = masks.random_mask(sentences >= 0, 0.2, generator=torch.Generator().manual_seed(101))
    means = sentence_means(mask, sentences)[0]
    assert (means > 0).double().mean() > 0.95 and (means > 0.5).double().mean() < 0.01
    assert best_sentences(mask, sentences).sum(1).eq(3).all()
    assert not best_sentences(torch.zeros_like(mask), sentences).any()


# calibration


@given(st.integers(0, 1000))
def test_brier_is_twice_scikit_learns_for_two_classes(seed):
    g = torch.Generator().manual_seed(seed)
    logits, labels = torch.randn(20, 2, generator=g).double(), torch.randint(0, 2, (20,), generator=g)
    theirs = brier_score_loss(labels, logits.softmax(1)[:, 1], pos_label=1)
    assert brier_score(logits, labels) == pytest.approx(2 * theirs)


def test_calibration_by_hand_and_at_the_edges():
    confidence = torch.tensor([0.95, 0.95, 0.65, 0.65, 0.7])
    logits = torch.stack([confidence, 1 - confidence], 1).log()
    labels = torch.tensor([0, 0, 0, 1, 1])
    # bins of a tenth: (.9, 1]: right 1, said .95; (.6, .7]: right 1/3, said 2/3
    assert calibration_error(logits, labels, 10) == pytest.approx(2 / 5 * 0.05 + 3 / 5 * 1 / 3, abs=1e-6)
    share, accuracy, said = reliability(logits, labels, 10)
    assert share.tolist() == pytest.approx([0] * 6 + [0.6, 0, 0, 0.4])
    assert float((share * accuracy).sum()) == pytest.approx(3 / 5)
    assert float((share * said).sum()) == pytest.approx(float(confidence.mean()))
    sure = torch.tensor([[1000.0, 0.0], [0.0, 1000.0]])
    assert calibration_error(sure, torch.tensor([0, 1])) == brier_score(sure, torch.tensor([0, 1])) == 0
    assert calibration_error(sure, torch.tensor([1, 0])) == 1 and brier_score(sure, torch.tensor([1, 0])) == 2
    none = torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64)
    assert calibration_error(*none) == brier_score(*none) == 0


def test_a_predictor_that_tells_the_truth_is_calibrated():
    g = torch.Generator().manual_seed(101)
    logits = torch.randn(200_000, 3, generator=g)
    labels = torch.distributions.Categorical(logits=logits).probs.multinomial(1, generator=g)[:, 0]
    assert calibration_error(logits, labels) < 0.005
    assert calibration_error(2 * logits, labels) > 0.1
