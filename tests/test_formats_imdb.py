"""Film reviews of two sources: IMDb's archive and folder, well-formed and broken, and the test set from Movies."""

import gzip
import io
import tarfile

import pytest

from small_files import archive, cut, fails, write
from small_films import acl_imdb, movies
from ver_lite.corpora import archives, load_corpus
from ver_lite.corpora.core import Text
from ver_lite.corpora.film_words import film_words
from ver_lite.corpora.imdb import read_imdb, shared_runs
from ver_lite.corpora.places import VARIABLE


@pytest.fixture
def judged(tmp_path):
    """The archive of a small Movies."""
    return archive(tmp_path / "movies.tar.gz", movies())


def films(tmp_path, changed=None, extra=(), mode="w:gz"):
    return archive(tmp_path / "aclImdb_v1.tar.gz", acl_imdb(changed), list(extra), mode)


def member(name, kind=tarfile.REGTYPE, target="", size=0):
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, target, size
    return made


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's a WELL-MADE film...", "it 's a well - made film . . ."),
        ("A PG-13 film, 12-year-olds; 8/10!!", "a pg-13 film , 12-year - olds ; 8/10 ! !"),
        ("I can't, don’t, cannot, dont", "i ca n't , do n't , can not , do nt"),
        ("she's gonna; 'em and/or O'Brien's", "she 's gon na ; 'em and/or o'brien 's"),
        ("the ’90s -- $1,000 (5%)", "the ' 90s -- $ 1 , 000 ( 5 % )"),
        ("good<br /><br />bad <i>so</i> &amp; on", "good bad so & on"),
        ("a naïve cliché, café", "a naive cliche , cafe"),
        ("mr. x_y \x93quoted\x94 u.s.", 'mr . x _ y " quoted " u . s .'),
        ("a < b <3 ", "a < b < 3"),
        ("<br /> ", ""),
    ],
)
def test_a_review_is_cut_as_movies_are(text, words):
    assert film_words(text) == tuple(words.split())
    assert film_words(" ".join(film_words(text))) == tuple(words.split())


def test_archive_folder_and_folder_around_them_are_read_alike(tmp_path, judged):
    wanted = read_imdb(films(tmp_path), judged, held_out=0.4)
    assert read_imdb(films(tmp_path, {"train/pos/._0_9.txt": "left by a Mac"}), judged, held_out=0.4) == wanted
    for name, text in acl_imdb().items():
        write(tmp_path / "around" / name, text)
    write(tmp_path / "around" / "aclImdb" / "train" / "pos" / "._0_9.txt", "left by a Mac")
    (tmp_path / "fetched").mkdir()
    films(tmp_path / "fetched", mode="w")
    for place in ("around", "around/aclImdb", "fetched"):
        assert read_imdb(tmp_path / place, judged, held_out=0.4) == wanted, place


def test_copies_are_taken_out_of_train_and_counted(tmp_path, judged):
    splits, classes, facts = read_imdb(films(tmp_path), judged, held_out=0.4)
    assert classes == ("negative", "positive")
    learned = splits["train"] + splits["dev"]
    assert facts["removed_from_train"] == {"in_both_halves": 1, "repeated": 1, "also_in_movies": 0}
    assert len(learned) == 6 and len({text.key() for text in learned}) == 6
    assert {text.id for text in learned} == {
        *("train/pos/0_9.txt", "train/pos/1_10.txt", "train/pos/2_7.txt"),
        *("train/neg/0_1.txt", "train/neg/1_4.txt", "train/neg/2_2.txt"),
    }
    assert [sorted(text.label for text in splits[part]) for part in ("train", "dev")] == [[0, 0, 1, 1], [0, 1]]
    assert all(text.label == ("pos" in text.id) and text.rationale is None for text in learned)
    other = read_imdb(films(tmp_path), judged, held_out=0.4, seed=1)[0]
    assert {text.id for text in other["dev"]} != {text.id for text in splits["dev"]}


def test_the_test_set_is_one_of_movies_splits_or_imdb_s_other_half(tmp_path, judged):
    path = films(tmp_path)
    named = {which: read_imdb(path, judged, annotated=which) for which in ("test", "val", "train", "all")}
    ids = {which: [text.id for text in splits["test"]] for which, (splits, *_) in named.items()}
    assert ids["test"] == ["test/test-0.txt", "test/test-1.txt"] and ids["val"][0] == "val/val-0.txt"
    assert ids["all"] == [*ids["test"], *ids["val"], *ids["train"]]
    assert [text.label for text in named["test"][0]["test"]] == [1, 0]
    assert named["test"][0]["test"][0].rationale == (True, True, False, False)
    for splits, _, facts in named.values():
        assert splits["train"] == named["test"][0]["train"] and splits["dev"] == named["test"][0]["dev"]
        assert facts["movies"]["test"] == {"texts": 2, "gold_share_uncut": round((2 / 4 + 2 / 6) / 2, 4)}
        assert facts["movies"]["val"] == facts["movies"]["train"] == {"texts": 2, "gold_share_uncut": 0.2083}
    splits, _, facts = read_imdb(path, judged, "imdb")
    assert splits["train"] == named["test"][0]["train"]
    assert [(text.id, text.label) for text in splits["test"]][:2] == [("test/neg/0_1.txt", 0), ("test/pos/0_10.txt", 1)]
    assert len(splits["test"]) == 4 and all(text.rationale is None for text in splits["test"])
    assert "without rationales" in facts["test_set"]


def test_a_review_that_stands_among_the_documents_is_taken_out(tmp_path):
    told = " ".join(f"word{i}" for i in range(60))
    path = films(tmp_path, {"train/pos/7_9.txt": f"So: {told}!", "train/pos/8_9.txt": " ".join(told.split()[:14])})
    judged = archive(tmp_path / "movies.tar.gz", movies(told))
    splits, _, facts = read_imdb(path, judged)
    assert "train/pos/7_9.txt" not in {text.id for part in ("train", "dev") for text in splits[part]}
    assert (facts["removed_from_train"]["also_in_movies"], facts["one_run_of_words_in_movies"]) == (1, 1)
    assert read_imdb(path, judged, annotated="val")[2]["removed_from_train"]["also_in_movies"] == 0
    texts = [Text(tuple(words.split()), 0) for words in (told, told.replace("word9 ", "another , "), "a b c")]
    assert shared_runs(texts[1:], texts[:1]) == [4, 0]


def test_words_in_common_are_shares_of_running_words(tmp_path, judged):
    splits, _, facts = read_imdb(films(tmp_path), judged)
    words = [[word for text in splits[part] for word in text.words] for part in ("train", "test")]
    shares = [sum(w in words[1 - i] for w in words[i]) / len(words[i]) for i in (1, 0)]
    assert list(facts["running_words_in_common"].values()) == pytest.approx(shares, abs=5e-5)


def test_by_name_with_movies_beside_it(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    for name, files in (("imdb/aclImdb_v1", acl_imdb()), ("movies/movies", movies())):
        (tmp_path / name).parent.mkdir()
        archive(tmp_path / f"{name}.tar.gz", files)
    corpus = load_corpus("imdb", held_out=0.4, max_length=5)
    assert [len(split) for split in corpus.splits().values()] == [4, 2, 2]
    assert corpus.card["splits"]["test"]["gold_cut_off"] == 0
    assert load_corpus("imdb", held_out=0.4, max_length=1).card["splits"]["test"]["gold_cut_off"] == 0.5
    assert corpus.card["splits"]["train"]["gold_cut_off"] is None
    assert "Maas" in corpus.card["citation"] and corpus.card["licence"] == "none stated"
    loaded = dict(corpus.card["loaded_with"])
    assert load_corpus(loaded.pop("name"), **loaded).train.fingerprint() == corpus.train.fingerprint()
    assert len(load_corpus("imdb", folder=tmp_path / "imdb" / "aclImdb_v1.tar.gz", test="imdb").test) == 4
    fails(lambda: load_corpus("imdb", test="film"), "test must be one of: movies, imdb; not 'film'")
    fails(lambda: load_corpus("imdb", annotated="dev"), "annotated must be one of: test, val, train, all; not 'dev'")
    fails(lambda: load_corpus("imdb", held_out=1), "held_out must be a number above 0 and below 1, not 1")
    fails(lambda: load_corpus("imdb", test="imdb", annotated="all"), "annotated", "does not go with test=imdb")
    (tmp_path / "movies" / "movies.tar.gz").unlink()
    fails(lambda: load_corpus("imdb"), "movies is not in the data folder", "ver-lite fetch movies")


# bad input


@pytest.mark.parametrize(
    ("changed", "parts"),
    [
        ({"train/neg/0_1.txt": ""}, ["train/neg/0_1.txt", "the file is empty"]),
        ({"train/neg/0_1.txt": " <br /> \n"}, ["train/neg/0_1.txt", "a review of zero words", "Remove the file"]),
        ({"test/pos/1_8.txt": ""}, ["test/pos/1_8.txt", "the file is empty"]),
        ({"train/neg/one.txt": "bad"}, ["train/neg/one.txt", "not called ID_STARS.txt"]),
        ({"train/neg/7_9.txt": "bad"}, ["train/neg/7_9.txt", "9 stars in neg/"]),
        ({"train/pos/7_5.txt": "fair"}, ["train/pos/7_5.txt", "5 stars in pos/"]),
        (
            {f"train/neg/{name}.txt": None for name in ("0_1", "1_4", "2_2", "10_3")},
            ["no review in train/neg", "negative is missing"],
        ),
        ({"test/pos/0_10.txt": None, "test/pos/1_8.txt": None}, ["no review in test/pos", "positive is missing"]),
    ],
)
def test_reviews_that_cannot_be(tmp_path, judged, changed, parts):
    fails(lambda: read_imdb(films(tmp_path, changed), judged, "imdb"), "aclImdb", *parts)
    for name, text in acl_imdb(changed).items():
        write(tmp_path / "folder" / name, text)
    fails(lambda: read_imdb(tmp_path / "folder", judged, "imdb"), *parts)


def test_latin_1_is_refused_with_its_place(tmp_path, judged):
    for name, text in acl_imdb().items():
        write(tmp_path / name, text)
    (tmp_path / "aclImdb" / "train" / "neg" / "1_4.txt").write_bytes("The café scene".encode("latin-1"))
    parts = ["aclImdb/train/neg/1_4.txt, line 1", "byte 8 is not valid UTF-8 (0xe9)"]
    fails(lambda: read_imdb(tmp_path, judged), *parts)
    with tarfile.open(tmp_path / "aclImdb_v1.tar.gz", "w:gz") as made:
        made.add(tmp_path / "aclImdb", "aclImdb")
    fails(lambda: read_imdb(tmp_path / "aclImdb_v1.tar.gz", judged), *parts)


@pytest.mark.parametrize(
    ("extra", "parts"),
    [
        (member("../escaped/train/pos/9_9.txt"), ["'../escaped/train/pos/9_9.txt' points outside the archive"]),
        (member("/etc/train/pos/9_9.txt"), ["points outside the archive"]),
        (member("aclImdb/train/pos/9_9.txt", tarfile.SYMTYPE, "/etc/passwd"), ["9_9.txt' is a link"]),
        (member("aclImdb/train/pos/9_9.txt", tarfile.LNKTYPE, "aclImdb/README"), ["9_9.txt' is a link"]),
        (member("aclImdb/null", tarfile.CHRTYPE), ["'aclImdb/null' is a device or the like"]),
        (member("aclImdb/pipe", tarfile.FIFOTYPE), ["'aclImdb/pipe' is a device or the like"]),
    ],
)
def test_an_archive_holds_files_and_folders_only(tmp_path, judged, extra, parts):
    fails(lambda: read_imdb(films(tmp_path, extra=[extra]), judged), "aclImdb_v1.tar.gz", *parts)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["aclImdb_v1.tar.gz", "movies.tar.gz"]


@pytest.mark.parametrize("keep", [0.02, 0.5, 0.99])
def test_an_archive_cut_in_the_middle(tmp_path, judged, keep):
    path = films(tmp_path)
    cut(path, keep)
    fails(lambda: read_imdb(path, judged), "aclImdb_v1.tar.gz", "cannot be read", "download or copy it again")


def bomb(path, *headers, zeros=0):
    with gzip.open(path, "wb") as made:
        for header in headers:
            made.write(header.tobuf())
        for _ in range(zeros // 2**20):
            made.write(bytes(2**20))
        made.write(bytes(1024))
    return path


def test_bombs(tmp_path, judged, monkeypatch):
    path = bomb(tmp_path / "1.tar.gz", member("aclImdb/train/pos/9_9.txt", size=2**40))
    fails(lambda: read_imdb(path, judged), "1.tar.gz", "too large", "1,099,511,627,776 bytes")
    many = [member(f"aclImdb/train/pos/{i}_9.txt", size=0) for i in range(9)]
    monkeypatch.setattr(archives, "MOST_MEMBERS", 8)
    fails(lambda: read_imdb(bomb(tmp_path / "2.tar.gz", *many), judged), "2.tar.gz", "more than 8 members")
    monkeypatch.setattr(archives, "LARGEST_MEMBER", 2**20)
    long_name = member("././@LongLink", tarfile.GNUTYPE_LONGNAME, size=2**22)
    path = bomb(tmp_path / "3.tar.gz", long_name, zeros=2**22)
    fails(lambda: read_imdb(path, judged), "3.tar.gz", "too large", "unpacked")
    monkeypatch.setattr(archives, "LARGEST_ARCHIVE", 2**20)
    path = bomb(tmp_path / "4.tar.gz", zeros=2**23)
    fails(lambda: read_imdb(path, judged), "4.tar.gz", "too large", "unpacked")
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as made:
        for i in range(3):
            made.addfile(member(f"aclImdb/train/pos/{i}_9.txt", size=2**19), io.BytesIO(bytes(2**19)))
    (tmp_path / "5.tar.gz").write_bytes(gzip.compress(inner.getvalue()))
    fails(lambda: read_imdb(tmp_path / "5.tar.gz", judged), "5.tar.gz", "too large", "1,572,864 bytes")


def test_what_is_not_there_or_not_an_archive(tmp_path, judged):
    fails(lambda: read_imdb(tmp_path / "no.tar.gz", judged), "no.tar.gz", "no such file")
    fails(lambda: read_imdb(write(tmp_path / "x.tar.gz", "<html>404</html>" * 99), judged), "cannot be read")
    (tmp_path / "hollow").mkdir()
    fails(lambda: read_imdb(tmp_path / "hollow", judged), "hollow", "no review in train/neg")
    other = archive(tmp_path / "y.tar.gz", {"a/b.txt": "c"})
    fails(lambda: read_imdb(other, judged), "no review in train/neg", "Expected aclImdb/{train,test}/{pos,neg}")
