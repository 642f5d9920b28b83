"""Text in, batches out: every corpus by name, your own by path, or a table that is in memory.

The files::

    core             Text, Vocabulary, Split, Batch, Corpus
    assembly         from a reader's texts to a corpus: leaks removed, vocabulary built, splits encoded
    named            the table of named corpora: reader, options, source, licence, checksums
    places           where corpora lie on this machine
    fetch            the downloader
    reading          what readers share: lines, JSON, spans, dealing into splits
    words            a string cut into words, with the place of each
    beer             reader: BeerAdvocate, as Lei et al. distributed it
    hotel            reader: hotel reviews, as R2A distributes them
    eraser           reader: ERASER's Movies, MultiRC and FEVER
    imdb             reader: IMDb's reviews to learn from, ERASER Movies' rationales to be judged by
    film_words       film reviews cut into words as ERASER's Movies are cut
    archives         tar archives, read into memory
    tweets           reader: Tweet Sentiment Extraction
    jsonl            reader: your own JSON Lines
    tables           reader: a pandas DataFrame or a Hugging Face Dataset that is in memory
    noticed          what jsonl and tables pass over or doubt: said once, and put on the card
    records          what jsonl and tables share: a record's values become a text, records become splits
    reviews          the review world as a corpus, in three sizes
    review_knobs     the review world's knobs, checked
    review_world     the review world: its texts, and the oracle that knows its true P(Y | words)
    review_writing   how the review world draws its texts
    review_words     the review world's words and sentence frames
    glove            word vectors from a file
    word_vectors     GloVe by name: from an installed package or the fetched file; the share of words that it covers
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ver_lite.corpora.assembly import IN_MEMORY, assemble
from ver_lite.corpora.core import Batch, Corpus, CorpusError, Split, Text, Vocabulary
from ver_lite.corpora.jsonl import read_jsonl
from ver_lite.corpora.named import ENTRIES, options_of
from ver_lite.corpora.places import locate_all
from ver_lite.corpora.tables import read_table
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

NAMES = tuple(ENTRIES)
COMMON = options_of(assemble)  # the options of every corpus that is read, with their defaults


def load_corpus(
    name_or_path: Any,
    *,
    folder: str | Path | None = None,
    max_length: int | None = 256,
    min_count: int = 1,
    max_words: int | None = None,
    leaks: str = "remove",
    query_end: str | None = None,
    **options: Any,
) -> Corpus:
    """A corpus by name ("reviews", "movies", "multirc", "fever", "beer", "hotel", "imdb", "tweets"), by
    path, or from a table in memory.

    ``folder``: where the named corpus lies (its file or folder); None looks under $VER_LITE_DATA, else where
    ``ver-lite fetch`` puts it. Texts are cut at ``max_length`` words; words seen less than ``min_count`` times in train
    are unknown, ``max_words`` keeps the most frequent ones. ``leaks``: "remove" or "keep" texts of train and dev that
    also stand in test (and of train that stand in dev, where the splits are dealt here, of a file or a table of your
    own). ``query_end``: a word that is put after every query, which tells BERT players where
    the text begins: "[SEP]". ``options`` go to the reader (``aspect="palate"``, ``seed=1``) or, for "reviews",
    to ``make_reviews`` (``size="tiny"``, ``rho=0.9``).

    A path is a JSON Lines file, or a folder with train.jsonl and test.jsonl, one text a line:
    ``{"text": "...", "label": "positive", "rationale": [[0, 12]]}``. A table is a pandas DataFrame or a Hugging Face
    Dataset, or a mapping of these (a DatasetDict) with train and test; its columns are given by name: ``text="review",
    label="stars", rationale="marks"`` (:func:`~ver_lite.corpora.tables.read_table`). Raises CorpusError: where (file
    and line, or row and column) and what is wrong.
    """
    sizes = {
        "max_length": max_length,
        "min_count": min_count,
        "max_words": max_words,
        "leaks": leaks,
        "query_end": query_end,
    }
    _check_numbers({**sizes, "seed": options.get("seed", 0)})
    if not isinstance(name_or_path, str | Path):
        return _in_memory(name_or_path, {"folder": folder, **sizes}, options)
    name = str(name_or_path)
    if name in ENTRIES and ENTRIES[name].source is None:
        corpus = _make(name, {"folder": folder, **sizes}, options)
    else:
        splits, classes, facts = _read(name, folder, options)
        corpus = assemble(name, splits, classes, facts, **sizes)
        options = {"folder": None if folder is None else str(folder), **sizes, **options}
        options = {option: value for option, value in options.items() if option != "query_end" or value is not None}
    corpus.card["loaded_with"] = {"name": name, **options}
    return corpus


def _make(name: str, given: dict[str, Any], options: dict[str, Any]) -> Corpus:
    """A corpus that is made on this machine. ``given``: what only a corpus that is read can obey."""
    if asked := [option for option, value in given.items() if value != COMMON.get(option)]:
        hint = f"Its options: {', '.join(ENTRIES[name].options)}."
        raise CorpusError(f"{name} is made, not read: it has no {asked[0]}", hint=hint)
    _check_options(name, ENTRIES[name].options, options)
    return ENTRIES[name].read(**options)


def _in_memory(table: Any, given: dict[str, Any], options: dict[str, Any]) -> Corpus:
    """The corpus of a table. Its record names the table's kind and columns, and what the texts were, not the texts."""
    name = type(table).__name__
    if given.pop("folder") is not None:
        raise CorpusError(f"a {name} is in memory: it has no folder")
    _check_options(f"a {name}", (*options_of(read_table), *COMMON), options)
    splits, classes, facts = read_table(table, **options)
    corpus = assemble(name, splits, classes, facts, **given)
    record = {"columns": facts["columns"], "rows": facts["rows"], "seed": options.get("seed", 0)}
    corpus.card["loaded_with"] |= {**record, **{option: value for option, value in given.items() if value is not None}}
    return corpus


def _read(name: str, folder: str | Path | None, options: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
    """The texts, classes and facts of a named corpus, or of the JSON Lines at the path ``name``."""
    if name in ENTRIES:
        entry = ENTRIES[name]
        _check_options(name, (*entry.options, *COMMON), options)
        splits, classes, facts = entry.read(*locate_all(name, folder), **options)
        return splits, classes, entry.source.facts() | facts
    if Path(name).exists():
        _check_options(name, (*options_of(read_jsonl), *COMMON), options)
        return read_jsonl(name, **options)
    if name == IN_MEMORY:
        hint = (
            "Make it again in Python and hand it over: ver_lite.evaluate(run.game, corpus.test), ver_lite.resume(...)."
        )
        raise CorpusError(f"it was made in memory (called {options.get('called')!r}), and no file holds it", hint=hint)
    hint = f"{_nearest(name, ENTRIES)}There are: {', '.join(ENTRIES)}; or give a path."
    raise CorpusError(f"no corpus and no file is called {name!r}", hint=hint)


def _check_options(name: str, known: Iterable[str], given: Iterable[str]) -> None:
    if unknown := [option for option in given if option not in known]:
        hint = f"{_nearest(unknown[0], known)}Its options: {', '.join(known)}."
        raise CorpusError(f"{name} has no option {unknown[0]!r}", hint=hint)


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"Did you mean {near[0]!r}? " if near else ""


def _check_numbers(given: dict[str, Any]) -> None:
    for name, least in {"max_length": 1, "min_count": 1, "max_words": 1, "seed": 0}.items():
        if not (given[name] is None and name.startswith("max")):
            check_number(name, given[name], least=least, whole=True, error=CorpusError)
