"""The readers on the real files: the counts that the files were found to have, annotation by annotation."""

import numpy as np
import pytest
import torch

from ver_lite.corpora.assembly import assemble
from ver_lite.corpora.core import Corpus
from ver_lite.corpora.eraser import check_evidence, open_release, read_eraser, records
from ver_lite.corpora.glove import load_glove
from ver_lite.corpora.places import locate
from ver_lite.corpora.tweets import read_tweets
from ver_lite.measures.agreement import span_agreement, spans

EVIDENCES = {"movies": (1999, 17462), "multirc": (12868, 30082), "fever": (12233, 17136)}

# texts, classes in order, mean length in tokens, gold share of annotated texts
ERASER = {
    "movies": {
        "train": (1600, [800, 800], 773.29, 0.0935),
        "dev": (200, [100, 100], 761.46, 0.0722),
        "test": (199, [100, 99], 795.04, 0.3139),
    },
    "multirc": {
        "train": (4806, [2658, 2148], 303.94, 0.1719),
        "dev": (3214, [1762, 1452], 305.32, 0.1851),
        "test": (4848, [2773, 2075], 290.24, 0.1778),
    },
    "fever": {
        "train": (5207, [2643, 2564], 268.08, 0.2141),
        "dev": (915, [460, 455], 275.03, 0.2280),
        "test": (6111, [3078, 3033], 254.63, 0.2339),
    },
}


@pytest.fixture(scope="module")
def corpora(real_data) -> dict[str, Corpus]:
    """Every ERASER task, uncut, without removing anything."""
    made = {}
    for task in ERASER:
        splits, classes, facts = read_eraser(locate(task, real_data), task)
        made[task] = assemble(task, splits, classes, facts, max_length=None)
    return made


@pytest.fixture(scope="module")
def tweets(real_data) -> Corpus:
    return assemble("tweets", *read_tweets(locate("tweets", real_data)))


def test_every_evidence_of_all_27100_annotations_is_the_tokens_it_names(real_data):
    checked = {task: check_evidence(locate(task, real_data)) for task in EVIDENCES}
    assert {task: (c.annotations, c.evidences) for task, c in checked.items()} == EVIDENCES
    assert sum(c.annotations for c in checked.values()) == 27_100
    assert not [line for c in checked.values() for line in c.mismatches]


@pytest.mark.slow
@pytest.mark.parametrize("task", ERASER)
def test_eraser_counts_lengths_and_gold_shares(corpora, task):
    for name, (texts, classes, length, gold) in ERASER[task].items():
        card = corpora[task].card["splits"][name]
        assert card["texts"] == texts
        assert list(card["classes"].values()) == classes
        assert card["mean_length"] == pytest.approx(length, abs=0.005)
        assert card["gold_share"] == pytest.approx(gold, abs=0.00005)
        assert card["annotated_but_empty"] == 0
    assert corpora[task].card["leaks"] == {"policy": "remove", "train": 0, "dev": 0}


def test_what_is_particular_of_each_task(corpora):
    movies, multirc, fever = corpora["movies"], corpora["multirc"], corpora["fever"]
    assert movies.card["unannotated"] == {"train": 1, "dev": 0, "test": 0}
    assert movies.card["empty_evidences"] == 20
    assert movies.card["notes"] == []
    assert not any(split.query_lengths.any() for split in movies.splits().values())
    assert multirc.card["notes"] == ["train: 4806 examples, the published file has 24029"]
    assert all("||" in text.query for split in multirc.splits().values() for text in split.texts)
    assert fever.card["notes"] == [
        "no train.jsonl: train is val without 86 of its 570 documents, held out as dev (seed 0)"
    ]
    assert not {t.words for t in fever.train.texts} & {t.words for t in fever.dev.texts}
    assert all((split.query_lengths > 0).all() for split in fever.splits().values())


def test_gold_never_lies_in_the_query(corpora):
    for batch in corpora["multirc"].test.batches(256):
        assert not (batch.gold & batch.query).any()
        assert (batch.gold & batch.selectable).any(1).all()


def test_no_document_is_shared_between_splits(corpora):
    for corpus in corpora.values():
        documents = [{text.words for text in split.texts} for split in corpus.splits().values()]
        assert sum(map(len, documents)) == len(set.union(*documents))


def test_tweets_counts(tweets):
    assert tweets.card["neutral_dropped"] == 11118
    assert tweets.card["span_is_whole_text"] == 2318
    sizes = {name: len(split) for name, split in tweets.splits().items()}
    removed = tweets.card["leaks"]
    assert sizes["train"] + removed["train"] == 13091 and sizes["dev"] + removed["dev"] == 1636
    assert sizes["test"] == 1636
    assert removed == {"policy": "remove", "train": 22, "dev": 2}
    totals = sum(np.bincount(split.labels, minlength=2) for split in tweets.splits().values())
    assert (totals + [0, 0]).sum() == 7781 + 8582 - 24
    assert np.bincount(tweets.test.labels).tolist() == [778, 858]
    for split in tweets.splits().values():
        assert split.annotated.all() and split.gold.any(1).all()
    assert tweets.card["splits"]["test"]["gold_share"] == pytest.approx(0.342, abs=0.0005)


@pytest.mark.parametrize(("dimension", "share"), [(100, 0.747), (50, 0.928)])
def test_glove_covers_the_tweets(real_data, tweets, dimension, share):
    matrix, covered = load_glove(locate("glove", real_data, dimension=dimension), tweets.vocabulary)
    assert matrix.shape == (len(tweets.vocabulary), dimension) and np.isfinite(matrix).all()
    assert not matrix[0].any() and matrix[1].any()
    known = (matrix != matrix[1]).any(1)
    assert covered == pytest.approx(known[2:].mean())
    tokens = tweets.train.tokens[tweets.train.tokens > 0]
    assert known[tokens].mean() == pytest.approx(share, abs=0.002)


def test_evidences_that_touch_are_one_run_of_a_gold_mask(corpora, real_data):
    """The numbers of book/measures.md: why phrases are compared run with run."""
    test = corpora["multirc"].test
    runs = spans(test.gold)
    runs[:, 1:] -= test.query_lengths[runs[:, :1]]
    named = records(open_release(locate("multirc", real_data)), "test")
    rows = [(i, e["start_token"], e["end_token"]) for i, (*_, evidences) in enumerate(named) for e in evidences]
    evidences = torch.tensor(rows)
    assert (len(evidences.unique(dim=0)), len(runs)) == (11286, 7000)
    assert round(span_agreement(runs, evidences).f1, 3) == 0.703 and span_agreement(runs, runs).f1 == 1
