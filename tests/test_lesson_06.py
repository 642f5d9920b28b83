"""Lesson 06's random masks, their doubt and their counts, against the library's and against plain counting."""

import itertools
import math
import re

import nbformat
import pytest
import torch

from notebook_tools import NOTEBOOKS, definitions
from ver_lite import masks
from ver_lite.corpora.reviews import make_reviews

NAME = "06-observation-4-random-masks.ipynb"
LESSON = definitions(NAME)


@pytest.fixture(scope="module")
def corpus():
    return make_reviews("tiny", seed=101)


@pytest.mark.parametrize("share", [0.01, 0.125, 0.3, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_random_mask_is_the_library_s(corpus, share, seed):
    real = corpus.train.batch(torch.arange(20)).real
    mine = LESSON["random_mask"](real, share, LESSON["seeded"](seed))
    assert torch.equal(mine, masks.random_mask(real, share, generator=LESSON["seeded"](seed)))


def test_the_doubt_of_everything_of_nothing_and_of_the_gold_words(corpus):
    batch = LESSON["whole"](corpus)
    entropy = corpus.world.entropy(batch.tokens, batch.real).mean()
    assert LESSON["doubt"](corpus, 1.0) == pytest.approx(float(entropy))
    assert LESSON["doubt"](corpus, 1.0, torch.zeros_like(batch.gold)) == pytest.approx(math.log(2))
    gold = corpus.world.entropy(batch.tokens, batch.gold).mean()
    assert LESSON["doubt"](corpus, 1.0, batch.gold) == pytest.approx(float(gold))
    assert LESSON["doubt"](corpus, 0.1) > LESSON["doubt"](corpus, 0.9)


@pytest.mark.parametrize("n, g, k", [(6, 2, 3), (5, 5, 2), (7, 1, 6)])
def test_the_hypergeometric_chances_are_those_of_counting(n, g, k):
    counts = [sum(i < g for i in shown) for shown in itertools.combinations(range(n), k)]
    wanted = [counts.count(j) / len(counts) for j in range(min(g, k) + 1)]
    assert LESSON["shown_of_kind"](n, g, k) == pytest.approx(wanted)
    assert LESSON["reference"](n, g, k) == pytest.approx(1 - wanted[0])


def test_the_exercise_is_a_stub_and_its_folded_solution_is_right():
    assert LESSON["at_least_one"](40, 4, 5) is None
    cells = nbformat.read(NOTEBOOKS / NAME, as_version=4).cells
    [solution] = [code for cell in cells for code in re.findall(r"```python\n(.*?)```", cell.source, re.DOTALL)]
    names = {"math": math}
    exec(solution, names)
    for case in ((40, 4, 5), (126, 23, 16), (10, 1, 5)):
        assert names["at_least_one"](*case) == pytest.approx(LESSON["reference"](*case))
