"""From the texts a reader returned to a corpus: leaks removed, texts checked, vocabulary built, splits encoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ver_lite.corpora.core import Corpus, CorpusError, Split, Text, Vocabulary
from ver_lite.corpora.words import lone_surrogate
from ver_lite.system.checks import check_choice, check_number

IN_MEMORY = "in memory"  # the name under which a corpus is recorded that no file holds


def describe(split: Split, classes: Sequence[str]) -> dict[str, Any]:
    """The part of a card about a split: texts, classes, mean length in tokens, gold share of the annotated texts, and
    the share of gold words that were cut off with the end of their texts (None where nothing is known of them)."""
    lengths = (split.lengths - split.query_lengths).double()
    share = split.gold.sum(1) / lengths.clamp(min=1)
    marked = split.annotated & (lengths > 0)
    counts = torch.bincount(split.labels, minlength=len(classes))
    gold = sum(sum(text.rationale) for text in split.texts or () if text.rationale is not None)
    return {
        "texts": len(split),
        "classes": {name: int(n) for name, n in zip(classes, counts, strict=True)},
        "mean_length": round(float(lengths.mean()), 2),
        "longest": int(lengths.max()),
        "annotated": int(split.annotated.sum()),
        "annotated_but_empty": int((split.annotated & ~split.gold.any(1)).sum()),
        "gold_share": round(float(share[marked].mean()), 4) if bool(marked.any()) else None,
        "gold_cut_off": round(1 - int(split.gold.sum()) / gold, 4) if gold else None,
    }


def balanced(texts: Sequence[Text], seed: int = 0) -> list[Text]:
    """A fixed subsample in which every class is as large as the smallest one; the order is kept."""
    counts = Counter(text.label for text in texts)
    size = min(counts.values(), default=0)
    random = np.random.Generator(np.random.PCG64(seed))
    kept: set[int] = set()
    for label in sorted(counts):
        rows = [i for i, text in enumerate(texts) if text.label == label]
        kept.update(int(i) for i in random.permutation(rows)[:size])
    return [text for i, text in enumerate(texts) if i in kept]


def remove_leaks(splits: dict[str, list[Text]], dealt: bool = False) -> tuple[dict[str, list[Text]], dict[str, int]]:
    """Take out of train and dev the texts that are also in test, and, where the splits were ``dealt`` at random here,
    out of train those that are also in dev. Also return how many were taken out of each."""
    test, dev = ({text.key() for text in splits[name]} for name in ("test", "dev"))
    kept = {name: [t for t in splits[name] if t.key() not in test] for name in ("train", "dev")}
    found = {name: len(splits[name]) - len(kept[name]) for name in kept}
    if dealt:
        alone = [text for text in kept["train"] if text.key() not in dev]
        found["train_in_dev"] = len(kept["train"]) - len(alone)
        kept["train"] = alone
    return {**kept, "test": splits["test"]}, found


def assemble(
    name: str,
    splits: dict[str, list[Text]],
    classes: Sequence[str],
    facts: dict[str, Any],
    *,
    max_length: int | None = 256,
    min_count: int = 1,
    max_words: int | None = None,
    leaks: str = "remove",
    query_end: str | None = None,
) -> Corpus:
    """Check the texts a reader returned, build the vocabulary from train and encode the three splits.

    ``leaks``: "remove" takes texts of the test set out of train and dev (the card counts them), "keep" leaves them.
    Where the facts say that the splits were "dealt" here, texts of dev are taken out of train too. ``query_end``: a
    word put after every query. Raises CorpusError for an empty split, a train split of one class, a text of zero words
    or with half of a character, a label without a class, or a rationale that does not fit its text.
    """
    check_choice("leaks", leaks, ("remove", "keep"))
    if max_length is not None:
        check_number("max_length", max_length, least=1, whole=True)
    dealt = facts.get("dealt", False)
    for part in ("train", "dev", "test"):
        _check(name, part, splits[part], len(classes))
    without, found = remove_leaks(splits, dealt)
    if leaks == "remove":
        _check_left(name, splits, without, "dev or test" if dealt else "test")
        splits = without
    if query_end is not None:
        splits = {part: [_with_query_end(text, query_end) for text in texts] for part, texts in splits.items()}
    vocabulary = Vocabulary.build(splits["train"], min_count, max_words)
    encoded = {part: Split.encode(splits[part], vocabulary, max_length) for part in ("train", "dev", "test")}
    card = {
        "name": name,
        **facts,
        "splits": {part: describe(split, classes) for part, split in encoded.items()},
        "vocabulary": len(vocabulary),
        "max_length": max_length,
        "leaks": {"policy": leaks, **found},
        "loaded_with": {"name": IN_MEMORY, "called": name, "fingerprint": encoded["train"].fingerprint()},
    }
    return Corpus(name, encoded["train"], encoded["dev"], encoded["test"], vocabulary, tuple(classes), card)


def _with_query_end(text: Text, word: str) -> Text:
    return replace(text, query=(*text.query, word)) if text.query else text


def _check_left(name: str, splits: dict[str, list[Text]], left: dict[str, list[Text]], held_out: str) -> None:
    """Raise CorpusError where the texts that are left when leaks are removed make no corpus."""
    hint = 'Give a test set of other texts, or keep these with leaks="keep" (on the command line: -o leaks=keep).'
    for part in ("train", "dev"):
        many, also = len(splits[part]), f"in {held_out if part == 'train' else 'test'} too"
        if not left[part]:
            raise CorpusError(f"the {part} split of {name} is empty: all {many:,} of its texts are {also}", hint=hint)
        if part == "train" and len({text.label for text in left[part]}) == 1:
            gone = f"{many - len(left[part]):,} of its {many:,} texts are {also}, the others are of one class only"
            raise CorpusError(f"the train split of {name} cannot be used: {gone}", hint=hint)


def _check(name: str, part: str, texts: Sequence[Text], classes: int) -> None:
    if not texts:
        raise CorpusError(f"the {part} split of {name} is empty", hint="Check the files and the filters.")
    for i, text in enumerate(texts):
        what = f"text {text.id or i} of the {part} split of {name}"
        if not text.words:
            raise CorpusError(f"{what} has zero words", hint="Remove it, or give it a text.")
        if lone_surrogate(" ".join((*text.query, *text.words))) is not None:
            raise CorpusError(f"{what} holds half of a character, a lone surrogate", hint="Write the whole one.")
        if not 0 <= text.label < classes:
            raise CorpusError(f"{what} has label {text.label}, but there are {classes} classes")
        if text.rationale is not None and len(text.rationale) != len(text.words):
            raise CorpusError(f"{what} has {len(text.rationale)} rationale flags for {len(text.words)} words")
    if part == "train" and len({text.label for text in texts}) < 2:
        raise CorpusError(f"the train split of {name} has one class only", hint="A predictor needs at least two.")
