"""Your own JSON Lines, and the words and splits that readers share: small files, good and broken."""

import gzip
import json
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from small_files import cut, fails, write
from ver_lite.corpora import load_corpus
from ver_lite.corpora.assembly import assemble
from ver_lite.corpora.core import Text
from ver_lite.corpora.jsonl import read_jsonl
from ver_lite.corpora.reading import deal
from ver_lite.corpora.words import flags_from_spans, words_of, words_with_offsets


def test_a_word_that_overlaps_a_span_is_marked():
    offsets = words_with_offsets("bullying me now")
    assert flags_from_spans(offsets, [(5, 10)]) == (True, True, False)
    assert flags_from_spans(offsets, [(8, 9)]) == (False, False, False)
    assert flags_from_spans(offsets, []) == (False, False, False)


@given(st.lists(st.integers(0, 2), max_size=80), st.integers(0, 5))
def test_dealing_keeps_every_text_once_in_order_and_class_proportions(labels, seed):
    texts = [Text(("w",), label, id=str(i)) for i, label in enumerate(labels)]
    parts = deal(texts, (0.1, 0.1), seed)
    assert sorted(t.id for part in parts for t in part) == sorted(t.id for t in texts)
    assert all([int(t.id) for t in part] == sorted(int(t.id) for t in part) for part in parts)
    assert parts == deal(texts, (0.1, 0.1), seed)
    for label in range(3):
        n = labels.count(label)
        for part in parts[1:]:
            held = sum(t.label == label for t in part)
            assert held == (max(1, round(0.1 * n)) if n > 2 else round(0.1 * n))


def own(n: int = 30) -> list[dict]:
    return [
        {
            "text": f"really {('bad', 'good')[i % 2]} food, number {i}",
            "label": ("no", "yes")[i % 2],
            "rationale": [[7, 10]],
        }
        for i in range(n)
    ]


def jsonl(path: Path, records: list) -> Path:
    return write(path, "".join(r if isinstance(r, str) else json.dumps(r) + "\n" for r in records))


def test_own_file_is_split_and_spans_become_flags(tmp_path):
    path = jsonl(tmp_path / "mine.jsonl", [*own(40), "\n"])
    splits, classes, facts = read_jsonl(path)
    assert classes == ("no", "yes")
    assert [len(splits[s]) for s in ("train", "dev", "test")] == [32, 4, 4]
    text = splits["train"][0]
    assert text.words[:4] == ("really", ("bad", "good")[text.label], "food", ",")
    assert text.rationale[:4] == (False, True, False, False)
    assert "split 80/10/10" in facts["notes"][0]
    assert assemble("mine", splits, classes, facts).classes == classes


def test_own_folder_tokens_queries_and_missing_parts(tmp_path):
    flags = {
        "tokens": ["so", "New York", "good"],
        "label": 10,
        "rationale": [0, True, 1],
        "query": "is it ok?",
        "id": 7,
    }
    plain = {"tokens": ["dull"], "label": 9, "query": ["is", "it"], "source": "web"}
    jsonl(tmp_path / "train.jsonl", [flags, plain] * 10)
    jsonl(
        tmp_path / "test.jsonl",
        [{**flags, "rationale": None}, {"text": "Dull, dull.", "label": 9, "rationale": []}],
    )
    splits, classes, facts = read_jsonl(tmp_path)
    assert classes == ("9", "10")
    assert len(splits["train"]) == 18 and len(splits["dev"]) == 2
    first, second = (next(t for t in splits["train"] if t.label == c) for c in (1, 0))
    assert first.rationale == (False, True, True) and first.query == ("is", "it", "ok", "?") and first.id == "7"
    touching = [{"text": "abc de", "label": i % 2, "rationale": [[4, 5], [0, 3], [3, 4]]} for i in range(9)]
    fails(lambda: read_jsonl(jsonl(tmp_path / "touching.jsonl", touching)), "[3, 4) holds no word")
    touching = [t | {"rationale": [[2, 5], [0, 2]]} for t in touching]
    assert read_jsonl(jsonl(tmp_path / "touching.jsonl", touching))[0]["test"][0].rationale == (True, True)
    assert second.rationale is None and second.query == ("is", "it")
    assert splits["test"][0].rationale is None and splits["test"][1].rationale == (False,) * 4
    assert facts["ignored_keys"] == {"source": 10}
    jsonl(tmp_path / "val.jsonl", [flags, plain])
    assert [len(s) for s in read_jsonl(tmp_path)[0].values()] == [20, 2, 2]


@pytest.mark.parametrize(
    ("record", "parts"),
    [
        (
            {"text": "a b", "label": "no", "rationale": [[0, 4]]},
            ["longer than its text", "[0, 4)", "ends at 3"],
        ),
        ({"text": "a b", "label": "no", "rationale": [[-1, 1]]}, ["negative"]),
        ({"text": "a b", "label": "no", "rationale": [[1, 1]]}, ["empty or runs backwards"]),
        ({"text": "abc de", "label": "no", "rationale": [[0, 3], [2, 5]]}, ["[0, 3) and [2, 5) overlap"]),
        ({"text": "a  b", "label": "no", "rationale": [[1, 3]]}, ["[1, 3) holds no word"]),
        ({"text": "a b", "label": "no", "rationale": [0, 1]}, ['has flags, but "text" is a string', "character spans"]),
        ({"text": "a b", "label": "no", "rationale": "a"}, ['"rationale" is str, expected a list']),
        ({"text": "a b", "label": "no", "rationale": [[0, 1.5]]}, ["two whole numbers"]),
        (
            {"tokens": ["a", "b"], "label": "no", "rationale": [0, 1, 1]},
            ["longer than its text", "3", "2 words"],
        ),
        ({"tokens": ["a", "b"], "label": "no", "rationale": [1]}, ["1 rationale flags for 2 words"]),
        ({"tokens": ["a", "b"], "label": "no", "rationale": [0, 2]}, ["flag is 2, expected 0 or 1"]),
        ({"tokens": ["a", "b"], "label": "no", "rationale": [0, -1]}, ["flag is -1"]),
        ({"tokens": ["a", "b"], "label": "no", "rationale": [[0, 1]]}, ['has spans, but "tokens" is a list of words']),
        ({"tokens": ["a", " "], "label": "no"}, ["none of them empty"]),
        ({"tokens": [], "label": "no"}, ["zero words"]),
        ({"text": " \t ", "label": "no"}, ["zero words"]),
        ({"text": 3, "label": "no"}, ['"text" is int']),
        ({"text": "a", "tokens": ["a"], "label": "no"}, ['both "text" and "tokens"']),
        ({"label": "no"}, ['no "text"']),
        ({"text": "a"}, ['no "label"']),
        ({"text": "a", "labels": "no"}, ['no "label"', 'Did you mean "labels"']),
        ({"text": "a", "label": 1.5}, ['"label" is 1.5']),
        ({"text": "a", "label": True}, ['"label" is True']),
        ({"text": "a", "label": 1}, ["the label 1 is a number"]),
        ({"text": "a", "label": "no", "query": 3}, ['"query" must be']),
        ("{'text': 'a'}\n", ["not valid JSON", "column 2"]),
        ("[]\n", ["expected a JSON object, found a list"]),
    ],
)
def test_own_line_that_cannot_be(tmp_path, record, parts):
    path = jsonl(tmp_path / "mine.jsonl", [*own(4), record])
    fails(lambda: read_jsonl(path), "mine.jsonl, line 5", *parts)


def test_own_label_that_train_never_has(tmp_path):
    jsonl(tmp_path / "train.jsonl", own())
    jsonl(tmp_path / "test.jsonl", [*own(2), {"text": "a", "label": "yess"}])
    fails(lambda: read_jsonl(tmp_path), "test.jsonl, line 3", "'yess' does not occur in train", "no, yes")


def test_own_files_missing_cut_empty_or_of_one_class(tmp_path):
    fails(lambda: read_jsonl(tmp_path / "no.jsonl"), "no.jsonl", "no such file")
    fails(lambda: read_jsonl(tmp_path), "no train.jsonl here")
    jsonl(tmp_path / "train.jsonl", own())
    fails(lambda: read_jsonl(tmp_path), "no test.jsonl here")
    fails(lambda: read_jsonl(write(tmp_path / "a.jsonl", "")), "the file is empty")
    fails(lambda: read_jsonl(write(tmp_path / "b.jsonl", "\n\n")), "only blank lines")
    (tmp_path / "c.jsonl").write_bytes(b'{"text": "caf\xe9", "label": 1}\n')
    fails(lambda: read_jsonl(tmp_path / "c.jsonl"), "c.jsonl, line 1", "not valid UTF-8")
    (tmp_path / "d.jsonl.gz").write_bytes(gzip.compress("".join(json.dumps(r) + "\n" for r in own(500)).encode()))
    cut(tmp_path / "d.jsonl.gz")
    fails(lambda: read_jsonl(tmp_path / "d.jsonl.gz"), "d.jsonl.gz, line", "cannot be read further")
    same = read_jsonl(jsonl(tmp_path / "e.jsonl", [r | {"label": "yes"} for r in own()]))
    fails(lambda: assemble("e", *same), "one class only")


def test_a_byte_order_mark_is_not_a_letter(tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + "".join(json.dumps(r) + "\r\n" for r in own()).encode())
    assert read_jsonl(path)[1] == ("no", "yes")


def test_every_text_twice_in_one_file_leaves_none_of_test_in_train(tmp_path):
    path = jsonl(tmp_path / "twice.jsonl", [{k: v for k, v in r.items() if k != "rationale"} for r in own(40)] * 2)
    for leaks in ("remove", "keep"):
        corpus = load_corpus(path, leaks=leaks)
        found = corpus.card["leaks"]
        texts = {name: {text.key() for text in split.texts} for name, split in corpus.splits().items()}
        shared = [len(texts[a] & texts[b]) for a, b in (("train", "test"), ("dev", "test"), ("train", "dev"))]
        assert len(corpus.test) == 8 and found["policy"] == leaks and found["train"] >= 5 and found["train_in_dev"] >= 3
        assert shared == [0, 0, 0] if leaks == "remove" else all(shared[::2])
        gone = found["train"] + found["train_in_dev"] if leaks == "remove" else 0
        assert len(corpus.train) == 64 - gone


def test_a_test_file_that_is_a_copy_of_train_says_so(tmp_path):
    for part in ("train", "test"):
        jsonl(tmp_path / f"{part}.jsonl", own())
    fails(lambda: load_corpus(tmp_path), "is empty: all 26 of its texts are in dev or test too", 'leaks="keep"')
    assert len(load_corpus(tmp_path, leaks="keep").train) == 26


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"rationales": [[0, 4]]}, ['"rationales" is not read', 'Did you mean "rationale"?', "[[start, end], ...]"]),
        ({"Rationale": [[0, 4]]}, ['Did you mean "rationale"?']),
        ({"rationale": None, "rational": []}, ['"rational" is not read']),
        ({"human_rationale": [[0, 4]]}, ['Did you mean "rationale"?']),
        (
            {"spans": [{"start": 0, "end": 4, "label": "WHY"}]},
            ['"spans" is not read, and there is no "rationale"', "is written [0, 4]"],
        ),
        ({"evidence": [[0, 4]]}, ['Did you mean "rationale"?', 'If "evidence" is something else, remove it']),
        ({"Query": "is it?"}, ['Did you mean "query"?', "a string or a list of words"]),
    ],
)
def test_a_key_that_is_nearly_ours_is_an_error_with_the_right_one(tmp_path, change, parts):
    plain = [{"text": r["text"], "label": r["label"]} for r in own(4)]
    path = jsonl(tmp_path / "mine.jsonl", [*plain, {**plain[0], **change}])
    fails(lambda: read_jsonl(path), "mine.jsonl, line 5", *parts)


def test_other_keys_are_named_once_with_their_counts(tmp_path):
    more = {"source": "web", "spans": [], "evidence": "a string", "rationales": [[0, 1]], "ids": 3, "test": 1}
    path = jsonl(tmp_path / "mine.jsonl", [*({**r, **more} for r in own(20)), *({**r, "stars": 3} for r in own(10))])
    with pytest.warns(UserWarning, match="mine.jsonl: keys that are not read") as said:
        facts = read_jsonl(path)[2]
    assert '"source" (20), "spans" (20)' in str(said[0].message) and '"stars" (10)' in str(said[0].message)
    assert facts["ignored_keys"] == {**dict.fromkeys(more, 20), "stars": 10}
    assert sum("not read" in str(one.message) for one in said) == 1


def test_rows_that_prodigy_rejects_are_left_out_and_counted(tmp_path):
    plain = [{"text": r["text"], "label": r["label"], "answer": "accept"} for r in own(30)]
    rejected = [{**plain[0], "answer": "reject", "spans": [{"start": 0}]}] * 3 + [{"answer": "ignore"}]
    path = jsonl(tmp_path / "mine.jsonl", [*rejected, *plain])
    with pytest.warns(UserWarning, match='left out: 3 with "answer": "reject", 1 with "answer": "ignore"'):
        corpus = load_corpus(path)
    assert corpus.card["rejected"] == {"reject": 3, "ignore": 1} and corpus.card["ignored_keys"] == {}
    assert sum(map(len, corpus.splits().values())) == 30
    answered = [{**r, "answer": "the food"} for r in plain]  # of a question: a key like any other
    with pytest.warns(UserWarning, match=r'"answer" \(30\)'):
        assert read_jsonl(jsonl(tmp_path / "mine.jsonl", answered))[2]["rejected"] == {}
    fails(lambda: read_jsonl(jsonl(tmp_path / "mine.jsonl", rejected)), "every line is rejected")


def in_utf16(text: str, start: int, end: int) -> list[int]:
    """A span of characters in units of UTF-16, by the codec itself."""
    return [len(text[:place].encode("utf-16-le")) // 2 for place in (start, end)]


def test_spans_counted_in_utf16_units_are_found_out_and_read(tmp_path):
    texts = [f"{'🔥' * (1 + i % 3)} the {('bad', 'good')[i % 2]} soup, number {i}" for i in range(30)]
    places = [(t.index("the ") + 4, t.index(" soup")) for t in texts]
    rows = [
        {"text": t, "label": i % 2, "rationale": [in_utf16(t, *p)]}
        for i, (t, p) in enumerate(zip(texts, places, strict=True))
    ]
    path = jsonl(tmp_path / "mine.jsonl", rows)
    with pytest.warns(
        UserWarning, match="30 of 30 rationale spans begin or end inside a word .*line 1.*0 would"
    ) as said:
        load_corpus(path)
    assert 'give span_units="utf-16"' in str(said[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        corpus = load_corpus(path, span_units="utf-16")
    assert corpus.card["spans"] == {"units": "utf-16", "all": 30, "cutting_words": 0}
    assert corpus.card["loaded_with"]["span_units"] == "utf-16"
    for split in corpus.splits().values():
        for text in split.texts:
            assert [w for w, gold in zip(text.words, text.rationale, strict=True) if gold] == [
                ("bad", "good")[text.label]
            ]
    last = {"text": "🔥 fine", "label": 0, "rationale": [[3, 7]]}
    fails(lambda: read_jsonl(jsonl(tmp_path / "a.jsonl", [last])), "ends at 6", 'give span_units="utf-16"')
    half = {"text": "🔥 fine", "label": 0, "rationale": [[1, 7]]}
    fails(
        lambda: read_jsonl(jsonl(tmp_path / "a.jsonl", [half]), span_units="utf-16"),
        "line 1",
        "cuts a character in two",
    )
    fails(lambda: read_jsonl(path, span_units="bytes"), "span_units", "characters", "utf-16")


def test_half_of_a_character_names_the_line_and_leaves_no_folder(tmp_path, say):
    for key, change in {
        "text": {"text": "cut \ud83d", "rationale": None},
        "label": {"label": "\udc00"},
        "query": {"query": ["a", "\ud83d"]},
        "id": {"id": "\ud83d"},
    }.items():
        jsonl(tmp_path / "mine.jsonl", [*own(30), {**own(1)[0], **change}])
        code, _, err = say("train", "mine.jsonl", "--out", "runs/mine")
        assert code == 1 and "mine.jsonl, line 31" in err and f'"{key}" holds half of a character' in err, err
        assert not Path("runs").exists()


def test_query_words_follow_the_documents_tokens():
    assert words_of("Who didn't, say?") == ("Who", "did", "n't", ",", "say", "?")
