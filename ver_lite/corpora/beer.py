"""BeerAdvocate as Lei, Barzilay and Jaakkola (2016) distributed it.

``reviews.aspect{0,1,2}.{train,heldout}.txt.gz`` (decorrelated, one set an aspect) or
``reviews.260k.{train,heldout}.txt.gz`` (as written): five scores in [0, 1] separated by spaces, a tab, the
tokens. ``annotations.json``: a JSON object a line, ``x`` tokens, ``y`` five scores, ``"0"`` to ``"4"`` lists
of [start, end). The data were withdrawn at BeerAdvocate's request; this reader is tested on files of the same
form.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ver_lite.corpora.assembly import balanced
from ver_lite.corpora.core import CorpusError, Text
from ver_lite.corpora.reading import json_objects, number_in, plain_or_gz, read_lines, span_in

ASPECTS = ("appearance", "aroma", "palate")
CLASSES = ("negative", "positive")
NEGATIVE, POSITIVE = 0.4, 0.6
SCORES = 5


def read_beer(
    folder: str | Path,
    aspect: str | int = "appearance",
    *,
    correlated: bool = False,
    balance: bool = True,
    seed: int = 0,
) -> tuple[dict[str, list[Text]], tuple[str, ...], dict[str, Any]]:
    """The texts of one Beer ``aspect`` (a name of ASPECTS or its number) from ``folder``; files plain or .gz.

    Scores <= 0.4 are negative, >= 0.6 positive, the rest is dropped. ``correlated`` reads the 260k files
    instead of the decorrelated ones. ``balance`` cuts train to equal classes (a subsample fixed by ``seed``).
    dev is the heldout file, test the annotated reviews with a rationale for the aspect. Raises CorpusError
    with file and line.
    """
    number = aspect_number(aspect, ASPECTS)
    folder = Path(folder)
    stem = "reviews.260k" if correlated else f"reviews.aspect{number}"
    dropped: dict[str, Any] = {}
    splits = {}
    for split, part in (("train", "train"), ("dev", "heldout")):
        splits[split], dropped[split] = _reviews(_find(folder, f"{stem}.{part}.txt.gz"), number)
    splits["test"], dropped["test"] = _annotated(_find(folder, "annotations.json"), number)
    before = len(splits["train"])
    if balance:
        splits["train"] = balanced(splits["train"], seed)
    facts = {
        "aspect": ASPECTS[number],
        "correlated": correlated,
        "balanced": {"train": balance, "left_out": before - len(splits["train"]), "seed": seed},
        "dropped": dropped,
        "notes": [f"scores <= {NEGATIVE} negative, >= {POSITIVE} positive, the rest dropped"],
    }
    return splits, CLASSES, facts


def aspect_number(aspect: str | int, aspects: tuple[str, ...]) -> int:
    """The position of ``aspect``, a name in any case or a number; CorpusError lists the right ones."""
    names = [name.lower() for name in aspects]
    if str(aspect).lower() in names:
        return names.index(str(aspect).lower())
    if str(aspect) in map(str, range(len(aspects))):
        return int(aspect)
    raise CorpusError(f"no aspect {aspect!r}", hint=f"There are {', '.join(aspects)}.")


def _find(folder: Path, name: str) -> Path:
    found = plain_or_gz(folder, name)
    if found is None:
        raise CorpusError("no such file, plain or .gz", folder / name, hint="See: ver-lite fetch beer.")
    return found


def _label(score: float) -> int | None:
    return 0 if score <= NEGATIVE else 1 if score >= POSITIVE else None


def _reviews(path: Path, aspect: int) -> tuple[list[Text], dict[str, int]]:
    """The texts of a file of scores and tokens, and how many were neutral or empty."""
    texts = []
    dropped = {"neutral": 0, "empty": 0}
    for number, line in read_lines(path):
        scores, tab, review = line.partition("\t")
        if not tab:
            raise CorpusError("one column, expected two: five scores, a tab, the tokens", path, number)
        if len(scores.split()) != SCORES:
            raise CorpusError(f"{len(scores.split())} scores, expected {SCORES} before the tab", path, number)
        score = [number_in(s, "a score", path, number) for s in scores.split()][aspect]
        words = tuple(review.split())
        label = _label(score)
        if not words or label is None:
            dropped["neutral" if words else "empty"] += 1
            continue
        texts.append(Text(words, label, id=f"{path.name}:{number}"))
    return texts, dropped


def _annotated(path: Path, aspect: int) -> tuple[list[Text], dict[str, int]]:
    """The annotated texts with a rationale for ``aspect``, and how many were neutral or had none."""
    texts = []
    dropped = {"neutral": 0, "without_rationale": 0}
    for number, record in json_objects(read_lines(path), path):
        for key in ("x", "y", str(aspect)):
            if not isinstance(record.get(key), list):
                raise CorpusError(f'"{key}" is missing or not a list', path, number)
        words = tuple(record["x"])
        if not words or not all(isinstance(word, str) for word in words):
            raise CorpusError('"x" must be a list of words, at least one', path, number)
        if len(record["y"]) != SCORES:
            raise CorpusError(f'"y" has {len(record["y"])} scores, expected {SCORES}', path, number)
        label = _label(number_in(record["y"][aspect], "a score", path, number))
        spans = [span_in(span, len(words), "the span", path, number) for span in record[str(aspect)]]
        if not spans or label is None:
            dropped["neutral" if spans else "without_rationale"] += 1
            continue
        marked = {i for start, end in spans for i in range(start, end)}  # overlapping spans: their union
        texts.append(Text(words, label, tuple(i in marked for i in range(len(words))), id=f"{path.name}:{number}"))
    return texts, dropped
