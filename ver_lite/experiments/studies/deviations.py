"""How three deviations of the released code change a game: data/results/deviations.json, which lesson 11 reads.

* ``epochs``: the games of `argument` again, their test split scored after every epoch, as the released script does.
* ``price``: the RNP game of `argument` with Ω as Eq. 4 writes it: the share of every text, not of the batch. All texts
  of this world have 40 words, so λ2 / 39 a transition is exactly the λ2 of the batch's mean.
* ``padding``: GRU games on texts of unequal length, padded to the longest of a batch drawn at random; padding may be
  selected, or not.
"""

from __future__ import annotations

import time
from typing import Any

import torch

from ver_lite import masks
from ver_lite.corpora import Corpus
from ver_lite.corpora.core import Split
from ver_lite.experiments.jobs import SEEDS, Job, Study, corpus_of, not_recorded, tested
from ver_lite.experiments.results import cell, columns, find, made_by
from ver_lite.experiments.studies import argument
from ver_lite.measures.evaluation import evaluate
from ver_lite.methods import Method
from ver_lite.players.players import in_mode
from ver_lite.system import machine, markdown
from ver_lite.training.config import Config
from ver_lite.training.game import build_game, word_vectors
from ver_lite.training.runs import Run
from ver_lite.training.training import train

RATES = (0.0, 0.3)
WORDS = 40  # of every text of the world
PER_TEXT = {"protocol": "paper", "lambda2": argument.GAME["lambda2"] / (WORDS - 1)}
PADDED = {
    **argument.GAME,
    "encoder": "gru",
    "hidden": 64,
    "learning_rate": 1e-3,
    "epochs": 20,
}


def jobs() -> list[Job]:
    """Every game, first seeds first."""
    made = []
    for seed in SEEDS:
        plan: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = []
        plan += [("epochs", f"{p:g}", argument.CORPUS, argument.GAME | argument.at_rate(p)) for p in RATES]
        plan.append(("price", "0", argument.CORPUS, argument.GAME | PER_TEXT))
        for padding in (False, True):
            protocol = {"omega": "batch", "select_padding": padding, "read_padding": padding}
            plan.append(("padding", str(padding), {"name": "reviews"}, {**PADDED, "protocol": protocol}))
        for group, variant, corpus, settings in plan:
            about = {"group": group, "variant": variant, "seed": seed}
            made.append(Job(f"{group}/{variant}/{seed}", corpus, {**settings, "seed": seed}, about))
    return made


def measure(job: Job) -> dict[str, Any]:
    """Train a job's game and return its row."""
    corpus, config = corpus_of(job), job.config()
    row = {"name": job.name, **job.about, "config": config.as_dict()}
    if job.about["group"] == "padding":
        return row | play_padded(corpus, config)
    curve: list[dict[str, float]] = []

    def look(run: Run, history: dict[str, Any]) -> None:
        curve.append(look_at(run.game, corpus, history))

    watched = (look,) if job.about["group"] == "epochs" else ()
    run = train(corpus, config, device="cpu", progress=False, callbacks=watched)
    row |= {"status": run.status, "epoch": run.best["epoch"], "test": argument.brief(tested(run, corpus.test))}
    return row | {"curve": columns(curve), "provenance": run.provenance}


def look_at(game: Method, corpus: Corpus, history: dict[str, Any]) -> dict[str, float]:
    """One epoch as the released script sees it, with masks drawn anew (``_sample``), and without that noise."""
    dev, test = (evaluate(game, s, how="sample", seed=history["epoch"]).scores for s in (corpus.dev, corpus.test))
    return {
        "dev_sample": dev.accuracy,
        "f1_sample": test.f1,
        "dev_argmax": history["dev"]["accuracy"],
        "f1_top_k": evaluate(game, corpus.test, how="top_k").scores.f1,
    }


def play_padded(corpus: Corpus, config: Config) -> dict[str, Any]:
    """Train on batches of texts drawn at random, as the released code does; `train` makes batches of texts of similar
    length, which have little padding. Returns what is selected after every epoch."""
    began = time.perf_counter()
    with machine.own_random_state(config.seed, torch.device("cpu")):
        game = build_game(config, word_vectors(config, corpus.vocabulary), len(corpus.classes))
        optimizer = torch.optim.Adam([p for p in game.parameters() if p.requires_grad], config.learning_rate)
        counts = []
        for _ in range(config.epochs):
            for rows in torch.randperm(len(corpus.train)).split(config.batch_size):
                for move in game.play(corpus.train.batch(rows)):
                    optimizer.zero_grad()
                    move.loss.backward()
                    optimizer.step()
            counts.append(selected(game, corpus.test))
    about = {"seconds": round(time.perf_counter() - began, 3), **machine.provenance(torch.device("cpu"))}
    return {"curve": columns(counts), "provenance": about}


@torch.no_grad()
def selected(game: Method, split: Split) -> dict[str, float]:
    """What one draw of masks selects, with all texts padded to the longest: words and padding as shares of the number
    of words, F1 without and with the selected padding, and accuracy."""
    batch = split.batch(torch.arange(len(split)))
    may = torch.ones_like(batch.real) if game.protocol.select_padding else batch.selectable
    with in_mode(game, training=False):
        mask = masks.sample(game.logits(batch), may, generator=torch.Generator().manual_seed(0))
        accuracy = (game.predict(batch, mask * batch.real).argmax(1) == batch.labels).float().mean()
    words, padding, hits = (float((mask * where).sum()) for where in (batch.real, ~batch.real, batch.gold))
    gold, size = float(batch.gold.sum()), float(batch.real.sum())
    return {
        "words": words / size,
        "padding": padding / size,
        "f1": 2 * hits / (words + gold),
        "f1_counted": 2 * hits / (words + padding + gold),
        "accuracy": float(accuracy),
    }


def chosen(row: dict[str, Any]) -> dict[str, float]:
    """The sampled test F1 of one game by three rules, in percent: the best test F1 of all epochs, that of the first
    epoch with the best dev accuracy, and that of the last epoch."""
    f1, dev = (row["curve"][name] for name in ("f1_sample", "dev_sample"))
    best_dev = max(range(len(dev)), key=dev.__getitem__)
    return {"best on test": 100 * max(f1), "best on dev": 100 * f1[best_dev], "last": 100 * f1[-1]}


def report(made: dict[str, Any]) -> str:
    """The three groups as tables in Markdown."""
    rows = made["rows"]
    rules, prices, padding = [], [], []
    for p in RATES:
        three = [chosen(row) for row in find(rows, group="epochs", variant=f"{p:g}")]
        cells = [cell([t[name] for t in three], 1) for name in ("best on test", "best on dev", "last")]
        cells.append(cell([t["best on test"] - t["best on dev"] for t in three], 1))
        rules.append([f"VER, p = {p:g}" if p else "RNP", *cells])
    for group, says in (("epochs", "batch"), ("price", "text")):
        tests = [row["test"]["last"] for row in find(rows, group=group, variant="0")]
        cells = [cell([t[how]["f1"] for t in tests]) for how in ("sample", "top_k")]
        cells += [cell([t["sample"][name] for t in tests]) for name in ("sparsity", "accuracy")]
        prices.append([says, *cells])
    for variant in ("False", "True"):
        last = [{k: v[-1] for k, v in row["curve"].items()} for row in find(rows, group="padding", variant=variant)]
        cells = [cell([x["words"] for x in last]), cell([x["words"] + x["padding"] for x in last])]
        cells += [cell([x[name] for x in last]) for name in ("f1", "f1_counted", "accuracy")]
        padding.append(["yes" if variant == "True" else "no", *cells])
    selected = ("S, words alone", "S, padding counted", "F1", "F1, padding counted", "Acc")
    parts = [
        f"{made_by(made, rows)}\n\n{not_recorded(made, jobs())}Test split, percent, mean (standard deviation) over the "
        "seeds.",
        "**Which epoch is reported.** F1, masks drawn anew after every epoch.",
        markdown.table(["game", "best on test", "best on dev", "last", "on test minus on dev"], rules),
        "**Ω per text or per batch.** RNP, last epoch.",
        markdown.table(["Ω per", "F1, sampled", "F1, top-k", "S, sampled", "Acc, sampled"], prices),
        "**Padding among what may be selected.** RNP, GRU, last epoch; S in percent of the words.",
        markdown.table(["padding may be selected", *selected], padding),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


STUDY = Study("deviations", jobs, measure, report)
