"""Texts cut down to some of their words, classifiers of what is left, and the study of what they are good for."""

import json
from dataclasses import replace

import pytest
import torch

from small_corpora import keyword_corpus
from ver_lite.corpora.core import Split
from ver_lite.corpora.reviews import make_reviews
from ver_lite.experiments.engine import is_current
from ver_lite.experiments.jobs import Job
from ver_lite.experiments.studies import real_text
from ver_lite.players.players import Predictor, make_embedding, random_vectors
from ver_lite.system.files import read_json
from ver_lite.training import cleaning
from ver_lite.training.config import Config

SMALL = Config(encoder="conv", hidden=16, dimension=16, learning_rate=1e-2, batch_size=16, seed=101)


@pytest.fixture(scope="module")
def corpus():
    return keyword_corpus(200, 60, 60)


@pytest.fixture(scope="module")
def vectors(corpus):
    return random_vectors(len(corpus.vocabulary), 16, torch.Generator().manual_seed(101))


def some_words(split: Split, share: float = 0.3) -> torch.Tensor:
    drawn = torch.rand(split.tokens.shape, generator=torch.Generator().manual_seed(7)) < share
    return drawn & (torch.arange(split.tokens.shape[1]) < split.lengths[:, None])


def test_what_is_left_are_the_words_in_their_order_and_empty_texts_are_gone(corpus):
    split, mask = corpus.test, some_words(corpus.test)
    mask[3] = False
    left = cleaning.cleaned(split, mask)
    rows = [i for i in range(len(split)) if mask[i].any()]
    assert len(left) == len(rows) < len(split)
    for row, i in enumerate(rows):
        length = int(left.lengths[row])
        assert left.tokens[row, :length].tolist() == split.tokens[i][mask[i]].tolist()
        assert left.gold[row, :length].tolist() == split.gold[i][mask[i]].tolist()
        assert left.labels[row] == split.labels[i] and not left.tokens[row, length:].any()


def test_all_words_are_the_text_itself_and_none_is_an_error(corpus):
    every = torch.arange(corpus.test.tokens.shape[1]) < corpus.test.lengths[:, None]
    left = cleaning.cleaned(corpus.test, every)
    assert left.fingerprint() == corpus.test.fingerprint() and torch.equal(left.gold, corpus.test.gold)
    with pytest.raises(ValueError, match="no word of any text"):
        cleaning.cleaned(corpus.test, torch.zeros_like(every))


def test_a_classifier_of_the_keyword_learns_it_and_one_of_the_rest_cannot(corpus, vectors):
    def tested(words):
        texts = [cleaning.cleaned(split, words(split)) for split in (corpus.train, corpus.dev, corpus.test)]
        return cleaning.accuracy(cleaning.teach(*texts[:2], vectors, SMALL, 4), texts[2])

    rest = lambda split: (split.tokens != 0) & ~split.gold  # noqa: E731
    assert tested(lambda split: split.gold) == 1.0 and tested(rest) < 0.7


def test_a_classifier_is_the_same_twice_and_keeps_its_best_epoch(corpus, vectors):
    slow = replace(SMALL, learning_rate=3e-3)
    readers = [cleaning.teach(corpus.train, corpus.dev, vectors, slow, epochs) for epochs in (1, 2, 3, 4, 4)]
    best = [cleaning.accuracy(reader, corpus.dev) for reader in readers]
    assert best == sorted(best) and best[-1] > best[0]
    said = [cleaning.probabilities(reader, corpus.test) for reader in readers]
    assert torch.equal(said[-2], said[-1]) and not torch.equal(said[0], said[-1])


@torch.no_grad()
def test_sufficiency_by_hand(corpus, vectors):
    torch.manual_seed(101)
    reader = Predictor(make_embedding(vectors), 2, "conv", 16).eval()
    split, mask = corpus.test.first(8), some_words(corpus.test.first(8))
    mask[2] = False
    drops = []
    for i in range(8):
        words = [split.tokens[i, : int(split.lengths[i])], split.tokens[i][mask[i]]]
        if not len(words[1]):
            continue
        whole, part = (reader(w[None].long(), torch.ones(1, len(w)) > 0, torch.ones(1, len(w))) for w in words)
        named = int(whole.argmax())
        drops.append(float(whole.softmax(-1)[0, named] - part.softmax(-1)[0, named]))
    assert len(drops) < 8 and cleaning.sufficiency(reader, split, mask) == pytest.approx(
        sum(drops) / len(drops), abs=1e-6
    )


# the study


@pytest.fixture(scope="module")
def measured():
    """A row of the study in a world of 48 texts, and its job."""
    job = next(job for job in real_text.jobs() if job.about["source"] == "reviews")
    small = {**job.settings, "hidden": 8, "dimension": 8, "epochs": 2}
    worlds = {f"{rho:g}": make_reviews("tiny", rho=rho) for rho in real_text.RHOS}
    patch = pytest.MonkeyPatch()
    patch.setattr(real_text, "places", lambda source: (worlds["0.8"], {r: w.test for r, w in worlds.items()}))
    patch.setitem(real_text.HOMES, "reviews", replace(real_text.HOMES["reviews"], epochs=1))
    row = real_text.measure(Job(job.name, {"name": "reviews"}, small, job.about))
    patch.undo()
    return row


def test_a_row_has_every_way_everywhere_and_is_json(measured):
    assert set(measured["readers"]) == set(real_text.WAYS)
    for way in measured["readers"].values():
        assert set(way) == {f"{rho:g}" for rho in real_text.RHOS}
    whole = measured["readers"]["whole"]
    assert all(place["whole"] == place["own"] for place in whole.values())
    assert json.loads(json.dumps(measured, allow_nan=False)) == measured
    page = real_text.report({"machine": "m", "command": "c", "rows": [measured]})
    assert "Not recorded: tweets/1" in page and "Review world → 0.2" in page


def test_all_ways_but_gold_and_the_rest_select_equally_much():
    corpus, tests = real_text.places("reviews")
    assert list(tests) == [f"{rho:g}" for rho in real_text.RHOS]
    config = next(job for job in real_text.jobs() if job.about["source"] == "reviews").config()
    runs = {name: _untrained(corpus, config) for name in real_text.GAMES}
    words = real_text.words_of(runs, corpus.test, config)
    assert torch.equal(words["rnp"].sum(1), words["random"].sum(1))
    assert torch.equal(words["rnp"] | words["rest"], words["whole"]) and not (words["rnp"] & words["rest"]).any()


def _untrained(corpus, config):
    from ver_lite.training.game import build_game
    from ver_lite.training.runs import Run

    game = build_game(config, random_vectors(len(corpus.vocabulary), config.dimension), 2)
    return Run(config, game, corpus.vocabulary, corpus.classes, [], {})


def test_worlds_that_differ_in_rho_share_their_words():
    corpus, tests = real_text.places("reviews")
    assert all(make_reviews(rho=rho).vocabulary.words == corpus.vocabulary.words for rho in real_text.RHOS)
    gold = [tests[place].tokens[tests[place].gold] for place in tests]
    assert len({len(words) for words in gold}) == 1


def test_what_is_recorded_is_what_the_code_would_run_and_the_page_is_the_record():
    path = real_text.STUDY.path
    if not path.exists():
        pytest.skip(f"{path.name} is not recorded yet: run python -m ver_lite.experiments.record real_text")
    made, jobs = read_json(path), {job.name: job for job in real_text.jobs()}
    assert {row["name"] for row in made["rows"]} <= set(jobs)
    assert all(is_current(row, jobs[row["name"]]) for row in made["rows"])
    assert path.with_suffix(".md").read_text("utf-8") == real_text.report(made)
    for row in made["rows"]:
        assert row["games"]["rnp"]["status"] == row["games"]["ver"]["status"] == "finished"
        gold = row["readers"]["gold"]
        assert 0.5 < max(gold[place]["own"] for place in gold) <= 1


@pytest.mark.slow
def test_tweets_and_movies_share_one_vocabulary(real_data, monkeypatch):
    monkeypatch.setenv("VER_LITE_DATA", str(real_data))
    corpora = real_text.tweets_and_movies()
    real_text.tweets_and_movies.cache_clear()
    tweets, movies = corpora["tweets"], corpora["movies"]
    assert tweets.vocabulary is movies.vocabulary and len(tweets.train) == real_text.TWEETS
    assert abs(float(tweets.train.labels.double().mean()) - 0.524) < 0.02
    assert int(movies.train.lengths.max()) == real_text.LONGEST
    assert [c.lower()[:3] for c in tweets.classes] == [c.lower() for c in movies.classes]
