"""Our measures against ERASER's own code (DeYoung et al. 2020), from a checkout that is no part of this repository.

The checkout of github.com/jayded/eraserbenchmark is named by the variable ERASER, or lies beside this repository.
"""

import logging
import math
import os
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ver_lite.corpora.core import Split, Text, Vocabulary
from ver_lite.corpora.eraser import read_eraser
from ver_lite.corpora.places import locate
from ver_lite.measures.agreement import ranking, sentence_means, span_agreement, spans
from ver_lite.measures.faithfulness import BINS, faithfulness
from ver_lite.measures.metrics import Tally
from ver_lite.methods import RNP
from ver_lite.players.players import Predictor, Selector, make_embedding, random_vectors

BESIDE = Path(__file__).resolve().parents[2] / "eraserbenchmark"
CLOSE = {"abs": 1e-9, "rel": 0}


@pytest.fixture(scope="module")
def eraser():
    """ERASER's module of metrics (its import would turn on the debug messages of every library)."""
    folder = Path(os.environ.get("ERASER", BESIDE))
    if not (folder / "rationale_benchmark" / "metrics.py").is_file():
        pytest.skip(f"no checkout of jayded/eraserbenchmark in {folder}: put one there, or name it in ERASER")
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(folder)
        patched.setattr(logging, "basicConfig", lambda **_: None)
        patched.setitem(sys.modules, "rationale_benchmark", None)
        del sys.modules["rationale_benchmark"]
        from rationale_benchmark import metrics
    return metrics


def rationales(eraser, rows):
    return [eraser.Rationale(f"text {text}", "document", start, end) for text, start, end in rows.tolist()]


def compare_spans(eraser, predicted, gold):
    """Phrases at three thresholds, in both forms."""
    thresholds = [0.1, 0.5, 1.0]
    theirs = eraser.partial_match_score(rationales(eraser, gold), rationales(eraser, predicted), thresholds)
    for threshold, their in zip(thresholds, theirs, strict=True):
        it = span_agreement(predicted, gold, threshold)
        assert (it.precision, it.recall, it.f1) == pytest.approx([their["micro"][k] for k in ("p", "r", "f1")], **CLOSE)
        macro = [their["macro"][k] for k in ("p", "r", "f1")]
        assert (it.precision_macro, it.recall_macro, it.f1_macro) == pytest.approx(macro, **CLOSE)


def compare_words(eraser, mask, gold, words):
    """Token P, R and F1, in both forms, of texts that all have gold words."""
    tally, texts = Tally(2), len(mask)
    named = {"annotated": torch.ones(texts, dtype=torch.bool), "labels": torch.zeros(texts, dtype=torch.int64)}
    tally.add(mask.float(), SimpleNamespace(selectable=words, gold=gold, **named), torch.zeros(texts, 2))
    ours = tally.scores()
    split = [[word for it in rationales(eraser, spans(each)) for word in it.to_token_level()] for each in (gold, mask)]
    theirs = eraser.score_hard_rationale_predictions(*split)
    micro, macro = ([theirs[f"instance_{how}"][k] for k in ("p", "r", "f1")] for how in ("micro", "macro"))
    assert (ours.precision, ours.recall, ours.f1) == pytest.approx(micro, **CLOSE)
    assert (ours.precision_macro, ours.recall_macro, ours.f1_macro) == pytest.approx(macro, **CLOSE)


def compare_ranking(eraser, scores, gold, words):
    """AUPRC and average precision of texts that have gold words and others."""
    paired = [
        eraser.PositionScoredDocument(str(i), "document", tuple(s[w].tolist()), tuple(g[w].tolist()))
        for i, (s, g, w) in enumerate(zip(scores, gold, words, strict=True))
    ]
    theirs = eraser.score_soft_tokens(paired)
    auprc, precision = ranking(scores, gold, words)
    assert len(auprc) == len(scores)
    assert float(auprc.mean()) == pytest.approx(theirs["auprc"], **CLOSE)
    assert float(precision.mean()) == pytest.approx(theirs["average_precision"], **CLOSE)


def random_spans(seed, count, texts=6, width=40):
    g = torch.Generator().manual_seed(seed)
    start = torch.randint(0, width, (count,), generator=g)
    length = torch.randint(0, 9, (count,), generator=g)  # some are empty, as in the released annotations
    return torch.stack([torch.randint(0, texts, (count,), generator=g), start, start + length], 1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**6), st.integers(0, 20), st.integers(0, 20))
def test_random_spans_that_overlap_touch_or_repeat(eraser, seed, many, gold):
    compare_spans(eraser, random_spans(seed, many), random_spans(seed + 1, gold))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(2, 30))
def test_random_masks_and_scores(eraser, seed, texts, width):
    g = torch.Generator().manual_seed(seed)
    words = torch.arange(width) < torch.randint(2, width + 1, (texts, 1), generator=g)
    gold, mask = (torch.rand(2, texts, width, generator=g) < 0.4) & words
    gold[:, 0], gold[:, 1], mask[0, 0] = True, False, True
    compare_spans(eraser, spans(mask), spans(gold))
    compare_words(eraser, mask, gold, words)
    compare_ranking(eraser, (torch.rand(texts, width, generator=g) * 8).round() / 8, gold, words)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_faithfulness_of_a_random_game(eraser):
    g = torch.Generator().manual_seed(101)
    vocabulary = Vocabulary([f"w{i}" for i in range(30)])
    texts = [Text(tuple(vocabulary.decode(torch.randint(2, 32, (10 + i,), generator=g))), i % 2) for i in range(12)]
    torch.manual_seed(101)
    embedding = make_embedding(3 * random_vectors(32, 8))
    game = RNP(Selector(embedding, "conv", 16), Predictor(embedding, 3, "conv", 16)).double().eval()
    split = Split.encode(texts, vocabulary)
    ours = faithfulness(game, split, batch_size=5)
    instances = [eraser_instance(game, split.batch(torch.tensor([i])), ours.bins) for i in range(len(split))]
    annotations = [
        SimpleNamespace(annotation_id=it["annotation_id"], classification=it["classification"]) for it in instances
    ]
    theirs = eraser.score_classifications(instances, annotations, {}, list(ours.bins))
    for name in ("comprehensiveness", "sufficiency"):
        assert getattr(ours, name) == pytest.approx(theirs[name], **CLOSE)
        assert getattr(ours, f"aopc_{name}") == pytest.approx(theirs[f"{name}_aopc"], **CLOSE)
        assert getattr(ours, f"{name}_at") == pytest.approx(theirs[f"{name}_aopc_points"], **CLOSE)
    assert abs(ours.comprehensiveness) > 1e-3 and len(set(ours.sufficiency_at)) == len(BINS)


@torch.no_grad()
def eraser_instance(game, batch, shares):
    """What ERASER wants to be told of a game on one text."""
    everything, best = batch.selectable.double(), game.scores(batch)[0].argsort(descending=True)

    def said(shown):
        return dict(zip("abc", game.predict(batch, shown).softmax(-1)[0].tolist(), strict=True))

    def both(some):
        without = {"comprehensiveness_classification_scores": said(everything - some)}
        return {"sufficiency_classification_scores": said(some), **without}

    def top(share):
        some = torch.zeros_like(everything)
        some[0, best[: math.ceil(share * len(best) - 1e-9)]] = 1
        return {"threshold": share, **both(some)}

    whole = said(everything)
    named = {"annotation_id": str(int(batch.index)), "classification": max(whole, key=whole.get)}
    thresholded = {"thresholded_scores": [top(share) for share in shares]}
    return {**named, "classification_scores": whole, **both(game.choose(batch)), **thresholded}


@pytest.fixture(scope="module", params=["movies", "multirc", "fever"])
def released(request, real_data, tmp_path_factory):
    """The released test set of a task: its folder, and our reading of it."""
    folder = tmp_path_factory.mktemp("eraser")
    with tarfile.open(locate(request.param, real_data)) as archive:
        archive.extractall(folder, filter="data")
    return folder / request.param, read_eraser(folder / request.param, request.param)[0]["test"]


@pytest.mark.slow
def test_released_annotations(eraser, released):
    """Gold words, sentences and every measure on a test set of ERASER's, each side reading the files its own way."""
    folder, texts = released
    annotations = eraser.annotations_from_jsonl(folder / "test.jsonl")
    assert [text.id for text in texts] == [annotation.annotation_id for annotation in annotations]
    evidences = [eraser.Rationale.from_annotation(annotation) for annotation in annotations]
    kept = [i for i, some in enumerate(evidences) if some and not all(texts[i].rationale)][:200]
    documents = eraser.load_documents(folder, {it.docid for i in kept for it in evidences[i]})
    split = Split.encode([texts[i] for i in kept], Vocabulary([]), max_length=None)
    rows = torch.tensor([(n, it.start_token, it.end_token) for n, i in enumerate(kept) for it in evidences[i]])
    at = torch.arange(split.gold.shape[1]) - split.query_lengths[:, None]
    words = (at >= 0) & (at < (split.lengths - split.query_lengths)[:, None])
    for n, start, end in rows.tolist():
        assert split.gold[n][(at[n] >= start) & (at[n] < end)].all()

    sentences = split.sentences(Vocabulary([]))
    marked = sentence_means(split.gold, sentences)[0] > 0
    for n, i in enumerate(kept):
        (name,) = {it.docid for it in evidences[i]}
        lines = [number for number, line in enumerate(documents[name]) for _ in line]
        assert sentences[n][words[n]].tolist() == lines
        said = {k for it in annotations[i].all_evidences() for k in range(it.start_sentence, it.end_sentence)}
        assert folder.name == "movies" or set(marked[n].nonzero().flatten().tolist()) == said  # movies names none

    noise = torch.rand(words.shape, generator=torch.Generator().manual_seed(101))
    mask = (noise < torch.where(split.gold, 0.9, 0.2)) & words
    moved = spans(mask)
    moved[:, 1:] -= split.query_lengths[moved[:, :1]]
    compare_spans(eraser, moved, rows)
    compare_words(eraser, mask, split.gold, words)
    compare_ranking(eraser, 0.2 * split.gold - noise, split.gold, words)
