"""One review, measured in training: data/results/review-watched.json, which `widgets.watch_review` shows.

The games are those of `argument` with seed 1, at four rates. The review is the first one of the test set: no other was
looked at to choose it. At every look the selector gives each word a probability. The predictor is shown the words with
the highest probabilities (top-k masks, as many as alpha asks for), and the oracle gives the uncertainty that these
words leave.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ver_lite.corpora import Corpus
from ver_lite.corpora.core import Batch
from ver_lite.experiments.jobs import Job, Study, corpus_of, not_recorded
from ver_lite.experiments.results import made_by
from ver_lite.experiments.studies import argument
from ver_lite.methods import Method
from ver_lite.players.players import in_mode
from ver_lite.system import markdown
from ver_lite.training.runs import Run
from ver_lite.training.training import train

REVIEW = 0
SEED = 1
RATES = (0.0, 0.1, 0.3, 0.5)
LOOKS = (1, 2, 3, 4, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 120, 140, 160)  # epochs; more of the early ones


def jobs() -> list[Job]:
    """A game for each rate."""
    return [
        Job(
            f"watched/{p:g}/{SEED}",
            argument.CORPUS,
            {**argument.GAME, **argument.at_rate(p), "seed": SEED},
            {"p": p, "seed": SEED},
        )
        for p in RATES
    ]


def measure(job: Job) -> dict[str, Any]:
    """Train a game and look at the review after the epochs of :data:`LOOKS`; returns the game's row."""
    corpus, config = corpus_of(job), job.config()
    batch = corpus.test.batch(torch.tensor([REVIEW]))
    looks: list[dict[str, Any]] = []

    def look(run: Run, history: dict[str, Any]) -> None:
        if history["epoch"] in LOOKS:
            looks.append({"epoch": history["epoch"], **look_at(run.game, batch, corpus)})

    run = train(corpus, config, device="cpu", progress=False, callbacks=(look,))
    return {
        "name": job.name,
        **job.about,
        "config": config.as_dict(),
        "review": REVIEW,
        "words": corpus.test.words(REVIEW, corpus.vocabulary),
        "gold": [int(g) for g in batch.gold[0]],
        "label": corpus.classes[int(batch.labels)],
        "looks": {name: [one[name] for one in looks] for name in looks[0]},
        "status": run.status,
        "provenance": run.provenance,
    }


@torch.no_grad()
def look_at(game: Method, batch: Batch, corpus: Corpus) -> dict[str, Any]:
    """The outputs of both players for one review [1, T], without dropout.

    ``chances``: the probability with which each word is selected, two decimals. ``shown``: places of the words shown.
    ``said`` and ``known``: P(positive) of the predictor and of the oracle, given these words. ``entropy`` and
    ``divergence``: the two parts of the predictor's mean cross-entropy under the oracle's P(Y | words shown), in nats.
    """
    with in_mode(game, training=False):
        chances = game.logits(batch).softmax(-1)[0, :, 1]
        mask = game.choose(batch, "top_k")
        said = game.predict(batch, mask).double().log_softmax(-1)
    known: Tensor = corpus.world.log_posterior(batch.tokens, mask)
    return {
        "chances": [round(float(a), 2) for a in chances],
        "shown": mask[0].nonzero()[:, 0].tolist(),
        "said": _short(said.exp()[0, 1]),
        "known": _short(known.exp()[0, 1]),
        "entropy": _short(-(known.exp() * known).sum()),
        "divergence": _short((known.exp() * (known - said)).sum()),
    }


def _short(value: Tensor) -> float:
    return float(f"{float(value):.5g}")


def report(made: dict[str, Any]) -> str:
    """The review, and the words that each game shows of it at the last look, in Markdown."""
    rows = made["rows"]
    head = ("p", "words shown", "of them gold", "P(positive) said", "the oracle's", "entropy", "divergence")
    lines = []
    for row in rows:
        last = {name: values[-1] for name, values in row["looks"].items()}
        words = " ".join(row["words"][i] for i in last["shown"])
        gold = sum(row["gold"][i] for i in last["shown"])
        numbers = (f"{last[name]:.3f}" for name in ("said", "known", "entropy", "divergence"))
        lines.append([f"{row['p']:g}", words, f"{gold} of {sum(row['gold'])}", *numbers])
    first = rows[0]
    return (
        f"{made_by(made, rows)}\n\n{not_recorded(made, jobs())}"
        f"Review {first['review']} of the test set, {first['label']}: *{' '.join(first['words'])}*\n\n"
        "What each game shows of it after its last epoch, with top-k masks. p = 0 is RNP; entropy and divergence in "
        "nats.\n\n" + markdown.table(head, lines)
    )


STUDY = Study("review-watched", jobs, measure, report)
