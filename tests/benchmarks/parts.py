"""What each part that makes a step fast is worth: training with and without it, in turn, each in its own process."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor

from benchmarks.race import Epoch, game_config, in_turn, review_corpus, seconds_of_training
from benchmarks.workers import Worker
from ver_lite.methods import Protocol
from ver_lite.players import players

AS_IT_IS = "as it is"
#: The part that is left out → the environment of the process that leaves it out, and the word that the process gets.
PARTS: dict[str, tuple[dict[str, str], str]] = {
    AS_IT_IS: ({}, ""),
    "without steps compiled by TorchScript": ({"PYTORCH_JIT": "0"}, ""),
    "without memory that stays": ({"MALLOC_ARENA_TEST": "8"}, ""),  # glibc's default; once set, we leave malloc alone
    "with threads that wait as long as usual": ({"GOMP_SPINCOUNT": "300000"}, ""),  # libgomp's default
    "with PyTorch's gradient of the largest": ({}, "largest"),
    "with nn.GRU": ({}, "gru"),
}


def parts(
    texts: int = 512,
    rounds: int = 5,
    hidden: int = 200,
    batch_size: int = 128,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Seconds of an epoch without each of :data:`PARTS`, ``rounds`` times, as :func:`in_turn` measures them."""
    settings = {"texts": texts, "hidden": hidden, "batch_size": batch_size}

    def epoch_of(name: str, worker: Worker) -> Epoch:
        return lambda: {name: worker.once()["seconds"]}

    with ExitStack() as stack:
        epochs = []
        for name, (environment, told) in PARTS.items():
            asked = settings | {"told": told}
            worker = Worker("part", asked, threads=torch.get_num_threads(), environment=environment)
            stack.enter_context(worker).ready()
            epochs.append(epoch_of(name, worker))
        seconds = in_turn(epochs, rounds, tell)
    return settings | {"rounds": rounds, "seconds": seconds}


def times_as_long(made: dict[str, Any]) -> dict[str, float]:
    """How many times as long an epoch takes than with all parts: the median of the rounds' ratios."""
    whole = made["seconds"][AS_IT_IS]
    return {
        name: statistics.median(a / b for a, b in zip(took, whole, strict=True))
        for name, took in made["seconds"].items()
    }


def train_part(texts: int, hidden: int, batch_size: int, told: str) -> Callable[[], dict[str, float]]:
    """In the child process: load the corpus and return the function that trains an epoch and returns its seconds."""
    corpus, config = review_corpus(texts), game_config(hidden, batch_size, Protocol.paper())
    if told == "largest":
        players.max_pool = pytorchs_max_pool
    return lambda: {"seconds": seconds_of_training(corpus, config, plain=told == "gru")}


def pytorchs_max_pool(states: Tensor, real: Tensor, pool: Tensor | None = None) -> Tensor:
    """:func:`ver_lite.players.players.max_pool` with PyTorch's own gradient."""
    pool = real if pool is None else pool & real
    largest = states.masked_fill(~pool[..., None], -1e6).amax(1)
    return torch.where(pool.any(1, keepdim=True), largest, 0.0)
