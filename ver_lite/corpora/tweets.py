"""Tweet Sentiment Extraction (Kaggle 2020): tweets, and the span a person picked as expressing the sentiment.

CSV ``textID,text,selected_text,sentiment``. The published test file has no spans, so its train file is split
here.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ver_lite.corpora.core import CorpusError, Text
from ver_lite.corpora.reading import deal, read_lines
from ver_lite.corpora.words import flags_from_spans, words_with_offsets

CLASSES = ("negative", "positive")
COLUMNS = ("textID", "text", "selected_text", "sentiment")
SHARES = (0.1, 0.1)  # dev, test


def read_tweets(path: str | Path, *, seed: int = 0) -> tuple[dict[str, list[Text]], tuple[str, ...], dict[str, Any]]:
    """Positive against negative tweets from the CSV ``path`` (plain or .gz), or a folder with train.csv.

    Neutral tweets are dropped: their span is the whole tweet. A word is gold if it overlaps the span (at its
    first occurrence in the tweet). Split 80/10/10 within each class by ``seed``. The back-quotes the file has
    for apostrophes become apostrophes. Raises CorpusError with file and line.
    """
    path = Path(path)
    if path.is_dir():
        path = next((p for n in ("train.csv", "train.csv.gz") if (p := path / n).is_file()), path / "train.csv")
    texts = []
    facts: dict[str, Any] = {"neutral_dropped": 0, "span_is_whole_text": 0, "span_occurs_more_than_once": 0}
    for number, row in _rows(path):
        if row["sentiment"] == "neutral":
            facts["neutral_dropped"] += 1
            continue
        if row["sentiment"] not in CLASSES:
            expected = f"Expected {', '.join((*CLASSES, 'neutral'))}."
            raise CorpusError(f"unknown sentiment {row['sentiment']!r}", path, number, expected)
        text = _text(row, path, number)
        facts["span_is_whole_text"] += all(text.rationale or ())
        facts["span_occurs_more_than_once"] += row["text"].count(row["selected_text"]) > 1
        texts.append(text)
    train, dev, test = deal(texts, SHARES, seed)
    facts |= {
        "split": {"shares": [0.8, *SHARES], "seed": seed, "within_each_class": True},
        "notes": ["back-quotes written as apostrophes", "a word is gold if it overlaps the span"],
    }
    return {"train": train, "dev": dev, "test": test}, CLASSES, facts


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(line on which it starts, row by column name)."""
    reader = csv.reader((line + "\n" for _, line in read_lines(path)), strict=True)
    at = 1
    try:
        header = next(reader)
        missing = [column for column in COLUMNS if column not in header]
        if missing:
            raise CorpusError(f"no column {missing[0]!r}; the header has {', '.join(header)}", path, 1)
        at = reader.line_num + 1
        for row in reader:
            if row and len(row) != len(header):
                raise CorpusError(f"{len(row)} columns, expected {len(header)}", path, at)
            if row:
                yield at, dict(zip(header, row, strict=True))
            at = reader.line_num + 1
    except csv.Error as error:
        raise CorpusError(f"not valid CSV ({error})", path, at, "A quotation mark may be missing.") from None


def _text(row: dict[str, str], path: Path, number: int) -> Text:
    start = row["text"].find(row["selected_text"])
    if start < 0 or not row["selected_text"].strip():
        raise CorpusError("selected_text is empty or not a part of text", path, number)
    offsets = words_with_offsets(row["text"].replace("`", "'"))
    if not offsets:
        raise CorpusError("a text of zero words", path, number)
    flags = flags_from_spans(offsets, [(start, start + len(row["selected_text"]))])
    label = CLASSES.index(row["sentiment"])
    return Text(tuple(word for word, _, _ in offsets), label, flags, id=row["textID"])
