"""Every method on every corpus that may be passed on, measured alike: data/results/benchmark.{json,md}.

    ver-lite sweep benchmark

The runs are those of `data/sweeps/benchmark.yaml`; each is a folder below `runs/benchmark`, trained once and measured
from there. A method is judged three ways, so that no table compares rationales of unequal size without saying so: with
masks of the same share of every text (top-k), with a threshold that gives that share on dev, and with the masks of its
own choice. The test split is looked at once, after training; epoch, threshold and share come from dev. Lesson 09 reads
the tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ver_lite import masks
from ver_lite.corpora.core import Batch, Corpus, Split
from ver_lite.experiments.jobs import Answer, Job, Study, corpus_of
from ver_lite.experiments.plan import key, plan
from ver_lite.experiments.results import FOLDER, short
from ver_lite.experiments.studies.benchmark_page import page
from ver_lite.experiments.sweep.driver import play
from ver_lite.experiments.sweep.folder import INSIDE, survey
from ver_lite.experiments.sweep.spec import read_spec
from ver_lite.measures.baselines import random_words, same_places
from ver_lite.measures.evaluation import Played, evaluate, play_through
from ver_lite.measures.everything import of_moves
from ver_lite.measures.faithfulness import faithfulness
from ver_lite.measures.metrics import Tally
from ver_lite.methods import Method
from ver_lite.players.players import in_mode
from ver_lite.training.config import Config
from ver_lite.training.runs import load_run

SPEC = FOLDER.parent / "sweeps" / "benchmark.yaml"
RUNS = Path("runs") / SPEC.stem
SHARES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7)
TEXTS = 300  # the number of test texts on which faithfulness is measured, which calls the predictor 7 times a text
QUALITY = ("auprc", "average_precision", "runs", "calibration_error", "brier")
KEEP = ("f1", "precision", "recall", "f1_macro", "sparsity", "accuracy", "cross_entropy", "gold_accuracy")


@lru_cache(maxsize=1)
def jobs() -> list[Job]:
    """The runs of the spec, with names that stay when it grows."""
    return [replace(job, name=_name(job.config())) for job in plan(read_spec(SPEC))]


def _name(config: Config) -> str:
    return f"{config.corpus['name']}-{config.method}-a{config.alpha:g}-s{config.seed}-{key(config)}"


def measure(job: Job, runs: Path = RUNS) -> Answer:
    """Train a job's run unless it is trained, measure it from its folder, and return its row, or why it has none."""
    (runs / INSIDE).mkdir(parents=True, exist_ok=True)
    said = play(runs.absolute(), job, "auto")
    if isinstance(said, str):
        return said
    config = job.config()
    row = {"name": job.name, "corpus": config.corpus["name"], "method": config.method, "seed": config.seed}
    row |= {"config": {k: v for k, v in config.as_dict().items() if k != "corpus"}, "status": said["status"]}
    if said["status"] == "finished":
        run, corpus = load_run(survey(runs, [job])[0].folder), corpus_of(job)
        row |= {"epoch": said["epoch"], "dev": brief(said["dev"]), "splits": corpus.card["splits"]}
        row["dev_by_epoch"] = {k: [short(e["dev"][k]) for e in run.history] for k in ("accuracy", "f1", "sparsity")}
        row["test"] = {
            which: {how: brief(scores) for how, scores in ways.items()} for which, ways in said["test"].items()
        }
        row |= judged(run.game, corpus, config.alpha)
    return row | {"provenance": said["provenance"]}


def judged(game: Method, corpus: Corpus, share: float) -> dict[str, Any]:
    """Measure a game on test at equal sparsity: with masks of the best words of every text, for each of :data:`SHARES`,
    and with masks of all words above a threshold that selects ``share`` of dev. Also returns the F1 of random words,
    drawn anywhere or at the same places; what :func:`quality` measures; and the scores of the game's own masks on dev,
    by whose size a page may choose between games."""
    dev, test = (play_through(game, split, how="all") for split in (corpus.dev, corpus.test))
    wanted = dev.scores[dev.selectable]
    threshold = float(wanted.kthvalue(max(1, round((1 - share) * len(wanted))))[0])
    curve = [tallied(game, corpus.test, best(test, s)) for s in SHARES]
    marked = test.gold[test.annotated], test.selectable[test.annotated]
    own = {} if game.ranks_only else {"dev_own": brief(evaluate(game, corpus.dev, how="argmax").as_dict())}
    return own | {
        "curve": {"share": list(SHARES)} | {k: [c[k] for c in curve] for k in ("sparsity", "f1", "accuracy")},
        "matched": {"threshold": short(threshold), **tallied(game, corpus.test, test.scores > threshold)},
        "random": short({"f1": random_words(*marked, share), "curve": [random_words(*marked, s) for s in SHARES]}),
        "same_places": short(same_places(best(test, share)[test.annotated], *marked)),
        "quality": quality(game, corpus.test, test, share),
    }


def best(moves: Played, share: float) -> Tensor:
    """The best ``share`` of every text's words: bool [N, T]."""
    return masks.top_k(moves.scores, moves.selectable, share) > 0


def quality(game: Method, split: Split, moves: Played, share: float) -> dict[str, Any]:
    """Measures other than F1 of the best ``share`` of every text: phrases and ranking (on annotated texts),
    calibration, faithfulness on the first :data:`TEXTS` texts, and what a probe reads from the masks' shapes."""
    mask = best(moves, share)
    logits = torch.zeros_like(moves.logits)
    for batch, _, said in answers(game, split, mask):
        logits[batch.index] = said
    made = of_moves(replace(moves, mask=mask, logits=logits))
    cut = faithfulness(game, split.first(TEXTS), how="top_k", share=share, bins=(share,))
    found = {"iou_f1": made["phrases"] and made["phrases"].f1} | {name: made[name] for name in QUALITY}
    found |= {k: v for k, v in asdict(cut).items() if k.startswith(("compre", "suffi")) and not k.endswith("_at")}
    readings = {name: made[name] for name in ("label_read", "decision_read")}
    return short(found | {name: asdict(reading) for name, reading in readings.items() if reading is not None})


@torch.no_grad()
def answers(game: Method, split: Split, mask: Tensor) -> Iterator[tuple[Batch, Tensor, Tensor]]:
    """Yield each batch of a split, its part of ``mask`` (bool [N, T]), and the game's logits [B, C] for these words."""
    with in_mode(game, training=False):
        for batch in split.batches(256):
            shown = (mask[batch.index, : batch.tokens.shape[1]] & batch.selectable).float()
            yield batch, shown, game.predict(batch, shown)


def tallied(game: Method, split: Split, mask: Tensor) -> dict[str, Any]:
    """The scores of given masks: bool [N, T]."""
    tally = Tally(game.classes)
    for batch, shown, said in answers(game, split, mask):
        tally.add(shown, batch, said)
    return brief(tally.scores().as_dict())


def brief(scores: dict[str, Any]) -> dict[str, Any]:
    """The scores that the tables show, rounded to four digits, out of all."""
    return {k: short(scores[k]) for k in KEEP if k in scores}


def report(made: dict[str, Any]) -> str:
    """The record as the page that the book includes."""
    return page(made, jobs())


STUDY = Study("benchmark", jobs, measure, report, spec=SPEC)
