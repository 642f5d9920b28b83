"""Lesson 10's falls of probability against the library's faithfulness; its corpus; its exercises; the call for BERT."""

import random
import re

import nbformat
import pytest
import torch

from notebook_tools import NOTEBOOKS, definitions
from small_corpora import keyword_corpus
from ver_lite.corpora.words import flags_from_spans, words_with_offsets
from ver_lite.measures.evaluation import play_through
from ver_lite.measures.faithfulness import faithfulness
from ver_lite.players.bert.encoder import MASKINGS
from ver_lite.training.config import Config
from ver_lite.training.training import train

FILE = "10-real-text.ipynb"
LESSON = definitions(FILE)
CELLS = nbformat.read(NOTEBOOKS / FILE, as_version=4).cells


def printed(pattern: str) -> str:
    """The one piece of code in the lesson's text that matches."""
    [found] = [match[1] for cell in CELLS for match in re.finditer(rf"```python\n({pattern}.*?)```", cell.source, re.S)]
    return found


@pytest.mark.parametrize("seed", [101, 102])
def test_the_falls_are_the_library_s_faithfulness(seed):
    corpus = keyword_corpus(100, 20, 40, seed=seed)
    settings = {"alpha": 0.2, "hidden": 8, "dimension": 8, "epochs": 2, "learning_rate": 1e-2}
    game = train(corpus, device="cpu", progress=False, seed=seed, **settings).game
    moves = play_through(game, corpus.test, how="top_k")
    LESSON.update(batch=corpus.test.batch(torch.arange(len(corpus.test))), everything=moves.selectable)
    made = faithfulness(game, corpus.test, how="top_k")
    falls = LESSON["falls"](game, moves.mask)
    assert falls == pytest.approx([made.comprehensiveness, made.sufficiency], abs=1e-6) and falls[0] != 0


def test_the_notes_are_what_the_lesson_says_of_them():
    draw = random.Random(7)
    notes = [LESSON["note"](draw) for _ in range(4000)]
    happy = [n["label"] == "positive" for n in notes]
    good = set(LESSON["STATES"]["positive"])
    state, manner, loud = [], [], []
    for note, label in zip(notes, happy, strict=True):
        words = words_with_offsets(note["text"])
        marked = [w for (w, *_), flag in zip(words, flags_from_spans(words, note["rationale"]), strict=True) if flag]
        assert marked[0] == "arrived" and len(marked) == 2
        state.append((marked[1] in good) == label)
        manner.append(any(word in note["text"] for word in LESSON["MANNERS"]["positive"]) == label)
        loud.append(note["text"].endswith("!"))
    share = lambda flags: sum(flags) / len(flags)  # noqa: E731
    assert share(state) == pytest.approx(0.95, abs=0.02) and share(manner) == pytest.approx(0.8, abs=0.03)
    assert share([a for a, label in zip(loud, happy, strict=True) if label]) == pytest.approx(0.8, abs=0.03)
    assert not any(a for a, label in zip(loud, happy, strict=True) if not label)


def test_the_exercise_is_left_to_the_reader_and_its_solution_is_right():
    evidences = [[{"start_token": 1, "end_token": 3}], [{"start_token": 2, "end_token": 5}]]
    assert LESSON["flags"](evidences, 6) is None
    names = {}
    exec(printed("def flags"), names)
    for given, length in ((evidences, 6), ([], 3), ([[{"start_token": 0, "end_token": 2}]], 2)):
        assert names["flags"](given, length) == LESSON["reference"](given, length)


def test_the_call_for_bert_is_one_that_the_library_takes():
    settings = {}

    class Asked:
        def load_corpus(self, *_, **options):
            settings["corpus"] = options

        def train(self, _, **given):
            settings.update(given)

    exec(printed("run = ver_lite.train"), {"ver_lite": Asked()})
    config = Config.make({**settings, "corpus": {}})
    assert config.encoder == "bert" and config.player_options["masking"] in MASKINGS
