"""How fast a training step is, and what bucketing saves: ratios of medians measured in one run.

    python -m ver_lite.bench

Every variant trains on the same texts, in turn, round after round, so that a machine that slows down slows all of them.
Real tokens a second counts words, not padding.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from ver_lite import machine
from ver_lite.corpora.core import Batch, Split
from ver_lite.corpora.reviews import make_reviews
from ver_lite.players import random_vectors
from ver_lite.runs import Config, build_game

TEXTS, BATCH = 1024, 128


def padded(split: Split) -> list[Batch]:
    """Batches in the order of the corpus, each padded to the longest text of all, as the released code pads to 256."""
    rows = torch.arange(len(split)).split(BATCH)
    longest = int(split.lengths.argmax())
    return [_drop_last(split.batch(torch.cat([r, torch.tensor([longest])]))) for r in rows]


def _drop_last(batch: Batch) -> Batch:
    return Batch(*(getattr(batch, name)[:-1] for name in Batch.__dataclass_fields__))


def bucketed(split: Split) -> list[Batch]:
    """The library's batches: texts of similar length, trimmed to the longest of the batch."""
    return list(split.batches(BATCH, generator=torch.Generator().manual_seed(0)))


def steps(config: Config, batches: list[Batch], words: int) -> Callable[[], float]:
    """A function that trains one pass over ``batches`` and returns its seconds."""
    torch.manual_seed(0)
    game = build_game(config, random_vectors(words, config.dimension), 2)
    optimizer = torch.optim.Adam(p for p in game.parameters() if p.requires_grad)

    def once() -> float:
        began = time.perf_counter()
        for batch in batches:
            for move in game.play(batch):
                optimizer.zero_grad(set_to_none=True)
                move.loss.backward()
                optimizer.step()
        return time.perf_counter() - began

    return once


def main(arguments: list[str] | None = None) -> None:
    """Time every variant in turn and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="timed rounds after one that warms up (default 3)")
    rounds = parser.parse_args(arguments).rounds
    corpus = make_reviews("paper", like="beer-appearance")
    split = _first(corpus.train, TEXTS)
    tokens, words = int(split.lengths.sum()), len(corpus.vocabulary)
    paper = Config(encoder="gru", hidden=200)
    variants = {
        "GRU 200, padded": steps(paper, padded(split), words),
        "GRU 200, bucketed": steps(paper, bucketed(split), words),
        "GRU 200, bucketed, VER": steps(Config(encoder="gru", hidden=200, method="ver"), bucketed(split), words),
        "GRU 100, bucketed": steps(Config(encoder="gru", hidden=100), bucketed(split), words),
        "conv 64, bucketed": steps(Config(), bucketed(split), words),
    }
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(rounds + 1):
        for name, once in variants.items():
            took = once()
            if turn:
                seconds[name].append(took)
    about = machine.provenance(torch.device("cpu"))
    print(f"{about['device']}, {about['threads']} threads, torch {about['torch']}")
    print(f"{len(split)} texts of {tokens / len(split):.0f} words, batches of {BATCH}, {rounds} rounds, medians\n")
    first = statistics.median(seconds["GRU 200, padded"])
    print(f"{'variant':24} {'s / pass':>9} {'real tokens / s':>16} {'against padded':>15}")
    for name, taken in seconds.items():
        median = statistics.median(taken)
        print(f"{name:24} {median:9.2f} {tokens / median:16,.0f} {first / median:14.2f}x")


def _first(split: Split, count: int) -> Split:
    parts = (split.tokens, split.lengths, split.labels, split.gold, split.annotated, split.query_lengths)
    return Split.from_arrays(*(part[:count] for part in parts))


if __name__ == "__main__":
    main()
