"""The review world as a corpus, in three sizes, and the sample of it in `data/reviews/`.

`lesson` trains on a laptop in about a minute, `tiny` is for tests, `paper` has the counts, lengths and gold
share of Table 4 for any of its six corpora. The texts are beer reviews throughout: `like="hotel-location"`
takes over Hotel-Location's size, lengths and gold share, not its language. The defaults of a world were
chosen so that it can be learned and is not trivial. They are settings, not results; every card lists
them. See :class:`~ver_lite.corpora.review_world.ReviewWorld` for the knobs and the oracle.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ver_lite.corpora.assembly import describe
from ver_lite.corpora.core import Corpus, CorpusError, Split
from ver_lite.corpora.review_words import CAPITALS
from ver_lite.corpora.review_world import ReviewWorld
from ver_lite.corpora.review_writing import Reviews
from ver_lite.system.files import write_text

CLASSES = ("negative", "positive")
USUAL = {"size": "lesson", "like": None, "seed": 0, "world": None}
SAMPLE_SIZE = 24


class Like(NamedTuple):
    """A row of Table 4: (positive, negative, mean length) of each split, the test set's gold share S.

    `target` is the aspect of a beer review that is used for the row's aspect, since Hotel's aspects do not occur in
    one.
    """

    train: tuple[int, int, int]
    dev: tuple[int, int, int]
    test: tuple[int, int, int]
    gold_share: float
    target: str


TABLE_4 = {
    "beer-appearance": Like((16891, 16891, 141), (6628, 2103, 145), (923, 13, 126), 0.185, "appearance"),
    "beer-aroma": Like((15169, 15169, 144), (6579, 2218, 147), (848, 29, 127), 0.156, "aroma"),
    "beer-palate": Like((13652, 13652, 147), (6740, 2000, 149), (785, 20, 128), 0.124, "palate"),
    "hotel-location": Like((7236, 7236, 151), (906, 906, 152), (104, 96, 155), 0.085, "appearance"),
    "hotel-service": Like((50742, 50742, 154), (6344, 6344, 153), (101, 99, 152), 0.115, "aroma"),
    "hotel-cleanliness": Like((75049, 75049, 144), (9382, 9382, 144), (99, 101, 147), 0.089, "palate"),
}

#: texts (positive, negative) of each split, and what a size changes in the world
SIZES: dict[str, tuple[dict[str, tuple[int, int]], dict[str, Any]]] = {
    "tiny": (
        {"train": (24, 24), "dev": (12, 12), "test": (12, 12)},
        {"phrases": 1, "adjectives": 1, "filler": 0, "types": 3, "frames": 2},
    ),
    "lesson": ({"train": (400, 400), "dev": (150, 150), "test": (150, 150)}, {}),
}


#: worlds with a name, as knobs. "rivals" was chosen, on seeds 101 to 103, so that what the paper reports can be seen on
#: a laptop: two other aspects nearly give the label away with two words each; the book's page "Exploration" shows what
#: other knobs give.
WORLDS: dict[str, dict[str, Any]] = {
    "rivals": {
        "aspects": ("appearance", "aroma", "taste", "palate", "overall"),
        "rho": {"aroma": 0.95, "taste": 0.95, "palate": 0.5, "overall": 0.5},
        "types": {"target": 20, "others": 2},
        "reliability": {"target": 0.9, "others": 0.95},
        "phrases": 2,
        "adjectives": 2,
        "style": "notes",
        "filler": 0,
    },
}


def make_reviews(
    size: str = "lesson", *, like: str | None = None, seed: int = 0, world: str | None = None, **knobs: Any
) -> Corpus:
    """The review world as a corpus. Every text has a gold rationale, which no method sees; `world` is set.

    `size` is "tiny" (48 training texts of 19 words), "lesson" (800 of 45) or "paper" (Table 4's row `like`,
    by default "beer-appearance"). `seed` is the data's seed: training seeds share one corpus. `world` names
    one of :data:`WORLDS` ("rivals"; at "paper" size without its `phrases` and `filler`). `knobs` are those of
    :class:`ReviewWorld` and replace what size or world would set; at "paper" size, giving `phrases` or `filler`
    gives up the match with Table 4. The splits are drawn from (`seed`, 1), (`seed`, 2), (`seed`, 3).
    Raises CorpusError for an unknown size, row or knob, and for knobs that cannot reach the row.
    """
    asked = {"size": size, "like": like, "seed": seed, "world": world}
    asked = {name: value for name, value in asked.items() if value != USUAL[name]} | knobs
    if world is not None and world not in WORLDS:
        raise CorpusError(f"there is no world {world!r}", hint=f"Worlds: {', '.join(WORLDS)}.")
    named = WORLDS[world] if world is not None else {}
    knobs = {k: v for k, v in named.items() if size != "paper" or k not in ("phrases", "filler")} | knobs
    known = [f.name for f in fields(ReviewWorld)]
    if unknown := sorted(set(knobs) - set(known)):
        raise CorpusError(f"the review world has no knob {unknown[0]!r}", hint=f"Knobs: {', '.join(known)}.")
    if size == "paper":
        like = "beer-appearance" if like is None else like
        worlds, counts = _paper(like, knobs)
    elif size not in SIZES:
        raise CorpusError(f"there is no size {size!r}", hint="Sizes: tiny, lesson, paper.")
    elif like is not None:
        raise CorpusError(f"like={like!r} needs size='paper', not {size!r}")
    else:
        counts, settings = SIZES[size]
        worlds = dict.fromkeys(counts, ReviewWorld(**{**settings, **knobs}))
    splits = {
        part: _split(worlds[part], worlds[part].generate(sum(counts[part]), (seed, i), positives=counts[part][0]))
        for i, part in enumerate(("train", "dev", "test"), start=1)
    }
    made = worlds["train"]
    card = _card(size, like, seed, made, {part: w.filler for part, w in worlds.items()}, splits)
    card["loaded_with"] = {"name": "reviews", **asked}
    return Corpus(card["name"], **splits, vocabulary=made.vocabulary, classes=CLASSES, card=card, world=made)


def _paper(like: str, knobs: dict[str, Any]) -> tuple[dict[str, ReviewWorld], dict[str, tuple[int, int]]]:
    """A world for each split: as many phrases and neutral sentences as the row of Table 4 asks for.

    The target's phrases give the gold share of the test set, the other aspects have 2.5 phrases, filler does
    the rest. The splits' worlds differ in the filler only, which the oracle does not depend on.
    """
    if like not in TABLE_4:
        raise CorpusError(f"Table 4 has no row {like!r}", hint=f"Rows: {', '.join(TABLE_4)}.")
    row = TABLE_4[like]
    world = ReviewWorld(**{"target": row.target, **knobs})
    if "phrases" not in knobs:
        words = row.gold_share * row.test[2]
        needed = words / world.templates.mean_phrase[world.aspects.index(world.target)]
        if needed < 1:
            raise CorpusError(
                f"one phrase of this world is longer than the {words:.1f} gold words of {like}",
                hint="Lower adjectives.",
            )
        world = replace(world, phrases={"target": needed, "others": 2.5})
    splits = {"train": row.train, "dev": row.dev, "test": row.test}
    worlds = dict.fromkeys(splits, world)
    if "filler" not in knobs:
        segments = replace(world, filler=0).expected_length
        for part, (_, _, length) in splits.items():
            worlds[part] = replace(world, filler=(length - segments) / world.templates.mean_sentence)
    return worlds, {part: (positive, negative) for part, (positive, negative, _) in splits.items()}


def _split(world: ReviewWorld, made: Reviews) -> Split:
    split = Split.from_arrays(made.tokens, made.lengths, made.labels, made.gold)
    return replace(split, environments=environments(world, made))


def environments(world: ReviewWorld, made: Reviews) -> Tensor | None:
    """The environment of each review, int64 [n]: 0 where the sentiments of all other aspects are the label, 1 where one
    or more are not. None in a world without other aspects.

    The environment is independent of the label, also once the target's words are known. What the words of another
    aspect say about the label differs between the environments. So an invariant rationale consists of the target's
    words.
    """
    others = [i for i, aspect in enumerate(world.aspects) if aspect != world.target]
    if not others:
        return None
    return torch.from_numpy((made.sentiment[:, others] != made.labels[:, None]).any(1)).long()


def _card(
    size: str,
    like: str | None,
    seed: int,
    world: ReviewWorld,
    filler: dict[str, float],
    splits: dict[str, Split],
) -> dict:
    return {
        "name": "reviews" if like is None else f"reviews like {like}",
        "source": "synthetic, written by ver_lite.corpora.reviews",
        "licence": "CC0 1.0",
        "citation": "the ver-lite authors; no human wrote these reviews",
        "size": size,
        "like": like,
        "seed": seed,
        "knobs": world.knobs(),
        "filler": filler,
        "splits": {part: describe(split, CLASSES) for part, split in splits.items()},
        "vocabulary": len(world.vocabulary),
        "notes": ["gold rationale planted: all words of the target aspect's phrases", "knobs chosen by hand"],
    }


def read_aloud(words: Sequence[str]) -> str:
    """The words as a person would write them: sentences with capitals, no space before punctuation."""
    named = [word.capitalize() if word in CAPITALS else word for word in words]
    text = " ".join(named).replace(" ,", ",").replace(" .", ".")
    return ". ".join(s[:1].upper() + s[1:] for s in text.split(". "))


def sample(count: int = SAMPLE_SIZE) -> list[dict[str, Any]]:
    """The first `count` training texts of the lesson corpus, seed 0, as records of JSON Lines.

    Each of the "tokens" has a flag in "rationale" and a name or null in "aspect"; "aloud" is for people.
    """
    settings = SIZES["lesson"]
    world, (positive, negative) = ReviewWorld(**settings[1]), settings[0]["train"]
    made = world.generate(positive + negative, (0, 1), positives=positive)
    records = []
    for i, n in enumerate(made.lengths[:count]):
        owners = [None if a < 0 else world.aspects[a] for a in made.aspect[i, :n]]
        words = world.vocabulary.decode(made.tokens[i, :n])
        records.append(
            {
                "id": f"lesson-train-{i}",
                "aloud": read_aloud(words),
                "label": CLASSES[made.labels[i]],
                "tokens": words,
                "rationale": [int(g) for g in made.gold[i, :n]],
                "aspect": owners,
            }
        )
    return records


def write_sample(path: str | Path) -> Path:
    """Write :func:`sample` to `path` as JSON Lines, whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(json.dumps(record) + "\n" for record in sample()))
    return path


if __name__ == "__main__":
    print(write_sample(sys.argv[1] if len(sys.argv) > 1 else "data/reviews/sample.jsonl"))
