"""The paper's argument (§4, Fig. 2 to 10) on the review world, measured in training: data/results/argument.json.

Three groups of games on one world, five seeds each: the sweep over p with convolutions, RNP and VER with GRUs, and VER
taken apart (methods/ablations.py); and the predictor that is trained on random masks. Lessons 03 to 08 draw them. The
world's knobs and the training's length were chosen on seeds 101 to 103; `exploration` shows what others would give.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ver_lite.corpora import Corpus
from ver_lite.experiments.jobs import SEEDS, Job, Study, corpus_of, not_recorded, tested
from ver_lite.experiments.results import cell, columns, find, made_by, short
from ver_lite.experiments.studies import claims
from ver_lite.measures.evaluation import evaluate
from ver_lite.methods import Method
from ver_lite.methods.base import EVALUATIONS
from ver_lite.observations import SHOWN, SmallRegion, judge, lipschitz_released, random_then_frozen, roughness
from ver_lite.system import markdown
from ver_lite.training.runs import Run
from ver_lite.training.training import train

CORPUS = {"name": "reviews", "world": "rivals"}
GAME = {
    "encoder": "conv",
    "hidden": 32,
    "dimension": 50,
    "alpha": 0.2,
    "lambda1": 5.0,
    "lambda2": 0.25,
    "protocol": {"omega": "batch"},
    "learning_rate": 2e-3,
    "batch_size": 64,
    "epochs": 160,
}
RATES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
ABLATIONS: dict[str, dict[str, Any]] = {
    "count per batch": {"method": "ver", "protocol": {"omega": "batch", "flips": "batch"}},
    "drop only": {"method": "ver-drop"},
    "add only": {"method": "ver-add"},
    "one added, p = 0": {"method": "rnp-add-one"},
    "mask dropout": {"method": "mask-dropout"},
    "hotter Gumbel": {"method": "rnp", "temperature": 2.0},
}
LOOKS = 16  # how often a game is measured while it is trained
SAMPLE = 320  # the number of training texts on which roughness is measured


def at_rate(p: float) -> dict[str, Any]:
    """RNP for p = 0, else VER."""
    return {"method": "ver", "perturbation": p} if p else {"method": "rnp"}


def jobs() -> list[Job]:
    """Every game, first seeds first."""
    made = []
    for seed in SEEDS:
        plan = [("sweep", f"{p:g}", at_rate(p)) for p in RATES]
        plan += [("gru", f"{p:g}", {"encoder": "gru", **at_rate(p)}) for p in (0.0, 0.3)]
        plan += [("ablation", name, settings) for name, settings in ABLATIONS.items()]
        plan += [("random", "0", {"method": "rnp"})]
        for group, variant, settings in plan:
            about = {"group": group, "variant": variant, "seed": seed}
            made.append(Job(f"{group}/{variant}/{seed}", CORPUS, {**GAME, **settings, "seed": seed}, about))
    return made


def measure(job: Job, device: str = "cpu") -> dict[str, Any]:
    """Train a game, measure it :data:`LOOKS` times, and return its row."""
    corpus, config = corpus_of(job), job.config()
    row = {"name": job.name, **job.about, "config": config.as_dict()}
    every = max(1, config.epochs // LOOKS)
    looks: list[dict[str, Any]] = []

    def look(run: Run, history: dict[str, Any]) -> None:
        if history["epoch"] == 1 or history["epoch"] % every == 0:
            scores = {"epoch": history["epoch"]}
            scores |= {f"{split}_accuracy": history[split]["accuracy"] for split in ("train", "dev")}
            looks.append(scores | look_at(run.game, corpus, closely=job.about["group"] in ("sweep", "gru")))

    options: dict[str, Any] = {"device": device, "progress": False}
    if job.about["group"] == "random":
        taught, run = random_then_frozen(corpus, config, **options)
        row["stages"] = [_curve(stage) for stage in (taught, run)]
        judged = {shown: judge(taught.last, corpus.test, shown, oracle=corpus.world) for shown in ("own", "gold")}
        row["taught"] = {shown: {k: short(v) for k, v in vars(made).items()} for shown, made in judged.items()}
        made = run.provenance | {"earlier_seconds": taught.provenance["seconds"]}
        return row | {"test": brief(tested(run, corpus.test)), "provenance": made}
    watch = SmallRegion(math.ceil(len(corpus.train) / config.batch_size), every)
    run = train(corpus, config, watch=watch, callbacks=(look,), **options)
    row |= {"status": run.status, "epoch": run.best["epoch"], "test": brief(tested(run, corpus.test))}
    row |= {"looks": columns(looks), "region": columns(watch.seen)}
    return row | {"provenance": run.provenance}


def look_at(game: Method, corpus: Corpus, closely: bool) -> dict[str, float]:
    """F1 and sparsity on test for every kind of mask; if ``closely``, also what observations 2 and 3 measure."""
    seen: dict[str, float] = {}
    for how in EVALUATIONS:
        scores = evaluate(game, corpus.test, how=how).scores
        seen |= {f"f1_{how}": scores.f1, f"sparsity_{how}": scores.sparsity}
    if not closely:
        return seen
    some = corpus.train.first(SAMPLE)
    for shown in SHOWN:
        made = judge(game, corpus.test, shown, how="sample", oracle=corpus.world)
        seen |= {f"{shown}: {name}": value for name, value in {**vars(made), "rest": made.rest}.items()}
    seen |= {f"rough: {name}": value for name, value in vars(roughness(game, some)).items()}
    released = lipschitz_released(game, some, batch_size=64)
    return seen | dict(zip(("released: largest", "released: mean"), released, strict=True))


def brief(scores: dict[str, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """The test scores that the lessons draw, out of all."""
    keep = ("f1", "precision", "recall", "sparsity", "accuracy", "gold_accuracy", "gold_cross_entropy")
    return {n: {how: {k: short(row[k]) for k in keep} for how, row in ways.items()} for n, ways in scores.items()}


def _curve(run: Run) -> dict[str, list]:
    rows = [
        {"epoch": h["epoch"], "train": h["train"]["accuracy"], "dev": h["dev"]["accuracy"], "f1": h["dev"]["f1"]}
        for h in run.history
    ]
    return columns(rows[:: max(1, len(rows) // 30)])


def report(made: dict[str, Any], jobs: Callable[[], list[Job]] = jobs) -> str:
    """The last epochs of all games as tables in Markdown."""
    rows = [row for row in made["rows"] if row["group"] != "random"]
    variants = dict.fromkeys((row["group"], row["variant"]) for row in rows)
    head = (
        "game",
        "seeds",
        "F1, sampled",
        "F1, argmax",
        "F1, top-k",
        "F1, sampled, best dev",
        "S, argmax",
        "Acc on gold",
    )
    lines = []
    for group, variant in variants:
        tests = [row["test"] for row in find(rows, group=group, variant=variant)]
        cells = [cell([t["last"][how]["f1"] for t in tests]) for how in ("sample", "argmax", "top_k")]
        cells += [cell([t["chosen"]["sample"]["f1"] for t in tests])]
        cells += [cell([t["last"]["argmax"][k] for t in tests]) for k in ("sparsity", "gold_accuracy")]
        title = {"sweep": f"p = {variant}", "gru": f"GRU, p = {variant}", "ablation": variant}[group]
        lines.append([title, len(tests), *cells])
    return (
        f"{made_by(made, made['rows'])}\n\n{not_recorded(made, jobs())}"
        "Test split, last epoch unless the column says otherwise; percent, mean (standard deviation) over the seeds. "
        "p = 0 is RNP. Below the GRUs: VER taken apart, at p = 0.3.\n\n" + markdown.table(head, lines)
    )


STUDY = Study("argument", jobs, measure, report, lambda made: {"claims": claims.claims_table(made["rows"])})
