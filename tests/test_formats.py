"""Readers of Beer, Hotel and tweets on small files in exactly the published forms, good and broken."""

import gzip

import pytest

from small_files import LABELLED, TRAIN, beer, beer_annotation, cut, fails, hotel_files, packed, write
from ver_lite.corpora.assembly import assemble
from ver_lite.corpora.beer import read_beer
from ver_lite.corpora.hotel import read_hotel
from ver_lite.corpora.tweets import read_tweets


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("stem", ["reviews.aspect0", "reviews.260k"])
def test_beer_in_its_published_form(tmp_path, packed, stem):
    folder = beer(tmp_path, packed=packed, stem=stem, annotations=beer_annotation(0.4, [[0, 2], [1, 5]]))
    splits, classes, facts = read_beer(folder, "Appearance", correlated="260k" in stem)
    assert classes == ("negative", "positive")
    assert sorted(t.label for t in splits["train"]) == [0, 0, 1, 1]
    assert [t.label for t in splits["dev"]] == [1, 0, 1, 1, 0]
    assert splits["dev"][0].words == tuple("pours a clear golden color .".split())
    assert splits["dev"][0].rationale is None
    assert [t.rationale for t in splits["test"]] == [(False, True, True, False, False), (True,) * 5]
    assert facts["dropped"]["train"] == {"neutral": 1, "empty": 0}
    assert facts["dropped"]["test"] == {"neutral": 1, "without_rationale": 1}
    assert facts["balanced"] == {"train": True, "left_out": 1, "seed": 0}
    unbalanced = read_beer(folder, 0, correlated="260k" in stem, balance=False)[0]
    assert len(unbalanced["train"]) == 5
    assert assemble("beer", splits, classes, facts).card["aspect"] == "appearance"


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("0.8 0.6 0.7 0.7 0.8 no tab here\n", ["line 7", "one column, expected two"]),
        ("0.8 0.6 0.7 0.7\ttoo few scores\n", ["line 7", "4 scores, expected 5"]),
        ("good 0.6 0.7 0.7 0.8\twords\n", ["line 7", "not a number: 'good'"]),
        ("nan 0.6 0.7 0.7 0.8\twords\n", ["line 7", "not a finite number: 'nan'"]),
    ],
)
def test_beer_line_that_cannot_be(tmp_path, line, parts):
    fails(lambda: read_beer(beer(tmp_path, TRAIN + line)), "reviews.aspect0.train.txt.gz", *parts)


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        (beer_annotation(0.9, [[3, 6]]), ["longer than its text", "[3, 6)", "ends at 5"]),
        (beer_annotation(0.9, [[-1, 2]]), ["negative"]),
        (beer_annotation(0.9, [[2, 1]]), ["backwards"]),
        (beer_annotation(0.9, [[2]]), ["two whole numbers"]),
        (beer_annotation(0.9, [[1, 2]], y=[0.9]), ['"y" has 1 scores']),
        (beer_annotation(0.9, [[1, 2]], y=["good", 0, 0, 0, 0]), ["not a number: 'good'"]),
        (beer_annotation(0.9, [[1, 2]], x=[]), ["list of words, at least one"]),
        ('{"x": ["a"]}\n', ['"y" is missing']),
        ("[1]\n", ["expected a JSON object, found a list"]),
    ],
)
def test_beer_annotation_that_cannot_be(tmp_path, line, parts):
    fails(lambda: read_beer(beer(tmp_path, annotations=line)), "annotations.json, line 4", *parts)


def test_a_beer_of_zero_words_is_left_out_and_counted(tmp_path):
    splits, _, facts = read_beer(beer(tmp_path, TRAIN + "0.9 0.9 0.9 0.9 0.9\t \n"))
    assert facts["dropped"]["train"] == {"neutral": 1, "empty": 1}
    assert all(t.words for t in splits["train"])


def test_beer_files_missing_cut_or_not_utf8(tmp_path):
    fails(lambda: read_beer(tmp_path), "reviews.aspect0.train.txt.gz", "no such file", "fetch beer")
    fails(lambda: read_beer(beer(tmp_path), "look"), "no aspect 'look'", "appearance, aroma, palate")
    fails(lambda: read_beer(tmp_path, "palate"), "reviews.aspect2.train.txt.gz")
    cut(tmp_path / "reviews.aspect0.train.txt.gz")
    fails(
        lambda: read_beer(tmp_path),
        "train.txt.gz, line",
        "cannot be read further",
        "download or copy it again",
    )
    (tmp_path / "reviews.aspect0.train.txt.gz").write_bytes(gzip.compress(TRAIN.encode() + b"0 0 0 0 0\tcaf\xe9\n"))
    fails(lambda: read_beer(tmp_path), "line 7", "not valid UTF-8 (0xe9)")
    (tmp_path / "reviews.aspect0.train.txt.gz").write_bytes(gzip.compress(b""))
    fails(lambda: read_beer(tmp_path), "the file is empty")


def test_one_class_only_is_refused(tmp_path):
    positive = "".join(line for line in TRAIN.splitlines(True) if line[2] in "689")
    splits, classes, facts = read_beer(beer(tmp_path, positive))
    fails(lambda: assemble("beer", splits, classes, facts), "train split of beer has one class only")


def test_hotel_zip_folder_and_flat_folder_alike_and_the_leak_is_removed(tmp_path):
    files = hotel_files()
    path = packed(tmp_path / "data.zip", files)
    for name, text in files.items():
        write(tmp_path / "r2a" / name, text)
        flat = name.removeprefix("data/oracle/").replace("data/target/", "annotations/")
        write(tmp_path / "flat" / flat, text)
    splits, classes, facts = read_hotel(path, "location")
    assert read_hotel(tmp_path / "r2a", "location") == read_hotel(tmp_path / "flat", 0) == (splits, classes, facts)
    assert read_hotel(tmp_path) == (splits, classes, facts)
    assert [t.rationale for t in splits["test"]] == [(True, True, False, True), (True, False, False, False)]
    assert facts["surplus_flags_cut"] == 1
    assert facts["annotated_also_in"] == {"train": 2, "dev": 0}
    assert facts["notes"] == ["of 2 different annotated reviews, 2 in the train file and 0 in the dev file too"]
    assert facts["mojibake"] == {"train": 0, "dev": 0, "test": 0}
    assert [len(splits[s]) for s in ("train", "dev", "test")] == [4, 2, 2]
    card = assemble("hotel", splits, classes, facts).card
    assert card["leaks"] == {"policy": "remove", "train": 2, "dev": 0}
    assert card["splits"]["train"]["texts"] == 2


def test_hotel_notes_say_what_was_read(tmp_path):
    """Rebuilt files, from which the annotated reviews were left out; texts with mojibake are kept and counted."""
    name = "hotel_Cleanliness"
    files = hotel_files(f"{name}\t1\ttr\u00c3\u0083\u00c2\u00a8s clean\t0 1\n", f"{name}\t0\tcaf\u8305\n", name)
    labelled = files[f"data/oracle/{name}.train"].splitlines(True)
    files[f"data/oracle/{name}.train"] = "".join(
        line for line in labelled if "station" not in line and "far" not in line
    )
    splits, _, facts = read_hotel(packed(tmp_path / "data.zip", files), "Cleanliness", balance=False)
    assert facts["notes"] == ["of 3 different annotated reviews, 0 in the train file and 0 in the dev file too"]
    assert facts["mojibake"] == {"train": 1, "dev": 0, "test": 1}
    assert len(splits["test"]) == 3 and splits["test"][2].words[0].startswith("tr") and len(splits["train"]) == 3
    assert read_hotel(packed(tmp_path / "r.zip", hotel_files("hotel_Location\t1\ttr\u00e8s bien\t0 1\n")))[2][
        "mojibake"
    ] == {"train": 0, "dev": 0, "test": 0}


def test_hotel_without_annotations_is_judged_on_other_hotels(tmp_path):
    files = hotel_files()
    held_out = LABELLED + "hotel_Location\t1\ta quiet street\nhotel_Location\t0\ta loud street\n"
    del files["data/target/hotel_Location.train"]
    fails(lambda: read_hotel(packed(tmp_path / "no.zip", files)), "holds no data/target/hotel_Location.train")
    files["data/held_out_hotels/hotel_Location.test"] = held_out
    for name, text in files.items():
        write(tmp_path / "r2a" / f"{name}.gz", text, packed=True)
    splits, classes, facts = read_hotel(packed(tmp_path / "data.zip", files))
    assert read_hotel(tmp_path / "r2a")[2] == facts and "for accuracy only" in facts["notes"][0]
    assert [text.rationale for text in splits["test"]] == [None, None]
    card = assemble("hotel", splits, classes, facts).card
    assert card["splits"]["test"]["annotated"] == 0 and card["splits"]["test"]["gold_share"] is None
    files["data/target/hotel_Location.train"] = hotel_files()["data/target/hotel_Location.train"]
    assert read_hotel(packed(tmp_path / "both.zip", files))[0]["test"][0].rationale is not None


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        (
            "hotel_Location\t1\tclose to it\t1 0 0 1\n",
            ["line 4", "longer than its text: 4 flags for 3 words"],
        ),
        ("hotel_Location\t1\tclose to it\t1 0\n", ["line 4", "2 rationale flags for 3 words"]),
        ("hotel_Location\t1\tclose to it\t1 0 -1\n", ["line 4", "flag is -1, expected 0 or 1"]),
        ("hotel_Location\t1\tclose to it\t1 0 x\n", ["line 4", "not a number: 'x'"]),
        ("hotel_Location\t1\tclose to it\n", ["line 4", "3 columns, expected 4"]),
        ("hotel_Location\tgood\tclose to it\t1 0 0\n", ["line 4", "the label is not a number: 'good'"]),
        ("hotel_Location\t0.3\tclose to it\t1 0 0\n", ["line 4", "the label is 0.3, expected 0 or 1"]),
        ("hotel_Location\t1\t \t\n", ["line 4", "zero words"]),
    ],
)
def test_hotel_annotation_that_cannot_be(tmp_path, line, parts):
    path = packed(tmp_path / "data.zip", hotel_files(line))
    fails(lambda: read_hotel(path), "data/target/hotel_Location.train", *parts)


def test_hotel_files_missing_cut_or_of_another_kind(tmp_path):
    fails(lambda: read_hotel(tmp_path / "data.zip"), "data.zip", "no such file", "fetch hotel")
    fails(lambda: read_hotel(tmp_path), "no data/oracle/hotel_Location.train")
    path = packed(tmp_path / "data.zip", hotel_files())
    fails(lambda: read_hotel(path, "Service"), "the archive holds no data/oracle/hotel_Service.train")
    fails(lambda: read_hotel(path, "Price"), "Location, Service, Cleanliness")
    cut(path)
    fails(lambda: read_hotel(path), "data.zip", "cannot be read")
    files = hotel_files() | {"data/oracle/hotel_Location.train": "task\tscore\ttext\nhotel\t1\tok\n"}
    fails(
        lambda: read_hotel(packed(path, files)),
        "line 1",
        "no column 'label'; the header has task, score, text",
    )
    files["data/oracle/hotel_Location.train"] = ""
    fails(lambda: read_hotel(packed(path, files)), "hotel_Location.train", "the file is empty")


HEADER = "textID,text,selected_text,sentiment\n"


def tweets(more: str = "", n: int = 20) -> str:
    rows = "".join(
        f't{i}," so {word}, it`s {i}!",{word},{mood}\n'
        for i in range(n)
        for mood, word in (("positive", "good"), ("negative", "bad"), ("neutral", "so"))
    )
    return HEADER + rows + more


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_tweets_are_split_within_each_class_and_neutral_ones_dropped(tmp_path, suffix):
    path = write(tmp_path / f"train.csv{suffix}", tweets(), bool(suffix))
    splits, classes, facts = read_tweets(path)
    assert read_tweets(tmp_path) == (splits, classes, facts)
    assert classes == ("negative", "positive")
    for split, n in (("train", 16), ("dev", 2), ("test", 2)):
        assert [sum(t.label == c for t in splits[split]) for c in (0, 1)] == [n, n]
    text = next(t for t in splits["train"] if t.id == "t0" and t.label == 1)
    assert text.words == ("so", "good", ",", "it", "'s", "0", "!")
    assert text.rationale == (False, True) + (False,) * 5
    assert facts["neutral_dropped"] == 20
    assert read_tweets(path, seed=1)[0] != splits


@pytest.mark.parametrize(
    ("row", "parts"),
    [
        ("x,some text,text\n", ["line 62", "3 columns, expected 4"]),
        ("x,some text,other,positive\n", ["line 62", "selected_text is empty or not a part of text"]),
        ("x,some text,,positive\n", ["line 62", "selected_text is empty"]),
        ("x,some text,text,angry\n", ["line 62", "unknown sentiment 'angry'"]),
        ('x,"some text,text,positive\n', ["line 62", "not valid CSV"]),
    ],
)
def test_tweet_row_that_cannot_be(tmp_path, row, parts):
    path = write(tmp_path / "train.csv", tweets(row))
    fails(lambda: read_tweets(path), "train.csv", *parts)


def test_tweet_files_missing_cut_or_of_another_kind(tmp_path):
    fails(lambda: read_tweets(tmp_path), "train.csv", "no such file")
    path = write(tmp_path / "train.csv.gz", tweets(n=400), True)
    cut(path)
    fails(lambda: read_tweets(path), "train.csv.gz, line", "cannot be read further")
    fails(lambda: read_tweets(write(tmp_path / "a.csv", "id,text\n1,x\n")), "line 1", "no column 'textID'")
    fails(lambda: read_tweets(write(tmp_path / "b.csv", "")), "the file is empty")
