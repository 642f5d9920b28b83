"""What was measured, in words and all together: each number stands where its name says, as its measure gives it."""

import math
from dataclasses import replace

import pytest
import torch

from small_corpora import keyword_texts
from ver_lite.corpora.core import Split, Vocabulary
from ver_lite.measures.agreement import Agreement, pieces, ranking, sentence_agreement, span_agreement, spans
from ver_lite.measures.calibration import brier_score, calibration_error
from ver_lite.measures.evaluation import Evaluation, evaluate, play_through
from ver_lite.measures.everything import FullEvaluation, evaluate_fully
from ver_lite.measures.faithfulness import Faithfulness, faithfulness
from ver_lite.measures.mask_shape import Reading, probe, read_shapes, shape_features
from ver_lite.measures.metrics import Scores
from ver_lite.methods import METHODS
from ver_lite.players.players import Predictor, Selector, make_embedding, random_vectors

SCORES = Scores(40, 30, 0.11, 0.91, 0.21, (0.92, None), 0.51, 0.61, 0.62, 0.63, 0.64, 0.65, 0.66)
PLAIN = Evaluation("argmax", SCORES, 0.81, 0.31)
FULL = FullEvaluation(
    plain=PLAIN,
    runs=2.25,
    transitions=4.75,
    phrases=Agreement(0.11, 0.12, 0.13, 0.14, 0.15, 0.16),
    auprc=0.21,
    average_precision=0.22,
    sentences=Agreement(0.31, 0.32, 0.33, 0.34, 0.35, 0.36),
    calibration_error=0.041,
    brier=0.042,
    faithfulness=Faithfulness(40, 0.51, 0.52, 0.53, 0.54, 0.55, 0.56, (0.1,), (0.57,), (0.58,)),
    label_read=Reading(40, 0.71, 0.72, 0.6, 0.7, 0.1, 0.05, 0.15, 0.01),
    decision_read=Reading(40, 0.73, 0.74, 0.5, 0.7, 0.2, 0.16, 0.24, 0.01),
)
NOTHING = dict.fromkeys(("precision", "recall", "f1", "precision_macro", "recall_macro", "f1_macro"))


def test_an_evaluation_in_words():
    assert str(PLAIN).splitlines() == [
        "argmax masks, 40 texts: S 11.0 %, P 61.0, R 62.0, F1 63.0 (macro 66.0; 30 annotated)",
        "Acc 91.0 % (majority 51.0 %), on the gold rationale 81.0 %",
    ]
    unmarked = replace(PLAIN, scores=replace(SCORES, annotated=0, **NOTHING), gold_accuracy=None)
    assert str(unmarked).splitlines() == ["argmax masks, 40 texts: S 11.0 %", "Acc 91.0 % (majority 51.0 %)"]


def test_an_evaluation_as_a_row():
    row = PLAIN.as_dict()
    assert row == {"how": "argmax", **vars(SCORES), "accuracy_per_class": [0.92, None]} | {
        "gold_accuracy": 0.81,
        "gold_cross_entropy": 0.31,
    }
    for odd in (math.nan, math.inf):
        assert replace(PLAIN, gold_cross_entropy=odd).as_dict()["gold_cross_entropy"] is None


def test_everything_in_words():
    assert str(FULL).splitlines() == [
        *str(PLAIN).splitlines(),
        "Masks: 2.2 runs and 4.8 transitions a text",
        "Phrases (IOU .5): P 11.0, R 12.0, F1 13.0 (macro P 14.0, R 15.0, F1 16.0)",
        "Sentences: P 31.0, R 32.0, F1 33.0 (macro P 34.0, R 35.0, F1 36.0)",
        "Ranking: AUPRC 21.0, average precision 22.0",
        "Calibration: expected error 4.1 %, Brier score 0.042",
        "Comprehensiveness 0.510 (random words 0.530; AOPC 0.550)",
        "Sufficiency 0.520 (random words 0.540; AOPC 0.560)",
        "The masks' shapes alone tell the label in 71.0 % of texts (majority 72.0 %): 0.100 nats, "
        "95 % of [0.050, 0.150]",
        "The masks' shapes alone tell the decision in 73.0 % of texts (majority 74.0 %): 0.200 nats, "
        "95 % of [0.160, 0.240]",
    ]
    bare = replace(FULL, phrases=None, auprc=None, sentences=None, label_read=None, decision_read=None)
    assert [line.split()[0] for line in str(bare).splitlines()[2:]] == [
        "Masks:",
        "Calibration:",
        "Comprehensiveness",
        "Sufficiency",
    ]


def test_everything_as_json_has_nothing_that_is_not_finite():
    odd = replace(FULL, auprc=math.nan, brier=math.inf, sentences=replace(FULL.sentences, recall=-math.inf))
    row = odd.as_dict()
    assert row["auprc"] is row["brier"] is row["sentences"]["recall"] is None
    assert row["plain"] == PLAIN.as_dict() and row["faithfulness"]["bins"] == [0.1] and row["runs"] == 2.25


@pytest.mark.parametrize("method", ["rnp", "a2r"])
def test_everything_is_what_each_measure_gives(method):
    """On a corpus of which a third is not annotated; a method that only ranks words has no probabilities of them."""
    texts = keyword_texts(48, 101)
    vocabulary = Vocabulary.build(texts)
    texts = [replace(t, words=(*t.words, "."), rationale=None if i % 3 == 0 else (*t.rationale, False))
             for i, t in enumerate(texts)]  # fmt: skip
    split = Split.encode(texts, vocabulary)
    torch.manual_seed(1)
    embedding = make_embedding(random_vectors(len(vocabulary), 6))
    game = METHODS[method](Selector(embedding, "conv", 8), Predictor(embedding, 2, "conv", 8), alpha=0.3)
    options = {"how": "top_k", "share": 0.25, "batch_size": 7, "seed": 3}
    full, played = evaluate_fully(game, split, vocabulary, **options), play_through(game, split, **options)
    some = played.annotated
    mask, gold, scores = played.mask[some], played.gold[some], played.scores[some]
    assert int(some.sum()) == 32 and float(mask.sum(1).double().mean()) > 2
    assert full.plain == evaluate(game, split, **options) and full.plain.how == "top_k"
    assert full.faithfulness == faithfulness(game, split, **options)
    assert full.phrases == span_agreement(spans(mask), spans(gold))
    assert (full.runs, full.transitions) == pieces(played.mask, played.selectable)
    area, precision = ranking(scores, gold, played.selectable[some])
    assert (full.auprc, full.average_precision) == pytest.approx((float(area.mean()), float(precision.mean())))
    wanted = mask if method == "a2r" else torch.sigmoid(scores.double())
    assert full.sentences == sentence_agreement(wanted, gold, split.sentences(vocabulary)[some], 0.3)
    assert full.calibration_error == calibration_error(played.logits, split.labels)
    assert full.brier == brier_score(played.logits, split.labels)
    assert (full.label_read, full.decision_read) == read_shapes(played, seed=3)
    features = shape_features(played.mask, played.selectable)
    assert full.label_read == probe(features, split.labels, 2, seed=3) != probe(features, split.labels, 2, seed=4)
    assert full.decision_read == probe(features, played.logits.argmax(1), 2, seed=3)
