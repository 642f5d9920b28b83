"""Games side by side have the numbers of the same games alone; what a GPU would replay is what a CPU plays."""

import os
import signal

import pytest
import torch

from benchmarks import gpu, race
from interrupting import stop_at
from small_corpora import keyword_corpus
from ver_lite.players.players import random_vectors
from ver_lite.system.files import read_json
from ver_lite.training.config import Config
from ver_lite.training.game import build_game
from ver_lite.training.graphs import Replayed
from ver_lite.training.loop import Loop
from ver_lite.training.runs import Run
from ver_lite.training.training import resume, train, train_fleet

CORPUS = keyword_corpus(60, 20, 20)
SMALL = {"epochs": 2, "hidden": 8, "dimension": 8, "batch_size": 8}
FLEET = [
    Config(method=method, options=options, seed=seed, encoder=encoder, **SMALL)
    for method, options, seed, encoder in (
        ("rnp", {}, 1, "conv"),
        ("ver", {}, 2, "conv"),
        ("ver", {"perturbation": 0.1}, 1, "gru"),
    )
]


def same(one: Run, other: Run) -> bool:
    games = zip((one.game, one.last), (other.game, other.last), strict=True)
    pairs = [zip(a.state_dict().values(), b.state_dict().values(), strict=True) for a, b in games]
    return one.history == other.history and all(torch.equal(x, y) for pair in pairs for x, y in pair)


def test_a_fleets_runs_are_those_of_the_games_alone_to_the_bit():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    fleet = train_fleet(CORPUS, FLEET, progress=False)
    assert torch.equal(torch.get_rng_state(), before)
    alone = [train(CORPUS, config, progress=False) for config in FLEET]
    assert all(same(one, other) for one, other in zip(fleet, alone, strict=True))
    assert [run.config for run in fleet] == [run.config for run in alone]
    assert fleet[0].history != fleet[1].history


def test_games_of_different_lengths_end_when_they_end():
    short = Config(seed=3, **SMALL | {"epochs": 1})
    fleet = train_fleet(CORPUS, [FLEET[0], short, FLEET[1]], progress=False)
    assert [len(run.history) for run in fleet] == [2, 1, 2]
    assert same(fleet[1], train(CORPUS, short, progress=False))


def test_an_interruption_stops_the_whole_fleet(monkeypatch):
    seen = stop_at(monkeypatch, 20, signal.SIGINT)
    fleet = train_fleet(CORPUS, FLEET, progress=False)
    assert {run.status for run in fleet} == {"interrupted"} and len(seen) < 25


def test_one_bad_config_trains_nothing():
    with pytest.raises(ValueError, match="precision must be one of: float32, tf32, bf16; not 'half'"):
        train_fleet(CORPUS, FLEET, progress=False, precision="half")


def test_a_recorded_batch_is_the_split_s_own_with_padding_that_changes_nothing():
    split, rows = CORPUS.train, torch.tensor([3, 17, 5])
    recorded = Replayed(split, lambda batch: None, torch.Generator(), rounding=16)
    exact, width = split.batch(rows), recorded.width(rows)
    padded = recorded.batch(rows, width)
    assert width % 16 == 0 or width == split.tokens.shape[1]
    longest = exact.tokens.shape[1]
    for name in ("tokens", "real", "selectable", "gold"):
        ours, wanted = getattr(padded, name), getattr(exact, name)
        assert torch.equal(ours[:, :longest], wanted) and not ours[:, longest:].any()
    assert torch.equal(padded.labels, exact.labels) and torch.equal(padded.index, rows)
    game = build_game(Config(encoder="gru", **SMALL), random_vectors(len(CORPUS.vocabulary), 8), 2).eval()
    masks = [game.choose(batch, "argmax") for batch in (exact, padded)]
    assert torch.equal(masks[0], masks[1][:, :longest])
    logits = [game.predict(batch, mask) for batch, mask in zip((exact, padded), masks, strict=True)]
    assert torch.allclose(*logits, atol=1e-6)
    assert float((game.omega(masks[0], exact) - game.omega(masks[1], padded)).abs()) < 1e-6


def test_a_step_changes_what_lasts_in_place():
    """A CUDA graph writes where it wrote when it was recorded: nothing that lasts may move in memory."""
    game = build_game(FLEET[1], random_vectors(len(CORPUS.vocabulary), 8), 2)
    loop = Loop(Run(FLEET[1], game, CORPUS.vocabulary, CORPUS.classes, [], {}), CORPUS)

    def places() -> list[int]:
        adam = [v for o in loop.optimizers.values() for state in o.state.values() for v in state.values()]
        return [t.data_ptr() for t in (*game.parameters(), *loop.tally.state().values(), loop.losses, *adam)]

    found = []
    for said in loop.play([]):
        found.append(places())
        if said:
            break
    assert found[0] == found[-1] and len(found) > 5


@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_another_precision_trains_and_is_told(precision):
    run = train(CORPUS, FLEET[2], precision=precision, progress=False)
    assert run.provenance["precision"] == precision and run.status == "finished"
    exact = train(CORPUS, FLEET[2], progress=False)
    assert "precision" not in exact.provenance
    assert run.history[0]["loss"] == pytest.approx(exact.history[0]["loss"], rel=0.02)


def test_an_interrupted_run_resumes_in_its_precision(monkeypatch, tmp_path):
    whole = train(CORPUS, FLEET[2], precision="bf16", progress=False)
    with monkeypatch.context() as patched:
        stop_at(patched, 5, signal.SIGTERM)
        train(CORPUS, FLEET[2], precision="bf16", progress=False, out=tmp_path / "run")
    rest = resume(tmp_path / "run", CORPUS, progress=False)
    assert same(rest, whole) and rest.provenance["precision"] == "bf16"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_replayed_steps_are_played_steps():
    played = train_on_gpu(records=False)
    replayed = train_on_gpu(records=True)
    assert replayed == pytest.approx(played, abs=1e-4)


def train_on_gpu(records: bool) -> list[float]:
    config = FLEET[2]
    game = build_game(config, random_vectors(len(CORPUS.vocabulary), 8, torch.Generator().manual_seed(1)), 2).cuda()
    torch.manual_seed(1)
    for parameter in (p for p in game.parameters() if p.requires_grad):
        torch.nn.init.uniform_(parameter, -0.1, 0.1)
    loop = Loop(Run(config, game, CORPUS.vocabulary, CORPUS.classes, [], {}), CORPUS)
    loop.replayed.records = records
    with loop.stream():
        list(loop.play([]))
    return [row["loss"] for row in loop.run.history]


@pytest.mark.slow
def test_the_gpu_bench_runs_as_far_as_a_cpu_can(capsys, tmp_path):
    peer = ["--peer", os.environ["PEER"]] if "PEER" in os.environ else []
    gpu.main(["--rehearse", "--texts", "64", "--out", str(tmp_path), *peer])
    table = read_json(tmp_path / "bench_gpu.json")["table"]
    said = capsys.readouterr().out
    assert all(name in said for name in table)
    apart = [value for name, value in table.items() if name.endswith("loss apart")]
    assert apart == ["0.0e+00"] * 2
    assert float(table["gradients, apart from the CPU's in float64"]) < 1e-5
    assert "times one run" in table["30 runs as a fleet, wall"] and "%" in table["cost 3"]
    assert not peer or "of ours)" in table[f"epoch, {race.RELEASED}"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_the_gpu_bench_says_that_there_is_no_gpu(capsys):
    with pytest.raises(SystemExit, match="1"):
        gpu.main([])
    assert "there is no CUDA device here" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="1"):
        gpu.main(["--rehearse", "--peer", "nowhere"])
    assert "PEER=nowhere: there is no such folder" in capsys.readouterr().err
