"""pandas DataFrames and Hugging Face data sets as corpora, with the real libraries: the same as the same texts from a
JSON Lines file, and errors that name row and column."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ver_lite
from small_files import fails
from ver_lite.corpora import load_corpus
from ver_lite.corpora.reviews import make_reviews
from ver_lite.system.files import read_json

pd = pytest.importorskip("pandas")
datasets = pytest.importorskip("datasets")

BY_NAME = {"text": "review", "label": "stars", "rationale": "marks"}


def records(count: int = 60) -> list[dict]:
    """As JSON Lines has them; every third text has no rationale."""
    made = []
    for i in range(count):
        word = ("dull", "bright")[i % 2]
        marks = None if i % 3 == 0 else [[12, 12 + len(word)], [0, 3]]
        made.append({"text": f"the head is {word} , beer {i}", "label": ("poor", "good")[i % 2], "rationale": marks})
    return made


def worded(count: int = 60) -> list[dict]:
    """The same texts as lists of words, with one flag a word."""
    made = []
    for record in records(count):
        flags = None if record["rationale"] is None else [1, 0, 0, 1, 0, 0, 0]
        made.append({"tokens": record["text"].split(), "label": record["label"], "rationale": flags})
    return made


def named(made: list[dict]) -> list[dict]:
    """With other names of columns."""
    names = {"text": "review", "tokens": "review", "label": "stars", "rationale": "marks"}
    return [{names[key]: value for key, value in record.items()} for record in made]


def bare(corpus) -> list:
    """All that must agree, however the texts came in: not their ids."""
    cards = {key: corpus.card[key] for key in ("splits", "vocabulary", "leaks", "licence", "max_length", "notes")}
    texts = [[(t.words, t.label, t.rationale, t.query) for t in split.texts] for split in corpus.splits().values()]
    return [corpus.classes, cards, texts, [split.fingerprint() for split in corpus.splits().values()]]


@pytest.fixture
def from_file(tmp_path):
    """A corpus of records by way of a JSON Lines file."""

    def read(made: list[dict], **options):
        path = tmp_path / "mine.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in made), encoding="utf-8")
        return load_corpus(path, **options)

    return read


@pytest.mark.parametrize("kind", ["DataFrame", "Dataset"])
@pytest.mark.parametrize("made", [records, worded])
def test_a_table_gives_what_the_same_texts_give_as_json_lines(from_file, made, kind):
    options = {"seed": 3, "max_length": 6, "min_count": 2}
    expected = bare(from_file(made(), **options))
    table = pd.DataFrame if kind == "DataFrame" else datasets.Dataset.from_list
    assert bare(load_corpus(table(made()), **options)) == expected
    assert bare(load_corpus(table(named(made())), **BY_NAME, **options)) == expected
    assert load_corpus(table(made())).card["source"] == f"in memory: {kind}"


def test_what_stands_in_cells_may_be_arrays_tuples_and_numpys_numbers(from_file, tmp_path):
    frame = pd.DataFrame(worded())
    expected = bare(load_corpus(frame))
    arrays = frame.assign(
        tokens=[np.array(words, dtype=object) for words in frame["tokens"]],
        rationale=[np.nan if flags is None else np.array(flags, bool) for flags in frame["rationale"]],
        label=pd.Categorical(frame["label"]),
    )
    assert bare(load_corpus(arrays)) == expected
    frame.to_parquet(tmp_path / "texts.parquet")  # which gives arrays back
    assert bare(load_corpus(pd.read_parquet(tmp_path / "texts.parquet"))) == expected
    spans = pd.DataFrame(records())
    tuples = [pd.NA if marks is None else [(np.int64(a), b) for a, b in marks] for marks in spans["rationale"]]
    assert bare(load_corpus(spans.assign(rationale=tuples))) == bare(from_file(records()))
    shown = datasets.Dataset.from_list(worded()).with_format("numpy")
    assert bare(load_corpus(shown)) == expected


def test_the_labels_are_strings_numbers_booleans_or_the_names_of_a_classlabel():
    frame = pd.DataFrame(records())
    assert load_corpus(frame).classes == ("good", "poor")
    assert load_corpus(frame.assign(label=[10 - i % 2 for i in range(60)])).classes == ("9", "10")
    assert load_corpus(frame.assign(label=frame["label"] == "good")).classes == ("False", "True")
    nullable = frame.assign(label=pd.array([i % 2 for i in range(60)], dtype="Int64"))
    assert load_corpus(nullable).classes == ("0", "1")
    data = datasets.Dataset.from_pandas(frame.assign(label=[2 * (i % 2) for i in range(60)]))
    data = data.cast_column("label", datasets.ClassLabel(names=["poor", "so so", "good"]))
    corpus = load_corpus(data)
    assert corpus.classes == ("poor", "good")  # in the feature's order; nobody says so so
    assert {text.words[3]: text.label for text in corpus.train.texts} == {"dull": 0, "bright": 1}


def test_queries_ids_and_columns_that_are_not_used():
    frame = pd.DataFrame(named(records())).assign(question="is it good?", number=range(100, 160), source="web")
    corpus = load_corpus(frame, **BY_NAME, query="question", id="number", query_end="[SEP]")
    first = corpus.train.texts[0]
    assert first.query == ("is", "it", "good", "?", "[SEP]") and int(first.id) >= 100
    assert corpus.card["ignored_keys"] == {"source": 60}
    used = {**BY_NAME, "query": "question", "id": "number"}
    assert corpus.card["columns"] == used and corpus.card["loaded_with"]["columns"] == used
    numbered = load_corpus(frame.rename(columns={"review": 0, "stars": 1}), text=0, label=1)
    assert bare(numbered)[2] != [] and numbered.card["columns"] == {"text": "0", "label": "1"}


@pytest.mark.parametrize("dev", ["validation", "dev"])
def test_splits_that_are_there_are_kept(dev):
    made = datasets.Dataset.from_list(records())
    splits = {"train": made.select(range(40)), dev: made.select(range(40, 50)), "test": made.select(range(50, 60))}
    corpus = load_corpus(datasets.DatasetDict(splits | {"unsupervised": made}))
    assert [len(split) for split in corpus.splits().values()] == [40, 10, 10]
    assert [split.texts[0].words[-1] for split in corpus.splits().values()] == ["0", "40", "50"]
    assert corpus.card["notes"] == ["the split 'unsupervised' is not used"]
    assert corpus.card["rows"] == {"train": 40, "dev": 10, "test": 10}
    frames = {name: data.to_pandas() for name, data in splits.items()}
    assert bare(load_corpus(frames))[2:] == bare(corpus)[2:]
    unmarked = {**frames, "train": frames["train"].drop(columns="rationale")}
    corpus = load_corpus(unmarked, rationale="rationale")
    assert not corpus.train.annotated.any() and corpus.test.annotated.any()
    assert corpus.card["columns"]["rationale"] == "rationale"
    del frames[dev]
    corpus = load_corpus(frames, seed=2)
    assert [len(split) for split in corpus.splits().values()] == [36, 4, 10]
    assert corpus.card["notes"] == ["given without dev: 10 % of train held out within each class, seed 2"]


def frame_with(row: int, **values):
    """A good frame but for one row. Its index counts from 100."""
    made = named(records())
    made[row] = made[row] | values
    return pd.DataFrame(made, index=range(100, 160))


@pytest.mark.parametrize(
    ("values", "column", "parts"),
    [
        ({"stars": None}, "stars", ["no label here", "frame.dropna(subset=['stars'])"]),
        ({"stars": ""}, "stars", ["the label is ''"]),
        ({"stars": 3}, "stars", ["the label 3 is a number, those before it are not"]),
        ({"stars": True}, "stars", ["the label True is True or False, those before it are not"]),
        ({"stars": ["good"]}, "stars", ["the label is ['good']", "expected a string"]),
        ({"review": None}, "review", ["no text here", "frame.dropna(subset=['review'])"]),
        ({"review": 7}, "review", ["the text is int, expected a string"]),
        ({"review": "  "}, "review", ["zero words"]),
        ({"review": []}, "review", ["zero words"]),
        ({"review": ["a", " "], "marks": None}, "review", ["list of strings, none of them empty"]),
        ({"marks": [[0, 400]]}, "marks", ["longer than its text", "[0, 400)"]),
        ({"marks": [[5, 2]]}, "marks", ["runs backwards"]),
        ({"marks": [[0, 5], [4, 7]]}, "marks", ["[0, 5) and [4, 7) overlap"]),
        ({"marks": [0, 5]}, "marks", ["the rationale has flags, but the text is a string", "list of words"]),
        ({"marks": "head"}, "marks", ["the rationale is str, expected a list"]),
        (
            {"review": ["a", "b"], "marks": [1, 0, 0]},
            "marks",
            ["longer than its text", "3 rationale flags for 2 words"],
        ),
        ({"review": ["a", "b"], "marks": [1]}, "marks", ["1 rationale flags for 2 words"]),
        ({"review": ["a", "b"], "marks": [1, 2]}, "marks", ["flag is 2"]),
        (
            {"review": ["a", "b"], "marks": [[0, 1]]},
            "marks",
            ["the rationale has spans, but the text is a list of words"],
        ),
    ],
)
def test_a_cell_that_cannot_be_is_named_by_row_and_column(values, column, parts):
    frame = frame_with(5, **values)
    fails(lambda: load_corpus(frame, **BY_NAME), f'DataFrame, row 5 (index 105), column "{column}": ', *parts)
    splits = {"train": frame_with(1), "test": frame.reset_index(drop=True)}
    fails(lambda: load_corpus(splits, **BY_NAME), f'the test split, row 5, column "{column}": ')


def test_a_label_that_is_not_there_makes_pandas_write_floats_and_is_what_is_named():
    stars = pd.Series([i % 2 for i in range(60)]).where(lambda at: at.index != 7)
    assert stars.dtype == float
    frame = pd.DataFrame(named(records())).assign(stars=stars)
    fails(lambda: load_corpus(frame, **BY_NAME), 'DataFrame, row 7, column "stars": no label here')
    fails(lambda: load_corpus(frame.dropna(subset=["stars"]), **BY_NAME), "row 0", "0.0", "frame['stars'].astype(int)")
    mended = frame.dropna(subset=["stars"]).astype({"stars": int})
    assert load_corpus(mended, **BY_NAME).classes == ("0", "1")


def test_a_cell_of_a_dataset_that_cannot_be():
    made = datasets.Dataset.from_list(records())
    labels = [-1 if i == 4 else i % 2 for i in range(60)]
    unlabelled = made.remove_columns("label").add_column("label", labels)
    unlabelled = unlabelled.cast_column("label", datasets.ClassLabel(names=["poor", "good"]))
    fails(lambda: load_corpus(unlabelled), 'Dataset, row 4, column "label": no label here', "row['label'] >= 0")
    assert len(load_corpus(unlabelled.filter(lambda row: row["label"] >= 0)).train) > 40
    missing = made.remove_columns("label").add_column("label", [None if i == 4 else "ny"[i % 2] for i in range(60)])
    fails(lambda: load_corpus(missing), 'row 4, column "label"', "row['label'] is not None")


def test_tables_that_cannot_be():
    frame = pd.DataFrame(records())
    fails(
        lambda: load_corpus(frame, text="texts"), "DataFrame: no column 'texts'", "Did you mean 'text'?", "It has: text"
    )
    fails(lambda: load_corpus(frame, rationale="marks"), "no column 'marks'", "Say rationale=COLUMN")
    fails(lambda: load_corpus(frame.rename(columns={"label": "stars"})), "no column 'label'", "Say label=COLUMN")
    fails(lambda: load_corpus(frame.assign(tokens="a")), "columns 'text' and 'tokens'", "text=...")
    twice = pd.concat([frame, frame["label"]], axis=1)
    fails(lambda: load_corpus(twice), "two columns are called 'label'")
    fails(lambda: load_corpus(frame[:0]), "DataFrame: no rows")
    fails(lambda: load_corpus(frame, labels="label"), "a DataFrame has no option 'labels'", "Did you mean 'label'?")
    fails(lambda: load_corpus(frame, folder="x"), "a DataFrame is in memory: it has no folder")
    fails(lambda: load_corpus(frame, seed=-1), "seed")
    fails(lambda: load_corpus(frame.assign(label="one")), "one class only")
    data = datasets.Dataset.from_list(records())
    only = datasets.DatasetDict(train=data)
    fails(lambda: load_corpus(only), "DatasetDict: no test split; there is train", 'data["train"]')
    fails(lambda: load_corpus(data.to_iterable_dataset()), "IterableDataset", "without streaming=True")
    for other in ([records()], None, 3, {"train": frame, "test": 1}):
        fails(lambda other=other: load_corpus(other), "no corpus can be made of a", "a pandas DataFrame")
    yes = frame.assign(label=["yes" if i == 59 else label for i, label in enumerate(frame["label"])])
    fails(lambda: load_corpus({"train": frame, "test": yes}), "row 59", "'yes' does not occur in train", "good, poor")


def test_columns_that_are_nearly_ours_and_rejected_rows(from_file):
    frame = pd.DataFrame(records())
    for name in ("rationales", "Rationale", "spans"):
        renamed = frame.rename(columns={"rationale": name})
        fails(lambda renamed=renamed: load_corpus(renamed), f"the column {name!r} is not read", f"rationale={name!r}")
        assert bare(load_corpus(renamed, rationale=name)) == bare(load_corpus(frame))
    assert "spans" in load_corpus(frame.assign(spans=None).drop(columns="rationale")).card["ignored_keys"]
    answered = frame.assign(answer=["reject" if i < 5 else "accept" for i in range(60)])
    with pytest.warns(UserWarning, match='DataFrame: texts that are left out: 5 with "answer": "reject"'):
        corpus = load_corpus(answered)
    assert corpus.card["rejected"] == {"reject": 5} and corpus.card["ignored_keys"] == {}
    assert sum(map(len, corpus.splits().values())) == 55
    with pytest.warns(UserWarning):
        assert bare(corpus) == bare(from_file(answered.astype(object).where(answered.notna(), None).to_dict("records")))
    texts = pd.Series(["\ud83d" if i == 4 else text for i, text in enumerate(frame["text"])], dtype=object)
    half = frame.assign(text=texts, rationale=None)
    fails(lambda: load_corpus(half), 'DataFrame, row 4, column "text": the text holds half of a character')


def test_spans_of_a_table_may_count_utf16_units():
    frame = pd.DataFrame(
        [{"text": f"🔥 so {w} {i}", "label": w, "rationale": [[6, 9]]} for i in range(30) for w in LABELS]
    )
    assert load_corpus(frame, span_units="utf-16").test.texts[0].rationale == (False, False, True, False)


LABELS = ("bad", "fun")


def test_a_run_on_a_table_says_that_its_corpus_was_in_memory(say):
    corpus = load_corpus(pd.DataFrame(named(records())), **BY_NAME, seed=4, max_length=5)
    run = ver_lite.train(corpus, epochs=1, hidden=8, dimension=8, device="cpu", progress=False, out="mine")
    recorded = read_json(Path("mine/config.json"))["corpus"]
    assert recorded == {
        "name": "in memory",
        "called": "DataFrame",
        "fingerprint": corpus.train.fingerprint(),
        "columns": BY_NAME,
        "rows": {"all": 60},
        "seed": 4,
        "max_length": 5,
        "min_count": 1,
        "leaks": "remove",
    }
    loaded = ver_lite.load_run("mine")
    assert loaded.config.corpus == recorded and loaded.classes == ("good", "poor")
    assert ver_lite.evaluate(loaded.game, corpus.test) == ver_lite.evaluate(run.game, corpus.test)
    for command in ("evaluate", "show"):
        code, _, err = say(command, "mine")
        assert code == 1 and "mine was trained on cannot be loaded: it was made in memory (called 'DataFrame')" in err
        assert "ver_lite.evaluate(run.game, corpus.test)" in err
    assert say("show", "mine", "--text", "the head is bright")[0] == 0


def test_a_review_world_made_directly_is_recorded_as_what_it_is():
    made = make_reviews(size="tiny", rho=0.9, seed=0)
    assert made.card["loaded_with"] == {"name": "reviews", "size": "tiny", "rho": 0.9}
    again = dict(made.card["loaded_with"])
    assert load_corpus(again.pop("name"), **again).test.fingerprint() == made.test.fingerprint()


def test_neither_library_is_imported_before_its_table_is_there():
    code = "import sys, ver_lite.corpora; print({'pandas', 'datasets', 'pyarrow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
