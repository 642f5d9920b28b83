"""Every method on every corpus that may be had, measured alike: data/results/benchmark.{json,md}.

    ver-lite sweep benchmark

The runs are those of `data/sweeps/benchmark.yaml`; each is a folder below `runs/benchmark`, trained once and measured
from there. A method is judged three ways, so that no table compares rationales of unequal size unawares: with masks of
the same share of every text (top-k), with a threshold that gives that share on dev, and with the masks of its own
choice. The test split is looked at once, after training; epoch, threshold and share come from dev. Lesson 09 reads the
tables.
"""

from __future__ import annotations

import statistics
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ver_lite import masks
from ver_lite.config import Config
from ver_lite.corpora.core import Corpus, Split
from ver_lite.files import FileError
from ver_lite.methods import Method
from ver_lite.metrics import Tally
from ver_lite.results import FOLDER, Job, Study, cell, corpus_of, interval, made_by, not_recorded
from ver_lite.runs import load_run
from ver_lite.sweep.driver import play
from ver_lite.sweep.folder import INSIDE, survey
from ver_lite.sweep.plan import key, plan
from ver_lite.sweep.spec import read_spec

SPEC = FOLDER.parent / "sweeps" / "benchmark.yaml"
RUNS = Path("runs") / SPEC.stem
SHARES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7)
KEEP = ("f1", "precision", "recall", "f1_macro", "sparsity", "accuracy", "cross_entropy", "gold_accuracy")
NAMES = {"reviews": "The review world", "multirc": "MultiRC", "fever": "FEVER"}
TITLES = {
    "inter-rat": "Inter_RAT",
    "3player": "3PLAYER",
    "hardkuma": "HardKuma",
    "attention": "Attention",
    "rnp-reinforce": "RNP by REINFORCE",
    "ver-fr": "VER + FR",
    "ver-dr": "VER + DR",
    "ver-mgr": "VER + MGR",
}


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
    for masks of all words above a threshold that selects ``share`` of dev."""
    scored = {name: scores_of(game, split) for name, split in corpus.splits().items() if name != "train"}
    curve = [at_share(game, corpus.test, scored["test"], s) for s in SHARES]
    values = torch.cat([s[b.selectable] for s, b in zip(scored["dev"], corpus.dev.batches(256), strict=True)])
    threshold = float(values.kthvalue(max(1, round((1 - share) * len(values))))[0])
    chosen = [(s > threshold).to(s) for s in scored["test"]]
    return {
        "curve": {"share": list(SHARES)} | {k: [c[k] for c in curve] for k in ("sparsity", "f1", "accuracy")},
        "matched": {"threshold": _short(threshold), **tallied(game, corpus.test, chosen)},
    }


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


# the page


def at_alpha(row: dict[str, Any]) -> float:
    """F1 of the best alpha of every text, at the epoch that dev chose."""
    return row["test"]["chosen"]["top_k"]["f1"]


def against(rows: list[dict[str, Any]], method: str, value=at_alpha, **about: Any) -> tuple[float, float, float] | None:
    """A method minus RNP, seed by seed: the mean and its bootstrap interval (see `results.interval`), in points. None
    where they have no seed in common."""
    pair = [{r["seed"]: value(r) for r in rows if r["method"] == m and _is(r, about)} for m in ("rnp", method)]
    seeds = sorted(pair[0].keys() & pair[1].keys())
    return interval([100 * (pair[1][s] - pair[0][s]) for s in seeds]) if seeds else None


def _is(row: dict[str, Any], about: dict[str, Any]) -> bool:
    return row["status"] == "finished" and all(row.get(name) == value for name, value in about.items())


def corpus_table(rows: list[dict[str, Any]]) -> str:
    """A row a method, in Markdown: F1 with masks of equal size, and with the method's own."""
    head = (
        "| method | seeds | F1, top-k | minus RNP | F1 macro | Acc | F1, threshold | S | F1, own masks | S | time |",
        "|" + "---|" * 11,
    )
    usual = [r["provenance"]["seconds"] for r in rows if r["method"] == "rnp"]
    lines = []
    for method in dict.fromkeys(row["method"] for row in rows):
        all_mine = [r for r in rows if r["method"] == method]
        mine = [r for r in all_mine if r["status"] == "finished"]
        stopped = f" ({len(all_mine) - len(mine)} stopped)" if len(mine) < len(all_mine) else ""
        tests = [r["test"]["chosen"] for r in mine]
        cells = [title(method), f"{len(mine)}{stopped}", cell([t["top_k"]["f1"] for t in tests]), _apart(rows, method)]
        cells += [cell([t["top_k"][k] for t in tests]) for k in ("f1_macro", "accuracy")]
        cells += [cell([r["matched"][k] for r in mine]) for k in ("f1", "sparsity")]
        cells += [cell([t["argmax"][k] for t in tests]) for k in ("f1", "sparsity")]
        took = [r["provenance"]["seconds"] for r in mine]
        cells.append(f"{statistics.fmean(took) / statistics.fmean(usual):.1f}" if took and usual else "–")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*head, *lines]) + "\n"


def _apart(rows: list[dict[str, Any]], method: str) -> str:
    found = against(rows, method) if method != "rnp" else None
    return "" if found is None else f"{found[0]:+.1f} [{found[1]:.1f}, {found[2]:.1f}]"


def title(method: str) -> str:
    """A method's name as the field writes it."""
    return TITLES.get(method, method.upper())


def report(made: dict[str, Any]) -> str:
    """The record as the page that the book includes."""
    rows = made["rows"]
    parts = [f"{made_by(made, rows)}\n", not_recorded(made, jobs())]
    for corpus in dict.fromkeys(row["corpus"] for row in rows):
        parts += [
            f"**{NAMES.get(corpus, corpus.title())}**\n",
            corpus_table([r for r in rows if r["corpus"] == corpus]),
        ]
    return "\n".join(parts)


STUDY = Study("benchmark", jobs, measure, report)
