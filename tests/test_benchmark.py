"""The benchmark: its spec, how a game is measured at equal sparsity, and the page made from the record."""

import json
from dataclasses import replace

import pytest
from small_corpora import keyword_texts
from small_files import beer, beer_annotation, hotel_files, packed

from ver_lite import results
from ver_lite.corpora import load_corpus
from ver_lite.evaluation import evaluate
from ver_lite.methods import METHODS
from ver_lite.results import Job
from ver_lite.runs import load_run
from ver_lite.studies import benchmark
from ver_lite.sweep import read_spec
from ver_lite.training import train

TINY = {"hidden": 8, "dimension": 8, "epochs": 2, "batch_size": 16, "alpha": 0.2}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A corpus on disk, a small game of it, measured: its row, its run and the corpus."""
    folder = tmp_path_factory.mktemp("benchmark")
    texts = keyword_texts(120, 101)
    lines = [{"tokens": list(t.words), "label": t.label, "rationale": list(t.rationale)} for t in texts]
    (folder / "own.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    job = Job("own", {"name": str(folder / "own.jsonl")}, {**TINY, "seed": 101}, {})
    row = benchmark.measure(job, folder / "runs")
    (run,) = [path.parent for path in (folder / "runs").rglob("provenance.json")]
    yield row, job, load_run(run), load_corpus(job.corpus["name"])
    results._corpus.cache_clear()


def test_the_spec_names_every_run_once_and_each_method_that_can_play():
    jobs = benchmark.jobs()
    assert len({job.name for job in jobs}) == len(jobs)
    assert {job.config().method for job in jobs} <= set(METHODS)
    assert jobs[0].config().seed == 1 and {job.config().corpus["name"] for job in jobs} >= {"reviews", "tweets"}
    assert all(job.config().protocol.evaluation == "top_k" for job in jobs)


def test_two_routes_to_the_scores_of_a_share_agree(measured):
    row, _, run, corpus = measured
    for share, f1, accuracy in zip(*(row["curve"][k] for k in ("share", "f1", "accuracy")), strict=True):
        scores = evaluate(run.game, corpus.test, how="top_k", share=share).scores
        assert (f1, accuracy) == pytest.approx((scores.f1, scores.accuracy), abs=1e-3)
    at = row["curve"]["share"].index(TINY["alpha"])
    assert row["curve"]["f1"][at] == row["test"]["chosen"]["top_k"]["f1"]


def test_the_threshold_gives_the_share_on_dev_and_is_not_fitted_to_test(measured):
    row, _, run, corpus = measured
    threshold, scores = row["matched"]["threshold"], benchmark.scores_of(run.game, corpus.dev)
    chosen = words = 0.0
    for score, batch in zip(scores, corpus.dev.batches(256), strict=True):
        chosen += float(((score > threshold) & batch.selectable).sum())
        words += float(batch.selectable.sum())
    assert chosen / words == pytest.approx(TINY["alpha"], abs=0.02)
    assert 0 < row["matched"]["sparsity"] < 1


def test_a_run_is_trained_once_and_measured_again_to_the_same_row(measured):
    row, job, run, _ = measured
    written = (run.folder / "game.safetensors").stat().st_mtime_ns
    assert benchmark.measure(job, run.folder.parent) == row
    assert (run.folder / "game.safetensors").stat().st_mtime_ns == written
    assert results.is_current(row, job)


def test_the_page_says_what_is_missing_and_compares_with_rnp_seed_by_seed(measured):
    row = measured[0]
    rows = [
        {**row, "name": f"{m}{s}", "method": m, "seed": s, "test": _with_f1(row, f1)}
        for m, s, f1 in (("rnp", 1, 0.5), ("rnp", 2, 0.3), ("ver", 1, 0.6), ("ver", 2, 0.5))
    ]
    assert benchmark.against(rows, "ver") == pytest.approx(results.interval([10.0, 20.0]))
    assert benchmark.against(rows, "nir") is None
    page = benchmark.report({"machine": "here", "command": "x", "rows": rows})
    assert "+15.0 [10.4, 19.6]" in page and page.count("Not recorded: ") == 1


def _with_f1(row, f1):
    chosen = {how: {**scores, "f1": f1} for how, scores in row["test"]["chosen"].items()}
    return {**row["test"], "chosen": chosen}


def test_a_game_that_stopped_is_counted_and_has_no_scores(measured):
    row = {**measured[0], "method": "rnp", "seed": 1}
    stopped = {k: row[k] for k in ("name", "corpus", "config", "provenance")} | {"method": "rnp", "seed": 2}
    table = benchmark.corpus_table([row, stopped | {"status": "stopped: the loss was not finite"}])
    assert "| 1 (1 stopped) |" in table


# the paper's own corpora, which only their holders have


BEER_HOTEL = read_spec(benchmark.SPEC.with_name("beer-hotel.yaml"))


def test_the_paper_s_corpora_come_with_its_players_and_every_method_of_its_table():
    aspects = {(c.corpus["name"], c.corpus["aspect"]) for c in BEER_HOTEL}
    assert len(aspects) == 6 and {c.seed for c in BEER_HOTEL} == {1, 2, 3, 4, 5}
    assert {c.method for c in BEER_HOTEL} >= {"rnp", "ver", "nir", "dmr", "inter-rat", "a2i", "attention", "lime"}
    assert {(c.encoder, c.hidden, c.vectors, c.dimension) for c in BEER_HOTEL} == {("gru", 200, "glove", 100)}


@pytest.mark.parametrize("method", dict.fromkeys(c.method for c in BEER_HOTEL))
@pytest.mark.parametrize("name", ["beer", "hotel"])
def test_every_method_plays_on_files_of_the_published_form(tmp_path, name, method):
    if method == "lime":
        pytest.importorskip("captum", reason="captum is not installed")
    config = next(c for c in BEER_HOTEL if (c.corpus["name"], c.method) == (name, method))
    if name == "beer":
        place = beer(tmp_path, annotations=beer_annotation(0.4, [[0, 2], [1, 5]]))
    else:
        place = packed(tmp_path / "data.zip", hotel_files())
    corpus = load_corpus(name, folder=place, aspect=config.corpus["aspect"])
    small = {"hidden": 8, "dimension": 8, "vectors": None, "epochs": 1, "batch_size": 4}
    options = {"samples": 8} if method == "lime" else {}
    run = train(corpus, replace(config, **small, options=options), progress=False, device="cpu")
    assert run.status == "finished"
    scores = results.tested(run, corpus.test)["chosen"]["top_k"]
    assert scores["annotated"] == 2 and 0 < scores["sparsity"] <= 1 and scores["f1"] is not None
