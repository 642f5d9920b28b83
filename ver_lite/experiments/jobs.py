"""A job: a corpus and a config under a name; and a study: the jobs of one record, and how each is measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ver_lite.corpora import Corpus, load_corpus
from ver_lite.corpora.core import Split
from ver_lite.experiments.results import FOLDER
from ver_lite.measures.evaluation import evaluate
from ver_lite.methods.base import EVALUATIONS, Method
from ver_lite.training.config import Config
from ver_lite.training.runs import Run

SEEDS = (1, 2, 3, 4, 5)
Answer = dict[str, Any] | str  # the result of a job: its row, or one line that says why there is none


@dataclass(frozen=True)
class Job:
    """One row to be measured. ``corpus``: the arguments of ``load_corpus``. ``settings``: those of a Config. ``about``:
    the columns by which a reader of the record finds the row."""

    name: str
    corpus: dict[str, Any]
    settings: dict[str, Any]
    about: dict[str, Any]

    def config(self) -> Config:
        """The config that the code would run today."""
        return Config.make({**self.settings, "corpus": self.corpus})


@dataclass(frozen=True)
class Study:
    """One study: ``jobs()`` in the order of the record, ``measure(job)`` → its row, ``report(record)`` → a page in
    Markdown, ``pages(record)`` → further pages by name.

    ``spec``: the file of the sweep whose runs are the jobs, if there is one. ``ver-lite sweep`` of that file measures
    the runs that it has trained; ``measure(job, runs=FOLDER)`` then finds the run of the job below that folder.
    """

    name: str
    jobs: Callable[[], list[Job]]
    measure: Callable[..., Answer]
    report: Callable[[dict[str, Any]], str]
    pages: Callable[[dict[str, Any]], dict[str, str]] = lambda made: {}
    spec: Path | None = None

    @property
    def path(self) -> Path:
        """The file of the record."""
        return FOLDER / f"{self.name}.json"


def corpus_of(job: Job) -> Corpus:
    """The job's corpus; the last one made is kept."""
    return _corpus(json.dumps(job.corpus))


@lru_cache(maxsize=1)
def _corpus(spec: str) -> Corpus:
    options = json.loads(spec)
    return load_corpus(options.pop("name"), **options)


def tested(run: Run, split: Split) -> dict[str, dict[str, dict[str, Any]]]:
    """Scores on ``split`` for every kind of mask, of the epoch with the best accuracy on dev and of the last epoch."""
    games = {"chosen": run.game, "last": run.last}
    return {name: _ways(game, split) for name, game in games.items()}


def _ways(game: Method, split: Split) -> dict[str, dict[str, Any]]:
    if game.ranks_only:  # one kind of mask, played once, because an explanation may take minutes
        return dict.fromkeys(EVALUATIONS, evaluate(game, split, how="top_k").as_dict())
    return {how: evaluate(game, split, how=how).as_dict() for how in EVALUATIONS}


def not_recorded(made: dict[str, Any], jobs: Iterable[Job]) -> str:
    """A paragraph that names the jobs a record lacks; empty when it is whole."""
    recorded = {row["name"] for row in made["rows"]}
    missing = [job.name for job in jobs if job.name not in recorded]
    return f"Not recorded: {', '.join(missing)}.\n\n" if missing else ""
