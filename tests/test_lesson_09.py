"""Lesson 09's averages, pairs in order, and what an interval of a few seeds covers, against the library's; the solution
it prints; and the exact numbers in its prose."""

import re

import nbformat
import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from notebook_tools import NOTEBOOKS, definitions
from ver_lite.corpora.reviews import WORLDS
from ver_lite.experiments import paper_numbers, results
from ver_lite.experiments.studies import benchmark_page, benchmark_theirs
from ver_lite.measures.metrics import Tally

FILE = "09-the-benchmark.ipynb"
LESSON = definitions(FILE)
PROSE = "\n".join(c.source for c in nbformat.read(NOTEBOOKS / FILE, as_version=4).cells if c.cell_type == "markdown")


class Texts:
    """A batch of annotated texts without padding, for a tally."""

    def __init__(self, gold):
        self.gold, self.selectable = gold, torch.ones_like(gold)
        self.annotated, self.labels = torch.ones(len(gold), dtype=torch.bool), torch.zeros(len(gold), dtype=torch.long)


@pytest.mark.parametrize("seed", [101, 102, 103])
def test_both_averages_are_the_library_s_and_macro_lies_below_the_harmonic_mean(seed):
    torch.manual_seed(seed)
    gold, mask = (torch.rand(30, 20) < share for share in (0.3, 0.4))
    gold[:, 0], mask[:, 1] = True, True  # no text without gold, none without selection
    tally = Tally(2)
    tally.add(mask.float(), Texts(gold), torch.zeros(30, 2))
    s = tally.scores()
    micro, macro = LESSON["micro_macro"]((gold & mask).sum(1), mask.sum(1), gold.sum(1))
    assert micro == pytest.approx((s.precision, s.recall, s.f1))
    assert macro == pytest.approx((s.precision_macro, s.recall_macro, s.f1_macro))
    assert macro[2] < LESSON["harmonic"](*macro[:2]) and micro[2] == pytest.approx(LESSON["harmonic"](*micro[:2]))


def test_pairs_in_order_are_the_library_s():
    theirs = benchmark_theirs.their_f1(1)
    for a in theirs.values():
        for b in theirs.values():
            assert LESSON["pairs_in_order"](a, b) == benchmark_theirs.order(a, b)[::2]


def test_verdicts_follow_the_interval():
    verdict = LESSON["verdict"]
    assert [verdict(v) for v in ([1.0, 1.0], [1.0, 2.0, 3.0], [-1.0, -2.0, -1.5], [-1.0, 2.0, 0.1])] == [
        "too few seeds",
        "ahead",
        "behind",
        "not decided",
    ]


def test_two_values_cover_their_mean_every_second_time():
    assert LESSON["coverage"](2, times=400) == pytest.approx(0.5, abs=0.08)


def test_the_solutions_are_right():
    names = {}
    [solution] = re.findall(r"```python\n(def sign_test.*?)```", PROSE, re.DOTALL)
    exec(solution, names)
    for n in range(1, 9):
        for ahead in range(n + 1):
            exact = binomtest(ahead, n).pvalue
            assert names["sign_test"](ahead, n) == pytest.approx(exact)
            assert LESSON["sign_test_reference"](ahead, n) == pytest.approx(exact)
    assert LESSON["sign_test"](3, 5) is None  # left to the reader


def test_the_paper_s_numbers_in_the_prose_are_those_of_its_tables():
    fever = {m: paper_numbers.scores(3)["fever", m] for m in ("NIR", "VER", "A2R")}
    nir, a2r = (LESSON["harmonic"](fever[m]["P"].value, fever[m]["R"].value) for m in ("NIR", "A2R"))
    assert f"{nir:.1f} against {fever['VER']['F1'].value:g}" in PROSE and fever["VER"]["S"].value == 22.5
    assert f"guess = {a2r - fever['A2R']['F1'].value:.1f}" in PROSE
    counts = paper_numbers.scores(4)["beer-appearance", ""]
    positive, negative = (counts[f"annotated {sign}"].value for sign in ("positive", "negative"))
    share = positive / (positive + negative)
    assert (
        f'says "positive" is right in {100 * share:.1f} %' in PROSE
        and f"Acc by {100 * (1 - share):.1f} points" in PROSE
    )
    gains = [row["VER"] - row["RNP"] for row in benchmark_theirs.their_f1(1).values()]
    assert f"from {min(gains):.1f} to {max(gains):.1f} points" in PROSE
    assert np.isclose(LESSON["accuracy"](848 / 877, 0.8, 1.0), 0.807, atol=5e-4) and "guess = 80.7" in PROSE


def test_our_numbers_in_the_prose_are_those_of_the_record():
    rows = benchmark_page.usual(results.load("benchmark")["rows"])
    names = ("tweets", "reviews", "multirc")
    tweets, world, multirc = ([row for row in rows if row["corpus"] == name] for name in names)

    def means(rows):
        """Each method's mean F1 at equal sparsity, in points."""
        at = {}
        for row in benchmark_page.finished(rows):
            at.setdefault(row["method"], []).append(100 * benchmark_page.at_alpha(row))
        return {method: np.mean(values) for method, values in at.items()}

    def verdicts(rows):
        """Each method's differences to RNP, and what their interval says."""
        gains = {m: list(benchmark_page.against(rows, m).values()) for m in means(rows) if m != "rnp"}
        return gains, {m: LESSON["verdict"](values) for m, values in gains.items()}

    gains, said = verdicts(tweets)
    ahead = [m for m in said if said[m] == "ahead"]
    assert f"{len(ahead)} of {len(gains)} methods are *ahead* of RNP" in PROSE
    assert f"at most {max(np.mean(gains[m]) for m in ahead):.1f} points" in PROSE
    above = means(tweets)["rnp"] - 100 * benchmark_page.finished(tweets)[0]["random"]["f1"]
    assert f"RNP itself is about {above:.0f} points above random words" in PROSE
    below = sum(f1 < 100 * benchmark_page.finished(world)[0]["random"]["f1"] for f1 in means(world).values())
    assert below == 8 and "Eight methods find less gold than random words do" in PROSE
    assert f"agree with the label in {100 * WORLDS['rivals']['rho']['aroma']:.0f} % of the reviews" in PROSE
    _, said = verdicts(multirc)
    called = sum(verdict in ("ahead", "behind") for verdict in said.values())
    assert PROSE.count(f"{called} of {len(said)} methods are called") == 2
    own = [row["test"]["chosen"]["argmax"]["sparsity"] for row in benchmark_page.finished(multirc)]
    assert own.count(1.0) == 1 and "takes the whole text" in PROSE


def test_what_the_prose_says_of_rules_that_read_nothing_is_what_is_recorded():
    first = {row["name"]: 100 * row["f1"]["the first words"]["asked"] for row in results.load("places")["rows"]}
    assert f"It has {first['fever']:.1f} and {first['multirc']:.1f}" in PROSE
    assert f"256, {first['fever, 512 words']:.1f} and {first['multirc, 512 words']:.1f}" in PROSE
    assert first["reviews"] == 100 and max(first["tweets"], first["movies"]) < 32
    record = results.load("benchmark")["rows"]
    f1 = {}
    for row in benchmark_page.longer(record):
        f1.setdefault((row["corpus"], row["method"]), []).append(100 * benchmark_page.at_alpha(row))
    assert f"attention comes to {np.mean(f1['fever', 'attention']):.0f} on average" in PROSE
    assert f"A2R in one seed to {max(f1['fever', 'a2r']):.0f}" in PROSE
    theirs = paper_numbers.scores(3)
    for corpus in ("fever", "multirc"):
        printed = [row["F1"].value for (name, _), row in theirs.items() if name == corpus]
        assert f"from {min(printed)} to {max(printed)} on " in PROSE
