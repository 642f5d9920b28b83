"""The review world: what it writes, its words, and what it answers to wrong knobs."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ver_lite.corpora import review_words as language
from ver_lite.corpora.core import CorpusError
from ver_lite.corpora.review_world import ReviewWorld
from ver_lite.corpora.reviews import make_reviews, read_aloud

# --- what is written


def worlds():
    """Worlds with random knobs."""
    return st.builds(
        lambda aspects, target, **knobs: ReviewWorld(tuple(aspects), aspects[target % len(aspects)], **knobs),
        aspects=st.lists(st.sampled_from(language.ASPECTS), min_size=1, unique=True),
        target=st.integers(0, 4),
        rho=st.floats(0, 1),
        types=st.integers(1, 88),
        reliability=st.floats(0.5, 0.999),
        phrases=st.floats(1, 4),
        adjectives=st.integers(1, 4),
        style=st.sampled_from(["sentences", "notes"]),
        order=st.sampled_from(["fixed", "shuffled"]),
        filler=st.floats(0, 5),
        frames=st.none() | st.integers(1, 6),
        nouns=st.none() | st.integers(1, 8),
        sentences=st.none() | st.integers(1, 47),
    )


@settings(max_examples=60, deadline=None)
@given(world=worlds(), seed=st.integers(0, 2**40))
def test_every_world_is_well_formed(world, seed):
    made = world.generate(20, seed)
    real = np.arange(made.tokens.shape[1]) < made.lengths[:, None]
    assert made.lengths.max() == made.tokens.shape[1] and made.lengths.min() > 0
    assert np.array_equal(made.tokens > 1, real) and made.tokens.max() < len(world.vocabulary)
    target = world.aspects.index(world.target)
    assert np.array_equal(made.gold, made.aspect == target) and made.gold.any(1).all()
    assert np.array_equal(made.sentiment[:, target], made.labels) and made.labels.sum() == 10
    kind = world.templates.kind[made.tokens]
    assert np.array_equal((kind[kind > 0] - 1) // 2, made.aspect[kind > 0]), "a slot word of its own aspect only"
    log_p = world.log_posterior(made.tokens, real)
    assert np.allclose(np.exp(log_p).sum(1), 1)


@settings(max_examples=40, deadline=None)
@given(world=worlds(), seed=st.integers(0, 2**40))
def test_the_label_moves_nothing_but_the_polarity_of_slot_words(world, seed):
    good, bad = (world.generate(30, seed, positives=k) for k in (30, 0))
    assert np.array_equal(good.lengths, bad.lengths) and np.array_equal(good.aspect, bad.aspect)
    kind = world.templates.kind[good.tokens]
    slots = kind > 0
    assert np.array_equal(good.tokens[~slots], bad.tokens[~slots])
    mirrored = world.templates.kind[bad.tokens][slots]
    assert np.array_equal((kind[slots] - 1) // 2, (mirrored - 1) // 2)
    assert ((kind[slots] - 1) % 2 != (mirrored - 1) % 2).all()
    log_p = [world.log_posterior(m.tokens, m.tokens > 0) for m in (good, bad)]
    assert np.allclose(log_p[0], log_p[1][:, ::-1])


def test_knobs_do_what_they_say():
    world = ReviewWorld(
        rho={"aroma": 0.7, "palate": 0.5},
        types={"target": 30, "others": 2},
        phrases={"target": 2.3, "others": 1},
    )
    made = world.generate(40_000, 104)
    agree = (made.sentiment == made.labels[:, None]).mean(0)
    assert np.allclose(agree, [1, 0.7, 0.5], atol=0.012)
    assert math.isclose(made.lengths.mean(), world.expected_length, rel_tol=0.005)
    stops = (made.tokens == world.vocabulary.index(".")) & made.gold
    counts = stops.sum(1)
    assert set(counts) == {2, 3} and abs((counts == 3).mean() - 0.3) < 0.012
    kind = world.templates.kind[made.tokens]
    right = ((kind - 1) % 2 == made.labels[:, None])[kind > 0][made.gold[kind > 0]]
    assert abs(right.mean() - 0.9) < 0.005
    words, uses = np.unique(made.tokens[(kind > 0) & made.gold], return_counts=True)
    assert len(words) == 60 and uses.min() > 0.9 * uses.mean()
    assert len(np.unique(made.tokens[(kind > 0) & (made.aspect == 1)])) == 4


def test_segments_keep_their_order_or_are_shuffled():
    first = {}
    for order in ("fixed", "shuffled"):
        made = ReviewWorld(order=order, filler=0).generate(3000, 105)
        first[order] = np.bincount(made.aspect[:, 0], minlength=3) / 3000
    assert first["fixed"].tolist() == [1, 0, 0]
    assert np.allclose(first["shuffled"], 1 / 3, atol=0.04)


def test_no_adjective_of_an_aspect_comes_twice_before_all_were_used():
    world = ReviewWorld(types=8, phrases=2, adjectives=2)
    made = world.generate(500, 106)
    kind = world.templates.kind[made.tokens]
    for tokens, slots in zip(made.tokens, kind > 0, strict=True):
        used = tokens[slots]
        assert len(set(used)) == len(used)


# --- the words


def test_words_belong_to_one_aspect_and_one_polarity():
    sentiment = [word for words in language.SENTIMENT.values() for word in words]
    assert len(language.SENTIMENT) == 10 and all(len(words) == 88 for words in language.SENTIMENT.values())
    assert len(set(sentiment)) == len(sentiment)
    assert all("-" in word for words in language.SENTIMENT.values() for word in words[40:])
    frames = [frame for some in language.SENTENCE_FRAMES.values() for frame in some] + [*language.NOTE_FRAMES]
    nouns = [noun for some in language.NOUNS.values() for noun in some]
    others = {word for text in (*frames, *language.FILLER) for word in text.split()} | set(nouns)
    assert not others & set(sentiment)
    assert len(set(nouns)) == len(nouns)
    assert all(word == word.lower() for word in (*sentiment, *others))


def test_no_article_betrays_the_next_word():
    for frame in [frame for some in language.SENTENCE_FRAMES.values() for frame in some]:
        words = frame.split()
        assert not any(words[i] in ("a", "an") and words[i + 1] in ("{s}", "{n}") for i in range(len(words) - 1))


def test_read_aloud():
    words = "its murky head greets the eye . held to the light , i see it on a monday .".split()
    assert read_aloud(words) == "Its murky head greets the eye. Held to the light, I see it on a Monday."


# --- errors


@pytest.mark.parametrize(
    "knobs, message",
    [
        ({"rho": 1.2}, "rho for aroma must be a number from 0 to 1, not 1.2"),
        ({"rho": math.nan}, "rho for aroma must be"),
        ({"rho": [0.5, 0.5]}, "rho has 2 values for 3 aspects"),
        ({"rho": {"taste": 0.5}}, "rho: no aspect named 'taste'"),
        ({"types": {"target": 20}}, "types for aroma must be a whole number from 1 to 88, not None"),
        ({"types": 89}, "types for appearance must be a whole number from 1 to 88"),
        ({"types": 2.5}, "types for appearance must be a whole number"),
        ({"reliability": 0.4}, "reliability for appearance must be a number from 0.5 to 1"),
        ({"phrases": 0.5}, "phrases for appearance must be a number from 1 to 12"),
        ({"adjectives": 5}, "adjectives for appearance must be a whole number from 1 to 4"),
        ({"adjectives": "two"}, "adjectives for appearance must be a whole number"),
        ({"filler": -1}, "filler must be a number from 0 to 40"),
        ({"filler": None}, "filler must be"),
        ({"nouns": 0}, "nouns must be a whole number from 1 to 8"),
        ({"style": "haiku"}, "style must be one of"),
        ({"order": "reversed"}, "order must be one of"),
        ({"aspects": "aroma"}, "aspects must be a sequence"),
        ({"aspects": ("aroma", "price")}, "aspects must be"),
        ({"aspects": ("aroma", "aroma"), "target": "aroma"}, "aspects names one aspect twice"),
        ({"target": "taste"}, "target must be one of"),
    ],
)
def test_a_wrong_knob_is_named(knobs, message):
    with pytest.raises(CorpusError, match=message):
        ReviewWorld(**knobs)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"size": "huge"}, "no size 'huge'.*tiny, lesson, paper"),
        ({"colour": 3}, "no knob 'colour'.*rho"),
        ({"like": "beer-aroma"}, "needs size='paper'"),
        ({"size": "paper", "like": "beer-price"}, "no row 'beer-price'.*beer-appearance"),
        ({"size": "paper", "like": "hotel-location", "adjectives": 4}, "longer than the 13.2 gold words"),
        ({"seed": -1}, "seed must be a non-negative whole number"),
    ],
)
def test_a_wrong_request_is_named(arguments, message):
    with pytest.raises(CorpusError, match=message):
        make_reviews(**arguments)


@pytest.mark.parametrize("n, positives", [(0, None), (3, 4), (3, -1), (2.5, 1)])
def test_impossible_counts(n, positives):
    with pytest.raises(CorpusError, match="cannot generate"):
        ReviewWorld().generate(n, 0, positives=positives)


def test_no_seed_is_refused():
    with pytest.raises(CorpusError, match="seed"):
        ReviewWorld().generate(2, None)
