"""Tests are spread over processes so that what is made once is used in one of them; lessons share what they train."""

import os
import re
import subprocess
import sys
from pathlib import Path

import torch

import shared_games
import spread
import test_lessons
from small_corpora import keyword_corpus
from ver_lite.training.training import train

TESTS = Path(__file__).resolve().parent
LESSONS = sorted((TESTS.parent / "notebooks").glob("[0-9]*.ipynb"))
TINY = {"epochs": 1, "hidden": 4, "dimension": 4, "batch_size": 8, "progress": False}


def test_a_file_is_a_group_and_so_is_a_family_of_lessons():
    assert spread.group_of("tests/test_masks.py::test_a_mask[03-x.ipynb::y]") == "test_masks"
    cells = {
        spread.group_of(f"notebooks/{path.name}::Cell 7") for path in LESSONS if path.name[:2] in ("03", "04", "05")
    }
    assert cells == {"lessons 03 04 05"} and spread.group_of("notebooks/01-x.ipynb::Cell 0") == "lessons 01"
    assert spread.group_of("tests/test_lessons.py::test_a_lesson_is_in_shape[03-x]") == "test_lessons"


def test_the_same_lesson_with_another_seed_is_in_another_group():
    test = test_lessons.test_what_a_lesson_asserts_holds_for_another_seed.__name__
    groups = [spread.group_of(f"tests/test_lessons.py::{test}[{path.stem}]") for path in LESSONS]
    assert groups == [f"{spread.group_of(f'notebooks/{path.name}::Cell 0')}, another seed" for path in LESSONS]


def test_the_long_groups_exist():
    lessons = {spread.group_of(f"notebooks/{path.name}::Cell 0") for path in LESSONS}
    assert set(spread.LONGEST) <= {path.stem for path in TESTS.glob("test_*.py")} | lessons


def test_pytest_spreads_by_these_groups(tmp_path):
    """Two files, two processes: each file stays in one."""
    for name in ("test_aside", "test_book"):
        (tmp_path / f"{name}.py").write_text("def test_a(): pass\ndef test_b(): pass\ndef test_c(): pass\n", "utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "xdist", "-p", "spread", "-v", "-n", "2", "--dist", "loadgroup"]
    bare = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    bare |= {"PYTHONPATH": str(TESTS), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=bare, check=True)
    ran = re.findall(r"\[(gw\d)\].* PASSED (test_\w+)\.py", done.stdout)
    assert len(ran) == 6 and len(set(ran)) == 2, done.stdout


def test_a_game_is_trained_once_and_another_is_another(tmp_path):
    trained = []

    def counted(corpus, config=None, **settings):
        trained.append(settings)
        return train(corpus, config, **settings)

    ask, corpus = shared_games.shared(counted, tmp_path), keyword_corpus(16, 8, 8)
    first, again = ask(corpus, method="ver", **TINY), ask(corpus, method="ver", device="cpu", **TINY)
    assert len(trained) == 1 and again.history == first.history and again.config == first.config
    pairs = zip(first.last.state_dict().values(), again.last.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    other_gold = keyword_corpus(16, 8, 8)
    other_gold.dev.gold.logical_not_()
    for texts, more in (
        (corpus, {"seed": 2}),
        (corpus, {"method": "rnp"}),
        (corpus, {"out": tmp_path / "run"}),
        (corpus, {"vectors": torch.zeros(len(corpus.vocabulary), 4)}),
        (corpus, {"callbacks": (lambda run, row: None,)}),
        (keyword_corpus(16, 8, 8, seed=7), {}),
        (other_gold, {}),
    ):
        before = len(trained)
        ask(texts, **{"method": "ver", **TINY, **more})
        assert len(trained) == before + 1, more
