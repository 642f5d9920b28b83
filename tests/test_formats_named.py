"""The table of named corpora: an entry and a reader are all that a new one needs, and wrong options are named."""

import json
from pathlib import Path

import pytest

from small_files import fails, write
from ver_lite.corpora import NAMES, load_corpus
from ver_lite.corpora.core import Text
from ver_lite.corpora.fetch import FetchError, fetch
from ver_lite.corpora.named import ENTRIES, Entry, Place, Source, options_of, sources
from ver_lite.corpora.places import VARIABLE, locate, whereabouts
from ver_lite.corpora.reading import read_lines


def read_toy(path: Path, movies: Path, *, upper: bool = False):
    """A corpus of two sources: train and dev are lines of its own file, the test set is a file beside Movies."""

    def texts(file: Path) -> list[Text]:
        lines = [line.upper() if upper else line for _, line in read_lines(file)]
        return [Text(tuple(line.split()), i % 2, id=str(i)) for i, line in enumerate(lines)]

    own = texts(path)
    splits = {"train": own[:4], "dev": own[4:], "test": texts(movies.parent / "toys.txt")}
    return splits, ("no", "yes"), {"upper": upper}


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """The entry of a corpus called "toy", and a data folder in which its files and those of Movies lie."""
    source = Source("Toys", "http://toys.example", "CC0", "Nobody", "None.", (Place("toy/lines.txt"),), by_hand="Ask.")
    entry = Entry("lines of toys", read_toy, options_of(read_toy), source, beside=("movies",))
    monkeypatch.setitem(ENTRIES, "toy", entry)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    write(tmp_path / "toy" / "lines.txt", "a bad one\na good one\nso bad\nso good\nbad\ngood\n")
    write(tmp_path / "movies" / "movies.tar.gz", "not opened here")
    write(tmp_path / "movies" / "toys.txt", "no good\nthe best\n")
    return tmp_path


def test_a_new_corpus_is_one_entry_and_one_reader(toy, tmp_path):
    corpus = load_corpus("toy", upper=True, max_length=2)
    assert [len(split) for split in corpus.splits().values()] == [4, 2, 2]
    assert corpus.test.texts[0].words == ("NO", "GOOD")
    assert {"source": "http://toys.example", "licence": "CC0", "citation": "Nobody", "upper": True}.items() <= (
        corpus.card.items()
    )
    loaded = corpus.card["loaded_with"]
    assert (loaded["name"], loaded["upper"], loaded["max_length"], loaded["folder"]) == ("toy", True, 2, None)
    assert load_corpus(loaded.pop("name"), **loaded).train.fingerprint() == corpus.train.fingerprint()
    for folder in (toy, toy / "toy" / "lines.txt"):
        assert load_corpus("toy", folder=folder).test.texts == load_corpus("toy").test.texts
    assert dict(whereabouts())["toy"] == f"Toys: lines of toys; here: {tmp_path / 'toy' / 'lines.txt'}"
    with pytest.MonkeyPatch.context() as elsewhere:
        elsewhere.setenv(VARIABLE, str(tmp_path / "elsewhere"))
        assert len(load_corpus("toy", folder=toy).test) == 2
    (toy / "movies" / "movies.tar.gz").unlink()
    fails(lambda: load_corpus("toy"), "movies is not in the data folder", "ver-lite fetch movies")
    assert dict(whereabouts())["toy"] == "Toys: lines of toys; not here; `ver-lite fetch toy` says how to get it"
    (toy / "toy" / "lines.txt").unlink()
    fails(lambda: locate("toy"), "toy is not in the data folder. Ask.")
    with pytest.raises(FetchError, match="toy cannot be fetched. Ask."):
        fetch("toy")
    fails(lambda: load_corpus("toyy"), "Did you mean 'toy'?")


def test_what_is_read_beside_another_says_so_when_it_is_fetched(toy, monkeypatch):
    source = Source("Toys", "http://toys.example", "CC0", "Nobody", "None.", ())
    monkeypatch.setitem(ENTRIES, "toy", Entry("", read_toy, {}, source, beside=("movies",)))
    said = []
    fetch("toy", say=said.append, downloads={"toy": ()})
    assert said == ["Toys: None.", "toy is read together with movies. Run: ver-lite fetch movies."]


def test_every_entry_is_whole():
    assert tuple(ENTRIES) == NAMES and "reviews" not in sources()
    for name, entry in ENTRIES.items():
        assert entry.line and set(entry.beside) <= set(sources())
        json.dumps(dict(entry.options))
        if entry.source is not None:
            assert all(entry.source.facts().values()) and entry.source.places
            assert bool(entry.source.downloads) != bool(entry.source.by_hand), name


@pytest.mark.parametrize(
    ("name", "options", "parts"),
    [
        ("hotel", {"aspct": "x"}, ["hotel has no option 'aspct'", "Did you mean 'aspect'?", "aspect, balance, seed"]),
        ("movies", {"held": 0.1}, ["'held'", "held_out"]),
        ("movies", {"task": "fever"}, ["movies has no option 'task'"]),
        ("tweets", {"max_lenght": 3}, ["Did you mean 'max_length'?"]),
        ("reviews", {"rhoo": 0.9}, ["reviews has no option 'rhoo'", "Did you mean 'rho'?"]),
        ("reviews", {"leaks": "keep"}, ["reviews is made, not read: it has no leaks"]),
        (__file__, {"sed": 1}, ["has no option 'sed'", "Did you mean 'seed'?"]),
    ],
)
def test_an_unknown_option_is_named_with_the_nearest_known_one(name, options, parts):
    fails(lambda: load_corpus(name, **options), *parts)
