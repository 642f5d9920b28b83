"""Where corpora lie on this machine: the data folder, and each corpus's files inside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ver_lite.corpora.core import CorpusError
from ver_lite.corpora.sources import SOURCES

VARIABLE = "VER_LITE_DATA"

_PLACES = {  # patterns relative to the data folder, the first that exists wins
    **{
        task: (
            f"{task}/{task}.tar.gz",
            f"{task}/**/test.jsonl",
            f"eraser/{task}*.tar.gz",
            f"eraser/{task}/test.jsonl",
        )
        for task in ("movies", "multirc", "fever")
    },
    "beer": ("beer/annotations.json*", "annotations.json*"),
    "hotel": ("hotel/data.zip", "hotel/data/oracle", "hotel/oracle", "hotel/hotel_*.train", "data/oracle"),
    "tweets": ("tweets/train.csv*", "tweet[_-]sentiment[_-]extraction/train.csv*"),
    "glove": (
        "glove/glove.6B.{dimension}d*.txt*",
        "glove.6B.{dimension}d*.txt*",
        "glove/glove.6B.zip",
        "glove.6B.zip",
    ),
}
_MARKS = ("test.jsonl", "annotations.json", "annotations.json.gz")  # they mark the folder they lie in

TWEETS_HINT = (
    "It needs a Kaggle account: download train.csv from kaggle.com/competitions/tweet-sentiment-extraction, "
    f"put it into FOLDER/tweets/ and set {VARIABLE}=FOLDER, or give the file itself as the corpus folder."
)


def data_folder(folder: str | Path | None = None) -> Path:
    """``folder``, else the environment variable VER_LITE_DATA, else pooch's cache for ver-lite."""
    if folder is not None:
        return Path(folder).expanduser()
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE]).expanduser()
    import pooch

    return Path(pooch.os_cache("ver-lite"))


def locate(name: str, folder: str | Path | None = None, *, dimension: int = 100) -> Path:
    """The file or folder that the reader of corpus ``name`` wants, looked for in ``data_folder(folder)``.

    ``folder`` may also be that file or corpus folder itself. ``dimension`` says which of GloVe's files.
    Raises CorpusError, saying how to get the corpus, if it is nowhere.
    """
    if name not in _PLACES:
        raise CorpusError(f"no corpus {name!r} to look for", hint=f"There are {', '.join(_PLACES)}.")
    base = data_folder(folder)
    if base.is_file():
        return base
    for pattern in _PLACES[name]:
        found = sorted(p for p in base.glob(pattern.format(dimension=dimension)) if not p.name.endswith(".part"))
        if found:
            return _as_given(found[0])
    if folder is not None and base.is_dir() and any(base.glob("*train*")):  # the corpus folder itself
        return base
    hint = TWEETS_HINT if name == "tweets" else f"Run: ver-lite fetch {name}."
    raise CorpusError(f"{name} is not in the data folder", base, hint=hint)


def whereabouts() -> Iterator[tuple[str, str]]:
    """Every corpus that is read from files: its name, its title, and where it is or how to get it."""
    for name in (name for name in SOURCES if name != "glove"):
        try:
            where = f"here: {locate(name)}"
        except CorpusError:
            where = f"not here; `ver-lite fetch {name}` {'says how to get it' if name == 'tweets' else 'brings it'}"
        yield name, f"{SOURCES[name].title}; {where}"


def _as_given(found: Path) -> Path:
    """The path the reader wants where ``found`` only marks it."""
    if found.name == "oracle":
        return found.parent.parent if found.parent.name == "data" else found.parent
    if found.name in _MARKS or found.name.startswith("hotel_"):
        return found.parent
    return found
