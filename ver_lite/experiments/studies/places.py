"""Where the gold words of the benchmark's corpora stand, and the scores of rules that read no word. It makes
data/results/places.{json,md} and trains no game. Lesson 09 and the benchmark's page show it beside the methods.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ver_lite.corpora.core import Split
from ver_lite.experiments.jobs import Job, Study, corpus_of, not_recorded
from ver_lite.experiments.results import short
from ver_lite.experiments.studies import benchmark
from ver_lite.experiments.studies.benchmark_page import name_of
from ver_lite.measures.baselines import first_words, gold_by_place, random_words
from ver_lite.system import machine, markdown

RULES = {
    "random words": random_words,
    "the first words": first_words,
    "the last words": lambda *split: first_words(*split, last=True),
}
CUT = 512  # where BERT's texts end; the benchmark's end at 256 words
LONG = ("multirc", "fever")


def jobs() -> list[Job]:
    """A job for each corpus of the benchmark, named after it, with the share of its first game; and two jobs whose
    texts are cut later, as for the paper's players of Table 3."""
    first: dict[str, Job] = {}
    for job in benchmark.jobs():
        first.setdefault(job.corpus["name"], job)
    made = [replace(job, name=name, about={}) for name, job in first.items()]
    later = [replace(job, corpus={**job.corpus, "max_length": CUT}) for job in made if job.name in LONG]
    return made + [replace(job, name=f"{job.name}, {CUT} words") for job in later]


def measure(job: Job) -> dict[str, Any]:
    """Count gold words in a corpus's test split, and return its row: F1 of each of :data:`RULES` at the benchmark's
    shares, and the share of gold in each tenth of the texts."""
    gold, selectable = annotated(corpus_of(job).test)
    config = job.config()
    shares = {"asked": config.alpha, **{f"{100 * share:g} %": share for share in benchmark.SHARES}}
    return {
        "name": job.name,
        "corpus": job.corpus["name"],
        "config": {k: v for k, v in config.as_dict().items() if k != "corpus"},
        "texts": len(gold),
        "mean_length": short(float(selectable.sum(1).float().mean())),
        "f1": {rule: short({at: f1(gold, selectable, s) for at, s in shares.items()}) for rule, f1 in RULES.items()},
        "gold_by_place": short(gold_by_place(gold, selectable).tolist()),
        "provenance": machine.provenance(torch.device("cpu")),
    }


def annotated(split: Split) -> tuple[Tensor, Tensor]:
    """``gold`` and ``selectable`` (bool [N, T]) of a split's annotated texts."""
    batch = split.batch(torch.arange(len(split))[split.annotated.cpu()])
    return batch.gold, batch.selectable


def report(made: dict[str, Any]) -> str:
    """The record in two tables."""
    rows = made["rows"]
    rules = [
        [title_of(row), f"{row['mean_length']:.0f}", f"{100 * row['config']['alpha']:g} %"]
        + [f"{100 * row['f1'][rule]['asked']:.1f}" for rule in RULES]
        for row in rows
    ]
    tenths = [[title_of(row), *(f"{100 * share:.0f}" for share in row["gold_by_place"])] for row in rows]
    commits = ", ".join(sorted({str(row["provenance"]["commit"]) for row in rows}))
    return (
        f"Counted in the test splits, nothing trained; commit {commits}; command "
        f"`{made['command']} places`.\n\n{not_recorded(made, jobs())}"
        f"F1 of rules that read no word, where a mask takes the share that the benchmark asks for:\n\n"
        f"{markdown.table(['corpus', 'words a text', 'share', *RULES], rules)}\n"
        "Gold words in each tenth of the texts, percent:\n\n"
        f"{markdown.table(['corpus', 'first', *map(str, range(2, 10)), 'last'], tenths)}"
    )


def title_of(row: dict[str, Any]) -> str:
    """A row's name as a table shows it."""
    return row["name"].replace(row["corpus"], name_of(row["corpus"]))


STUDY = Study("places", jobs, measure, report)
