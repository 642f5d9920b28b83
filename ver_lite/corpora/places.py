"""Where corpora lie on this machine: the data folder, and each corpus's files inside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ver_lite.corpora.core import CorpusError
from ver_lite.corpora.named import ENTRIES, sources

VARIABLE = "VER_LITE_DATA"


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
    if name not in sources():
        raise CorpusError(f"no corpus {name!r} to look for", hint=f"There are {', '.join(sources())}.")
    base = data_folder(folder)
    if base.is_file():
        return base
    if found := _inside(base, name, dimension):
        return found
    if folder is not None and base.is_dir() and any(base.glob("*train*")):  # the corpus folder itself
        return base
    raise CorpusError(f"{name} is not in the data folder", base, hint=sources()[name].how(name))


def locate_all(name: str, folder: str | Path | None = None) -> list[Path]:
    """What :func:`locate` finds for a named corpus, then for each entry that it is read ``beside``. Those are looked
    for inside ``folder``, then in the usual data folder: ``folder`` may also be the corpus itself."""
    beside = (folder and _inside(Path(folder), other) or locate(other) for other in ENTRIES[name].beside)
    return [locate(name, folder), *beside]


def _inside(base: Path, name: str, dimension: int = 100) -> Path | None:
    """Where the files of ``name`` lie in the data folder ``base``, or None."""
    for pattern, up in sources()[name].places:
        found = sorted(p for p in base.glob(pattern.format(dimension=dimension)) if not p.name.endswith(".part"))
        if found:
            return found[0].parents[up - 1] if up else found[0]
    return None


def whereabouts() -> Iterator[tuple[str, str]]:
    """Every named corpus: its name, and a line that says what it is and where its files are or how to get them."""
    for name, entry in ENTRIES.items():
        if entry.source is None:
            yield name, entry.line
            continue
        try:
            where = f"here: {locate_all(name)[0]}"
        except CorpusError:
            brings = "says how to get it" if entry.source.by_hand else "brings it"
            where = f"not here; `ver-lite fetch {name}` {brings}"
        yield name, f"{entry.source.title}: {entry.line}; {where}"
