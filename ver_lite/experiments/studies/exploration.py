"""Where VER wins, where it ties, where it loses: data/results/exploration.{json,md}, on exploration seeds 101 to 103.

The world and the game of `argument` were chosen among these. Each place changes one thing about them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ver_lite.experiments.jobs import Job, Study, corpus_of, tested
from ver_lite.experiments.results import cell, find, made_by
from ver_lite.experiments.studies import argument
from ver_lite.system import markdown
from ver_lite.training.training import train

SEEDS = (101, 102, 103)
RATES = (0.0, 0.3)


class Place(NamedTuple):
    """A world and a game: the ``knobs`` and ``settings`` that differ from `argument`'s; ``says`` is for the page."""

    says: str
    knobs: dict[str, Any]
    settings: dict[str, Any]


PLACES = {
    "rivals": Place("the world and the game of the lessons", {}, {}),
    "heavy price": Place("λ1 11, λ2 .5", {}, {"lambda1": 11.0, "lambda2": 0.5}),
    "light price": Place("λ1 2, λ2 .1", {}, {"lambda1": 2.0, "lambda2": 0.1}),
    "Ω per text": Place(
        "the price as Eq. 4 writes it, λ1 2, λ2 .0125",
        {},
        {"protocol": "paper", "lambda1": 2.0, "lambda2": 0.0125},
    ),
    "one phrase": Place("half as many phrases: 20 words a text", {"phrases": 1}, {}),
    "long phrases": Place("one phrase of four adjectives: 30 words", {"phrases": 1, "adjectives": 4}, {}),
    "many words": Place("60 words a polarity for the target", {"types": {"target": 60, "others": 2}}, {}),
    "weak rivals": Place(
        "rivals agree with the label in 80 %", {"rho": {"target": 1, "aroma": 0.8, "taste": 0.8, "others": 0.5}}, {}
    ),
    "no rivals": Place(
        "no other aspect knows the label", {"rho": 0.5, "types": {"target": 80, "others": 20}, "reliability": 0.9}, {}
    ),
}


def jobs() -> list[Job]:
    """Every game, first seeds first."""
    made = []
    for seed in SEEDS:
        for name, place in PLACES.items():
            for p in RATES:
                settings = {**argument.GAME, **place.settings, **argument.at_rate(p), "seed": seed}
                about = {"place": name, "p": p, "seed": seed}
                made.append(Job(f"{name}/{p:g}/{seed}", {**argument.CORPUS, **place.knobs}, settings, about))
    return made


def measure(job: Job) -> dict[str, Any]:
    """Train a game and return its test scores."""
    corpus, config = corpus_of(job), job.config()
    run = train(corpus, config, device="cpu", progress=False)
    row = {"name": job.name, **job.about, "config": config.as_dict(), "status": run.status, "epoch": run.best["epoch"]}
    return row | {"test": argument.brief(tested(run, corpus.test)), "provenance": run.provenance}


def report(made: dict[str, Any]) -> str:
    """The map as a table in Markdown."""
    rows = made["rows"]
    head = ["place", "p", *(f"F1, {way}" for way in _WAYS.values())]
    head += ["S, argmax", "Acc", "Acc on gold", "H_c on gold, nats"]
    lines, gains = [], []
    for name, place in PLACES.items():
        games = {p: [r["test"]["last"] for r in find(rows, place=name, p=p)] for p in RATES}
        for p, tests in games.items():
            f1 = [cell([t[how]["f1"] for t in tests]) for how in _WAYS]
            more = [cell([t["argmax"][k] for t in tests]) for k in ("sparsity", "accuracy", "gold_accuracy")]
            more.append(f"{sum(t['argmax']['gold_cross_entropy'] for t in tests) / len(tests):.2f}")
            lines.append([f"{name}: {place.says}", f"{p:g}", *f1, *more])
        cells = []
        for how in _WAYS:
            ahead = [v[how]["f1"] - r[how]["f1"] for r, v in zip(*games.values(), strict=True)]
            cells.append(f"{100 * sum(ahead) / len(ahead):+.1f} ({sum(a > 0 for a in ahead)} of {len(ahead)})")
        gains.append([name, *cells])
    return (
        f"{made_by(made, rows)}\n\n"
        "**VER (p = 0.3) minus RNP, points of F1**; in brackets, in how many seeds VER is ahead. "
        f"Last epoch, test split.\n\n{markdown.table(['place', *_WAYS.values()], gains)}\n"
        "**The scores behind it.** Percent, mean (standard deviation) over the seeds.\n\n" + markdown.table(head, lines)
    )


_WAYS = {"sample": "sampled", "argmax": "argmax", "top_k": "top-k"}
STUDY = Study("exploration", jobs, measure, report)
