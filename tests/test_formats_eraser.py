"""The reader of ERASER on small releases in exactly its form, good and broken."""

import gzip
import json
import tarfile

import pytest

from small_files import archive, cut, fails, write
from ver_lite.corpora.assembly import assemble
from ver_lite.corpora.eraser import check_evidence, open_release, read_eraser

DOCS = {"a.txt": "A fine film .\nI loved it .\n", "b.txt": "It was dull .\n\nVery dull .\n"}


def evidence(docid: str, start: int, end: int, text: str) -> dict:
    return {
        "docid": docid,
        "start_token": start,
        "end_token": end,
        "start_sentence": 0,
        "end_sentence": 1,
        "text": text,
    }


def annotation(docid: str, label: str, groups: list, query: str = "What is the sentiment of this review?") -> str:
    record = {
        "annotation_id": docid,
        "classification": label,
        "evidences": groups,
        "query": query,
        "query_type": None,
    }
    return json.dumps(record) + "\n"


def movies() -> dict[str, str]:
    a = annotation("a.txt", "POS", [[evidence("a.txt", 1, 3, "fine film")], [evidence("a.txt", 2, 4, "film .")]])
    b = annotation("b.txt", "NEG", [[evidence("b.txt", 4, 6, "Very dull")]])
    files = {f"movies/docs/{name}": text for name, text in DOCS.items()}
    unmarked = annotation("a.txt", "POS", [])
    return {
        "movies/train.jsonl": a + b + unmarked,
        "movies/val.jsonl": b,
        "movies/test.jsonl": a + b,
        **files,
    }


def test_eraser_unites_evidence_groups_and_leaves_unannotated_texts_unmarked(tmp_path):
    splits, classes, facts = read_eraser(archive(tmp_path / "movies.tar.gz", movies()), "movies")
    assert classes == ("NEG", "POS")
    first, second, third = splits["train"]
    assert first.words == tuple("A fine film . I loved it .".split())
    assert first.rationale == (False, True, True, True, False, False, False, False)
    assert (first.label, second.label, first.query, first.id) == (1, 0, (), "a.txt")
    assert second.rationale == (False,) * 4 + (True, True, False)
    assert third.rationale is None
    assert first.sentences == second.sentences == (0, 4)  # lines, without the empty one
    assert facts["unannotated"] == {"train": 1, "dev": 0, "test": 0}
    assert facts["notes"][0] == "train: 3 examples, the published file has 1600"
    card = assemble("movies", splits, classes, facts, leaks="keep").card
    assert card["leaks"] == {"policy": "keep", "train": 3, "dev": 1}
    assert card["splits"]["train"]["annotated"] == 2


def their_document(content: str, folder) -> list[list[str]]:
    """The sentences of a document as ERASER's own loader has them (rationale_benchmark.utils.load_documents)."""
    (folder / "doc").write_bytes(content.encode())
    with open(folder / "doc", encoding="utf-8") as file:
        lines = [line.strip() for line in file.readlines()]
    lines = list(filter(lambda x: bool(len(x)), lines))
    return [list(filter(lambda x: bool(len(x)), line.strip().split(" "))) for line in lines]


@pytest.mark.parametrize(
    "content", ["a\rfine film .\nI loved it .", "a fine\r film .\r\nI loved\r\rit .\r", "a\tfine film\r"]
)
def test_a_bare_carriage_return_ends_a_line_as_in_erasers_own_loader(tmp_path, content):
    theirs = their_document(content, tmp_path)
    path = archive(tmp_path / "movies.tar.gz", {**movies(), "movies/docs/a.txt": content})
    release = open_release(path)
    words, starts = release.read("a.txt", (tmp_path, 1))
    assert words == tuple(word for line in theirs for word in line)
    assert [words[a:b] for a, b in zip(starts, [*starts[1:], None], strict=True)] == list(map(tuple, theirs))


def test_eraser_reads_archive_folder_and_folder_around_it_alike(tmp_path):
    files = movies()
    for name, text in files.items():
        write(tmp_path / "around" / name, text)
    plain = archive(tmp_path / "movies.tar", files, mode="w")
    dotted = archive(tmp_path / "dotted.tar.gz", {f"./{name}": text for name, text in files.items()})
    wanted = read_eraser(plain, "movies")
    assert read_eraser(dotted, "movies") == wanted
    assert read_eraser(tmp_path / "around", "movies") == wanted
    assert read_eraser(tmp_path / "around" / "movies", "movies") == wanted
    (tmp_path / "fetched").mkdir()
    plain.rename(tmp_path / "fetched" / "movies.tar")
    assert read_eraser(tmp_path / "fetched", "movies") == wanted


def test_eraser_query_is_kept_apart_where_it_says_something(tmp_path):
    lines = "".join(
        annotation(d, label, [[evidence(d, 0, 1, "A")]], "Was it fine? || Yes, very")
        for d, label in (("a.txt", "True"), ("b.txt", "False"))
    )
    docs = {f"m/docs/{name}": text for name, text in DOCS.items()}
    files = {f"m/{split}.jsonl": lines for split in ("train", "val", "test")}
    splits, classes, _ = read_eraser(archive(tmp_path / "m.tar.gz", {**files, **docs}), "multirc")
    assert classes == ("False", "True")
    assert splits["train"][0].query == tuple("Was it fine ? || Yes , very".split())
    assert len(splits["train"][0].rationale) == len(splits["train"][0].words)


def test_fever_without_train_holds_documents_out_of_val(tmp_path):
    docs = {f"fever/docs/d{i}": f"claim number {i} stands here .\n" for i in range(40)}
    val = "".join(
        annotation(f"{i}-{j}", ("REFUTES", "SUPPORTS")[j], [[evidence(f"d{i}", 0, 2, "claim number")]], f"Claim {i}.")
        for i in range(40)
        for j in range(2)
    )
    path = archive(
        tmp_path / "fever.tar.gz",
        {"fever/val.jsonl": val, "fever/test.jsonl": val[: val.index("\n") + 1], **docs},
    )
    splits, _, facts = read_eraser(path, "fever")
    assert (len(splits["train"]), len(splits["dev"])) == (68, 12)
    assert not {t.words for t in splits["train"]} & {t.words for t in splits["dev"]}
    assert any("train is val without 6 of its 40 documents" in note for note in facts["notes"])
    assert read_eraser(path, "fever") == (splits, ("REFUTES", "SUPPORTS"), facts)
    other = read_eraser(path, "fever", seed=1)[0]
    assert {t.id for t in other["dev"]} != {t.id for t in splits["dev"]}


def test_evidence_check_finds_the_one_that_is_off(tmp_path):
    files = movies()
    checked = check_evidence(archive(tmp_path / "good.tar.gz", files))
    assert (checked.annotations, checked.evidences, checked.mismatches) == (6, 7, ())
    files["movies/val.jsonl"] = annotation("b.txt", "NEG", [[evidence("b.txt", 3, 5, "Very dull")]])
    checked = check_evidence(archive(tmp_path / "off.tar.gz", files))
    assert checked.mismatches == ("val.jsonl, line 1: 'Very dull' names '. Very'",)


@pytest.mark.parametrize(
    ("groups", "label", "parts"),
    [
        ([[evidence("a.txt", 6, 9, "")]], "POS", ["line 2", "longer than its text", "ends at 8"]),
        ([[evidence("a.txt", -1, 2, "")]], "POS", ["line 2", "negative"]),
        ([[evidence("a.txt", 3, 2, "")]], "POS", ["line 2", "backwards"]),
        ([[evidence("a.txt", 0, "2", "")]], "POS", ["line 2", "whole numbers"]),
        ([[evidence("no.txt", 0, 2, "")]], "POS", ["line 2", "'no.txt' is not in docs/"]),
        ([[evidence("../train.jsonl", 0, 2, "")]], "POS", ["line 2", "'../train.jsonl' is not in docs/"]),
        ([[{"docid": "a.txt", "start_token": 0}]], "POS", ["line 2", "no end_token"]),
        ([evidence("a.txt", 0, 2, "")], "POS", ["line 2", "list of lists"]),
        ([], "MEH", ["line 2", "unknown class 'MEH'", "NEG or POS"]),
    ],
)
def test_eraser_annotation_that_cannot_be(tmp_path, groups, label, parts):
    files = movies()
    good = files["movies/val.jsonl"]
    files["movies/val.jsonl"] = good + annotation("a.txt", label, groups)
    fails(lambda: read_eraser(archive(tmp_path / "x.tar.gz", files), "movies"), "val.jsonl", *parts)
    for name, text in files.items():
        write(tmp_path / name, text)
    fails(lambda: read_eraser(tmp_path / "movies", "movies"), "val.jsonl", *parts)


def test_eraser_example_over_two_documents_counts_tokens_in_each(tmp_path):
    groups = [[evidence("b.txt", 4, 6, "Very dull"), evidence("a.txt", 0, 1, "A")]]
    files = movies() | {"movies/test.jsonl": annotation("a.txt", "POS", groups)}
    text = read_eraser(archive(tmp_path / "x.tar.gz", files), "movies")[0]["test"][0]
    assert [w for w, marked in zip(text.words, text.rationale, strict=True) if marked] == [
        "Very",
        "dull",
        "A",
    ]
    assert len(text.words) == 7 + 8


def test_eraser_empty_evidence_marks_nothing_and_is_counted(tmp_path):
    files = movies()
    files["movies/test.jsonl"] = annotation("a.txt", "POS", [[evidence("a.txt", 4, 4, "")]])
    splits, _, facts = read_eraser(archive(tmp_path / "x.tar.gz", files), "movies")
    assert splits["test"][0].rationale == (False,) * 8
    assert facts["empty_evidences"] == 1


def test_eraser_broken_releases(tmp_path):
    files = movies()
    missing = {k: v for k, v in files.items() if k != "movies/val.jsonl"}
    fails(lambda: read_eraser(archive(tmp_path / "1.tar.gz", missing), "movies"), "no val.jsonl")
    files["movies/docs/a.txt"] = "\n \n"
    fails(lambda: read_eraser(archive(tmp_path / "2.tar.gz", files), "movies"), "docs/a.txt", "zero words")
    files = movies() | {"movies/test.jsonl": ""}
    fails(
        lambda: read_eraser(archive(tmp_path / "3.tar.gz", files), "movies"),
        "test.jsonl",
        "the file is empty",
    )
    files = movies() | {"movies/test.jsonl": '{"annotation_id": 1}\n'}
    fails(lambda: read_eraser(archive(tmp_path / "4.tar.gz", files), "movies"), "line 1", 'no "classification"')
    files = movies() | {"movies/test.jsonl": "{\n"}
    fails(lambda: read_eraser(archive(tmp_path / "5.tar.gz", files), "movies"), "line 1", "not valid JSON")
    fails(lambda: read_eraser(tmp_path / "no.tar.gz", "movies"), "no.tar.gz", "no such file")
    fails(lambda: read_eraser(tmp_path, "boolq"), "no ERASER task 'boolq'", "movies, multirc, fever")
    (tmp_path / "hollow").mkdir()
    fails(lambda: read_eraser(tmp_path / "hollow", "movies"), "hollow", "no test.jsonl")


@pytest.mark.parametrize("keep", [0.02, 0.3, 0.6, 0.99])
def test_eraser_archive_cut_in_the_middle(tmp_path, keep):
    path = archive(tmp_path / "movies.tar.gz", movies())
    cut(path, keep)
    fails(lambda: read_eraser(path, "movies"), "movies.tar.gz", "cannot be read", "download or copy it again")


def test_eraser_archive_that_is_not_one(tmp_path):
    fails(lambda: read_eraser(write(tmp_path / "x.tar.gz", "<html>404</html>" * 99), "movies"), "cannot be read")
    fails(lambda: read_eraser(write(tmp_path / "y.tar.gz", ""), "movies"), "y.tar.gz")


def test_eraser_archive_cannot_reach_outside_itself(tmp_path):
    secret = write(tmp_path / "secret.jsonl", movies()["movies/val.jsonl"])
    above = archive(tmp_path / "1.tar.gz", {"../escaped.txt": "x", **movies()})
    fails(lambda: read_eraser(above, "movies"), "'../escaped.txt' points outside")
    rooted = archive(tmp_path / "2.tar.gz", {"/tmp/escaped.txt": "x", **movies()})
    fails(lambda: read_eraser(rooted, "movies"), "points outside")
    link = tarfile.TarInfo("movies/val.jsonl")
    link.type, link.linkname = tarfile.SYMTYPE, str(secret)
    files = {name: text for name, text in movies().items() if name != "movies/val.jsonl"}
    fails(lambda: read_eraser(archive(tmp_path / "3.tar.gz", files, [link]), "movies"), "no val.jsonl")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1.tar.gz", "2.tar.gz", "3.tar.gz", "secret.jsonl"]


def test_eraser_archive_that_claims_to_be_huge(tmp_path):
    header = tarfile.TarInfo("movies/docs/huge")
    header.size = 2**40
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(gzip.compress(header.tobuf() + b"\0" * 1024))
    fails(lambda: read_eraser(path, "movies"), "too large", "1,099,511,627,776 bytes")
