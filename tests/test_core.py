"""Texts, vocabularies, splits and batches: every text once, nothing of the padding, nothing of the query."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from small_corpora import keyword_texts
from small_files import fails
from ver_lite.corpora.assembly import assemble, balanced
from ver_lite.corpora.core import (
    UNKNOWN,
    Split,
    Text,
    Vocabulary,
)
from ver_lite.corpora.reviews import make_reviews

words = st.text("abcdeÄßİ.<>", min_size=1, max_size=3)


@st.composite
def texts(draw, most=12):
    """Texts of 0 to 6 words with a query of 0 to 3, some with a rationale."""
    made = []
    for i in range(draw(st.integers(1, most))):
        body = tuple(draw(st.lists(words, max_size=6)))
        flags = draw(st.lists(st.booleans(), min_size=len(body), max_size=len(body)))
        rationale = draw(st.sampled_from([None, tuple(flags)]))
        made.append(Text(body, draw(st.integers(0, 2)), rationale, tuple(draw(st.lists(words, max_size=3))), str(i)))
    return made


# Vocabulary


def test_a_vocabulary_is_ordered_by_count_then_alphabet_and_lower_cased():
    made = Vocabulary.build([Text(("B", "a", "b", "c"), 0, query=("c", "D"))])
    assert made.words == ["<pad>", "<unk>", "b", "c", "a", "d"]
    assert (len(made), made.index("B"), made.index("never"), "D" in made, "never" in made) == (6, 2, 1, True, False)
    assert made.encode(["C", "never", "b"]) == [3, UNKNOWN, 2]
    assert made.decode(torch.tensor([3, 1, 0])) == ["c", "<unk>", "<pad>"]


def test_rare_words_are_unknown_and_the_size_is_kept():
    some = [Text(("a", "a", "a", "b", "b", "c"), 0)]
    assert Vocabulary.build(some, min_count=2).words[2:] == ["a", "b"]
    assert Vocabulary.build(some, max_size=1).words[2:] == ["a"]
    assert Vocabulary.build(some, min_count=9).words == ["<pad>", "<unk>"]


def test_words_named_like_the_reserved_ones_make_no_second_entry():
    made = Vocabulary.build([Text(("<pad>", "<UNK>", "x"), 0)])
    assert made.words == ["<pad>", "<unk>", "x"]
    fails(lambda: Vocabulary(["x", "y", "x"]), "'x' twice")


@given(texts())
def test_encoding_and_decoding_agree_for_known_words(some):
    vocabulary = Vocabulary.build(some)
    for text in some:
        assert vocabulary.decode(vocabulary.encode(text.words)) == [word.lower() for word in text.words]


# Split


@given(texts(), st.sampled_from([None, 1, 3]))
def test_a_split_holds_each_text_cut_and_its_gold_behind_the_query(some, max_length):
    vocabulary = Vocabulary.build(some)
    split = Split.encode(some, vocabulary, max_length)
    batch = split.batch(torch.arange(len(some)))
    for i, text in enumerate(some):
        body = text.words[:max_length]
        assert split.words(i, vocabulary) == [*text.query, *body]
        assert vocabulary.decode(batch.tokens[i][batch.real[i]]) == [w.lower() for w in (*text.query, *body)]
        assert vocabulary.decode(batch.tokens[i][batch.selectable[i]]) == [w.lower() for w in body]
        assert vocabulary.decode(batch.tokens[i][batch.query[i]]) == [w.lower() for w in text.query]
        assert not bool(batch.tokens[i][~batch.real[i]].any())
        assert bool(batch.annotated[i]) == (text.rationale is not None)
        assert batch.gold[i][batch.selectable[i]].tolist() == list(
            (text.rationale or (False,) * len(body))[: len(body)]
        )
        assert not bool((batch.gold[i] & ~batch.selectable[i]).any())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tokens": np.zeros((3, 4), int)}, "tokens have shape (3, 4), expected [2, T]"),
        ({"gold": np.zeros((2, 3), bool)}, "gold has shape (2, 3), expected (2, 4)"),
        ({"lengths": [1, 2, 3]}, "lengths has shape (3,), expected (2,)"),
        ({"annotated": [True]}, "annotated has shape (1,), expected (2,)"),
        ({"lengths": [4, 5]}, "the padded width is 4"),
        ({"query_lengths": [5, 0]}, "a length exceeds"),
        ({"query_lengths": [2, 0]}, "gold marks a position that is padding or query"),
        ({"lengths": [1, 4]}, "gold marks a position that is padding or query"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change, said):
    gold = np.array([[False, True, False, False]] * 2)
    good = {"tokens": np.ones((2, 4), int), "lengths": [4, 3], "labels": [0, 1], "gold": gold}
    assert len(Split.from_arrays(**good)) == 2
    fails(lambda: Split.from_arrays(**{**good, **change}), said)


def test_a_fingerprint_tells_texts_labels_and_queries_apart():
    some = keyword_texts(6, 1)
    vocabulary = Vocabulary.build(some)

    def mark(texts, length=None):
        return Split.encode(texts, vocabulary, length).fingerprint()

    assert mark(some) == mark([replace(t, rationale=None) for t in some])
    others = [
        some[::-1],
        [replace(t, label=1 - t.label) for t in some],
        [replace(t, words=t.words[1:], query=t.words[:1], rationale=None) for t in some],
    ]
    assert len({mark(some), mark(some, 9), *map(mark, others)}) == 5


# batches


@given(texts(30), st.integers(1, 5), st.integers(1, 3), st.integers(0, 9))
def test_every_text_comes_once_whatever_the_batches_and_its_content_is_the_same(some, size, bucket, seed):
    split = Split.encode(some, Vocabulary.build(some))
    alone = [split.batch(torch.tensor([i])) for i in range(len(some))]
    for generator in (None, torch.Generator().manual_seed(seed)):
        seen = []
        for batch in split.batches(size, generator=generator, bucket=bucket):
            assert 1 <= len(batch) <= size
            assert batch.tokens.shape[1] == max(1, int(batch.real.sum(1).max()))
            seen += batch.index.tolist()
            for row, i in enumerate(batch.index.tolist()):
                real = batch.real[row]
                for name in ("tokens", "selectable", "gold"):
                    there, here = getattr(batch, name)[row][real], getattr(alone[i], name)[0][alone[i].real[0]]
                    assert torch.equal(there, here)
                assert int(batch.labels[row]) == some[i].label
        assert sorted(seen) == list(range(len(some)))


def test_batches_are_the_same_for_a_generator_state_and_others_for_another():
    split = Split.encode(keyword_texts(200, 1), Vocabulary([]))

    def dealt(seed):
        return [b.index.tolist() for b in split.batches(8, generator=torch.Generator().manual_seed(seed))]

    assert dealt(1) == dealt(1) != dealt(2)
    assert [b.index.tolist() for b in split.batches(8)] == [b.index.tolist() for b in split.batches(8)]


def test_texts_are_shuffled_and_so_are_the_batches_of_a_pool():
    """Texts of 1 to 120 words in batches of 4: neither their order in the split nor their length decides the step."""
    some = [Text(("a",) * n, 0) for n in range(1, 121)]
    split = Split.encode(some, Vocabulary.build(some))
    for bucket in (1, 50):
        rows = [each.tolist() for each in split.batch_rows(4, torch.Generator().manual_seed(1), bucket)]
        places = torch.tensor([[i, step] for step, each in enumerate(rows) for i in each]).double()
        assert abs(float(torch.corrcoef(places.T)[0, 1])) < 0.5
    pools = [sorted(split.batch_rows(4, torch.Generator().manual_seed(n), 5), key=min) for n in (1, 2)]
    assert [each.tolist() for each in pools[0]] != [each.tolist() for each in pools[1]], "who shares a batch, by lot"


def test_bucketing_trims_padding():
    split = Split.encode(keyword_texts(400, 1, shortest=1, longest=60), Vocabulary([]))

    def padding(bucket):
        dealt = split.batches(8, generator=torch.Generator().manual_seed(1), bucket=bucket)
        return sum(int((~batch.real).sum()) for batch in dealt)

    assert padding(50) < padding(1) / 10


def test_texts_without_words_make_a_batch_of_padding():
    split = Split.encode([Text((), 0), Text((), 1)], Vocabulary([]))
    (batch,) = split.batches(8)
    assert batch.tokens.shape == batch.gold.shape == (2, 1) and not bool(batch.real.any())


def test_a_batch_size_below_one_is_refused():
    with pytest.raises(ValueError, match="at least 1, not 0"):
        next(Split.encode(keyword_texts(2, 1), Vocabulary([])).batches(0))


# assemble


def splits(**changes):
    return {name: keyword_texts(6, i) for i, name in enumerate(("train", "dev", "test"))} | changes


def test_a_corpus_knows_its_words_from_train_alone():
    stranger = Text(("stranger",), 0, (True,))
    made = assemble("own", splits(dev=[stranger], test=[stranger]), ("no", "yes"), {"licence": "own"}, leaks="keep")
    assert "stranger" not in made.vocabulary
    assert made.dev.tokens.tolist() == [[UNKNOWN]]
    assert made.card["licence"] == "own" and made.card["splits"]["dev"]["classes"] == {"no": 1, "yes": 0}


def test_texts_of_the_test_set_are_taken_out_of_train_and_dev_and_counted():
    marked, unmarked = Text(("A", "b"), 0, (True, False)), Text(("c", "d"), 1)
    train = [*keyword_texts(6, 1), Text(("a", "B"), 1), Text(("a", "b"), 0), Text(("c", "d"), 1), Text(("x",), 1)]
    dev = [Text(("a", "b"), 0), Text(("a", "b", "x"), 0), Text(("a", "b"), 0, query=("why",))]
    made = assemble("own", splits(train=train, dev=dev, test=[marked, unmarked]), ("no", "yes"), {})
    assert made.card["leaks"] == {"policy": "remove", "train": 3, "dev": 1}
    assert [t.words for t in made.train.texts[6:]] == [("x",)] and len(made.dev) == 2
    kept = assemble("own", splits(train=train, dev=dev, test=[marked, unmarked]), ("no", "yes"), {}, leaks="keep")
    assert kept.card["leaks"] == {"policy": "keep", "train": 3, "dev": 1}
    assert (len(kept.train), len(kept.dev)) == (10, 3)


def test_where_the_splits_are_dealt_here_texts_of_dev_are_taken_out_of_train_too():
    train = [*keyword_texts(6, 1), Text(("a",), 1), Text(("b",), 1), Text(("b",), 1)]
    given = splits(train=train, dev=[Text(("B",), 0), Text(("c",), 0)], test=[Text(("a",), 1)])
    made = assemble("own", given, ("no", "yes"), {"dealt": True})
    assert made.card["leaks"] == {"policy": "remove", "train": 1, "dev": 0, "train_in_dev": 2}
    assert (len(made.train), len(made.dev)) == (6, 2)
    kept = assemble("own", given, ("no", "yes"), {"dealt": True}, leaks="keep")
    assert kept.card["leaks"] == made.card["leaks"] | {"policy": "keep"} and len(kept.train) == 9
    assert assemble("own", given, ("no", "yes"), {}).card["leaks"] == {"policy": "remove", "train": 1, "dev": 0}


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"dev": []}, ["the dev split of own is empty"]),
        ({"train": [replace(t, label=1) for t in keyword_texts(4, 1)]}, ["the train split of own has one class only"]),
        ({"test": [Text((), 0, id="t7")]}, ["text t7 of the test split of own has zero words"]),
        ({"dev": [Text(("a",), 2)]}, ["text 0 of the dev split", "label 2", "2 classes"]),
        ({"dev": [Text(("a",), -1)]}, ["label -1"]),
        ({"dev": [Text(("a",), 0, (True, False))]}, ["2 rationale flags for 1 words"]),
        ({"dev": [Text(("a", "\ud83d"), 0, id="t3")]}, ["text t3 of the dev split", "half of a character"]),
    ],
)
def test_what_cannot_be_a_corpus_is_refused(changes, parts):
    fails(lambda: assemble("own", splits(**changes), ("no", "yes"), {}), *parts)


def test_a_train_split_that_is_all_leak_is_empty():
    test = keyword_texts(6, 9)
    given = splits(train=test, test=test)
    said = (
        "the train split of own is empty: all 6 of its texts are in test too",
        "other texts",
        'leaks="keep"',
        "-o leaks",
    )
    fails(lambda: assemble("own", given, ("no", "yes"), {}), *said)
    assert len(assemble("own", given, ("no", "yes"), {}, leaks="keep").train) == 6
    given = splits(dev=[Text(("a",), 0)], test=[Text(("a",), 1)])
    fails(lambda: assemble("own", given, ("no", "yes"), {}), "the dev split of own is empty: all 1 of its texts")
    given = splits(test=[text for text in splits()["train"] if text.label])
    fails(lambda: assemble("own", given, ("no", "yes"), {}), "train split of own cannot be used: 3 of its 6 texts are")


@pytest.mark.parametrize(("options", "said"), [({"leaks": "mend"}, "leaks"), ({"max_length": 0}, "max_length")])
def test_options_of_assemble_are_checked_by_name(options, said):
    with pytest.raises(ValueError, match=said):
        assemble("own", splits(), ("no", "yes"), {}, **options)


# balanced


@given(st.lists(st.integers(0, 2), max_size=40), st.integers(0, 3))
def test_balancing_keeps_the_order_and_the_smallest_class_whole(labels, seed):
    some = [Text(("w",), label, id=str(i)) for i, label in enumerate(labels)]
    kept = balanced(some, seed)
    assert kept == balanced(some, seed)
    assert [int(t.id) for t in kept] == sorted({int(t.id) for t in kept})
    counts = {label: labels.count(label) for label in set(labels)}
    assert {label: sum(t.label == label for t in kept) for label in counts} == {
        label: min(counts.values()) for label in counts
    }
    rarest = [label for label, n in counts.items() if n == min(counts.values())]
    assert all(t in kept for t in some if t.label in rarest)


def test_the_first_texts_of_a_split_are_its_first_texts():
    split = make_reviews("tiny").train
    some = split.first(5)
    assert len(some) == 5 and torch.equal(some.tokens, split.tokens[:5]) and torch.equal(some.gold, split.gold[:5])
    assert split.first(10_000).fingerprint() == split.fingerprint()
