"""Every method on every corpus that may be had, measured alike: data/results/benchmark.{json,md}.

    ver-lite sweep benchmark

The runs are those of `data/sweeps/benchmark.yaml`; each is a folder below `runs/benchmark`, trained once and measured
from there. A method is judged three ways, so that no table compares rationales of unequal size unawares: with masks of
the same share of every text (top-k), with a threshold that gives that share on dev, and with the masks of its own
choice. The test split is looked at once, after training; epoch, threshold and share come from dev. Lesson 09 reads the
tables.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ver_lite import masks
from ver_lite.calibration import brier_score, calibration_error
from ver_lite.config import Config
from ver_lite.corpora.core import Corpus, Split
from ver_lite.evaluation import Played, evaluate
from ver_lite.faithfulness import faithfulness
from ver_lite.files import FileError
from ver_lite.mask_shape import read_shapes
from ver_lite.methods import Method
from ver_lite.metrics import Tally
from ver_lite.quality import pieces, ranking, span_agreement, spans
from ver_lite.results import FOLDER, Job, Study, corpus_of
from ver_lite.runs import load_run
from ver_lite.studies.benchmark_page import page
from ver_lite.sweep.driver import play
from ver_lite.sweep.folder import INSIDE, survey
from ver_lite.sweep.plan import key, plan
from ver_lite.sweep.spec import read_spec

SPEC = FOLDER.parent / "sweeps" / "benchmark.yaml"
RUNS = Path("runs") / SPEC.stem
SHARES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7)
TEXTS = 300  # of how many test texts faithfulness is measured: it calls the predictor 7 times a text
KEEP = ("f1", "precision", "recall", "f1_macro", "sparsity", "accuracy", "cross_entropy", "gold_accuracy")


@lru_cache(maxsize=1)
def jobs() -> list[Job]:
    """The runs of the spec, with names that stay when it grows."""
    return [replace(job, name=_name(job.config())) for job in plan(read_spec(SPEC))]


def _name(config: Config) -> str:
    return f"{config.corpus['name']}-{config.method}-a{config.alpha:g}-s{config.seed}-{key(config)}"


def measure(job: Job, runs: Path = RUNS) -> dict[str, Any]:
    """Train a job's run unless it is trained, measure it from its folder, and return its row."""
    (runs / INSIDE).mkdir(parents=True, exist_ok=True)
    said = play(runs.absolute(), job, "auto", runs.absolute() / INSIDE / "never", 0)
    if isinstance(said, str):
        raise FileError(f"{job.name}: {said}")
    config = job.config()
    row = {"name": job.name, "corpus": config.corpus["name"], "method": config.method, "seed": config.seed}
    row |= {"config": {k: v for k, v in config.as_dict().items() if k != "corpus"}, "status": said["status"]}
    if said["status"] == "finished":
        run, corpus = load_run(survey(runs, [job])[0].folder), corpus_of(job)
        row |= {"epoch": said["epoch"], "dev": brief(said["dev"]), "splits": corpus.card["splits"]}
        row["dev_by_epoch"] = {k: [_short(e["dev"][k]) for e in run.history] for k in ("accuracy", "f1", "sparsity")}
        row["test"] = {
            which: {how: brief(scores) for how, scores in ways.items()} for which, ways in said["test"].items()
        }
        row |= judged(run.game, corpus, config.alpha)
    return row | {"provenance": said["provenance"]}


def judged(game: Method, corpus: Corpus, share: float) -> dict[str, Any]:
    """How a game does on test at equal sparsity: for masks of the best words of every text, along :data:`SHARES`, and
    for masks of all words above a threshold that selects ``share`` of dev; what :func:`quality` measures beside F1; and
    the scores of its own masks on dev, by whose size a page may choose between games."""
    scored = {name: scores_of(game, split) for name, split in corpus.splits().items() if name != "train"}
    curve = [at_share(game, corpus.test, scored["test"], s) for s in SHARES]
    values = torch.cat([s[b.selectable] for s, b in zip(scored["dev"], corpus.dev.batches(256), strict=True)])
    threshold = float(values.kthvalue(max(1, round((1 - share) * len(values))))[0])
    chosen = [(s > threshold).to(s) for s in scored["test"]]
    own = {} if game.ranks_only else {"dev_own": brief(evaluate(game, corpus.dev, how="argmax").as_dict())}
    return own | {
        "curve": {"share": list(SHARES)} | {k: [c[k] for c in curve] for k in ("sparsity", "f1", "accuracy")},
        "matched": {"threshold": _short(threshold), **tallied(game, corpus.test, chosen)},
        "quality": quality(game, corpus.test, scored["test"], share),
    }


def quality(game: Method, split: Split, scores: list[Tensor], share: float) -> dict[str, Any]:
    """What F1 does not say of the best ``share`` of every text: phrases and ranking (on annotated texts), calibration,
    faithfulness on the first :data:`TEXTS` texts, and what a probe reads from the masks' shapes."""
    moves = played(game, split, scores, share)
    some = moves.annotated
    auprc, precision = ranking(moves.scores[some], moves.gold[some], moves.selectable[some])
    readings = dict(zip(("label_read", "decision_read"), read_shapes(moves), strict=True)) if len(split) >= 4 else {}
    cut = faithfulness(game, split.first(TEXTS), how="top_k", share=share, bins=(share,))
    found = {
        "iou_f1": span_agreement(spans(moves.mask[some]), spans(moves.gold[some])).f1 if some.any() else None,
        "auprc": float(auprc.mean()) if len(auprc) else None,
        "average_precision": float(precision.mean()) if len(precision) else None,
        "runs": pieces(moves.mask, moves.selectable)[0],
        "calibration_error": calibration_error(moves.logits, moves.labels),
        "brier": brier_score(moves.logits, moves.labels),
        **{k: v for k, v in asdict(cut).items() if k.startswith(("compre", "suffi")) and not k.endswith("_at")},
    }
    numbers = {name: {k: _short(v) for k, v in asdict(reading).items()} for name, reading in readings.items()}
    return {k: _short(v) for k, v in found.items()} | numbers


@torch.no_grad()
def played(game: Method, split: Split, scores: list[Tensor], share: float) -> Played:
    """A game's moves on a split, from scores that are known already: an explanation may take minutes."""
    shape = tuple(split.gold.shape)
    mask, selectable = torch.zeros(shape, dtype=torch.bool), torch.zeros(shape, dtype=torch.bool)
    wanted, logits = torch.zeros(shape), torch.zeros(len(split), game.classes)
    was_training = game.training
    game.eval()
    for score, batch in zip(scores, split.batches(256), strict=True):
        chosen, width = masks.top_k(score, batch.selectable, share), score.shape[1]
        logits[batch.index] = game.predict(batch, chosen)
        mask[batch.index, :width], selectable[batch.index, :width] = chosen > 0.5, batch.selectable
        wanted[batch.index, :width] = score.masked_fill(~batch.selectable, 0.0)
    game.train(was_training)
    return Played(mask, wanted, logits, selectable, split.gold, split.annotated, split.labels)


@torch.no_grad()
def scores_of(game: Method, split: Split) -> list[Tensor]:
    """How much the selector wants each word, batch by batch."""
    was_training = game.training
    game.eval()
    scores = [game.scores(batch) for batch in split.batches(256)]
    game.train(was_training)
    return scores


def at_share(game: Method, split: Split, scores: list[Tensor], share: float) -> dict[str, Any]:
    """The scores of masks of the best ``share`` of every text."""
    batches = zip(scores, split.batches(256), strict=True)
    return tallied(game, split, [masks.top_k(s, b.selectable, share) for s, b in batches])


@torch.no_grad()
def tallied(game: Method, split: Split, chosen: list[Tensor]) -> dict[str, Any]:
    """The scores of masks that are given, batch by batch."""
    tally = Tally(game.classes)
    was_training = game.training
    game.eval()
    for mask, batch in zip(chosen, split.batches(256), strict=True):
        tally.add(mask, batch, game.predict(batch, mask * batch.selectable))
    game.train(was_training)
    return brief(tally.scores().as_dict())


def brief(scores: dict[str, Any]) -> dict[str, Any]:
    """Of a split's scores, those that the tables show, to four digits."""
    return {k: _short(scores[k]) for k in KEEP if k in scores}


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def report(made: dict[str, Any]) -> str:
    """The record as the page that the book includes."""
    return page(made, jobs())


STUDY = Study("benchmark", jobs, measure, report)
