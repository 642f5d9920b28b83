"""How seconds and memory grow with the number of texts, their length, the batch, and the runs at once.

Each curve is measured in processes of its own, on texts that are drawn for it, at the paper's configuration. An
exponent of 1 means that twice as much takes twice as long.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch

from benchmarks.race import game_config, zipf
from benchmarks.workers import Worker
from ver_lite.corpora.core import Corpus, Split, Vocabulary
from ver_lite.methods import Protocol
from ver_lite.system import machine
from ver_lite.training.training import train

LENGTH, TEXTS, BATCH, WORDS = 128, 256, 128, 10_000
EPOCHS = 3

#: what grows → the points; the other settings stay as above
POINTS: dict[str, Sequence[int]] = {
    "texts": (128, 256, 512, 1024),
    "length": (32, 64, 128, 256),
    "batch_size": (16, 32, 64, 128, 256),
    "runs": (1, 2, 4),
    "memory": (16, 32, 64, 128, 256),
    "epochs": (1, 3, 10, 30),
}
TITLES = {
    "texts": "texts",
    "length": "words a text",
    "batch_size": "texts a batch",
    "runs": "runs at once, one thread each",
    "memory": "places a batch (texts times width)",
    "epochs": "epochs",
}
UNITS = dict.fromkeys(("texts", "length", "batch_size", "runs"), "seconds an epoch") | {
    "memory": "MiB above the idle process",
    "epochs": "peak of the process, MiB",
}


def growth(
    points: dict[str, Sequence[int]] = POINTS, hidden: int = 200, tell: Callable[[str], None] = lambda line: None
) -> list[dict[str, Any]]:
    """Measure every curve: its places ``x``, its values ``y``, and the exponent of the line fitted on logarithmic
    axes."""
    curves = []
    for name, places in points.items():
        x, y = CURVES[name](places, hidden)
        curve = {"name": name, "x": x, "y": y, "unit": UNITS[name], "exponent": exponent(x, y)}
        curves.append(curve)
        tell(f"{TITLES[name]}: {x} → {[round(value, 2) for value in y]} {UNITS[name]}, {said_exponent(curve)}")
    return curves


def exponent(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Fit y = a · x^b by least squares on the logarithms and return b; None when a value is not above zero."""
    if len(x) < 2 or min(*x, *y) <= 0:
        return None
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def said_exponent(curve: dict[str, Any]) -> str:
    return "no exponent" if curve["exponent"] is None else f"exponent {curve['exponent']:.2f}"


def _in_one_process(name: str) -> Callable[[Sequence[int], int], tuple[list[float], list[float]]]:
    """A function that measures a curve of seconds with all its points in one process.

    A point's value is its fastest epoch, because other programs on the machine can only make an epoch slower.
    """

    def curve(places: Sequence[int], hidden: int) -> tuple[list[float], list[float]]:
        with Worker("ours", {"points": [{name: place, "hidden": hidden} for place in places]}) as worker:
            worker.ready()
            return list(places), [min(worker.once()["seconds"]) for _ in places]

    return curve


def runs_at_once(places: Sequence[int], hidden: int) -> tuple[list[float], list[float]]:
    """Start independent games together, each in a process with one thread. The value is the slowest process's median
    epoch."""
    slowest = []
    for count in places:
        with ExitStack() as stack:
            points = {"points": [{"hidden": hidden}]}
            workers = [stack.enter_context(Worker("ours", points, threads=1)) for _ in range(count)]
            for act in (Worker.ready, Worker.start):
                for worker in workers:
                    act(worker)
            slowest.append(max(statistics.median(worker.took()["seconds"]) for worker in workers))
    return list(places), slowest


def memory_of_a_batch(places: Sequence[int], hidden: int) -> tuple[list[float], list[float]]:
    """Peak memory of training on one batch, less the peak of the same process after a batch of two short texts.

    Every point has a process of its own, because a process's peak never falls.
    """
    x, y = [], []
    small = {"texts": 2, "length": 8, "epochs": 1, "hidden": hidden}
    sizes = [(batch, LENGTH) for batch in places] + [(BATCH, LENGTH // 2), (BATCH, 2 * LENGTH)]
    for batch, length in sorted(sizes, key=math.prod):
        large = {"texts": batch, "batch_size": batch, "length": length, "spread": 0.0, "epochs": 2, "hidden": hidden}
        with Worker("ours", {"points": [small, large]}) as worker:
            worker.ready()
            before, after = (worker.once()["peak_memory_mib"] for _ in range(2))
        x.append(batch * length)
        y.append(after - before)
    return x, y


def memory_over_epochs(places: Sequence[int], hidden: int) -> tuple[list[float], list[float]]:
    """Peak memory of one process as it trains more epochs. After the first epochs it should not grow."""
    lasting = {"texts": 64, "batch_size": 32, "length": 32, "hidden": hidden}
    points = [lasting | {"epochs": more} for more in np.diff([0, *places]).tolist()]
    with Worker("ours", {"points": points}) as worker:
        worker.ready()
        return list(places), [worker.once()["peak_memory_mib"] for _ in points]


CURVES: dict[str, Callable[[Sequence[int], int], tuple[list[float], list[float]]]] = {
    **{name: _in_one_process(name) for name in ("texts", "length", "batch_size")},
    "runs": runs_at_once,
    "memory": memory_of_a_batch,
    "epochs": memory_over_epochs,
}


def train_point(
    texts: int = TEXTS,
    length: int = LENGTH,
    batch_size: int = BATCH,
    hidden: int = 200,
    epochs: int = EPOCHS,
    spread: float = 0.5,
) -> dict[str, Any]:
    """Train VER on drawn texts in this process. Returns the seconds of each epoch and the peak memory so far, in
    MiB."""
    config = game_config(hidden, batch_size, Protocol.paper())
    run = train(drawn_corpus(texts, length, spread), config, epochs=epochs, device="cpu", progress=False)
    peak = machine.peak_memory(torch.device("cpu"))
    return {"seconds": run.provenance["seconds_per_epoch"], "peak_memory_mib": peak or math.nan}


def drawn_corpus(texts: int, length: int, spread: float) -> Corpus:
    """Texts of (1 − spread) to (1 + spread) times ``length`` words, ``length`` on average.

    The words are drawn by Zipf's law: the k-th in proportion to 1/k.
    """
    draw = torch.Generator().manual_seed(0)
    widest = round(length * (1 + spread))
    lengths = torch.randint(round(length * (1 - spread)), widest + 1, (texts,), generator=draw)
    lengths[0] = widest
    tokens = zipf(texts * widest, WORDS, draw).view(texts, widest)
    tokens[torch.arange(widest) >= lengths[:, None]] = 0
    labels = torch.arange(texts) % 2
    split = Split.from_arrays(tokens, lengths, labels, torch.zeros(texts, widest, dtype=torch.bool))
    vocabulary = Vocabulary([f"w{i}" for i in range(WORDS)])
    few = split.first(2)
    return Corpus("drawn", split, few, few, vocabulary, ("negative", "positive"), {})
