"""Check and time training on a GPU, in under nine minutes: one run, its precisions, and a fleet of thirty.

    PYTHONPATH=tests python -m benchmarks.gpu [--peer CHECKOUT] [--out FOLDER] [--texts N]

Checks come before timings: the GPU's gradients against the CPU's, replayed steps against played ones, a step that must
not wait for the device, a fleet's runs against the same runs alone. With ``--peer`` the released code of VER trains on
the same texts and device. The last thing printed is a short table, which is also written to FOLDER/bench_gpu.json and
.md. ``--rehearse`` runs everything that a CPU can run, at a tiny size, to test this script.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.race import RELEASED, SHIPPED, both, export, peer_settings
from benchmarks.workers import PeerError, Worker, check_released
from ver_lite.corpora.core import Corpus
from ver_lite.corpora.reviews import make_reviews
from ver_lite.experiments.jobs import SEEDS
from ver_lite.experiments.studies.argument import RATES
from ver_lite.methods import Method, Protocol
from ver_lite.players.players import random_vectors
from ver_lite.system import machine, markdown
from ver_lite.system.files import write_json, write_text
from ver_lite.training.config import Config
from ver_lite.training.game import build_game
from ver_lite.training.loop import PRECISIONS, Loop
from ver_lite.training.runs import Run
from ver_lite.training.training import train, train_fleet

PAPER = Config(method="ver", encoder="gru", hidden=200, batch_size=128, learning_rate=1e-4, alpha=0.18, epochs=3)
TINY = replace(PAPER, hidden=8, dimension=8, batch_size=16, epochs=1)

Row = tuple[str, str]


def fleet_of(config: Config) -> list[Config]:
    """The thirty runs of a panel of Fig. 9: six rates, five seeds."""
    return [config.but(perturbation=p, seed=seed) for p in RATES for seed in SEEDS]


def check_gradients(config: Config, corpus: Corpus, device: torch.device) -> Row:
    """Compare the gradients of a prediction from a given mask: this device against the CPU's nn.GRU in float64."""
    batch = next(corpus.dev.batches(32))
    mask = (torch.rand(batch.tokens.shape, generator=torch.Generator().manual_seed(0)) < 0.3) * batch.selectable

    def gradients(where: torch.device, dtype: torch.dtype) -> list[torch.Tensor]:
        game = _game(config, corpus).to(where, dtype).eval()
        moved = type(batch)(*(getattr(batch, name).to(where) for name in batch.__dataclass_fields__))
        read = game.predictor.read(moved.tokens, moved.real, mask.to(where, dtype))
        logits = game.predictor.answer(read, moved.real)
        game.cross_entropy(logits, moved).backward()
        return [p.grad.double().cpu() for p in game.predictor.parameters() if p.grad is not None]

    pairs = zip(gradients(device, torch.float32), gradients(torch.device("cpu"), torch.float64), strict=True)
    apart = max(float((ours - exact).norm() / exact.norm()) for ours, exact in pairs)
    return "gradients, apart from the CPU's in float64", f"{apart:.1e}"


def check_replays(config: Config, corpus: Corpus, device: torch.device) -> Row:
    """Compare the losses of two epochs: steps replayed as graphs against the same steps played."""
    losses = [[row["loss"] for row in _epochs(config, corpus, device, 2, records)] for records in (True, False)]
    apart = max(abs(a - b) for a, b in zip(*losses, strict=True))
    return "two epochs, replayed against played: loss apart", f"{apart:.1e}"


def check_no_waiting(config: Config, corpus: Corpus, device: torch.device) -> Row:
    """Play a step under torch's synchronization check, which raises where the host would wait for the device."""
    loop = _loop(config, corpus, device)
    rows = loop.train.batch_rows(config.batch_size)
    loop.game.train()
    loop.replayed.records = False
    with loop.stream():
        loop.replayed(rows[0])  # the first step allocates what later steps use again
        batch = loop.train.batch(rows[-1])
        torch.cuda.set_sync_debug_mode("error")
        try:
            loop._move(batch)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return "waits for the device in a step", "none"


def check_fleet(config: Config, corpus: Corpus, device: torch.device) -> Row:
    """Train one epoch as a fleet and each run alone. Returns the largest difference of a loss."""
    configs = [config.but(epochs=1, perturbation=p, seed=s) for p, s in ((0.0, 1), (0.3, 2), (0.5, 1))]
    fleet = train_fleet(corpus, configs, device=device.type, progress=False)
    alone = [train(corpus, one, device=device.type, progress=False) for one in configs]
    apart = max(abs(a.history[0]["loss"] - b.history[0]["loss"]) for a, b in zip(fleet, alone, strict=True))
    return "a fleet's runs against the same alone: loss apart", f"{apart:.1e}"


def time_epochs(config: Config, corpus: Corpus, device: torch.device) -> list[Row]:
    """Seconds of training steps in the last of ``config.epochs``, by precision, with and without graphs."""
    found, rows = {}, []
    ways = [("float32", False), *((precision, True) for precision in PRECISIONS)]
    for precision, records in ways:
        history = _epochs(config, corpus, device, config.epochs, records, precision)
        name = f"{precision}, {'replayed' if records else 'played'}"
        found[name] = history[-1]["seconds"]
        accuracy = 100 * history[-1]["dev"]["accuracy"]
        first = found["float32, played"]
        rows.append((f"epoch, {name}", f"{found[name]:.2f} s ({first / found[name]:.1f}x), dev Acc {accuracy:.1f}"))
    return rows


def time_fleet(config: Config, corpus: Corpus, device: torch.device) -> list[Row]:
    """Wall seconds of one run and of thirty at once. They include evaluation on dev and the recording of graphs."""
    began = time.perf_counter()
    train(corpus, config, device=device.type, progress=False)
    one = time.perf_counter() - began
    began = time.perf_counter()
    train_fleet(corpus, fleet_of(config), device=device.type, progress=False)
    thirty = time.perf_counter() - began
    ratio = f"{thirty:.1f} s ({thirty / one:.1f} times one run)"
    return [("one run, wall", f"{one:.1f} s"), ("30 runs as a fleet, wall", ratio)]


def race_released(config: Config, corpus: Corpus, device: torch.device, peer: Path) -> list[Row]:
    """Seconds of the released code's second epoch on this device, and how many of our epochs fit into it.

    Ours plays the same game by the released protocol, with steps replayed as graphs.
    """
    same = replace(config, protocol=Protocol.released())
    ours = _epochs(same, corpus, device, 2, records=True)[-1]["seconds"]
    with tempfile.TemporaryDirectory() as folder:
        export(corpus, config.dimension, Path(folder))
        settings = {"folder": folder, "words": corpus.vocabulary.words, "settings": peer_settings(same)}
        settings |= {"checkout": str(peer), "device": device.type}
        with Worker("released", settings) as worker:
            worker.ready()
            worker.once()
            took = both(worker.once())
    rows = [(f"epoch, {name}", f"{took[name]:.2f} s ({took[name] / ours:.1f} of ours)") for name in (RELEASED, SHIPPED)]
    return [("epoch of ours by the released protocol, replayed", f"{ours:.2f} s"), *rows]


def largest_costs(config: Config, corpus: Corpus, device: torch.device, most: int = 3) -> list[Row]:
    """The operations with the largest shares of the device's time in ten played steps."""
    from torch.profiler import ProfilerActivity, profile

    loop = _loop(config, corpus, device)
    loop.game.train()
    batches = [loop.train.batch(rows) for rows in loop.train.batch_rows(config.batch_size)[:10]]
    watched = {ProfilerActivity.CPU, ProfilerActivity.CUDA if device.type == "cuda" else ProfilerActivity.CPU}
    with loop.stream(), profile(activities=watched) as profiled:
        for batch in batches:
            loop._move(batch)
        loop.losses.tolist()
    time_of = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    found = sorted(((getattr(e, time_of), e.key) for e in profiled.key_averages()), reverse=True)
    total = sum(spent for spent, _ in found) or 1
    return [(f"cost {i}", f"{100 * spent / total:.0f} % {key[:60]}") for i, (spent, key) in enumerate(found[:most], 1)]


def _game(config: Config, corpus: Corpus) -> Method:
    with machine.own_random_state(config.seed, torch.device("cpu")):
        vectors = random_vectors(len(corpus.vocabulary), config.dimension)
        return build_game(config, vectors, len(corpus.classes))


def _loop(config: Config, corpus: Corpus, device: torch.device, precision: str = "float32") -> Loop:
    game = _game(config, corpus).to(device)
    return Loop(Run(config, game, corpus.vocabulary, corpus.classes, [], {}), corpus, precision=precision)


def _epochs(config, corpus, device, count: int, records: bool, precision="float32") -> list[dict[str, Any]]:
    """Train ``count`` epochs and return their history, each row with its ``seconds`` of training steps."""
    loop = _loop(replace(config, epochs=count), corpus, device, precision).keeps_random_state()
    loop.replayed.records = records and loop.replayed.records
    playing = loop.play([])
    while True:
        with loop.turn():
            if next(playing, None) is None:
                break
    return [row | {"seconds": s} for row, s in zip(loop.run.history, loop.seconds, strict=False)]


def main(arguments: list[str] | None = None) -> None:
    """Run the checks and timings, print the table, write it when ``--out`` is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", help="a checkout of jugechengzi/Rationalization-VER to race against")
    parser.add_argument("--out", type=Path, help="a folder for the table (default: print it alone)")
    parser.add_argument("--texts", type=int, default=8192, help="how many training texts (default 8192)")
    parser.add_argument("--rehearse", action="store_true", help="run what a CPU can run, at a tiny size")
    asked = parser.parse_args(arguments)
    if not asked.rehearse and not torch.cuda.is_available():
        parser.exit(1, "bench-gpu: there is no CUDA device here; --rehearse tests the script on a CPU\n")
    try:
        peer = check_released(asked.peer) if asked.peer else None
    except PeerError as error:
        parser.exit(1, f"bench-gpu: {error}\n")
    device = torch.device("cpu" if asked.rehearse else "cuda")
    config = TINY if asked.rehearse else PAPER
    corpus = make_reviews("tiny") if asked.rehearse else make_reviews("paper", like="beer-appearance")
    corpus = replace(corpus, train=corpus.train.first(asked.texts), dev=corpus.dev.first(2048))
    parts: list[Callable[..., Any]] = [check_gradients, check_replays, check_fleet]
    parts += [] if asked.rehearse else [check_no_waiting]
    parts += [time_epochs, *([partial(race_released, peer=peer)] if peer else []), time_fleet, largest_costs]
    table: list[Row] = [("device", machine.device_name(device)), ("texts", f"{len(corpus.train):,}")]
    for part in parts:
        began = time.perf_counter()
        made = part(config, corpus, device)
        table += made if isinstance(made, list) else [made]
        name = part.func.__name__ if isinstance(part, partial) else part.__name__
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    table.append(("peak memory", f"{machine.peak_memory(device)} MiB"))
    width = max(len(name) for name, _ in table)
    print("\n".join(f"{name:{width}}  {value}" for name, value in table))
    if asked.out is not None:
        asked.out.mkdir(parents=True, exist_ok=True)
        write_json(asked.out / "bench_gpu.json", {"made": machine.provenance(device), "table": dict(table)})
        write_text(asked.out / "bench_gpu.md", markdown.table(("", ""), table))


if __name__ == "__main__":
    main()
