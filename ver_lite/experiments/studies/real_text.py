"""Data cleaning and faithfulness on real text: data/results/real-text.{json,md}.

Does selection help a classifier that is trained afterwards, and what is faithfulness worth? Both questions are asked of
the same games; lesson 10 draws the answers.

* *Data cleaning* (the paper's §2): a classifier is trained only on the words that a game selected. It is tested at
  home, on the same corpus, and elsewhere: movies for tweets and the reverse, and for the review world those worlds in
  which the other aspects agree with the label less often. It is compared with classifiers of whole texts, of gold
  words, of random words, and of the words that RNP left over.
* *Faithfulness* of each game, and how sufficient the same words are for classifiers that were trained on others.

A row is a source and a seed: two games, and a classifier for each way to select.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from ver_lite import masks
from ver_lite.corpora import Corpus, load_corpus
from ver_lite.corpora.core import Split, Vocabulary
from ver_lite.experiments.jobs import Job, Study, not_recorded
from ver_lite.experiments.results import cell, find, interval, made_by, short
from ver_lite.measures.evaluation import evaluate, play_through
from ver_lite.measures.faithfulness import faithfulness
from ver_lite.measures.mask_shape import read_shapes
from ver_lite.system import machine, markdown
from ver_lite.training.cleaning import accuracy, cleaned, sufficiency, teach
from ver_lite.training.config import Config
from ver_lite.training.game import word_vectors
from ver_lite.training.runs import Run
from ver_lite.training.training import train


@dataclass(frozen=True)
class Home:
    """A corpus on which games and classifiers are trained; ``epochs``: of a classifier; ``seeds``: of both."""

    title: str
    corpus: dict[str, Any]
    settings: dict[str, Any]
    epochs: int
    seeds: tuple[int, ...]


# Masks take exactly the alpha best words of every text, so that all ways to select, but gold and what is left over,
# select equally much. Settings were chosen on seed 101, by dev accuracy of RNP and of the classifier of whole texts.
COMMON = {"encoder": "conv", "hidden": 32, "dimension": 50, "protocol": {"evaluation": "top_k"}, "lambda1": 1.0}
LONGEST, TWEETS = 128, 4000  # words of a movie review, training tweets: they keep the study small
GLOVE = {"vectors": "glove", "learning_rate": 2e-3}
LARGER = {"hidden": 64, "dropout": 0.5, "learning_rate": 1e-3}  # movies are few long texts, soon memorized
RHOS = (0.8, 0.65, 0.5, 0.35, 0.2)  # how often the other aspects agree with the label: at home, then elsewhere
HOMES = {
    "tweets": Home(
        "Tweets",
        {"name": "tweets", "max_length": LONGEST},
        {"alpha": 0.35, "epochs": 10, "batch_size": 64, "lambda2": 0.01, **GLOVE},
        10,
        (1, 2, 3),
    ),
    "movies": Home(
        "Movies",
        {"name": "movies", "max_length": LONGEST},
        {"alpha": 0.10, "epochs": 6, "batch_size": 16, "lambda2": 0.002, **GLOVE, **LARGER},
        8,
        (1, 2, 3),
    ),
    "reviews": Home(
        "Review world",
        {"name": "reviews", "rho": RHOS[0]},
        {"alpha": 0.30, "epochs": 30, "batch_size": 32, "lambda2": 0.01, "learning_rate": 2e-3},
        15,
        (1, 2, 3, 4, 5),
    ),
}
GAMES: dict[str, dict[str, Any]] = {"rnp": {"method": "rnp"}, "ver": {"method": "ver", "perturbation": 0.3}}
WAYS = {
    "whole": "whole texts",
    "gold": "gold words",
    "rnp": "RNP's words",
    "ver": "VER's words",
    "random": "random words",
    "rest": "what RNP left over",
}
TAUGHT, WORDS = ("whole", "rnp", "random", "gold"), ("rnp", "random", "gold")  # for which sufficiency is measured


def jobs() -> list[Job]:
    """Every row, first seeds first. The job's config is RNP's."""
    made = []
    for seed in sorted({seed for source in HOMES.values() for seed in source.seeds}):
        for name, source in HOMES.items():
            settings = {**COMMON, **source.settings, **GAMES["rnp"], "seed": seed}
            if seed in source.seeds:
                made.append(Job(f"{name}/{seed}", source.corpus, settings, {"source": name, "seed": seed}))
    return made


@lru_cache(maxsize=1)
def tweets_and_movies() -> dict[str, Corpus]:
    """Both corpora in one vocabulary: the words that their training texts have at least twice."""
    both = {name: load_corpus(name, max_length=LONGEST) for name in ("tweets", "movies")}
    kept = {name: {part: split.texts or [] for part, split in corpus.splits().items()} for name, corpus in both.items()}
    kept["tweets"]["train"] = kept["tweets"]["train"][:: len(kept["tweets"]["train"]) // TWEETS][:TWEETS]
    words = Vocabulary.build([text for parts in kept.values() for text in parts["train"]], min_count=2)
    return {
        name: replace(
            corpus,
            vocabulary=words,
            **{part: Split.encode(texts, words, LONGEST) for part, texts in kept[name].items()},
        )
        for name, corpus in both.items()
    }


def places(source: str) -> tuple[Corpus, dict[str, Split]]:
    """A source's corpus, and the test splits at home (first) and elsewhere, by name."""
    if source == "reviews":
        worlds = {f"{rho:g}": load_corpus("reviews", rho=rho) for rho in RHOS}
        return worlds[f"{RHOS[0]:g}"], {rho: world.test for rho, world in worlds.items()}
    corpora = tweets_and_movies()
    return corpora[source], {name: corpora[name].test for name in sorted(corpora, key=lambda name: name != source)}


def measure(job: Job) -> dict[str, Any]:
    """Train the two games and the classifiers of a row, and return it."""
    began, config, source = time.perf_counter(), job.config(), HOMES[job.about["source"]]
    corpus, tests = places(job.about["source"])
    splits = {"train": corpus.train, "dev": corpus.dev, **tests}
    home = tests[next(iter(tests))]
    given = word_vectors(config, corpus.vocabulary) if config.vectors else None
    runs = {
        name: train(corpus, config.but(**game), device="cpu", progress=False, vectors=given)
        for name, game in GAMES.items()
    }
    words = {at: words_of(runs, split, config) for at, split in splits.items()}
    at_home = words[next(iter(tests))]
    vectors = runs["rnp"].game.selector.embedding.weight.detach()
    readers = {
        way: teach(*(cleaned(splits[at], words[at][way]) for at in ("train", "dev")), vectors, config, source.epochs)
        for way in WAYS
    }
    punctuation = torch.tensor([not any(c.isalnum() for c in word) for word in corpus.vocabulary.words])
    found = {
        "texts": {at: len(split) for at, split in splits.items()},
        "games": {name: _game(run, home) for name, run in runs.items()},
        "readers": {
            way: {
                at: {"whole": accuracy(reader, split), "own": accuracy(reader, cleaned(split, words[at][way]))}
                for at, split in tests.items()
            }
            for way, reader in readers.items()
        },
        "sufficiency": {
            taught: {way: sufficiency(readers[taught], home, at_home[way]) for way in WORDS} for taught in TAUGHT
        },
        "differ": float(masks.non_overlap(at_home["rnp"].float(), at_home["ver"].float()).mean()),
        "punctuation": {
            way: float(punctuation[home.tokens[mask].long()].float().mean()) for way, mask in at_home.items()
        },
    }
    row = {"name": job.name, **job.about, "config": {k: v for k, v in config.as_dict().items() if k != "corpus"}}
    about = {"seconds": round(time.perf_counter() - began, 1), **machine.provenance(torch.device("cpu"))}
    return row | short(found) | {"provenance": about}


def words_of(runs: dict[str, Run], split: Split, config: Config) -> dict[str, Tensor]:
    """The words that each way selects, by its name: bool [N, T]. Random words are as many as a game's."""
    played = {name: play_through(run.game, split) for name, run in runs.items()}
    selectable = played["rnp"].selectable
    noise = torch.Generator().manual_seed(config.seed)
    random = masks.random_mask(selectable, config.alpha, generator=noise) > 0
    found = {"whole": selectable, "gold": split.gold, "random": random, "rest": selectable & ~played["rnp"].mask}
    return found | {name: moves.mask for name, moves in played.items()}


def _game(run: Run, home: Split) -> dict[str, Any]:
    """Scores and faithfulness of a game on the test split of its home, and a probe of its masks' shapes."""
    scores = evaluate(run.game, home).as_dict()
    keep = ("accuracy", "f1", "sparsity", "gold_accuracy", "majority")
    shapes = dict(zip(("label", "decision"), map(asdict, read_shapes(play_through(run.game, home))), strict=True))
    about = {"status": run.status, "epoch": run.best["epoch"], "seconds": run.provenance["seconds"]}
    return (
        about | {k: scores[k] for k in keep} | {"faithfulness": asdict(faithfulness(run.game, home)), "shape": shapes}
    )


# the page


def share(rows: list[dict[str, Any]], source: str, way: str, place: str, shown: str = "whole") -> list[float]:
    """Accuracy, by seed, of the classifiers that were trained on ``way``'s words of ``source``, on the tests of
    ``place``: shown "whole" texts there, or the words that the same way selects ("own")."""
    return [row["readers"][way][place][shown] for row in find(rows, source=source)]


def gain(rows: list[dict[str, Any]], source: str, way: str, place: str, shown: str = "whole") -> list[float]:
    """How much more accurate, by seed, such a classifier is than one that was trained on whole texts and reads them."""
    usual = share(rows, source, "whole", place)
    return [mine - theirs for mine, theirs in zip(share(rows, source, way, place, shown), usual, strict=True)]


def made(record: dict[str, Any]) -> str:
    """One line: how many rows and what each is, which seeds, where, how long, which commit, which command."""
    rows = record["rows"]
    return made_by(record, rows).replace(f"{len(rows)} games", f"{len(rows)} rows of two games and six classifiers", 1)


def report(record: dict[str, Any]) -> str:
    """The record as tables in Markdown."""
    rows = record["rows"]
    there = [name for name in HOMES if any(row["source"] == name for row in rows)]
    return (
        f"{made(record)}\n\n{not_recorded(record, jobs())}"
        "**Classifiers that were taught on some of the words.** Accuracy on test texts, percent, mean (standard "
        "deviation) over seeds; *gain*: over the classifier of whole texts on the same test, points, with the 95 % "
        "interval of the seeds.\n\n"
        f"{_readers_table(rows, there)}\n"
        "**The games.** Test split at home, top-k masks; percent, and for faithfulness probability. *Shape*: nats of "
        "the label, and of the game's own decision, that a logistic regression reads from the masks' shapes.\n\n"
        f"{_games_table(rows, there)}\n"
        "**Sufficiency of the same words for different classifiers.** P(ŷ | text) − P(ŷ | words), at home; near zero "
        "is called sufficient.\n\n"
        f"{_sufficiency_table(rows, there)}\n"
        "**Punctuation**, percent of the words of each kind, and how much the words of RNP and VER differ (Eq. 7).\n\n"
        f"{_words_table(rows, there)}"
    )


def _readers_table(rows: list[dict[str, Any]], sources: list[str]) -> str:
    lines = []
    for source in sources:
        for place in find(rows, source=source)[0]["readers"]["whole"]:
            for way, title in WAYS.items():
                cells = [f"{HOMES[source].title} → {place}", title]
                for shown in ("whole", "own"):
                    mean, low, high = (100 * v for v in interval(gain(rows, source, way, place, shown)))
                    cells.append(cell(share(rows, source, way, place, shown)))
                    cells.append("" if way == "whole" else f"{mean:+.1f}, {low:+.1f} to {high:+.1f}")
                lines.append(cells)
    return markdown.table(
        ["corpus → tested on", "taught on", "shown whole texts", "gain", "shown such words", "gain"], lines
    )


def _games_table(rows: list[dict[str, Any]], sources: list[str]) -> str:
    lines = []
    for source in sources:
        for name in GAMES:
            games = [row["games"][name] for row in find(rows, source=source)]
            found = [f"{HOMES[source].title}, {name.upper()}"]
            found += [cell([game[key] for game in games]) for key in ("sparsity", "accuracy", "f1")]
            for key in ("comprehensiveness", "sufficiency"):
                each = (key, f"{key}_random", f"aopc_{key}")
                found += [f"{_mean([game['faithfulness'][one] for game in games]):.3f}" for one in each]
            for what in ("label", "decision"):
                found.append(f"{_mean([game['shape'][what]['read'] for game in games]):+.3f}")
            lines.append(found)
    measures = [f"{n}{more}" for n in ("comprehensiveness", "sufficiency") for more in ("", ", random words", ", AOPC")]
    return markdown.table(["game", "S", "Acc", "F1", *measures, "shape: label", "shape: decision"], lines)


def _sufficiency_table(rows: list[dict[str, Any]], sources: list[str]) -> str:
    lines = []
    for source in sources:
        found = find(rows, source=source)
        for taught in TAUGHT:
            cells = [f"{_mean([row['sufficiency'][taught][way] for row in found]):+.3f}" for way in WORDS]
            lines.append([HOMES[source].title, WAYS[taught], *cells])
    return markdown.table(["corpus", "taught on", *(WAYS[way] for way in WORDS)], lines)


def _words_table(rows: list[dict[str, Any]], sources: list[str]) -> str:
    lines = []
    for source in sources:
        found = find(rows, source=source)
        cells = [cell([row["punctuation"][way] for row in found]) for way in WAYS]
        lines.append([HOMES[source].title, *cells, cell([row["differ"] for row in found])])
    return markdown.table(["corpus", *WAYS.values(), "RNP and VER differ"], lines)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


STUDY = Study("real-text", jobs, measure, report)
