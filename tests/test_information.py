"""Entropy, cross-entropy, divergence, and Eq. 6 over worlds that can be written down."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr
from scipy.stats import entropy as scipy_entropy

from ver_lite.theory.information import (
    BLANK,
    World,
    bayes_predictor,
    bits,
    conditional_entropy,
    cross_entropy,
    divergence,
    entropy,
    mask_information,
    mutual_information,
    one_mask_selector,
    rationale,
    rationale_joint,
    shape_selector,
    split,
    uniform_predictor,
    uniform_selector,
)

WORDS = ("creamy", "flat", "a")


@st.composite
def distributions(draw, size=None):
    """Weights from 0 to 1, a good share of them exactly zero, scaled to sum to one."""
    size = size or draw(st.integers(1, 6))
    weight = st.one_of(st.just(0.0), st.floats(1e-12, 1.0))
    weights = draw(st.lists(weight, min_size=size, max_size=size).filter(lambda values: sum(values) > 1e-6))
    return np.array(weights) / sum(weights)


@st.composite
def joints(draw):
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    return draw(distributions(rows * columns)).reshape(rows, columns)


def random_triple(seed, sharpness):
    """A world, a selector and a predictor drawn at random; small `sharpness`: tables close to certain."""
    rng = np.random.default_rng(seed)
    length, classes = int(rng.integers(1, 4)), int(rng.integers(2, 4))
    texts = len(WORDS) ** length
    joint = rng.dirichlet(np.full(texts * classes, sharpness)).reshape(texts, classes)
    world = World.every_text(WORDS, length, joint, classes=tuple("ABC"[:classes]))
    selector = rng.dirichlet(np.full(len(world.masks), sharpness), size=texts)
    # No label that happens may get probability 0: that case has tests of its own.
    said = 0.999 * rng.dirichlet(np.full(classes, sharpness), size=len(world.rationales)) + 0.001 / classes
    return world, selector, dict(zip(world.rationales, said, strict=True))


def beer(better=0.95, lesser=0.8):
    """`a LOOK a SMELL`: the look agrees with the label with probability `better`, the smell with `lesser`."""
    texts = [("a", look, "a", smell) for look in ("creamy", "flat") for smell in ("floral", "stale")]
    joint = np.zeros((4, 2))
    for row, (_, look, _, smell) in enumerate(texts):
        for label in (0, 1):
            agrees = (look == "creamy") == label, (smell == "floral") == label
            joint[row, label] = 0.5 * (better if agrees[0] else 1 - better) * (lesser if agrees[1] else 1 - lesser)
    return World(tuple(texts), joint)


# --- one distribution ---


def test_hand_computed_numbers():
    assert entropy([0.5, 0.5]) == pytest.approx(math.log(2), abs=1e-15)
    assert entropy([0.25] * 4) == pytest.approx(2 * math.log(2), abs=1e-15)
    assert entropy([0.1, 0.9]) == pytest.approx(0.325083, abs=1e-6)
    assert cross_entropy([0.1, 0.9], [0.3, 0.7]) == pytest.approx(0.441405, abs=1e-6)
    assert divergence([0.1, 0.9], [0.3, 0.7]) == pytest.approx(0.116322, abs=1e-6)
    assert bits(entropy([0.5, 0.5])) == pytest.approx(1.0, abs=1e-15)


def test_certain_and_impossible_events_are_handled_without_nan():
    assert math.copysign(1, entropy([1.0, 0.0])) == 1 and entropy([1.0, 0.0]) == 0
    assert entropy([1.0]) == 0
    assert cross_entropy([1.0, 0.0], [1.0, 0.0]) == 0 == divergence([1.0, 0.0], [1.0, 0.0])
    assert cross_entropy([0.0, 1.0], [0.5, 0.5]) == pytest.approx(math.log(2))
    assert cross_entropy([0.5, 0.5], [1.0, 0.0]) == math.inf == divergence([0.5, 0.5], [1.0, 0.0])


def test_divergence_of_hardly_possible_events_stays_finite():
    tiny = 5e-324
    assert divergence([1.0, 0.0], [tiny, 1.0]) == pytest.approx(-math.log(tiny))
    assert divergence([tiny, 1.0], [0.5, 0.5]) == pytest.approx(math.log(2))
    assert mutual_information([[1e-320, 0.0], [0.0, 1.0]]) == pytest.approx(0, abs=1e-300)


def test_nothing_warns_and_no_zero_has_a_sign():
    """What is certain, impossible or hardly possible is no fault of whoever computes with it."""
    tiny = 5e-324
    with warnings.catch_warnings(action="error"):
        certain = [divergence([1.0, 0.0], [1.0, 0.0]), mutual_information([[0.3, 0.7]]), conditional_entropy([[1.0]])]
        assert cross_entropy([0.5, 0.5], [1.0, 0.0]) == divergence([0.5, 0.5], [1.0, 0.0]) == math.inf
        assert divergence([1.0, 0.0], [tiny, 1.0]) > 0 and divergence([tiny, 1.0], [0.5, 0.5]) > 0
    assert certain == [0, 0, 0] and {math.copysign(1, zero) for zero in certain} == {1.0}


@given(distributions())
def test_entropy_agrees_with_scipy_and_its_bounds(p):
    assert entropy(p) == pytest.approx(scipy_entropy(p), abs=1e-12)
    assert 0 <= entropy(p) <= math.log(len(p)) + 1e-12


@given(st.integers(1, 6).flatmap(lambda size: st.tuples(distributions(size), distributions(size))))
def test_eq1_and_divergence_agrees_with_scipy(pair):
    p, q = pair
    assert divergence(p, q) == pytest.approx(rel_entr(p, q).sum(), abs=1e-12)
    assert divergence(p, q) >= 0
    assert cross_entropy(p, q) == pytest.approx(entropy(p) + divergence(p, q), abs=1e-12)
    assert divergence(p, p) == 0


# --- two variables ---


@given(joints())
def test_chain_rules(joint):
    doubt, about_rows, both = conditional_entropy(joint), entropy(joint.sum(1)), entropy(joint)
    assert both == pytest.approx(about_rows + doubt, abs=1e-12)
    assert mutual_information(joint) == pytest.approx(entropy(joint.sum(0)) - doubt, abs=1e-12)
    assert mutual_information(joint) == pytest.approx(mutual_information(joint.T), abs=1e-12)
    assert mutual_information(joint) == pytest.approx(
        divergence(joint, np.outer(joint.sum(1), joint.sum(0))), abs=1e-12
    )
    assert 0 <= mutual_information(joint) <= min(about_rows, entropy(joint.sum(0))) + 1e-12


@given(joints())
def test_merging_rows_never_lowers_the_doubt(joint):
    merged = np.vstack([joint[:2].sum(0, keepdims=True), joint[2:]])
    assert conditional_entropy(merged) >= conditional_entropy(joint) - 1e-12


def test_rounding_makes_nothing_negative():
    """Independent variables tell nothing of each other; the sum is then as often below zero as above."""
    rng = np.random.default_rng(101)
    told = [mutual_information(np.outer(rng.dirichlet([1] * 3), rng.dirichlet([1] * 4))) for _ in range(200)]
    assert min(told) == 0 and max(told) < 1e-15


def test_independent_and_copied_variables():
    assert mutual_information(np.outer([0.2, 0.8], [0.3, 0.7])) == pytest.approx(0, abs=1e-15)
    assert mutual_information(np.diag([0.5, 0.5])) == pytest.approx(math.log(2), abs=1e-15)
    assert conditional_entropy(np.diag([0.5, 0.5])) == 0


# --- Eq. 6 ---


@pytest.mark.parametrize("sharpness", [0.05, 1.0])
def test_eq6_holds_on_a_thousand_random_triples(sharpness):
    worst = 0.0
    for seed in range(500):
        parts = split(*random_triple(seed, sharpness))
        assert parts.entropy >= 0 and parts.divergence >= 0
        worst = max(worst, abs(parts.cross_entropy - parts.entropy - parts.divergence))
    assert worst < 1e-12


@pytest.mark.parametrize("seed", range(20))
def test_split_agrees_with_a_plain_sum_over_texts_masks_and_labels(seed):
    world, selector, predictor = random_triple(seed, 1.0)
    joint, paid = {}, 0.0
    for n, text in enumerate(world.texts):
        for m, mask in enumerate(world.masks):
            z = rationale(text, mask)
            for y in range(len(world.classes)):
                p = world.joint[n, y] * selector[n, m]
                joint[z, y] = joint.get((z, y), 0.0) + p
                paid -= p * math.log(predictor[z][y])
    share = {z: sum(joint[z, y] for y in range(len(world.classes))) for z in world.rationales}
    doubt = -sum(p * math.log(p / share[z]) for (z, y), p in joint.items() if p > 0)
    parts = split(world, selector, predictor)
    assert parts.cross_entropy == pytest.approx(paid, abs=1e-12)
    assert parts.entropy == pytest.approx(doubt, abs=1e-12)


def test_bayes_predictor_leaves_only_the_entropy_and_nothing_beats_it():
    for seed in range(50):
        world, selector, predictor = random_triple(seed, 1.0)
        best = split(world, selector, bayes_predictor(world, selector))
        assert best.divergence == pytest.approx(0, abs=1e-12)
        assert best.cross_entropy <= split(world, selector, predictor).cross_entropy + 1e-12


def test_entropy_does_not_depend_on_the_predictor_and_never_falls_below_the_whole_texts():
    for seed in range(50):
        world, selector, predictor = random_triple(seed, 0.3)
        doubt = split(world, selector, predictor).entropy
        assert doubt == split(world, selector, uniform_predictor(world)).entropy
        assert conditional_entropy(world.joint) - 1e-12 <= doubt <= entropy(world.joint.sum(0)) + 1e-12


def test_two_rationales_by_hand():
    world = beer()
    look, smell = one_mask_selector(world, (0, 1, 0, 0)), one_mask_selector(world, (0, 0, 0, 1))
    assert split(world, look, bayes_predictor(world, look)).entropy == pytest.approx(entropy([0.95, 0.05]))
    fits_smell = bayes_predictor(world, smell)
    shown_smell, shown_look = split(world, smell, fits_smell), split(world, look, fits_smell)
    assert shown_smell.cross_entropy == pytest.approx(entropy([0.8, 0.2]))
    assert shown_look.cross_entropy == pytest.approx(math.log(2))
    assert shown_look.entropy < shown_smell.entropy and shown_look.cross_entropy > shown_smell.cross_entropy


def test_a_predictor_that_rules_out_what_happens_pays_without_end():
    world = beer()
    look = one_mask_selector(world, (0, 1, 0, 0))
    sure = {z: [0.0, 1.0] for z in world.rationales}
    parts = split(world, look, sure)
    assert parts.cross_entropy == math.inf == parts.divergence
    assert parts.entropy == pytest.approx(entropy([0.95, 0.05]))


def test_a_predictor_may_be_silent_about_what_never_happens():
    world = beer()
    look = one_mask_selector(world, (0, 1, 0, 0))
    joint = rationale_joint(world, look)
    learned = bayes_predictor(world, look)
    with warnings.catch_warnings(action="error"):
        needed = split(world, look, {z: learned[z] for z, row in joint.items() if row.sum() > 0})
    assert needed == split(world, look, learned)


def test_a_predictor_that_rules_out_what_cannot_happen_pays_nothing():
    world = beer(better=1.0)
    look = one_mask_selector(world, (0, 1, 0, 0))
    parts = split(world, look, bayes_predictor(world, look))
    assert (parts.cross_entropy, parts.entropy, parts.divergence) == (0, 0, 0)


# --- what the mask itself says ---


def test_the_mask_alone_can_carry_the_label():
    """Both shapes show one word, the same word "a"; H(Y|Z) is 0 all the same."""
    world = beer(better=1.0)
    shapes = shape_selector(world, [(1, 0, 0, 0), (0, 0, 1, 0)])
    joint = rationale_joint(world, shapes)
    happens = [z for z, row in joint.items() if row.sum() > 0]
    assert {word for z in happens for word in z} == {"a", BLANK}
    assert conditional_entropy(list(joint.values())) == 0
    assert mask_information(world, shapes) == pytest.approx(math.log(2))
    for mask in world.masks[0], (1, 0, 0, 0), (0, 0, 1, 0):
        assert split(world, one_mask_selector(world, mask), uniform_predictor(world)).entropy == pytest.approx(
            math.log(2)
        )


def test_information_splits_into_mask_and_words():
    """I(Y; Z) = I(Y; M) + I(Y; Z|M), with the last term summed mask by mask."""
    for seed in range(20):
        world, selector, _ = random_triple(seed, 0.5)
        words = 0.0
        for m, mask in enumerate(world.masks):
            joint = world.joint * selector[:, m : m + 1]
            if joint.sum() > 0:
                shown = World(world.texts, joint / joint.sum(), world.classes)
                table = list(rationale_joint(shown, one_mask_selector(shown, mask)).values())
                words += joint.sum() * mutual_information(table)
        whole = mutual_information(list(rationale_joint(world, selector).values()))
        assert whole == pytest.approx(mask_information(world, selector) + words, abs=1e-12)


def test_a_mask_drawn_without_looking_says_nothing():
    world = beer()
    assert mask_information(world, uniform_selector(world)) == pytest.approx(0, abs=1e-15)
