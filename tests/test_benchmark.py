"""The benchmark: its spec, how a game is measured at equal sparsity, and the page made from the record."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from small_corpora import keyword_texts
from small_files import beer, beer_annotation, hotel_files, packed
from ver_lite.corpora import load_corpus
from ver_lite.experiments import jobs as jobs_module
from ver_lite.experiments import results
from ver_lite.experiments.engine import is_current
from ver_lite.experiments.jobs import Job
from ver_lite.experiments.studies import benchmark
from ver_lite.experiments.studies import benchmark_page as page
from ver_lite.experiments.studies import benchmark_theirs as theirs_page
from ver_lite.experiments.sweep import read_spec
from ver_lite.measures.evaluation import evaluate, play_through
from ver_lite.measures.everything import evaluate_fully
from ver_lite.methods import METHODS
from ver_lite.training.runs import load_run
from ver_lite.training.training import train

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
    jobs_module._corpus.cache_clear()


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
    threshold, moves = row["matched"]["threshold"], play_through(run.game, corpus.dev)
    chosen, words = float((moves.scores > threshold)[moves.selectable].sum()), float(moves.selectable.sum())
    assert chosen / words == pytest.approx(TINY["alpha"], abs=0.02)
    assert 0 < row["matched"]["sparsity"] < 1


def test_a_run_is_trained_once_and_measured_again_to_the_same_row(measured):
    row, job, run, _ = measured
    written = (run.folder / "game.safetensors").stat().st_mtime_ns
    assert benchmark.measure(job, run.folder.parent) == row
    assert (run.folder / "game.safetensors").stat().st_mtime_ns == written
    assert is_current(row, job)


def test_what_is_measured_beside_f1_is_what_the_measures_say(measured):
    row, _, run, corpus = measured
    found, full = row["quality"], evaluate_fully(run.game, corpus.test, corpus.vocabulary, how="top_k")
    assert found["auprc"] == pytest.approx(full.auprc, abs=1e-3)
    assert found["iou_f1"] == pytest.approx(full.phrases.f1, abs=1e-3)
    assert found["calibration_error"] == pytest.approx(full.calibration_error, abs=1e-3)
    assert found["sufficiency"] == pytest.approx(full.faithfulness.sufficiency, abs=1e-3)
    assert found["label_read"]["read"] == pytest.approx(full.label_read.read, abs=1e-3)
    own = evaluate(run.game, corpus.dev, how="argmax").scores
    assert row["dev_own"]["sparsity"] == pytest.approx(own.sparsity, abs=1e-3)


@pytest.fixture(scope="module")
def rows(measured):
    """RNP and VER with two seeds each, in points of F1 ten and twenty apart."""
    games = (("rnp", 1, 0.5), ("rnp", 2, 0.3), ("ver", 1, 0.6), ("ver", 2, 0.5))
    return [
        {**measured[0], "name": f"{m}{s}", "method": m, "seed": s, "test": _f1(measured[0], f1)} for m, s, f1 in games
    ]


def _f1(row, f1):
    chosen = {how: {**scores, "f1": f1} for how, scores in row["test"]["chosen"].items()}
    return {**row["test"], "chosen": chosen}


def test_a_method_is_compared_with_rnp_seed_by_seed(rows):
    assert page.against(rows, "ver") == pytest.approx({1: 10.0, 2: 20.0})
    assert page.against(rows[1:], "ver") == pytest.approx({2: 20.0})
    assert page.against(rows, "nir") == {}
    mean, low, high = results.interval([10.0, 20.0])
    assert f"| {mean:+.1f} [{low:+.1f}, {high:+.1f}] |" in page.corpus_table(rows)
    assert "| +20.0 (one seed) |" in page.corpus_table(rows[1:])


def test_the_curve_of_f1_stands_in_the_table_beside_random_words(rows):
    head, _, chance, rnp, _ = page.curve_table(rows).splitlines()
    shares = [cell.strip() for cell in head.split("|")[3:-1]]
    assert shares == [f"{100 * share:g} %" for share in benchmark.SHARES]
    at = shares.index(f"{100 * TINY['alpha']:g} %")
    assert float(chance.split("|")[3:-1][at]) == pytest.approx(100 * rows[0]["random"]["f1"], abs=0.05)
    assert float(rnp.split("|")[3:-1][at]) == pytest.approx(100 * rows[0]["curve"]["f1"][at], abs=0.05)


def test_ver_is_compared_with_each_game_that_it_was_combined_with(rows):
    others = [{**row, "method": {"rnp": "fr", "ver": "ver-fr"}[row["method"]]} for row in rows[1:]]
    (line,) = page.ver_table([*rows, *others]).splitlines()[2:]
    mean, low, high = results.interval([10.0, 20.0])
    assert f"| {mean:+.1f} [{low:+.1f}, {high:+.1f}] |" in line and line.endswith(" | +20.0 (one seed) | – | – |")


def test_cells_that_nobody_could_fill_stay_empty_and_say_why(rows):
    jobs = [job for job in benchmark.jobs() if job.corpus["name"] in ("reviews", "movies")]
    own = [{**row, "corpus": "movies", "config": {**row["config"], "alpha": 0.1, "epochs": 14}} for row in rows]
    made = page.page({"machine": "here", "command": "x", "rows": own}, jobs)
    assert "\n## The review world\n\nEmpty: not trained yet" in made
    movies = made.split("## Movies")[1].split("## ")[0]
    assert "| RNP | 2 of 3 |" in movies and "| NIR | 0 of 3 | – |" in movies
    assert "| INVRAT | – | – |" in movies and "INVRAT, nobody distributes environments" in movies
    assert "`ver-lite sweep beer-hotel`" in made
    assert page.page({"machine": "here", "command": "x", "rows": []}, jobs)


def test_alpha_is_chosen_by_the_size_of_own_masks_on_dev_and_not_by_test(rows):
    def asking(row, alpha, on_dev):
        return {**row, "config": {**row["config"], "alpha": alpha}, "dev_own": {"sparsity": on_dev}}

    several = [asking(rows[0], a, s) for a, s in ((0.2, 0.05), (0.4, 0.19), (0.5, 0.32))]
    assert [row["config"]["alpha"] for row in page.chosen_on_dev(several, 0.2)["rnp"]] == [0.4]
    worse_on_test = [{**row, "test": _f1(row, f1)} for row, f1 in zip(several, (0.9, 0.1, 0.9), strict=True)]
    assert page.chosen_on_dev(worse_on_test, 0.2)["rnp"] == [worse_on_test[1]]
    assert page.chosen_on_dev(rows, 0.2) == {} and "| – | – |" in page.alpha_table(rows, 0.2)
    mixed = [*several, *(asking(row, 0.2, 0.1) for row in rows[1:])]
    assert [row["config"]["alpha"] for row in page.usual(mixed)] == [0.2] * 4


def test_games_that_were_trained_longer_stand_in_a_table_of_their_own(rows):
    config = {**rows[0]["config"], "epochs": 20 * rows[0]["config"]["epochs"]}
    longer = {**rows[0], "name": "longer", "config": config, "test": _f1(rows[0], 0.77)}
    made = page.page({"machine": "here", "command": "x", "rows": [*rows, longer]}, [])
    assert page.usual([*rows, longer]) == rows and page.longer_table(rows) == ""
    [line] = page.longer_table([*rows, longer]).splitlines()[2:]
    assert line.startswith(f"| RNP | {config['epochs']} | 1 | ") and " | 77.0 | " in line
    assert line in made and made.count("| 77.0 |") == 1


def test_a_game_that_stopped_is_counted_and_has_no_scores(measured):
    row = {**measured[0], "method": "rnp", "seed": 1}
    stopped = {k: row[k] for k in ("name", "corpus", "config", "provenance")} | {"method": "rnp", "seed": 2}
    table = page.corpus_table([row, stopped | {"status": "stopped: the loss was not finite"}])
    assert "| 1 (1 stopped) |" in table


# beside the paper's numbers


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=7))
def test_the_order_of_pairs_is_kendall_s(values):
    ours, theirs = ({str(i): pair[k] for i, pair in enumerate(values)} for k in (0, 1))
    found = theirs_page.order({**ours, "only ours": 9}, {**theirs, "only theirs": 9})
    n = len(values)
    assert found.pairs == n * (n - 1) // 2 and found.same + found.other <= found.pairs
    if len(set(ours.values())) == len(set(theirs.values())) == n:  # without ties tau-a is scipy's tau-b
        assert found.tau == pytest.approx(kendalltau(list(ours.values()), list(theirs.values())).statistic)


def test_a_missing_seed_does_not_move_a_method_in_our_order(rows):
    both, one = theirs_page.our_gains(rows), theirs_page.our_gains([rows[0], *rows[2:]])
    assert both == pytest.approx({"RNP": 0.0, "VER": 15.0}) and one == pytest.approx({"RNP": 0.0, "VER": 10.0})


def test_the_paper_s_numbers_stand_beside_ours_and_are_marked(rows):
    made = theirs_page.beside_theirs({"reviews": rows})
    assert "| VER | 72 (1.5) † |" in made and "| 39.5 (2.5)* † |" in made
    assert "| beer-appearance † | 1 of 1, τ +1.00 |" in made
    assert made.count("†") > 60


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
    scores = jobs_module.tested(run, corpus.test)["chosen"]["top_k"]
    assert scores["annotated"] == 2 and 0 < scores["sparsity"] <= 1 and scores["f1"] is not None
