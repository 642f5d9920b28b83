"""The table of named corpora. One entry says everything that the library knows of one: how it is read, with which
options, where it comes from, what may be done with it, where its files lie and how they are downloaded.

To add a corpus, write a reader in a file of its own and one entry here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ver_lite.corpora.beer import read_beer
from ver_lite.corpora.eraser import read_eraser
from ver_lite.corpora.hotel import read_hotel
from ver_lite.corpora.imdb import read_imdb
from ver_lite.corpora.review_world import ReviewWorld
from ver_lite.corpora.reviews import make_reviews
from ver_lite.corpora.tweets import read_tweets

_LEI = "http://people.csail.mit.edu/taolei/beer/"
_ERASER = "http://www.eraserbenchmark.com/zipped/"
_ERASER_PAPER = "DeYoung et al., ERASER: A Benchmark to Evaluate Rationalized NLP Models, ACL 2020"


@dataclass(frozen=True)
class Remote:
    """A file to download. ``size`` in bytes and ``sha256`` are given where they are known."""

    file: str
    url: str
    size: int | None = None
    sha256: str | None = None


class Place(NamedTuple):
    """Where a file may lie: a glob ``pattern`` relative to the data folder. The reader gets the path that is ``up``
    folders above what the pattern finds."""

    pattern: str
    up: int = 0


@dataclass(frozen=True)
class Source:
    """Where files come from. ``notice`` is printed before a download. Of ``places``, the first that exists is read.
    ``by_hand`` says how to get what cannot be downloaded."""

    title: str
    address: str
    licence: str
    citation: str
    notice: str
    places: tuple[Place, ...]
    downloads: tuple[Remote, ...] = ()
    by_hand: str = ""

    def facts(self) -> dict[str, str]:
        """The part of a card that does not depend on the files."""
        return {"source": self.address, "licence": self.licence, "citation": self.citation}

    def how(self, name: str) -> str:
        """How to get the files of ``name``, as a sentence."""
        return self.by_hand or f"Run: ver-lite fetch {name}."


@dataclass(frozen=True)
class Entry:
    """A named corpus.

    ``line``: what it holds, in a few words. ``read``: the reader, called as ``read(path, **options)``; it returns the
    texts of train, dev and test, the names of the classes, and facts for the card. ``options``: those of the reader,
    with their defaults. ``beside``: names of other entries whose files the reader needs too; their paths come after
    the corpus's own: ``read(path, path_beside, **options)``. An entry without ``source`` is made on this machine: its
    ``read(**options)`` returns the whole :class:`~ver_lite.corpora.core.Corpus`.
    """

    line: str
    read: Callable[..., Any]
    options: Mapping[str, Any]
    source: Source | None = None
    beside: tuple[str, ...] = ()


def options_of(read: Callable[..., Any]) -> dict[str, Any]:
    """The parameters of a reader that have a default, with it."""
    parameters = inspect.signature(read).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _eraser(task: str, line: str, title: str, licence: str, citation: str, notice: str, remote: Remote) -> Entry:
    """The entry of one of ERASER's tasks: they differ in name, terms and checksum."""

    def read(path, **options):
        return read_eraser(path, task, **options)

    places = (
        Place(f"{task}/{task}.tar.gz"),
        Place(f"{task}/**/test.jsonl", up=1),
        Place(f"eraser/{task}*.tar.gz"),
        Place(f"eraser/{task}/test.jsonl", up=1),
    )
    source = Source(title, remote.url, licence, f"{_ERASER_PAPER}; {citation}", notice, places, (remote,))
    return Entry(line, read, options_of(read_eraser), source)


ENTRIES: dict[str, Entry] = {
    "reviews": Entry(
        "the review world: made when asked for (-o size=tiny|lesson|paper, -o target=aroma)",
        make_reviews,
        options_of(make_reviews) | vars(ReviewWorld()),
    ),
    "movies": _eraser(
        "movies",
        "film reviews, with the passages that decide",
        "ERASER Movies",
        "none stated",
        "reviews: Pang and Lee 2004; rationales: Zaidan and Eisner 2008",
        "No licence is stated for ERASER Movies (reviews of Pang and Lee 2004, rationales of Zaidan and "
        "Eisner 2008). Use it for research, cite the three papers, do not pass the files on.",
        Remote(
            "movies.tar.gz",
            _ERASER + "movies.tar.gz",
            3899487,
            "66e18d4e6c9df9e9f5544572b0bfe92a39673f74ecbfc3859b46cedb2f5b2dee",
        ),
    ),
    "multirc": _eraser(
        "multirc",
        "passages and answers to questions, right or wrong, with the sentences that tell",
        "ERASER MultiRC",
        "none stated",
        "Khashabi et al. 2018",
        "No licence is stated for ERASER MultiRC (Khashabi et al. 2018). Use it for research, cite both "
        "papers, do not pass the files on.",
        Remote(
            "multirc.tar.gz",
            _ERASER + "multirc.tar.gz",
            1667550,
            "7d3364fad630d0949b40cc5c4b9fd7fac0ec9ebb3a31ffa92a491e3883edd826",
        ),
    ),
    "fever": _eraser(
        "fever",
        "articles and claims, supported or refuted, with the sentences that tell",
        "ERASER FEVER",
        "annotations CC BY-SA 3.0; text under Wikipedia's terms (license.html in the archive)",
        "Thorne et al. 2018",
        "FEVER's annotations are CC BY-SA 3.0, its text comes under Wikipedia's terms: see license.html "
        "in the archive.",
        Remote("fever.tar.gz", _ERASER + "fever.tar.gz"),
    ),
    "beer": Entry(
        "beer reviews in three aspects (-o aspect=appearance|aroma|palate)",
        read_beer,
        options_of(read_beer),
        Source(
            "BeerAdvocate (Lei et al.)",
            _LEI,
            "research purposes only; withdrawn by its author at BeerAdvocate's request",
            "McAuley, Leskovec and Jurafsky 2012; "
            "Lei, Barzilay and Jaakkola, Rationalizing Neural Predictions, EMNLP 2016",
            "The BeerAdvocate reviews were withdrawn by the dataset's author at BeerAdvocate's request "
            "(snap.stanford.edu/data/web-BeerAdvocate.html). Lei et al. say of their subset: all data is for "
            "research purposes only. Do not pass the files on.",
            (Place("beer/annotations.json*", up=1), Place("annotations.json*", up=1)),
            (
                Remote(
                    "annotations.json",
                    _LEI + "annotations.json",
                    2314369,
                    "bb7bc1746bd133ce96be4bd46c2d6eaf265ef4a93b9dee3daf363e7c378a13b0",
                ),
                *(
                    Remote(name, _LEI + name)
                    for kind in ("aspect0", "aspect1", "aspect2", "260k")
                    for part in ("train", "heldout")
                    for name in (f"reviews.{kind}.{part}.txt.gz",)
                ),
            ),
        ),
    ),
    "hotel": Entry(
        "hotel reviews in three aspects (-o aspect=location|service|cleanliness)",
        read_hotel,
        options_of(read_hotel),
        Source(
            "Hotel reviews (R2A)",
            "https://people.csail.mit.edu/yujia/files/r2a/data.zip",
            "research purposes only",
            "Wang, Lu and Zhai 2010; Bao et al., Deriving Machine Attention from Human Rationales, EMNLP 2018",
            "The authors of R2A say of data.zip: for research purposes only. It also holds BeerAdvocate reviews, "
            "which were withdrawn by their author at BeerAdvocate's request. Do not pass the files on.",
            (
                Place("hotel/data.zip"),
                Place("hotel/data/oracle", up=2),
                Place("hotel/oracle", up=1),
                Place("hotel/hotel_*.train", up=1),
                Place("data/oracle", up=2),
            ),
            (
                Remote(
                    "data.zip",
                    "https://people.csail.mit.edu/yujia/files/r2a/data.zip",
                    sha256="23fcb4cac883ec1de86d83a7747294d7fdae10061d3803fd4c34c930e66f25de",
                ),
            ),
        ),
    ),
    "imdb": Entry(
        "film reviews: IMDb's to learn from, ERASER Movies' rationales to be judged by (-o test=movies|imdb, "
        "-o annotated=test|val|train|all)",
        read_imdb,
        options_of(read_imdb),
        Source(
            "IMDb (Large Movie Review Dataset)",
            "https://ai.stanford.edu/~amaas/data/sentiment/",
            "none stated",
            "Maas et al., Learning Word Vectors for Sentiment Analysis, ACL 2011; the annotated test set: "
            f"{_ERASER_PAPER}",
            "No licence is stated for the Large Movie Review Dataset; its authors ask to be cited (Maas et al. 2011). "
            "The reviews are those of IMDb's users. Use it for research, do not pass the files on.",
            (
                Place("imdb/aclImdb*.tar*"),
                Place("imdb/aclImdb/train", up=1),
                Place("aclImdb*.tar*"),
                Place("aclImdb/train", up=1),
            ),
            (
                Remote(
                    "aclImdb_v1.tar.gz",
                    "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
                    84125825,
                    "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
                ),
            ),
        ),
        beside=("movies",),
    ),
    "tweets": Entry(
        "tweets, positive or negative, with the phrase that says so",
        read_tweets,
        options_of(read_tweets),
        Source(
            "Tweet Sentiment Extraction",
            "https://www.kaggle.com/competitions/tweet-sentiment-extraction",
            "CC BY 4.0 as named by the competition; check its rules page",
            "Kaggle, Tweet Sentiment Extraction, 2020; from Figure Eight, Sentiment Analysis: Emotion in Text",
            "The competition's rules page states the terms; it names CC BY 4.0.",
            (Place("tweets/train.csv*"), Place("tweet[_-]sentiment[_-]extraction/train.csv*")),
            by_hand="It needs a Kaggle account: download train.csv from "
            "kaggle.com/competitions/tweet-sentiment-extraction, put it into FOLDER/tweets/ and set "
            "VER_LITE_DATA=FOLDER, or give the file itself as the corpus folder.",
        ),
    ),
}

#: Word vectors. ``{dimension}`` in a place is the size that is asked for.
GLOVE = Source(
    "GloVe 6B",
    "https://nlp.stanford.edu/data/glove.6B.zip",
    "Public Domain Dedication and License 1.0",
    "Pennington, Socher and Manning, GloVe: Global Vectors for Word Representation, EMNLP 2014",
    "GloVe's vectors are under the Public Domain Dedication and License 1.0.",
    (
        Place("glove/glove.6B.{dimension}d*.txt*"),
        Place("glove.6B.{dimension}d*.txt*"),
        Place("glove/glove.6B.zip"),
        Place("glove.6B.zip"),
    ),
    (
        Remote(
            "glove.6B.zip",
            "https://nlp.stanford.edu/data/glove.6B.zip",
            862182613,
            "617afb2fe6cbd085c235baf7a465b96f4112bd7f7ccb2b2cbd649fed9cbcf2fb",
        ),
    ),
)


def sources() -> dict[str, Source]:
    """The sources of all that is read from files, by the name that ``ver-lite fetch`` takes: corpora and GloVe."""
    return {name: entry.source for name, entry in ENTRIES.items() if entry.source is not None} | {"glove": GLOVE}
