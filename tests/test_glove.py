"""Word vectors in GloVe's text form: plain, gzip and zip; well-formed and broken."""

import gzip
import zipfile

import numpy as np
import pytest

from ver_lite.corpora.core import CorpusError, Vocabulary
from ver_lite.corpora.glove import load_glove
from ver_lite.corpora.places import VARIABLE
from ver_lite.training.config import Config
from ver_lite.training.game import word_vectors

VECTORS = {
    "the": [0.5, -1.0, 2.0],
    "beer": [1.5, 0.25, -0.5],
    ". .": [0.0, 1.0, 1.0],
    "good": [-2.0, 0.0, 4.0],
}
TEXT = "".join(f"{word} {' '.join(map(str, v))}\n" for word, v in VECTORS.items())
MEAN = np.mean(list(VECTORS.values()), axis=0, dtype=np.float64).astype(np.float32)


@pytest.fixture
def vocabulary():
    return Vocabulary(["good", "unheard", ". .", "the"])


@pytest.fixture(params=["plain", "gzip", "zip"])
def path(request, tmp_path):
    if request.param == "zip":
        with zipfile.ZipFile(tmp_path / "v.zip", "w") as made:
            made.writestr("v.3d.txt", TEXT)
            made.writestr("v.50d.txt", "the 1 2\n")
        return tmp_path / "v.zip"
    file = tmp_path / ("v.txt.gz" if request.param == "gzip" else "v.txt")
    file.write_bytes(gzip.compress(TEXT.encode()) if request.param == "gzip" else TEXT.encode())
    return file


def test_rows_are_the_vectors_of_the_words_and_unknown_has_its_own(path, vocabulary):
    matrix, covered = load_glove(path, vocabulary, dimension=3)
    assert matrix.dtype == np.float32 and matrix.shape == (6, 3)
    assert covered == 0.75
    assert not matrix[0].any()
    np.testing.assert_array_equal(matrix[1], MEAN)
    np.testing.assert_array_equal(matrix[2:], [VECTORS["good"], MEAN, VECTORS[". ."], VECTORS["the"]])


def test_released_code_gives_unknown_words_the_vector_of_padding(path, vocabulary):
    matrix, covered = load_glove(path, vocabulary, dimension=3, unknown="zero")
    assert covered == 0.75
    assert not matrix[[0, 1, 3]].any()
    np.testing.assert_array_equal(matrix[2], VECTORS["good"])


def test_the_dimension_comes_from_the_name_or_the_first_line(tmp_path, vocabulary):
    file = tmp_path / "plain.txt"
    file.write_text(TEXT + "\n")
    assert load_glove(file, vocabulary)[0].shape == (6, 3)
    named = tmp_path / "glove.6B.4d.txt"
    named.write_text(TEXT)
    with pytest.raises(CorpusError, match=r"4d\.txt, line 1: 3 numbers, expected 4 \(as the file's name says\)"):
        load_glove(named, vocabulary)


def line_of(n: int, word: str = "word") -> str:
    return f"{word} {' '.join(['0.5'] * n)}\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (line_of(99), r"line 3: 99 numbers, expected 100 \(as on the first line\)"),
        (line_of(101), "line 3: 101 numbers, expected 100"),
        (line_of(0), "line 3: 0 numbers, expected 100"),
        (line_of(98) + "\n", "line 3: 98 numbers, expected 100"),
        (line_of(99, "two words"), "line 3: a value is not a number: 'words'"),
        (line_of(99).replace("\n", " O.5\n"), "line 3: a value is not a number: 'O.5'"),
        (line_of(99).replace("\n", " nan\n"), "line 3: a value is not a finite number: 'nan'"),
        (line_of(99).replace("\n", " -inf\n"), "line 3: a value is not a finite number: '-inf'"),
        (line_of(99).replace("\n", " 1e60\n"), "too large for 32 bits"),
    ],
)
def test_line_that_cannot_be(tmp_path, vocabulary, line, message):
    file = tmp_path / "v.txt"
    file.write_text(line_of(100, "the") + line_of(100, "two words") + line + line_of(100))
    with pytest.raises(CorpusError, match=message):
        load_glove(file, vocabulary)


def test_files_missing_empty_cut_or_ambiguous(tmp_path, vocabulary):
    with pytest.raises(CorpusError, match="no such file"):
        load_glove(tmp_path / "v.txt", vocabulary)
    (tmp_path / "v.txt").write_text("")
    with pytest.raises(CorpusError, match="the file is empty"):
        load_glove(tmp_path / "v.txt", vocabulary)
    (tmp_path / "w.txt").write_text("400000 100\n" + TEXT)
    with pytest.raises(CorpusError, match=r"line 2: 3 numbers, expected 100 \(as the first line says\)"):
        load_glove(tmp_path / "w.txt", vocabulary)
    for text, said in (("4 3\n", "no vectors"), ("the\n", "0 numbers on the first line"), ("a 1\n", "1 numbers on")):
        (tmp_path / "w.txt").write_text(text)
        with pytest.raises(CorpusError, match=said):
            load_glove(tmp_path / "w.txt", vocabulary)
    packed = gzip.compress("".join(line_of(50, f"w{i}") for i in range(2000)).encode())
    (tmp_path / "v.txt.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(CorpusError, match=r"v\.txt\.gz, line \d+: the compressed file cannot be read further"):
        load_glove(tmp_path / "v.txt.gz", vocabulary)
    (tmp_path / "b.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(CorpusError, match="not a readable zip"):
        load_glove(tmp_path / "b.zip", vocabulary)
    with zipfile.ZipFile(tmp_path / "v.zip", "w") as made:
        made.writestr("v.3d.txt", TEXT)
        made.writestr("v.50d.txt", TEXT)
    with pytest.raises(CorpusError, match=r"2 members fit; it holds v\.3d\.txt, v\.50d\.txt"):
        load_glove(tmp_path / "v.zip", vocabulary)
    assert load_glove(tmp_path / "v.zip", vocabulary, member="v.3d.txt")[0].shape == (6, 3)


def same_as_plain(tmp_path, file, vocabulary):
    (tmp_path / "plain.txt").write_text(TEXT)
    expected, share = load_glove(tmp_path / "plain.txt", vocabulary)
    matrix, covered = load_glove(file, vocabulary)
    np.testing.assert_array_equal(matrix, expected)
    assert covered == share


@pytest.mark.parametrize(
    "text",
    [
        f"4 3\n{TEXT}",  # word2vec's text form, and fastText's .vec
        f"4 3 \r\n{TEXT}",
        "".join(f"{word}\t{'	'.join(map(str, v))}\n" for word, v in VECTORS.items()),  # StarSpace's .tsv
        "".join(f"{word}\t{' '.join(map(str, v))}\n" for word, v in VECTORS.items()),
        f"{TEXT}  9 9 9\n",  # a space is a word
        f"  9 9 9\n{TEXT}",
        f"{TEXT}\u00a0 9 9 9\n 9 9 9\n",  # so is a no-break space; and an empty word
    ],
)
def test_other_programs_text_forms_are_read(tmp_path, vocabulary, text):
    (tmp_path / "v.vec").write_text(text, "utf-8", newline="")
    same_as_plain(tmp_path, tmp_path / "v.vec", vocabulary)


def test_a_line_that_is_too_short_or_too_long_is_not_taken_for_one_of_a_space(tmp_path, vocabulary):
    for line in ("  9 9\n", "  9 9 9 9\n", "\t9\t9\n"):
        (tmp_path / "v.txt").write_text(TEXT + line)
        with pytest.raises(CorpusError, match=r"line 5: \d numbers, expected 3"):
            load_glove(tmp_path / "v.txt", vocabulary)


def test_an_archive_of_fasttext_is_read_and_one_without_text_names_the_cause(tmp_path, vocabulary):
    with zipfile.ZipFile(tmp_path / "wiki.vec.zip", "w") as made:
        made.writestr("__MACOSX/._wiki.vec", "x")
        made.writestr("wiki.vec", f"4 3\n{TEXT}")
    same_as_plain(tmp_path, tmp_path / "wiki.vec.zip", vocabulary)
    with zipfile.ZipFile(tmp_path / "model.pt.zip", "w") as made:
        made.writestr("model/data.pkl", b"\x80")
    with pytest.raises(CorpusError, match="holds no .txt, .vec, .tsv, but model/data.pkl. Vectors are read as text"):
        load_glove(tmp_path / "model.pt.zip", vocabulary)


BINARY = {
    "word2vec": (
        b"3 2\nthe " + np.array([0.5, -1.0], np.float32).tobytes() + b"\nbeer " + bytes(8),
        "word2vec's binary",
    ),
    "no byte is zero": (b"3 2\nthe \x3f\x9d\x8f\x3e\x3f\x9d\x8f\x3e\n", "word2vec's binary"),
    "fastText": (b"\xba\x16\x4f\x2f\x0c" + bytes(40), "a model of fastText, not text. Take the .vec file"),
    "numpy": (b"\x93NUMPY\x01\x00v\x00" + bytes(40), "this is binary, not text"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", BINARY)
def test_a_binary_file_is_called_so(tmp_path, vocabulary, kind, packed):
    content, said = BINARY[kind]
    (tmp_path / "v.bin").write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(CorpusError, match=said) as caught:
        load_glove(tmp_path / "v.bin", vocabulary)
    assert "delete that line" not in str(caught.value)
    if kind in ("word2vec", "numpy"):
        assert "save_word2vec_format" in str(caught.value)


def test_train_takes_the_vectors_of_its_dimension_out_of_the_published_archive(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    (tmp_path / "glove").mkdir()
    with zipfile.ZipFile(tmp_path / "glove" / "glove.6B.zip", "w") as made:
        made.writestr("glove.6B.3d.txt", TEXT)
        made.writestr("glove.6B.2d.txt", "the 1 2\n")
    vocabulary = Vocabulary(["the", "good"])
    assert word_vectors(Config(vectors="glove", dimension=3), vocabulary)[2:].tolist() == [
        VECTORS["the"],
        VECTORS["good"],
    ]
    assert word_vectors(Config(vectors="glove", dimension=2), vocabulary).shape == (4, 2)


def test_latin_1_vectors_are_refused_with_their_line(tmp_path, vocabulary):
    (tmp_path / "v.txt").write_bytes(TEXT.encode() + b"caf\xe9 1 2 3\n")
    with pytest.raises(CorpusError, match="line 5: byte 4 is not valid UTF-8"):
        load_glove(tmp_path / "v.txt", vocabulary)


def test_unknown_is_own_or_zero(path, vocabulary):
    with pytest.raises(ValueError, match="unknown must be"):
        load_glove(path, vocabulary, dimension=3, unknown="random")
