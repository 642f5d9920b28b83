"""Lesson 08's halves of Eq. 8, its shares of shown words and its F1 from probabilities, against the library's; the
solution it prints; and the numbers in the prose of the book's page on the exploration."""

import re

import nbformat
import pytest
import torch

from notebook_tools import NOTEBOOKS, definitions
from ver_lite import masks
from ver_lite.corpora.reviews import make_reviews
from ver_lite.experiments import results
from ver_lite.measures.evaluation import evaluate
from ver_lite.methods import RNP
from ver_lite.players import players

FILE = "08-how-much-perturbation.ipynb"
LESSON = definitions(FILE)


@pytest.fixture(params=[101, 102, 103])
def drawn(request):
    """A batch's mask and the places of its words, texts of unequal length."""
    torch.manual_seed(request.param)
    real = torch.arange(30) < torch.randint(10, 31, (200, 1))
    return masks.random_mask(real, 0.2), real


@pytest.mark.parametrize("name", ["drop_only", "add_only", "add_one"])
def test_the_halves_of_the_perturbation_are_the_library_s(drawn, name):
    made = []
    for function in (LESSON[name], getattr(masks, name)):
        torch.manual_seed(7)
        made.append(function(*drawn, *([] if name == "add_one" else [0.4])))
    assert torch.equal(*made) and not torch.equal(made[0], drawn[0])


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8, 1.0])
def test_words_are_shown_as_often_as_the_lesson_says(p):
    real = torch.ones(4000, 20, dtype=torch.bool)
    mask = masks.random_mask(real, 0.25, generator=torch.Generator().manual_seed(1))
    shown = masks.perturb(mask, real, p, generator=torch.Generator().manual_seed(2))
    kept, added = (float(shown[chosen].mean()) for chosen in (mask > 0, mask == 0))
    assert (kept, added) == pytest.approx(LESSON["shown_shares"](p, 0.25), abs=0.01)


@pytest.fixture(scope="module")
def game():
    torch.manual_seed(101)
    corpus = make_reviews("tiny", seed=101)
    embedding = players.make_embedding(players.random_vectors(len(corpus.vocabulary), 16))
    made = RNP(players.Selector(embedding, "conv", 12), players.Predictor(embedding, 2, "conv", 12))
    torch.nn.init.normal_(made.selector.head.weight, std=2.0)  # so that words differ
    return made, corpus.test


def test_the_f1_of_drawn_masks_follows_from_the_probabilities(game):
    odds, gold = LESSON["preferences"](*game)
    drawn = [evaluate(*game, how="sample", seed=seed).scores.f1 for seed in range(50)]
    assert sum(drawn) / 50 == pytest.approx(LESSON["expected_f1"](odds.sigmoid(), gold), abs=0.01)


def test_sharper_draws_keep_the_size_and_end_at_top_k(game):
    odds, gold = LESSON["preferences"](*game)
    top = masks.top_k(odds, odds > -torch.inf, 0.25)
    size = top.double().sum(1)
    for c in (0.1, 1.0, 10.0):
        shares = LESSON["sharpened"](odds.double(), c, size)
        assert torch.allclose(shares.sum(1), size) and not shares[odds.isinf()].any()
    sharp = LESSON["expected_f1"](LESSON["sharpened"](odds.double(), 1e4, size), gold)
    assert sharp == pytest.approx(evaluate(*game, how="top_k", share=0.25).scores.f1, abs=0.01)


def test_the_exercise_is_left_to_the_reader_and_its_solution_is_right(drawn):
    assert LESSON["swap_one"](*drawn) is None
    cells = nbformat.read(NOTEBOOKS / FILE, as_version=4).cells
    printed = [re.search(r"```python\n(def swap_one.*?)```", cell.source, re.DOTALL) for cell in cells]
    [solution] = [found.group(1) for found in printed if found]
    names = dict(LESSON)
    exec(solution, names)
    mask, real = drawn
    made = names["swap_one"](mask, real)
    assert torch.equal(made.sum(1), mask.sum(1)) and ((made - mask).abs().sum(1) == 2).all()
    assert set(made.unique().tolist()) == {0.0, 1.0} and not made[~real].any()


def test_every_number_in_the_page_s_prose_stands_in_its_tables_or_is_the_paper_s():
    page = (results.FOLDER.parents[1] / "book" / "exploration.md").read_text("utf-8")
    theirs = {"1.2", "8.7"}  # VER minus RNP in the paper's Table 1, smallest and largest of six corpora
    tables = "".join((results.FOLDER / f"{name}.md").read_text("utf-8") for name in ("exploration", "argument"))
    numbers = set(re.findall(r"\d+\.\d+", page.split("## What it says")[1]))
    assert numbers and all(n in theirs or re.search(rf"(?<![\d.]){re.escape(n)}(?![\d])", tables) for n in numbers)
