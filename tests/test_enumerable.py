"""Worlds that can be written down: their texts, masks, rationales and selectors, and what is refused."""

import math

import numpy as np
import pytest

from ver_lite.theory.information import (
    BLANK,
    World,
    bayes_predictor,
    chosen_selector,
    conditional_entropy,
    cross_entropy,
    divergence,
    entropy,
    mutual_information,
    one_mask_selector,
    rationale,
    rationale_joint,
    shape_selector,
    split,
    uniform_selector,
)


def two_words():
    """One word, `good` or `bad`; the label follows it only loosely."""
    return World.every_text(("good", "bad"), 1, [[0.1, 0.4], [0.3, 0.2]])


def beer():
    texts = [("a", look, "a", smell) for look in ("creamy", "flat") for smell in ("floral", "stale")]
    return World(tuple(texts), np.full((4, 2), 0.125))


def test_rationales_and_their_joint():
    world = two_words()
    assert world.masks == ((0,), (1,))
    assert world.rationales == ((BLANK,), ("bad",), ("good",))
    joint = rationale_joint(world, [[0.5, 0.5], [0.0, 1.0]])
    np.testing.assert_allclose(joint[(BLANK,)], [0.05, 0.2])
    np.testing.assert_allclose(joint[("good",)], [0.05, 0.2])
    np.testing.assert_allclose(joint[("bad",)], [0.3, 0.2])
    np.testing.assert_allclose(bayes_predictor(world, [[0, 1], [0, 1]])[(BLANK,)], [0.5, 0.5])


def test_chosen_selector_gives_each_text_its_mask():
    world = two_words()
    np.testing.assert_array_equal(chosen_selector(world, [(1,), (0,)]), [[0, 1], [1, 0]])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: entropy([0.5, 0.6]), "p: probabilities must sum to one; they sum to 1.1"),
        (lambda: entropy([1.5, -0.5]), "p: a probability cannot be negative; got -0.5"),
        (lambda: entropy([math.nan, 1]), "p: every probability must be a finite number; got nan"),
        (lambda: entropy([]), "p: needs at least one"),
        (lambda: entropy(["half", "half"]), "p: needs an array of probabilities"),
        (lambda: cross_entropy([0.5, 0.6], [0.5, 0.5]), "p: probabilities must sum to one"),
        (lambda: conditional_entropy([[0.5, 0.6]]), "joint: probabilities must sum to one"),
        (lambda: cross_entropy([0.5, 0.5], [0.9, 0.9]), "q: probabilities must sum to one"),
        (lambda: divergence([0.5, 0.5], [1.0]), "q: needs the shape of p"),
        (lambda: mutual_information([0.5, 0.5]), "joint: needs two dimensions"),
        (lambda: World((("a",), ("b", "c")), [[0.5, 0], [0, 0.5]]), "same length; found lengths [1, 2]"),
        (lambda: World((("a",), ("a",)), [[0.5, 0], [0, 0.5]]), "stands twice"),
        (lambda: World(((BLANK,),), [[0.5, 0.5]]), "cannot be a word"),
        (lambda: World((), []), "at least one text"),
        (lambda: World((("a",),), [[0.5, 0.6]]), "joint: probabilities must sum to one"),
        (lambda: World((("a",),), [0.5, 0.5]), "joint: needs shape (1, 2); got (2,)"),
        (lambda: World((("a",) * 30,), [[0.5, 0.5]]), "use fewer or shorter texts"),
        (lambda: rationale(("a", "b"), (1,)), "mask: needs one entry for each of the 2 words; got 1"),
        (lambda: one_mask_selector(beer(), (1, 0)), "is not a row of 4 zeros and ones"),
        (lambda: chosen_selector(beer(), [(1, 0, 0, 0)]), "one mask for each of the 4 texts; got 1"),
        (lambda: shape_selector(beer(), [(1, 0, 0, 0)]), "one mask for each of the 2 classes; got 1"),
        (
            lambda: rationale_joint(beer(), np.ones((4, 3)) / 3),
            "selector, text 'a creamy a floral': needs shape",
        ),
        (
            lambda: rationale_joint(beer(), np.ones((4, 16))),
            "selector, text 'a creamy a floral': probabilities",
        ),
        (lambda: rationale_joint(beer(), 0.5), "selector: needs one row for each of the 4 texts"),
        (lambda: split(beer(), uniform_selector(beer()), {}), "predictor: says nothing about the rationale"),
        (
            lambda: split(beer(), one_mask_selector(beer(), (0, 0, 0, 0)), {(BLANK,) * 4: [1.0]}),
            "predictor, rationale '· · · ·': needs shape (2,); got (1,)",
        ),
        (
            lambda: split(beer(), one_mask_selector(beer(), (0, 0, 0, 0)), {(BLANK,) * 4: [0.2, 0.2]}),
            "predictor, rationale '· · · ·': probabilities must sum to one; they sum to 0.4",
        ),
    ],
)
def test_bad_tables_get_a_clear_error(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)


@pytest.mark.parametrize(("texts", "words", "fits"), [(1, 22, True), (1, 23, False), (3, 21, False), (5**7, 6, True)])
def test_a_world_may_have_ten_million_entries_and_no_more(texts, words, fits):
    """Texts times masks times two classes; 5⁷ · 2⁶ · 2 is ten million."""
    drawn = [(str(n),) + ("a",) * (words - 1) for n in range(texts)]
    joint = np.full((texts, 2), 0.5 / texts)
    if fits:
        assert len(World(tuple(drawn), joint).texts) == texts
    else:
        with pytest.raises(ValueError, match=f"{texts} texts of {words} words make tables of over 10,000,000 entries"):
            World(tuple(drawn), joint)


@pytest.mark.parametrize("off", [1e-10, -1e-10, 1e-8, -1e-8])
def test_probabilities_sum_to_one_up_to_rounding(off):
    if abs(off) < 1e-9:
        assert entropy([0.5, 0.5 + off]) == pytest.approx(math.log(2))
    else:
        with pytest.raises(ValueError, match="must sum to one"):
            entropy([0.5, 0.5 + off])


def test_a_world_keeps_tuples_whatever_it_is_given():
    world = World([["a", "b"], ["b", "a"]], [[0.5, 0], [0, 0.5]], ["no", "yes"])
    assert world.texts == (("a", "b"), ("b", "a")) and world.classes == ("no", "yes")
    assert {type(each) for each in (world.texts, *world.texts, world.classes)} == {tuple}


def test_a_world_cannot_be_changed_by_accident():
    table = np.array([[0.5, 0.5]])
    world = World((("a",),), table)
    table[0] = [1.0, 0.0]
    np.testing.assert_array_equal(world.joint, [[0.5, 0.5]])
    with pytest.raises(ValueError):
        world.joint[0, 0] = 1.0
