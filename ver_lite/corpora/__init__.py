"""Text in, batches out: every corpus by name, or your own by path."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ver_lite.corpora.assembly import assemble
from ver_lite.corpora.core import Batch, Corpus, CorpusError, Split, Text, Vocabulary
from ver_lite.corpora.places import locate
from ver_lite.system.checks import check_number

__all__ = [
    "Batch",
    "Corpus",
    "CorpusError",
    "NAMES",
    "Split",
    "Text",
    "Vocabulary",
    "assemble",
    "load_corpus",
]


def _reader(name: str) -> Callable[..., Any]:
    if name in ("movies", "multirc", "fever"):
        from ver_lite.corpora.eraser import read_eraser

        def read(path, *, seed=0, held_out=0.15):
            return read_eraser(path, name, seed=seed, held_out=held_out)

        return read
    if name == "beer":
        from ver_lite.corpora.beer import read_beer as read
    elif name == "hotel":
        from ver_lite.corpora.hotel import read_hotel as read
    elif name == "tweets":
        from ver_lite.corpora.tweets import read_tweets as read
    else:
        from ver_lite.corpora.jsonl import read_jsonl as read
    return read


NAMES = ("reviews", "beer", "hotel", "movies", "multirc", "fever", "tweets")


def load_corpus(
    name_or_path: str | Path,
    *,
    folder: str | Path | None = None,
    max_length: int | None = 256,
    min_count: int = 1,
    max_words: int | None = None,
    leaks: str = "remove",
    query_end: str | None = None,
    **options: Any,
) -> Corpus:
    """A corpus by name ("reviews", "beer", "hotel", "movies", "multirc", "fever", "tweets") or your own by path.

    ``folder``: where the named corpus lies (its file or folder); None looks under $VER_LITE_DATA, else where
    ``ver-lite fetch`` puts it. Texts are cut at ``max_length`` words; words seen less than ``min_count`` times in train
    are unknown, ``max_words`` keeps the most frequent ones. ``leaks``: "remove" or "keep" training texts that also
    stand in the annotated test set. ``query_end``: a word that is put after every query, which tells BERT players where
    the text begins: "[SEP]". ``options`` go to the reader (``aspect="palate"``, ``seed=1``) or, for "reviews",
    to ``make_reviews`` (``size="tiny"``, ``rho=0.9``).

    A path is a JSON Lines file, or a folder with train.jsonl and test.jsonl, one text a line:
    ``{"text": "...", "label": "positive", "rationale": [[0, 12]]}``. Raises CorpusError: file, line, problem.
    """
    given = {
        "folder": None if folder is None else str(folder),
        "max_length": max_length,
        "min_count": min_count,
    }
    given |= {"max_words": max_words, "leaks": leaks, **options}
    given |= {} if query_end is None else {"query_end": query_end}
    name = str(name_or_path)
    _check_numbers({**given, "seed": options.get("seed", 0)})
    if name == "reviews":
        from ver_lite.corpora.reviews import make_reviews

        usual = {"folder": None, "max_length": 256, "min_count": 1, "max_words": None, "query_end": None}
        if asked := [option for option, value in usual.items() if given.get(option) != value]:
            raise CorpusError(f"reviews is made, not read: it has no {asked[0]}", hint="It has size, seed and knobs.")
        corpus = make_reviews(**options)
        given = dict(options)
    else:
        place = _find(name, folder)
        read = _reader(name)
        known = list(inspect.signature(read).parameters)[1:]
        if unknown := [option for option in options if option not in known]:
            raise CorpusError(f"{name} has no option {unknown[0]!r}", hint=f"Its options: {', '.join(known)}.")
        splits, classes, facts = read(place, **options)
        sizes = {"max_length": max_length, "min_count": min_count, "max_words": max_words, "leaks": leaks}
        sizes |= {"query_end": query_end}
        corpus = assemble(name, splits, classes, facts, **sizes)
    corpus.card["loaded_with"] = {"name": name, **given}
    return corpus


def _check_numbers(given: dict[str, Any]) -> None:
    for name, least in {"max_length": 1, "min_count": 1, "max_words": 1, "seed": 0}.items():
        if not (given[name] is None and name.startswith("max")):
            check_number(name, given[name], least=least, whole=True, error=CorpusError)


def _find(name: str, folder: str | Path | None) -> Path:
    """Where the reader of ``name`` finds it. Raises CorpusError when it is neither a name nor a path."""
    if name in NAMES:
        return locate(name, folder)
    if Path(name).exists():
        return Path(name)
    near = difflib.get_close_matches(name, NAMES, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    raise CorpusError(
        f"no corpus and no file is called {name!r}", hint=f"{hint}There are: {', '.join(NAMES)}; or give a path."
    )
