"""The review world's oracle is the truth: against enumeration, against fresh texts, at its edges."""

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
import torch

from ver_lite.corpora import review_words as language
from ver_lite.corpora.core import CorpusError
from ver_lite.corpora.review_world import ReviewWorld

TINY_WORLDS = {
    "two phrases, shuffled": ReviewWorld(
        aspects=("appearance", "aroma"),
        rho=0.7,
        types=2,
        reliability={"target": 0.9, "others": 0.8},
        phrases={"target": 1.5, "others": 1},
        adjectives={"target": 1, "others": 2},
        order="shuffled",
        filler=0.5,
        frames=1,
        nouns=1,
        sentences=1,
    ),
    "three aspects, notes": ReviewWorld(
        aspects=("taste", "aroma", "palate"),
        target="palate",
        rho=(0.2, 0.95, 0.5),
        types=(2, 1, 3),
        reliability=(1.0, 0.75, 0.85),
        phrases=1,
        adjectives=(2, 1, 2),
        style="notes",
        filler=0,
        frames=1,
        nouns=1,
    ),
}


# --- the definition, enumerated: no formula of the library is used


def lists_of_words(world, aspect, slots, sentiment):
    """Every way to fill the slots of one aspect, with its probability: an order of the types, a list each."""
    a = world.aspects.index(aspect)
    types, right = world.per_aspect("types")[a], world.per_aspect("reliability")[a]
    orders = list(itertools.permutations(range(types)))
    for order in orders:
        for lists in itertools.product((0, 1), repeat=slots):
            p = math.prod(right if polarity == sentiment else 1 - right for polarity in lists)
            words = [language.SENTIMENT[aspect, lists[j]][order[j % types]] for j in range(slots)]
            yield words, p / len(orders)


def segments(world, aspect, sentiment):
    """Every segment of one aspect (words) with its probability, given its sentiment. One frame, one noun."""
    a = world.aspects.index(aspect)
    mean, k = world.per_aspect("phrases")[a], world.per_aspect("adjectives")[a]
    sentences = world.style == "sentences"
    frame = (language.SENTENCE_FRAMES[aspect] if sentences else language.NOTE_FRAMES)[0]
    group = {True: ["", "{s}", "{s} and {s}"][k], False: " ".join(["{s}"] * k)}[sentences]
    phrase = frame.replace("{s}", group).replace("{n}", language.NOUNS[aspect][0]).split()
    for phrases, p_count in ((math.floor(mean), 1 - mean % 1), (math.floor(mean) + 1, mean % 1)):
        for words, p in lists_of_words(world, aspect, phrases * k, sentiment) if p_count else ():
            fill = iter(words)
            yield [next(fill) if word == "{s}" else word for word in phrase * phrases], p * p_count


def fillers(world):
    """Every way to put the one neutral sentence into the gaps: words per gap, and the probability."""
    gaps, candidates = len(world.aspects) + 1, 2 * math.ceil(world.filler)
    for places in itertools.product([None, *range(gaps)], repeat=candidates):
        here = [place for place in places if place is not None]
        p = 1.0
        for place in places:
            share = world.filler / candidates
            p *= 1 - share if place is None else share / gaps
        yield [language.FILLER[0].split() * here.count(gap) for gap in range(gaps)], p


def enumerate_world(world):
    """P(text, label) for every text (a tuple of words), by walking through every random decision."""
    table = defaultdict(float)
    a, target = len(world.aspects), world.aspects.index(world.target)
    orders = list(itertools.permutations(range(a))) if world.order == "shuffled" else [tuple(range(a))]
    rho = world.per_aspect("rho")
    for y, others in itertools.product((0, 1), itertools.product((0, 1), repeat=a - 1)):
        sentiment = [*others[:target], y, *others[target:]]
        p_y = 0.5 * math.prod(rho[i] if s == y else 1 - rho[i] for i, s in enumerate(sentiment))
        made = [list(segments(world, name, s)) for name, s in zip(world.aspects, sentiment, strict=True)]
        for order, chosen, (gaps, p_gaps) in itertools.product(orders, itertools.product(*made), list(fillers(world))):
            words = list(gaps[0])
            for place, i in enumerate(order):
                words += chosen[i][0] + gaps[place + 1]
            table[tuple(words), y] += p_y * p_gaps / len(orders) * math.prod(p for _, p in chosen)
    return table


@pytest.fixture(scope="module", params=TINY_WORLDS)
def tiny(request):
    world = TINY_WORLDS[request.param]
    return world, enumerate_world(world)


def test_enumeration_is_a_distribution(tiny):
    assert math.isclose(sum(tiny[1].values()), 1, abs_tol=1e-12)


def test_oracle_equals_enumeration(tiny):
    world, table = tiny
    random = np.random.default_rng(101)
    texts = sorted({words for (words, _), p in table.items() if p > 0})
    for _ in range(150):
        words = texts[random.integers(len(texts))]
        mask = random.random(len(words)) < random.choice([0.1, 0.4, 0.8, 1.0])
        shown = [(i, words[i]) for i in np.flatnonzero(mask)]
        joint = [0.0, 0.0]
        for (other, y), p in table.items():
            if all(i < len(other) and other[i] == word for i, word in shown):
                joint[y] += p
        tokens = np.array([world.vocabulary.encode(words)])
        oracle = np.exp(world.log_posterior(tokens, mask[None])[0])
        assert np.allclose(oracle, np.array(joint) / sum(joint), rtol=0, atol=1e-10)


def test_generator_follows_the_enumerated_distribution(tiny):
    world, table = tiny
    n = 200_000
    made = world.generate(n, 101)
    width = made.tokens.shape[1]
    rows = np.ascontiguousarray(np.concatenate([made.tokens, made.labels[:, None].astype(np.int32)], 1))
    found, counts = np.unique(rows, axis=0, return_counts=True)
    seen = {row.tobytes(): count for row, count in zip(found, counts, strict=True)}
    chi, cells, rare_seen, rare_expected = 0.0, 0, 0, 0.0
    for (words, y), p in table.items():
        ids = world.vocabulary.encode(words)
        row = np.array([*ids, *[0] * (width - len(ids)), y], np.int32) if len(ids) <= width else None
        count = seen.pop(row.tobytes(), 0) if row is not None else 0
        if n * p >= 5:
            chi, cells = chi + (count - n * p) ** 2 / (n * p), cells + 1
        else:
            rare_seen, rare_expected = rare_seen + count, rare_expected + n * p
    assert not seen, "the generator wrote a text that the definition does not allow"
    assert abs(chi - cells) < 5 * math.sqrt(2 * cells)
    assert abs(rare_seen - rare_expected) < 5 * math.sqrt(rare_expected) + 5


# --- calibration


@pytest.fixture(scope="module")
def fresh():
    world = ReviewWorld()
    return world, world.generate(100_000, 102)


@pytest.mark.parametrize("name", ["first half", "every third", "gold", "random", "all"])
def test_oracle_is_calibrated(fresh, name):
    world, made = fresh
    at = np.arange(made.tokens.shape[1])
    mask = {
        "first half": np.broadcast_to(at < 20, made.tokens.shape),
        "every third": np.broadcast_to(at % 3 == 0, made.tokens.shape),
        "gold": made.gold,
        "random": np.random.default_rng(103).random(made.tokens.shape) < 0.125,
        "all": np.ones(made.tokens.shape, bool),
    }[name]
    log_p = world.log_posterior(made.tokens, mask)
    p = np.exp(log_p[:, 1])
    bins = np.minimum((p * 20).astype(int), 19)
    for k in np.unique(bins):
        here = bins == k
        if here.sum() >= 50:
            error = math.sqrt((p[here] * (1 - p[here])).sum()) / here.sum()
            assert abs(made.labels[here].mean() - p[here].mean()) < 4.5 * error
    surprise = -log_p[np.arange(len(p)), made.labels] - world.entropy(made.tokens, mask)
    assert abs(surprise.mean()) < 4.5 * surprise.std() / math.sqrt(len(p))


# --- the oracle's edges


def test_one_gold_word_by_hand():
    world = ReviewWorld(reliability=0.9)
    tokens = np.array([world.vocabulary.encode("the head is gorgeous .".split())])
    shown = np.array([[0, 0, 0, 1, 0]])
    assert np.allclose(np.exp(world.log_posterior(tokens, shown)), [[0.1, 0.9]])
    assert np.allclose(world.entropy(tokens, shown), -(0.1 * np.log(0.1) + 0.9 * np.log(0.9)))


def test_nothing_visible_leaves_the_prior(fresh):
    world, made = fresh
    tokens, none = made.tokens[:5], np.zeros_like(made.tokens[:5])
    assert np.allclose(world.log_posterior(tokens, none), math.log(0.5), atol=1e-15)
    assert np.allclose(world.entropy(tokens, none), math.log(2))
    assert np.allclose(np.exp(world.log_posterior(tokens, none, prior=0.8)), [[0.2, 0.8]] * 5)


def test_words_without_sentiment_and_padding_change_nothing(fresh):
    world, made = fresh
    tokens = made.tokens[:200]
    slots = world.templates.kind[tokens] > 0
    everything = np.ones(tokens.shape)
    assert np.array_equal(world.log_posterior(tokens, everything), world.log_posterior(tokens, slots))
    unknown = np.where(slots, tokens, 1)
    assert np.array_equal(world.log_posterior(unknown, everything), world.log_posterior(tokens, slots))


def test_torch_in_torch_out(fresh):
    world, made = fresh
    tokens, mask = torch.from_numpy(made.tokens[:50]), torch.from_numpy(made.gold[:50]).float()
    answer = world.log_posterior(tokens.long(), mask.requires_grad_())
    assert isinstance(answer, torch.Tensor) and answer.dtype == torch.float64 and not answer.requires_grad
    assert np.array_equal(answer.numpy(), world.log_posterior(made.tokens[:50], made.gold[:50]))
    assert isinstance(world.entropy(tokens, mask), torch.Tensor)


def test_stable_with_hundreds_of_words():
    world = ReviewWorld(reliability=0.99)
    word = world.vocabulary.index("gorgeous")
    log_p = world.log_posterior(np.full((1, 2000), word), np.ones((1, 2000)))
    assert np.isclose(log_p[0, 0], -2000 * math.log(99)) and log_p[0, 1] == 0


def test_certain_words():
    world = ReviewWorld(reliability=1.0, rho=1.0)
    tokens = np.array([world.vocabulary.encode("gorgeous head .".split())])
    assert world.log_posterior(tokens, np.ones((1, 3))).tolist() == [[-math.inf, 0]]
    assert world.entropy(tokens, np.ones((1, 3))).tolist() == [0]
    torn = np.array([world.vocabulary.encode("gorgeous ugly .".split())])
    with pytest.raises(CorpusError, match="text 0 cannot come from this world"):
        world.log_posterior(torn, np.ones((1, 3)))


def test_oracle_refuses_what_it_cannot_read(fresh):
    world, made = fresh
    with pytest.raises(CorpusError, match="must both have the shape"):
        world.log_posterior(made.tokens[:3], made.gold[:2])
    with pytest.raises(CorpusError, match="word ids from 0 to"):
        world.log_posterior(np.array([[len(world.vocabulary)]]), np.ones((1, 1)))
    with pytest.raises(CorpusError, match="prior"):
        world.log_posterior(made.tokens[:3], made.gold[:3], prior=1.0)
