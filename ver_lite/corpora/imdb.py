"""Film reviews of two sources: IMDb's to learn from, ERASER Movies' human rationales to be judged by.

IMDb (Maas et al. 2011) is ``aclImdb/{train,test}/{pos,neg}/ID_STARS.txt``, in the published archive or unpacked; what
else it holds (unlabelled reviews, word counts) is passed over. No review of it has a rationale. All documents of ERASER
Movies (DeYoung et al. 2020) have one, but its test split was annotated anew and far more densely than the others.
"""

from __future__ import annotations

import re
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ver_lite.corpora.archives import read_archive
from ver_lite.corpora.core import CorpusError, Text
from ver_lite.corpora.eraser import read_eraser
from ver_lite.corpora.film_words import film_words
from ver_lite.corpora.reading import deal, lines_of_bytes
from ver_lite.system.checks import check_choice, check_number

CLASSES = ("negative", "positive")
FOLDERS = ("neg", "pos")  # in the order of CLASSES
HALVES = ("train", "test")
ROOT = "aclImdb"
STARS = (range(1, 5), range(7, 11))  # of a negative and a positive review
ANNOTATED = {"test": ("test",), "val": ("dev",), "train": ("train",), "all": ("test", "dev", "train")}
RUN = 12  # words in a row that hardly two reviews share by accident
EVERY = 10  # words from one sampled run to the next

Review = tuple[str, int, int, Path, bytes]  # half, label, number, name for errors, content

_REVIEW = re.compile(rf"(?:.*/)?({'|'.join(HALVES)})/({'|'.join(FOLDERS)})/([^/]+\.txt)")
_NAME = re.compile(r"(\d+)_(\d+)\.txt")


def read_imdb(
    path: str | Path,
    movies: str | Path,
    test: str = "movies",
    *,
    annotated: str = "test",
    held_out: float = 0.1,
    seed: int = 0,
) -> tuple[dict[str, list[Text]], tuple[str, ...], dict[str, Any]]:
    """Train and dev from IMDb's train half; as test set ERASER Movies, or with ``test="imdb"`` IMDb's other half.

    ``path`` is aclImdb's archive or folder, ``movies`` that of ERASER Movies. ``annotated`` says which of Movies' own
    splits are the test set: "test", which is densely annotated, "val", "train", or "all"; a text's id begins with the
    split it is from. A share ``held_out`` of each class, drawn with ``seed``, makes dev. From IMDb's train half are
    taken, and counted: texts that are in its test half too, further copies of a text, and texts that share more than
    one sampled run of words with a document of the test set. Raises CorpusError.
    """
    check_choice("test", test, ("movies", "imdb"), error=CorpusError)
    check_choice("annotated", annotated, ANNOTATED, error=CorpusError)
    check_number("held_out", held_out, above=0, below=1, error=CorpusError)
    if test == "imdb" and annotated != "test":
        raise CorpusError("annotated chooses among Movies' splits, so it does not go with test=imdb")
    raw = _reviews(Path(path))
    kept, removed = _without_copies(raw)
    documents = _documents(movies)
    if test == "movies":
        chosen = [text for name in ANNOTATED[annotated] for text in documents[name]]
    else:
        chosen = [_text(review) for review in raw if review[0] == "test"]
    shared = shared_runs(kept, chosen) if test == "movies" else [0] * len(kept)
    kept = [text for text, count in zip(kept, shared, strict=True) if count < 2]
    train, dev = deal(kept, (held_out,), seed)
    facts = {
        "test_set": f"ERASER Movies, {annotated}" if test == "movies" else "IMDb's test half, without rationales",
        "movies": {name: _density(documents[part]) for name, (part, *rest) in ANNOTATED.items() if not rest},
        "removed_from_train": {**removed, "also_in_movies": sum(count > 1 for count in shared)},
        "one_run_of_words_in_movies": sum(count == 1 for count in shared),
        "split": {"held_out": held_out, "seed": seed, "within_each_class": True},
        "running_words_in_common": _common(train, chosen),
        "notes": [
            "dev is drawn by review: films of dev may have other reviews in train",
            "IMDb is cut into words as Movies are: lower case, punctuation apart, no accents; <br /> is removed",
        ],
    }
    return {"train": train, "dev": dev, "test": chosen}, CLASSES, facts


def _without_copies(reviews: Sequence[Review]) -> tuple[list[Text], dict[str, int]]:
    """The texts of the train half that are not in the test half, each once, and how many were left out for either
    reason."""
    other = {review[-1] for review in reviews if review[0] == "test"}
    half = [review for review in reviews if review[0] == "train"]
    only = [_text(review) for review in half if review[-1] not in other]
    once = list({text.key(): text for text in reversed(only)}.values())[::-1]
    return once, {"in_both_halves": len(half) - len(only), "repeated": len(only) - len(once)}


def shared_runs(texts: Iterable[Text], documents: Iterable[Text]) -> list[int]:
    """How many sampled runs of ``RUN`` words, punctuation left out, each text shares with any of the documents."""
    known = {run for text in documents for run in _runs(text, 1)}
    return [sum(run in known for run in _runs(text, EVERY)) for text in texts]


def _runs(text: Text, step: int) -> Iterator[tuple[str, ...]]:
    words = tuple(word for word in text.words if word[0].isalnum())
    return (words[at : at + RUN] for at in range(0, len(words) - RUN + 1, step))


def _documents(movies: str | Path) -> dict[str, list[Text]]:
    """The texts of Movies, by split; ids begin with the name that ERASER gives the split."""
    splits = read_eraser(movies, "movies")[0]
    names = {part: name for name, (part, *rest) in ANNOTATED.items() if not rest}
    return {part: [replace(t, id=f"{names[part]}/{t.id}") for t in texts] for part, texts in splits.items()}


def _density(texts: Sequence[Text]) -> dict[str, Any]:
    """How many texts a split of Movies has, and the mean share of their words, uncut, that are gold."""
    shares = [sum(text.rationale) / len(text.rationale) for text in texts if text.rationale is not None]
    return {"texts": len(texts), "gold_share_uncut": round(sum(shares) / max(len(shares), 1), 4)}


def _common(train: Sequence[Text], test: Sequence[Text]) -> dict[str, float]:
    """The share of the running words of one that occur in the other."""
    counts = [Counter(word for text in texts for word in text.words) for texts in (train, test)]

    def share(of: Counter[str], among: Counter[str]) -> float:
        return round(sum(n for word, n in of.items() if word in among) / of.total(), 4)

    return {"of_test_in_train": share(counts[1], counts[0]), "of_train_in_test": share(counts[0], counts[1])}


# files


def _reviews(path: Path) -> list[Review]:
    """The labelled reviews of an archive or folder, by number, the two classes in turn. Raises CorpusError for a name
    that is not ID_STARS.txt, stars of the other class, or a folder without a review."""
    found = []
    for name, content in _files(path):
        half, folder, file = _REVIEW.fullmatch(name).groups()  # type: ignore[union-attr]
        label = FOLDERS.index(folder)
        named = _NAME.fullmatch(file)
        if named is None:
            raise CorpusError("the file is not called ID_STARS.txt", path / name, hint="Expected IMDb's own files.")
        if int(named[2]) not in STARS[label]:
            raise CorpusError(f"{named[2]} stars in {folder}/", path / name, hint="Expected 1 to 4, or 7 to 10 in pos.")
        found.append((half, label, int(named[1]), path / name, content))
    for half in HALVES:
        for label, folder in enumerate(FOLDERS):
            if not any(review[:2] == (half, label) for review in found):
                hint = f"Expected {ROOT}/{{train,test}}/{{pos,neg}}/ID_STARS.txt."
                raise CorpusError(f"no review in {half}/{folder}: {CLASSES[label]} is missing", path, hint=hint)
    return sorted(found, key=lambda review: (review[0], review[2], review[1]))


def _files(path: Path) -> Iterable[tuple[str, bytes]]:
    """(name, content) of every review in an archive, in a folder, or in the folder around one of these."""
    if not path.is_dir():
        return read_archive(path, lambda name, member: _is_review(path, name, member)).items()
    root = path / ROOT if (path / ROOT).is_dir() else path
    archives = sorted(path.glob(f"{ROOT}*.tar*"))
    if not (root / "train").is_dir() and len(archives) == 1:
        return _files(archives[0])
    files = (file for half in HALVES for folder in FOLDERS for file in root.glob(f"{half}/{folder}/*.txt"))
    return ((str(f.relative_to(path)), f.read_bytes()) for f in files if not f.name.startswith("."))


def _is_review(path: Path, name: str, member: tarfile.TarInfo) -> bool:
    if not (member.isreg() or member.isdir()):
        kind = "a link" if member.issym() or member.islnk() else "a device or the like"
        raise CorpusError(f"the member {name!r} is {kind}", path, hint="Expected files and folders only.")
    return member.isreg() and bool(_REVIEW.fullmatch(name)) and not name.rpartition("/")[2].startswith(".")


def _text(review: Review) -> Text:
    half, label, number, name, content = review
    words = film_words(" ".join(line for _, line in lines_of_bytes(content, name)))
    if not words:
        raise CorpusError("a review of zero words", name, hint="Remove the file.")
    return Text(words, label, id="/".join((half, FOLDERS[label], name.name)))
