"""The race: our training and that of the peers, on the same texts, in turn, round after round.

The machine's matrix products are timed after each round. When the machine slows down, it slows down every variant, so
only ratios within one record mean anything. Our time is the seconds of training an epoch that ``ver_lite.train``
reports. No variant's time includes evaluation.
"""

from __future__ import annotations

import gzip
import hashlib
import random
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.operations import multiply_adds, product_rate
from benchmarks.workers import RELEASED_FILES, Worker, check_released
from ver_lite.corpora.core import Corpus, Split, Vocabulary
from ver_lite.corpora.reviews import make_reviews
from ver_lite.methods import Protocol
from ver_lite.players.base import Encoder
from ver_lite.players.players import random_vectors
from ver_lite.system.tuning import not_ours
from ver_lite.training.config import Config
from ver_lite.training.runs import build_game
from ver_lite.training.training import train

PADDED = 256  # the released code pads every text to this many words
MANY_WORDS = 10_000
OURS = "ver-lite"
MANY = f"ver-lite, {MANY_WORDS:,} words"
PLAIN = "ver-lite, two nn.GRU"
RELEASED, SHIPPED = "released code, no Lipschitz pass", "released code as shipped"
LIBRARY = "pyhighlights (RNP)"
STEP = "one step"

Epoch = Callable[[], dict[str, float]]


def race(
    texts: int = 512,
    rounds: int = 5,
    peer: str | None = None,
    pyhighlights: str | None = None,
    hidden: int = 200,
    batch_size: int = 128,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Time every variant ``rounds`` times, as :func:`in_turn` does. Returns the race's part of a record.

    ``peer`` is a checkout of the released code, ``pyhighlights`` a Python in which that library is installed. Raises
    PeerError when the checkout is not one, or a peer ends before its time.
    """
    if peer is not None:
        peer = str(check_released(peer))
    corpus = review_corpus(texts)
    split = corpus.train
    config = game_config(hidden, batch_size, Protocol.paper())
    rates: dict[str, list[float]] = {"square": [], STEP: []}

    def measure_products() -> None:
        rates["square"].append(product_rate())
        rates[STEP].append(product_rate(batch_size, hidden // 2, 3 * hidden // 2))

    with variants(corpus, config, peer, pyhighlights) as epochs:
        seconds = in_turn(epochs, rounds, tell, measure_products)
    words = int(split.lengths.sum())
    size = {"hidden": hidden, "dimension": config.dimension}
    distinct = [distinct_words(c.train, batch_size) for c in (corpus, with_many_words(corpus, MANY_WORDS))]
    counts = {
        "real": multiply_adds(words, len(split), **size),
        "least": multiply_adds(words, len(split), **size, lookups=distinct[0]),
        "least, many words": multiply_adds(words, len(split), **size, lookups=distinct[1]),
        "padded": multiply_adds(PADDED * len(split), len(split), **size),
    }
    return {
        "texts": len(split),
        "words": words,
        "batch_size": batch_size,
        "rounds": rounds,
        **size,
        "seconds": seconds,
        "peers": versions(peer, pyhighlights),
        "operations": {name: 2 * count for name, count in counts.items()},
        "operations_a_second": rates,
    }


def in_turn(
    epochs: list[Epoch], rounds: int, tell: Callable[[str], None], after: Callable[[], None] = lambda: None
) -> dict[str, list[float]]:
    """Call each of ``epochs`` once to warm up, then ``rounds`` times. Returns the seconds of each variant, a number a
    round.

    Each round has an order of its own, drawn from its number. With a fixed order, the variant that always follows a
    long one would always be slower. ``after`` is called after each round that counts.
    """
    seconds: dict[str, list[float]] = {}
    for turn in range(rounds + 1):
        found: dict[str, float] = {}
        for epoch in random.Random(turn).sample(epochs, len(epochs)) if turn else epochs:
            found |= epoch()
        tell(f"round {turn or 'of warming up'}: " + ", ".join(f"{name} {took:.2f} s" for name, took in found.items()))
        for name, took in found.items():
            seconds.setdefault(name, []).extend([took] if turn else [])
        if turn:
            after()
    return seconds


def summary(made: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a variant, from medians over the rounds.

    A row has seconds, real words a second, how many times faster the variant is than each peer, and, for each count of
    operations, which fraction of the machine's rate of matrix products it reaches.
    """
    medians = {name: statistics.median(took) for name, took in made["seconds"].items()}
    rate = statistics.median(made["operations_a_second"]["square"])
    rows = []
    for name, took in medians.items():
        row: dict[str, Any] = {"variant": name, "seconds": took, "words_a_second": made["words"] / took}
        row |= {
            f"against {peer}": medians[peer] / took for peer in (RELEASED, SHIPPED, LIBRARY, PLAIN) if peer in medians
        }
        row |= {f"reached, {count}": n / rate / took for count, n in made["operations"].items()}
        rows.append(row)
    return rows


def game_config(hidden: int, batch_size: int, protocol: Protocol) -> Config:
    """VER with the settings that the released code's page gives for Beer-Appearance."""
    lambda2 = 12.0 if protocol.omega == "batch" else 12 / (PADDED - 1)
    return Config(
        method="ver",
        options={"perturbation": 0.3},
        alpha=0.125,
        lambda1=11.0,
        lambda2=lambda2,
        protocol=protocol,
        encoder="gru",
        hidden=hidden,
        learning_rate=1e-4,
        batch_size=batch_size,
        epochs=1,
    )


@contextmanager
def variants(corpus: Corpus, config: Config, peer: str | None, pyhighlights: str | None) -> Iterator[list[Epoch]]:
    """Yield functions that train one epoch of each variant and return its seconds. The peers are loaded and ready."""
    same = game_config(config.hidden, config.batch_size, Protocol.released())
    many = with_many_words(corpus, MANY_WORDS)
    epochs = [
        lambda: {OURS: seconds_of_training(corpus, config)},
        lambda: {f"{OURS}, released protocol": seconds_of_training(corpus, same)},
        lambda: {MANY: seconds_of_training(many, config)},
        lambda: {PLAIN: seconds_of_training(corpus, config, plain=True)},
    ]
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        settings = {"folder": folder, "words": corpus.vocabulary.words, "settings": peer_settings(same)}
        threads = torch.get_num_threads()
        theirs = not_ours()
        export(corpus, config.dimension, Path(folder))
        if peer is not None:
            settings_of_code = settings | {"checkout": peer}
            code = stack.enter_context(Worker("released", settings_of_code, threads=threads, environment=theirs))
            code.ready()
            epochs.append(lambda: both(code.once()))
        if pyhighlights is not None:
            library = stack.enter_context(Worker("pyhighlights", settings, pyhighlights, threads, theirs))
            library.ready()
            epochs.append(lambda: {LIBRARY: library.once()["seconds"]})
        yield epochs


def versions(peer: str | None, pyhighlights: str | None) -> dict[str, str]:
    """Which state of the peers was measured: the fingerprint of the released code's files, the other's version
    number."""
    found = {}
    if peer is not None:
        files = b"".join(Path(peer, name).read_bytes() for name in RELEASED_FILES)
        found["released code"] = f"sha256 {hashlib.sha256(files).hexdigest()[:12]}"
    if pyhighlights is not None:
        ask = [pyhighlights, "-c", "from importlib.metadata import version as v; print(v('pyhighlights'))"]
        found["pyhighlights"] = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    return found


def both(took: dict[str, float]) -> dict[str, float]:
    return {RELEASED: took["seconds"] - took["lipschitz"], SHIPPED: took["seconds"]}


def seconds_of_training(corpus: Corpus, config: Config, plain: bool = False) -> float:
    """Seconds of the second epoch of ``ver_lite.train``.

    A run allocates its memory in the first epoch, while the peers train on with the memory that they have. ``plain``
    uses torch's ``nn.GRU``, which multiplies every place of a batch, padding included.
    """
    config = replace(config, epochs=2)
    players = None
    if plain:
        players = build_game(config, random_vectors(len(corpus.vocabulary), config.dimension), len(corpus.classes))
        for player in (players.selector, players.predictor):
            player.encoder = PlainEncoder(player.encoder)
    run = train(corpus, config, device="cpu", progress=False, players=players)
    return run.provenance["seconds_per_epoch"][1]


class PlainEncoder(Encoder):
    """An encoder without the shortcut from words to states, so that a player has to call ``nn.GRU``."""

    def __init__(self, encoder: Encoder):
        super().__init__(0, 0)
        self.encoder = encoder

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        return self.encoder(x, real)


def review_corpus(texts: int) -> Corpus:
    """The first ``texts`` of the review world at the size of Beer-Appearance. Its dev split has 16 texts, to save
    time."""
    corpus = make_reviews("paper", like="beer-appearance")
    return replace(corpus, train=corpus.train.first(texts), dev=corpus.dev.first(16))


def with_many_words(corpus: Corpus, words: int) -> Corpus:
    """The corpus with texts of the same lengths made of ``words`` other words, the k-th drawn in proportion to 1/k.

    The review world has few distinct words, which favors a GRU that multiplies each of them once. Real text has more.
    """
    split = corpus.train
    drawn = zipf(split.tokens.numel(), words, torch.Generator().manual_seed(0))
    tokens = drawn.view(split.tokens.shape).to(torch.int32) * (split.tokens != 0)
    vocabulary = Vocabulary([f"w{i}" for i in range(words)])
    return replace(corpus, train=replace(split, tokens=tokens), vocabulary=vocabulary)


def zipf(count: int, words: int, generator: torch.Generator) -> Tensor:
    """Draw word ids, int [count]: the k-th of ``words`` in proportion to 1/k. The ids 0 and 1 are not drawn."""
    chances = 1 / torch.arange(1, words + 1, dtype=torch.float64)
    return 2 + torch.multinomial(chances, count, replacement=True, generator=generator)


def distinct_words(split: Split, batch_size: int) -> int:
    """The number of distinct words of a batch, summed over the batches of an epoch."""
    batches = split.batches(batch_size, generator=torch.Generator().manual_seed(0))
    return sum(len(batch.tokens[batch.real].unique()) for batch in batches)


def export(corpus: Corpus, dimension: int, folder: Path) -> None:
    """Write the training texts in the file format that the released code reads for Beer, and word vectors beside
    them."""
    split = corpus.train
    with gzip.open(folder / "reviews.aspect0.train.txt.gz", "wt", compresslevel=1) as lines:
        for i, label in enumerate(split.labels.tolist()):
            lines.write(f"{label:.1f}\t{' '.join(split.words(i, corpus.vocabulary))}\n")
    vectors = random_vectors(len(corpus.vocabulary), dimension, torch.Generator().manual_seed(0))
    np.save(folder / "vectors.npy", vectors.numpy())


def peer_settings(config: Config) -> dict[str, Any]:
    """Our settings under the released code's names, and those that only it has, as its page gives them for
    Beer-Appearance."""
    return {
        "batch_size": config.batch_size,
        "hidden_dim": config.hidden,
        "dropout": config.dropout,
        "lr": config.learning_rate,
        "perturb_rate": config.options["perturbation"],
        "sparsity_percentage": config.alpha,
        "sparsity_lambda": config.lambda1,
        "continuity_lambda": config.lambda2,
        "cls_lambda": config.protocol.cross_entropy_weight,
        "num_layers": 1,
        "num_class": 2,
        "dis_lr": 0,
        "fr": 0,
    }
