"""The loop: the same history for a seed, nothing lost when it goes wrong, the test split never touched."""

import copy
import gc
import os
import platform
import subprocess
import sys
import warnings
import weakref

import pytest
import torch

from small_corpora import keyword_corpus
from ver_lite.corpora.core import Split
from ver_lite.measures.evaluation import evaluate
from ver_lite.methods import RNP, Step
from ver_lite.system import machine
from ver_lite.system.files import read_json
from ver_lite.training import loop
from ver_lite.training.config import Config
from ver_lite.training.runs import load_run
from ver_lite.training.training import resume, train

CORPUS = keyword_corpus(60, 20, 20)
QUICK = {"epochs": 3, "hidden": 8, "dimension": 8, "batch_size": 8, "progress": False}


def play(corpus=CORPUS, **settings):
    return train(corpus, **{**QUICK, **settings})


def states(game):
    return dict(game.state_dict())


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(states(one).values(), states(other).values(), strict=True))


def play_as(monkeypatch, change):
    """Every loss or mask of the game goes through ``change``."""
    real = RNP.play
    monkeypatch.setattr(RNP, "play", lambda self, batch: (change(step) for step in real(self, batch)))


# determinism


@pytest.mark.parametrize("encoder", ["gru", "conv"])
@pytest.mark.parametrize("method", ["rnp", "ver"])
def test_a_seed_is_a_history(method, encoder):
    one, other, third = (play(method=method, encoder=encoder, epochs=2, seed=s) for s in (1, 1, 2))
    assert one.history == other.history and same(one.game, other.game) and same(one.last, other.last)
    assert one.history != third.history
    assert [row["epoch"] for row in one.history] == [1, 2] and one.status == "finished"


def test_the_random_numbers_outside_are_as_if_nothing_had_happened(tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    play(epochs=1, out=tmp_path / "run")
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(6)  # and what happened outside does not reach the run
    assert play(epochs=1).history == load_run(tmp_path / "run").history


class Seen:
    """Keeps which texts came in which step."""

    def __init__(self):
        self.steps = []

    def before(self, game, batch):
        self.steps.append(batch.index.tolist())

    def after(self, game, batch):
        pass


def test_every_epoch_deals_every_text_once_in_an_order_of_its_own():
    def epochs(**settings):
        seen = Seen()
        play(watch=seen, **settings)
        each = len(seen.steps) // QUICK["epochs"]
        return [seen.steps[i : i + each] for i in range(0, len(seen.steps), each)]

    dealt = epochs(seed=1)
    assert all(sorted(sum(epoch, [])) == list(range(len(CORPUS.train))) for epoch in dealt)
    assert dealt == epochs(seed=1) and len({str(epoch) for epoch in dealt + epochs(seed=2)}) == 2 * QUICK["epochs"]
    together = {frozenset(map(frozenset, epoch)) for epoch in dealt}
    assert len(together) == len(dealt), "other texts share a batch in every epoch"
    for epoch in dealt:
        lengths = [float(CORPUS.train.lengths[rows].double().mean()) for rows in epoch]
        assert lengths != sorted(lengths), "short texts do not come first"


def test_saving_and_callbacks_do_not_change_a_run(tmp_path):
    seen = []
    run = play(out=tmp_path / "run", callbacks=(lambda run, row: seen.append(row),))
    assert run.history == play().history == seen == load_run(tmp_path / "run").history


def test_the_chosen_epoch_is_the_first_best_on_dev():
    games = []
    settings = {"epochs": 8, "hidden": 32, "dimension": 32, "learning_rate": 2e-2, "alpha": 0.5}
    run = play(**settings, callbacks=(lambda run, row: games.append(copy.deepcopy(states(run.game))),))
    accuracies = [row["dev"]["accuracy"] for row in run.history]
    first = accuracies.index(max(accuracies))
    assert len(set(accuracies)) > 1 and run.best is run.history[first]
    assert all(torch.equal(value, games[first][name]) for name, value in states(run.game).items())
    assert all(torch.equal(value, games[-1][name]) for name, value in states(run.last).items())
    assert evaluate(run.game, CORPUS.dev).as_dict() == run.best["dev"]


class Untouchable(Split):
    def __getattribute__(self, name):
        raise AssertionError(f"the test split was touched: {name}")


def test_the_test_split_is_never_touched(tmp_path):
    from dataclasses import replace

    guarded = replace(CORPUS, test=object.__new__(Untouchable))
    with pytest.raises(AssertionError, match="touched"):
        len(guarded.test.labels)
    assert play(guarded, out=tmp_path / "run").history == play().history


# training that goes wrong


def test_a_loss_that_is_not_finite_stops_with_the_epoch_and_loses_nothing(monkeypatch, tmp_path):
    calls, before = [], play(epochs=2)

    def burst(step):
        calls.append(1)
        return Step(step.players, step.loss * float("nan"), step.mask, step.logits) if len(calls) > 20 else step

    play_as(monkeypatch, burst)
    with pytest.warns(UserWarning, match="training stopped: the loss was not finite in epoch 3; try a lower learning"):
        run = play(epochs=9, out=tmp_path / "run")
    assert run.status.startswith("stopped: the loss was not finite in epoch 3")
    assert run.history == before.history and same(run.game, before.game)
    back = load_run(tmp_path / "run")
    assert back.status == run.status and back.history == before.history and same(back.last, before.last)


def test_a_first_step_that_explodes_keeps_no_broken_players(tmp_path):
    with pytest.warns(UserWarning, match="not finite in epoch 1"):
        run = play(learning_rate=1e30, batch_size=60, out=tmp_path / "run")
    assert run.history == [] and all(bool(v.isfinite().all()) for v in states(run.game).values())
    assert load_run(tmp_path / "run").history == []
    with pytest.raises(ValueError, match="no finished epoch"):
        _ = run.best


def stick(monkeypatch, bias):
    """The selector selects nothing (a bias far below 0) or everything (far above), whatever it learns."""
    real = RNP.select

    def select(self, batch):
        with torch.no_grad():
            self.selector.head.bias.copy_(torch.tensor([0.0, bias]))
        return real(self, batch)

    monkeypatch.setattr(RNP, "select", select)


@pytest.mark.parametrize(("bias", "what"), [(-60.0, "nothing"), (60.0, "everything")])
def test_a_selector_that_is_stuck_stops_with_advice(monkeypatch, tmp_path, bias, what):
    stick(monkeypatch, bias)
    with pytest.warns(UserWarning, match=f"the selector selected {what} for 5 epochs; try another lambda1, alpha"):
        run = play(epochs=9, out=tmp_path / "run")
    assert len(run.history) == loop.STUCK_EPOCHS and run.status.startswith("stopped: the selector")
    (tmp_path / "run" / "provenance.json").unlink()  # killed just before the end: it stays stopped
    with pytest.warns(UserWarning, match=what):
        assert resume(tmp_path / "run", CORPUS, progress=False).history == run.history


def test_selecting_everything_is_fine_where_it_is_asked_for():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = play(alpha=1.0, lambda1=50.0, learning_rate=2e-2, epochs=8)
    assert run.status == "finished" and run.history[-1]["train"]["sparsity"] > 0.99


@pytest.mark.parametrize(
    ("alpha", "bias", "stops"), [(1.0, 60.0, False), (0.95, 60.0, False), (0.94, 60.0, True), (1.0, -60.0, True)]
)
def test_a_selector_that_selects_all_it_is_asked_for_is_not_stuck(monkeypatch, alpha, bias, stops):
    stick(monkeypatch, bias)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = play(epochs=loop.STUCK_EPOCHS + 1, alpha=alpha)
    assert {row["train"]["sparsity"] for row in run.history} == {float(bias > 0)}
    assert len(run.history) == loop.STUCK_EPOCHS + (not stops)
    assert run.status.startswith("stopped: the selector") == stops


def test_a_callback_may_end_training_and_one_that_fails_keeps_the_checkpoint(tmp_path):
    with pytest.warns(UserWarning, match="a callback asked for it after epoch 2"):
        run = play(callbacks=(lambda run, row: row["epoch"] == 2, lambda run, row: None))
    assert len(run.history) == 2 and run.status.startswith("stopped: a callback")

    def fail(run, row):
        if row["epoch"] == 2:
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        play(out=tmp_path / "run", callbacks=(fail,))
    assert resume(tmp_path / "run", CORPUS, progress=False).history == play().history


# arguments


def test_settings_override_a_config_and_wrong_ones_are_refused():
    run = play(config=Config(alpha=0.1, seed=4), seed=3)
    made = {"name": "in memory", "called": "keywords", "fingerprint": CORPUS.train.fingerprint()}
    assert (run.config.alpha, run.config.seed, run.config.corpus) == (0.1, 3, made)
    with pytest.raises(ValueError, match="did you mean 'perturbation'"):
        play(pertubation=0.1)
    with pytest.raises(ValueError, match="no device is called 'gpu'; choose one of: auto, cuda"):
        play(device="gpu")


def test_vectors_of_ones_own_or_from_a_file(tmp_path):
    mine = torch.randn(len(CORPUS.vocabulary), 5)
    run = play(epochs=1, vectors=mine, out=tmp_path / "run")
    assert run.config.dimension == 5 and torch.equal(run.game.selector.embedding.weight[1:], mine[1:])
    assert load_run(tmp_path / "run").game.selector.embedding.weight.shape == mine.shape
    with pytest.raises(ValueError, match=rf"vectors must be \[{len(mine)}, D\], a row a word, not \[3, 5\]"):
        play(vectors=mine[:3])
    file = tmp_path / "glove.txt"
    file.write_text("good 1 2 3\nbad 4 5 6\n")
    glove = play(epochs=1, vectors=str(file), dimension=3)
    assert glove.config.vectors == str(file)
    assert glove.game.selector.embedding.weight[CORPUS.vocabulary.index("bad")].tolist() == [4, 5, 6]


def test_progress_is_shown_on_request(capsys):
    play(epochs=1, progress=True)
    assert "dev Acc" in capsys.readouterr().err
    play(epochs=1)
    assert capsys.readouterr().err == ""


def test_provenance_says_what_made_the_run(tmp_path):
    play(out=tmp_path / "run")
    made = read_json(tmp_path / "run" / "provenance.json")
    assert {"started", "seconds", "version", "commit", "torch", "device", "peak_memory_mib", "status"} <= set(made)
    assert len(made["seconds_per_epoch"]) == 3


def test_the_peak_of_memory_is_this_process_s_own():
    """A child of a large process starts small; getrusage would tell it the size of its parent."""
    large = torch.ones(100 << 20)
    code = "import torch; from ver_lite.system import machine; print(machine.peak_memory(torch.device('cpu')))"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = machine.peak_memory(torch.device("cpu"))
    assert here > large.nbytes / 2**20 and float(child.stdout) < here - 100


FREED = """
import resource
from ver_lite.system.tuning import memory_kept
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
held = lambda: int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() >> 20
def use():
    for _ in range(3):
        before = faults()
        blocks = [bytearray(40 << 20) for _ in range(3)]
        del blocks
    return faults() - before
with memory_kept() as kept:
    with memory_kept():
        print(kept, use())
    inner = use()
    full = held()
print(inner, full - held(), use(), full - held())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told what to do with freed memory")
def test_freed_memory_is_used_again_and_given_back_at_the_end():
    """Inside, no page is fetched anew, also after a training within has ended; afterwards the memory is the system's
    again, and large pieces come from it and go back to it as in any process."""

    def said(**more):
        command = [sys.executable, "-c", FREED]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=plain | more)
        reuses, *numbers = done.stdout.split()
        return reuses == "True", *map(int, numbers)

    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    reuses, faults, still, returned, as_usual, at_the_end = said()  # the blocks have 30,720 pages, 120 MiB
    assert reuses and faults < 1000 and still < 1000 and returned >= 100
    assert as_usual >= 30_000 and at_the_end >= 100
    for setting in ({"MALLOC_ARENA_MAX": "1"}, {"VER_LITE_TUNE": "0"}):
        reuses, faults, *_ = said(**setting)
        assert not reuses and faults >= 30_000


def test_a_run_that_is_no_longer_wanted_leaves_the_memory_at_once():
    """Without waiting for the garbage collector, which may come many runs of a sweep later."""
    play(epochs=1)  # what the first training of a process loads is not its run's
    gc.disable()
    try:
        run = play(epochs=1)
        players = [weakref.ref(run.game), weakref.ref(run.last)]
        del run
        assert [player() for player in players] == [None, None]
    finally:
        gc.enable()
