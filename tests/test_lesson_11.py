"""Lesson 11's F1s and its bounds of an accuracy against plain counting; the solution it prints; and the record of the
deviations: what the code would run today, the same games as `argument`'s, and a page that is the record."""

import re

import nbformat
import pytest
import torch

from notebook_tools import NOTEBOOKS, definitions
from ver_lite.corpora.reviews import make_reviews
from ver_lite.experiments import results
from ver_lite.experiments.engine import is_current
from ver_lite.experiments.jobs import Job
from ver_lite.experiments.studies import argument, deviations
from ver_lite.measures import metrics
from ver_lite.system.files import read_json
from ver_lite.training.config import Config

FILE = "11-reading-a-paper-against-its-code.ipynb"
LESSON = definitions(FILE)
RECORD = deviations.STUDY.path
SMALL = {"hidden": 8, "dimension": 8, "epochs": 2, "batch_size": 16, "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def rows():
    return read_json(RECORD)["rows"]


# the lesson's own code


def test_f1_from_p_and_r_is_the_library_s():
    hits, selected, gold = (torch.tensor(float(n)) for n in (3, 8, 5))
    p, r, f1 = metrics.precision_recall_f1(hits, selected, gold)
    assert LESSON["harmonic"](float(p), float(r)) == pytest.approx(float(f1))


def test_the_exercise_is_left_to_the_reader_and_its_solution_is_micro_and_macro():
    counts = [torch.tensor(n) for n in ([1.0, 4.0, 9.0], [2.0, 5.0, 30.0], [7.0, 4.0, 10.0])]
    assert LESSON["both_f1"](*counts) is None
    cells = nbformat.read(NOTEBOOKS / FILE, as_version=4).cells
    printed = [re.search(r"```python\n(def both_f1.*?)```", cell.source, re.DOTALL) for cell in cells]
    [solution] = [found.group(1) for found in printed if found]
    names = dict(LESSON)
    exec(solution, names)
    micro = metrics.precision_recall_f1(*(n.sum() for n in counts))[2]
    macro = metrics.precision_recall_f1(*counts)[2].mean()
    for both in (names["both_f1"], LESSON["wanted"]):
        assert both(*counts) == pytest.approx([float(micro), float(macro)])


@pytest.mark.parametrize(
    ("right", "positive", "negative"), [(763, 923, 13), (5, 923, 13), (930, 923, 13), (60, 50, 50)]
)
def test_the_range_of_a_balanced_accuracy_is_that_of_all_ways_to_be_right(right, positive, negative):
    ways = [n for n in range(negative + 1) if 0 <= right - n <= positive]
    balanced = [((right - n) / positive + n / negative) / 2 for n in ways]
    found = LESSON["balanced_range"](right / (positive + negative), positive, negative)
    assert found == pytest.approx([min(balanced), max(balanced)])


# the study


def test_the_rules_of_choosing_an_epoch():
    curve = {"f1_sample": [0.1, 0.5, 0.2, 0.3], "dev_sample": [0.6, 0.7, 0.9, 0.9]}
    made = deviations.chosen({"curve": curve})
    assert made == pytest.approx({"best on test": 50.0, "best on dev": 20.0, "last": 30.0})


@pytest.mark.parametrize("allowed", [False, True])
def test_padding_is_selected_only_where_it_is_allowed(allowed):
    config = Config.make({**SMALL, "protocol": {"select_padding": allowed}, "encoder": "gru", "seed": 101})
    curve = deviations.play_padded(make_reviews("tiny", seed=101), config)["curve"]
    assert len(curve["words"]) == config.epochs and all(0 < share < 1 for share in curve["words"])
    for padding, plain, counted in zip(curve["padding"], curve["f1"], curve["f1_counted"], strict=True):
        assert (padding > 0) == allowed and (counted < plain if allowed else counted == plain)


def test_an_epoch_is_looked_at_with_a_new_draw_each_time():
    corpus = make_reviews("tiny", seed=101)
    job = Job("x", {}, {}, {"group": "epochs", "variant": "0", "seed": 101})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deviations, "corpus_of", lambda job: corpus)
        patch.setattr(Job, "config", lambda job: Config.make({**SMALL, "seed": 101, "epochs": 3}))
        row = deviations.measure(job)
    assert [len(column) for column in row["curve"].values()] == [3] * 4
    assert row["test"]["last"]["top_k"]["f1"] == pytest.approx(row["curve"]["f1_top_k"][-1], abs=1e-3)


# the record


def test_every_game_is_recorded_as_the_code_would_play_it(rows):
    by_name = {row["name"]: row for row in rows}
    stale = [job.name for job in deviations.jobs() if not is_current(by_name.get(job.name), job)]
    assert not stale, "run python -m ver_lite.experiments.record deviations"
    assert len(by_name) == len(deviations.jobs()) == 25


def test_the_games_scored_after_every_epoch_are_those_of_the_argument(rows):
    for p in deviations.RATES:
        again = results.find(rows, group="epochs", variant=f"{p:g}")
        first = results.find(results.load("argument")["rows"], group="sweep", variant=f"{p:g}")
        assert [r["test"]["last"]["top_k"]["f1"] for r in again] == [r["test"]["last"]["top_k"]["f1"] for r in first]


def test_only_the_share_is_counted_otherwise_in_the_games_with_a_price_per_text(rows):
    assert argument.GAME["protocol"] == {"omega": "batch"}
    text, batch = (results.find(rows, group=g, variant="0")[0]["config"] for g in ("price", "epochs"))
    assert {name for name in text if text[name] != batch[name]} == {"protocol", "lambda2"}
    assert text["lambda2"] == pytest.approx(batch["lambda2"] / 39)


def test_the_page_is_the_record():
    assert RECORD.with_suffix(".md").read_text("utf-8") == deviations.report(read_json(RECORD))
