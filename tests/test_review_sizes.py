"""The review world as corpora: the same bytes everywhere, the sizes, Table 4, the committed sample."""

import hashlib
import json
import math
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ver_lite.corpora import review_words as language
from ver_lite.corpora.core import CorpusError
from ver_lite.corpora.review_world import ReviewWorld
from ver_lite.corpora.reviews import TABLE_4, WORLDS, make_reviews, sample, write_sample

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "reviews" / "sample.jsonl"

# --- bytes, sizes, the sample


def fingerprint(made):
    digest = hashlib.sha256()
    for array, kind in zip(made, ("<i4", "<i8", "<i8", "|b1", "|i1", "|i1"), strict=True):
        digest.update(np.ascontiguousarray(array, kind).tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize(
    "world, sha256",
    [
        (ReviewWorld(), "44d21878b3291c928002b46dd6f8e492031eaacbbc9039cf10e1e19d002ac472"),
        (
            ReviewWorld(aspects=language.ASPECTS, style="notes", order="shuffled", filler=2.5, phrases=1.7, types=88),
            "91702192c004dc4c42a979ed929ac48b136e17104c1f0cbba28f96867eb16f73",
        ),
    ],
)
def test_bytes_are_the_same_on_every_machine(world, sha256):
    assert fingerprint(world.generate(10_000, 1)) == sha256


def test_a_seed_decides_everything():
    world = ReviewWorld()
    prints = [fingerprint(world.generate(500, seed)) for seed in (1, 1, 2, (1, 2))]
    assert prints[0] == prints[1] and len(set(prints)) == 3
    assert fingerprint(replace(world, filler=1).generate(500, 1)) == prints[0]


def test_tiny_and_lesson_sizes():
    tiny, lesson = make_reviews("tiny"), make_reviews()
    for corpus, counts, low, high in ((tiny, (48, 24, 24), 12, 24), (lesson, (800, 300, 300), 40, 50)):
        for (part, split), n in zip(corpus.splits().items(), counts, strict=True):
            card = corpus.card["splits"][part]
            assert len(split) == n == 2 * card["classes"]["positive"]
            assert low < card["mean_length"] < high
            assert bool(split.annotated.all())
    assert 0.2 < lesson.card["splits"]["train"]["gold_share"] < 0.3
    assert lesson.classes == ("negative", "positive") and lesson.world == ReviewWorld()
    assert json.loads(json.dumps(lesson.card)) == lesson.card
    texts = [tuple(row.tolist()) for split in lesson.splits().values() for row in split.tokens[:, :40]]
    assert len(set(texts)) == len(texts), "train, dev and test share a text"


def test_lesson_is_learnable_and_not_trivial():
    lesson = make_reviews()
    test = lesson.test
    for mask, low, high in ((test.gold, 0.85, 0.97), (test.tokens > 0, 0.88, 0.99)):
        right = lesson.world.log_posterior(test.tokens, mask).argmax(1) == test.labels
        assert low < right.float().mean() < high


def test_seeds_and_knobs_reach_the_corpus():
    a, b, c = (
        make_reviews("tiny"),
        make_reviews("tiny", seed=1),
        make_reviews("tiny", rho=0.95, target="aroma"),
    )
    assert not torch.equal(a.train.labels, b.train.labels)
    assert c.world.target == "aroma" and c.card["knobs"]["rho"] == {
        "appearance": 0.95,
        "aroma": 1.0,
        "palate": 0.95,
    }


TABLE = """
beer-appearance 16891 16891 141 6628 2103 145 923 13 126 18.5
beer-aroma 15169 15169 144 6579 2218 147 848 29 127 15.6
beer-palate 13652 13652 147 6740 2000 149 785 20 128 12.4
hotel-location 7236 7236 151 906 906 152 104 96 155 8.5
hotel-service 50742 50742 154 6344 6344 153 101 99 152 11.5
hotel-cleanliness 75049 75049 144 9382 9382 144 99 101 147 8.9
"""


@pytest.mark.slow
@pytest.mark.parametrize("row", TABLE.strip().splitlines(), ids=lambda row: row.split()[0])
def test_paper_size_is_table_4(row):
    like, *numbers = row.split()
    started = time.process_time()
    corpus = make_reviews("paper", like=like)
    assert time.process_time() - started < 10
    for i, (part, split) in enumerate(corpus.splits().items()):
        positive, negative, length = (int(x) for x in numbers[3 * i : 3 * i + 3])
        card = corpus.card["splits"][part]
        assert card["classes"] == {"negative": negative, "positive": positive}
        spread = float(split.lengths.double().std()) / math.sqrt(len(split))
        assert abs(card["mean_length"] - length) < 4 * spread + 0.2 < 7
        assert card["longest"] <= 256
    assert abs(100 * corpus.card["splits"]["test"]["gold_share"] - float(numbers[-1])) < 0.75


def test_every_row_of_table_4_is_there():
    assert set(TABLE_4) == {row.split()[0] for row in TABLE.strip().splitlines()}


def test_splits_of_paper_size_share_the_oracle():
    corpus = make_reviews("paper", like="hotel-location")
    filler = corpus.card["filler"]
    assert len(set(filler.values())) == 3 and filler["train"] == corpus.world.filler
    other = replace(corpus.world, filler=filler["test"])
    assert other.vocabulary.words == corpus.vocabulary.words
    test = corpus.test
    assert torch.equal(other.log_posterior(test.tokens, test.gold), corpus.world.log_posterior(test.tokens, test.gold))


def test_the_committed_sample_is_what_the_generator_writes(tmp_path):
    assert write_sample(tmp_path / "sample.jsonl").read_bytes() == SAMPLE.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["sample.jsonl"]
    lesson = make_reviews()
    for i, record in enumerate(sample()):
        assert record["tokens"] == lesson.train.words(i, lesson.vocabulary)
        assert record["label"] == lesson.classes[int(lesson.train.labels[i])]
        gold = lesson.train.gold[i, : len(record["tokens"])].int().tolist()
        assert record["rationale"] == gold
        assert [owner == "appearance" for owner in record["aspect"]] == [bool(g) for g in gold]


def test_a_named_world_is_its_knobs_and_can_be_changed():
    named, same = make_reviews(world="rivals"), make_reviews(**WORLDS["rivals"])
    assert named.train.fingerprint() == same.train.fingerprint()
    assert {int(n) for n in named.train.lengths} == {40}, "five aspects, two phrases each, four words a phrase"
    assert make_reviews(world="rivals", phrases=1).world.expected_length == 20
    with pytest.raises(CorpusError, match="no world 'rival'"):
        make_reviews(world="rival")


def test_a_named_world_at_paper_size_keeps_the_row_of_table_4():
    corpus = make_reviews("paper", like="hotel-location", world="rivals")
    assert abs(corpus.card["splits"]["test"]["gold_share"] - 0.085) < 0.01
    assert abs(corpus.card["splits"]["test"]["mean_length"] - 155) < 5
