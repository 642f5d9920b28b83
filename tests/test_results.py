"""Recorded results: what the code would run today, every job there or its absence said, the arithmetic checked."""

import json
import math
import re
import statistics
from dataclasses import replace

import pytest
import torch

from small_corpora import keyword_corpus, keyword_texts
from ver_lite.corpora.core import Split, Vocabulary
from ver_lite.experiments import jobs as jobs_module
from ver_lite.experiments import results
from ver_lite.experiments.engine import is_current
from ver_lite.experiments.jobs import Study
from ver_lite.experiments.record import STUDIES, record
from ver_lite.experiments.studies import four_corpora
from ver_lite.experiments.studies.four_corpora import Setting
from ver_lite.system.files import read_json, write_json

FILE = results.FOLDER / "rnp-ver.json"
RECORDED = read_json(FILE)["rows"] if FILE.exists() else []
recorded = pytest.mark.skipif(not RECORDED, reason="nothing is recorded yet: run python -m ver_lite.experiments.record")
MINE = Study("study", lambda: four_corpora.jobs(), four_corpora.measure, four_corpora.report)
TINY = {"hidden": 8, "dimension": 8, "epochs": 2, "alpha": 0.2, "batch_size": 16}


# what is recorded


def test_the_study_is_five_seeds_of_two_methods_on_four_corpora_and_two_baselines():
    names = [job.name for job in four_corpora.jobs()]
    assert len(names) == len(set(names)) == 4 * (2 * 5 + 5 + 1)
    for s in four_corpora.SETTINGS:
        for method in four_corpora.GAMES:
            assert {f"{s.corpus}/{method}/{seed}" for seed in (1, 2, 3, 4, 5)} <= set(names)


@recorded
def test_what_is_recorded_is_what_the_code_would_run():
    jobs = {job.name: job for job in four_corpora.jobs()}
    stale = [row["name"] for row in RECORDED if not is_current(row, jobs.get(row["name"], four_corpora.jobs()[0]))]
    assert not stale, "run python -m ver_lite.experiments.record"


@recorded
def test_rnp_and_ver_differ_in_the_perturbation_alone():
    for s in four_corpora.SETTINGS:
        rnp, ver = (four_corpora.job(s, method, 1).config().as_dict() for method in ("rnp", "ver"))
        assert {name for name in rnp if rnp[name] != ver[name]} == {"method", "options"}
        assert (rnp["options"], ver["options"]) == ({}, {"perturbation": 0.3})


@recorded
def test_every_job_is_recorded_or_the_page_says_which_is_not():
    page = four_corpora.report(read_json(FILE))
    missing = [job.name for job in four_corpora.jobs() if job.name not in {row["name"] for row in RECORDED}]
    assert ("Not recorded: " in page) == bool(missing) and all(name in page for name in missing)


@recorded
def test_recorded_numbers_belong_together():
    for row in RECORDED:
        texts = row["splits"]["test"]["texts"]
        if row["method"] in four_corpora.BASELINES:
            scores = [row["test"]]
        else:
            assert row["status"] == "finished" and len(row["dev_by_epoch"]) == row["config"]["epochs"], row["name"]
            best = max(range(len(row["dev_by_epoch"])), key=lambda i: row["dev_by_epoch"][i]["accuracy"])
            assert row["epoch"] == best + 1, row["name"]
            scores = [s for game in row["test"].values() for s in game.values()]
            assert all(s["texts"] == texts for s in scores)
            assert row["provenance"]["commit"] and row["provenance"]["seconds"] > 0
        for s in scores:
            assert s["f1"] == pytest.approx(harmonic(s["precision"], s["recall"])), row["name"]
            assert 0 <= s["sparsity"] <= 1


@recorded
def test_methods_and_baselines_are_compared_at_the_same_sparsity():
    for s in four_corpora.SETTINGS:
        shares = [
            row["test"]["sparsity"]
            if row["method"] in four_corpora.BASELINES
            else row["test"]["chosen"]["top_k"]["sparsity"]
            for row in RECORDED
            if row["corpus"] == s.corpus
        ]
        assert max(shares) - min(shares) < 0.01 and min(shares) >= s.games["alpha"]


@recorded
def test_the_page_is_the_record():
    made = read_json(FILE)
    page = four_corpora.report(made)
    for s in four_corpora.SETTINGS:
        for method in four_corpora.GAMES:
            rows = [r for r in RECORDED if (r["corpus"], r["method"]) == (s.corpus, method)]
            if len(rows) < 2:
                continue
            f1 = [100 * r["test"]["chosen"]["top_k"]["f1"] for r in rows]
            assert f"{statistics.fmean(f1):.1f} ({statistics.stdev(f1):.1f})" in page
    if len(RECORDED) == len(four_corpora.jobs()):
        assert FILE.with_suffix(".md").read_text("utf-8") == page


def harmonic(p, r):
    return 2 * p * r / (p + r) if p + r else 0.0


# tables


def test_a_cell_is_mean_and_standard_deviation():
    assert results.cell([0.5, 0.7]) == "60.0 (14.1)"
    assert results.cell([2.0], 1) == "2.0"
    assert results.cell([]) == results.cell([0.5, None]) == "–"


def game_row(corpus, method, seed, f1):
    ways = {how: {"f1": f1, "sparsity": 0.2, "accuracy": 0.9} for how in ("top_k", "argmax", "sample")}
    return {
        **{"name": f"{corpus}/{method}/{seed}", "corpus": corpus, "method": method, "seed": seed},
        **{"test": {"chosen": ways, "last": ways}, "seconds_per_epoch": 1.5},
        "provenance": {"seconds": 90.0, "commit": "abc"},
    }


def test_tables_have_a_row_for_everything_and_a_dash_for_nothing(monkeypatch):
    monkeypatch.setattr(four_corpora, "SETTINGS", (Setting("Mine", "mine", {}), Setting("Other", "other", {})))
    rows = [
        game_row("mine", m, s, f) for m, s, f in (("rnp", 1, 0.5), ("rnp", 2, 0.6), ("ver", 1, 0.7), ("ver", 2, 0.5))
    ]
    table = four_corpora.scores_table(rows)
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert len({len(line) for line in lines}) == 1
    by_name = {(line[0], line[1]): dict(zip(lines[0], line, strict=True)) for line in lines[2:]}
    assert by_name["Mine", "RNP"]["F1"] == "55.0 (7.1)" and by_name["Mine", "RNP"]["seeds"] == "2"
    assert by_name["Mine", "RNP"]["s / epoch"] == "1.5 (0.0)"
    assert by_name["Other", "VER"]["F1"] == "–" and by_name["Other", "VER"]["seeds"] == "0"
    pairs = [line for line in four_corpora.f1_table(rows).splitlines() if line.startswith("| Mine")]
    assert len(pairs) == 6 and all("5.0 (21.2) | 1 of 2" in line for line in pairs)
    assert "Recorded: 4 games" in four_corpora.report({"rows": rows, "machine": "here", "command": "x"})


# baselines


def test_log_odds_against_plain_counting():
    texts = keyword_texts(40, 3)
    texts = [type(t)(t.words[:3] * 2, i % 3) for i, t in enumerate(texts)]
    vocabulary = Vocabulary.build(texts, min_count=3)
    odds = four_corpora.log_odds(Split.encode(texts, vocabulary), len(vocabulary), 3)
    for word in range(2, len(vocabulary)):
        for label in range(3):
            cells = {True: [0.5, 0.5], False: [0.5, 0.5]}  # of the label or not: texts with the word, without it
            for text in texts:
                cells[text.label == label][word not in vocabulary.encode(text.words)] += 1
            (a, b), (c, d) = cells[True], cells[False]
            assert float(odds[label, word]) == pytest.approx(math.log(a * d / (b * c)), abs=1e-5)
    assert not bool(odds[:, :2].any())


def test_label_words_find_planted_keywords_and_random_ones_do_not():
    corpus = keyword_corpus(400, 20, 100)
    share = 0.05  # one word of ten to twenty
    found = four_corpora.baseline(four_corpora.pick_label_words(corpus), corpus.test, share, 2)
    assert found["f1"] > 0.95 and found["majority"] == 0.5
    chance = [four_corpora.baseline(four_corpora.pick_random(seed), corpus.test, share, 2) for seed in (1, 1, 2)]
    assert chance[0] == chance[1] != chance[2] and chance[0]["f1"] < 0.2
    assert found["sparsity"] == chance[0]["sparsity"]


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 1.0])
def test_a_random_baseline_selects_as_much_as_it_is_asked(share):
    split = keyword_corpus(20, 20, 100).test
    lengths = split.lengths.tolist()
    scores = four_corpora.baseline(four_corpora.pick_random(1), split, share, 2)
    expected = sum(max(1, math.ceil(n * share - 1e-6)) for n in lengths) / sum(lengths)
    assert scores["sparsity"] == pytest.approx(expected)
    if share == 1.0:
        assert scores["recall"] == 1.0


# recording


@pytest.fixture
def study(monkeypatch, tmp_path):
    """A study of one small corpus on disk, and a second one that is not there."""
    own = tmp_path / "own.jsonl"

    lines = [{"tokens": list(t.words), "label": t.label, "rationale": list(t.rationale)} for t in keyword_texts(40, 1)]
    own.write_text("\n".join(json.dumps(line) for line in lines))
    here, gone = Setting("Mine", str(own), TINY), Setting("Gone", str(tmp_path / "gone.jsonl"), TINY)
    jobs = [four_corpora.job(here, m, s) for s in (1, 2) for m in ("random", "rnp", "ver")]
    jobs.append(four_corpora.job(gone, "rnp", 1))
    monkeypatch.setattr(four_corpora, "jobs", lambda: jobs)
    monkeypatch.setattr(four_corpora, "SETTINGS", (here, gone))
    jobs_module._corpus.cache_clear()
    yield jobs, tmp_path / "out" / "study.json"
    jobs_module._corpus.cache_clear()


def test_a_job_is_measured_by_itself(study):
    jobs, _ = study
    threads = torch.get_num_threads()
    row, again = four_corpora.measure(jobs[2]), four_corpora.measure(jobs[2])
    torch.set_num_threads(threads)
    for made in (row, again):
        for key in ("seconds_per_epoch", "provenance"):
            del made[key]
    assert row == again and row["name"] == jobs[2].name and is_current(row, jobs[2])
    assert not is_current(row, jobs[1]) and not is_current(None, jobs[2])
    changed = {**row, "config": {**row["config"], "alpha": 0.9}}
    assert not is_current(changed, jobs[2])
    assert set(row["test"]) == {"chosen", "last"} and set(row["test"]["last"]) == {"top_k", "argmax", "sample"}


@pytest.mark.slow
def test_recording_leaves_out_what_is_not_there_resumes_and_then_does_nothing(study, capsys):
    jobs, path = study
    record(MINE, jobs[:2], 1, path)
    some = read_json(path)
    assert [row["name"] for row in some["rows"]] == [job.name for job in jobs[:2]]
    record(MINE, jobs, 2, path)
    said, made = capsys.readouterr(), read_json(path)
    assert [row["name"] for row in made["rows"]] == [job.name for job in jobs[:6]]
    assert made["rows"][:2] == some["rows"]
    assert [line.split()[0] for line in said.out.splitlines()] == ["1/2", "2/2", "1/4", "2/4", "3/4", "4/4"]
    assert said.err.startswith("left out: ") and "gone.jsonl" in said.err
    before = path.read_bytes()
    assert [entry.row for entry in record(MINE, jobs, 1, path)] == made["rows"] and path.read_bytes() == before
    made["rows"][3]["config"]["alpha"] = 0.9  # made with other settings: measured again
    write_json(path, made)
    record(MINE, jobs[:6], 1, path)
    mended = read_json(path)["rows"]
    assert mended[3]["config"]["alpha"] == 0.2 and mended[2] == made["rows"][2]


@recorded
def test_every_number_in_the_page_s_prose_stands_in_its_tables_or_is_the_paper_s():
    page = (FILE.parents[2] / "book" / "results.md").read_text("utf-8").split("## What it says")[1]
    theirs = {"1.2", "8.7"}  # VER minus RNP in the paper's Table 1, smallest and largest of six corpora
    tables = FILE.with_suffix(".md").read_text("utf-8")
    numbers = set(re.findall(r"\d+\.\d+", page))
    assert numbers and all(n in theirs or re.search(rf"(?<![\d.]){re.escape(n)}(?![\d])", tables) for n in numbers)


# the argument and its exploration


def recorded_rows(name):
    one = STUDIES[name]
    if not one.path.exists():
        pytest.skip(f"{one.path.name} is not recorded yet: run python -m ver_lite.experiments.record {name}")
    return one, read_json(one.path)


@pytest.mark.parametrize("name", ["argument", "exploration", "review_watched"])
def test_a_study_is_recorded_whole_as_the_code_would_run_it(name):
    one, made = recorded_rows(name)
    jobs = {job.name: job for job in one.jobs()}
    assert [row["name"] for row in made["rows"]] == list(jobs), f"run python -m ver_lite.experiments.record {name}"
    stale = [row["name"] for row in made["rows"] if not is_current(row, jobs[row["name"]])]
    assert not stale, f"run python -m ver_lite.experiments.record {name}"
    for page, text in {one.name: one.report(made), **one.pages(made)}.items():
        assert (results.FOLDER / f"{page}.md").read_text("utf-8") == text


def test_what_was_seen_while_a_game_was_learned_ends_where_its_test_says():
    """Two routes to the same numbers: the looks of the last epoch, and the test after training."""
    _, made = recorded_rows("argument")
    for row in made["rows"]:
        if row["group"] == "random":
            continue
        assert row["status"] == "finished" and row["looks"]["epoch"][-1] == row["config"]["epochs"], row["name"]
        for how in ("sample", "argmax", "top_k"):
            assert row["looks"][f"f1_{how}"][-1] == row["test"]["last"][how]["f1"], row["name"]
        if row["group"] in ("sweep", "gru"):
            for shown in ("own", "gold"):
                parts = [row["looks"][f"{shown}: {part}"][-1] for part in ("entropy", "divergence", "rest")]
                assert row["looks"][f"{shown}: cross_entropy"][-1] == pytest.approx(sum(parts), abs=2e-4), row["name"]
            gold = row["test"]["last"]["argmax"]["gold_cross_entropy"]
            assert row["looks"]["gold: cross_entropy"][-1] == pytest.approx(gold, rel=1e-3), row["name"]


def test_the_watched_review_is_the_first_one_in_games_of_the_argument():
    from ver_lite.corpora import load_corpus
    from ver_lite.experiments.studies import argument, review_watched

    one, made = recorded_rows("review_watched")
    assert one.path.stat().st_size < 200_000
    theirs = {job.name: job.config() for job in argument.jobs()}
    corpus = load_corpus("reviews", world="rivals")
    tokens = corpus.test.batch(torch.tensor([0])).tokens
    for job, row in zip(review_watched.jobs(), made["rows"], strict=True):
        assert job.config() == theirs[f"sweep/{job.about['p']:g}/1"]
        assert row["words"] == corpus.test.words(0, corpus.vocabulary) and row["status"] == "finished"
        looks = row["looks"]
        assert tuple(looks["epoch"]) == review_watched.LOOKS
        for i, shown in enumerate(looks["shown"]):
            mask = torch.zeros(tokens.shape).index_fill(1, torch.tensor(shown), 1.0)
            assert len(shown) == 8 and min(looks["chances"][i][t] for t in shown) >= sorted(looks["chances"][i])[-8]
            assert looks["entropy"][i] == pytest.approx(float(corpus.world.entropy(tokens, mask)), rel=1e-4)
            said, known = (torch.tensor([1 - looks[n][i], looks[n][i]], dtype=torch.float64) for n in ("said", "known"))
            divergence = float((known * (known / said).log()).sum())
            assert looks["divergence"][i] == pytest.approx(divergence, abs=2e-3)


def test_in_the_watched_review_the_predictor_learns_first_and_then_the_words_of_the_rivals_are_chosen():
    """What lesson 03 tells the reader to see, for RNP."""
    _, made = recorded_rows("review_watched")
    row = made["rows"][0]
    looks, gold = row["looks"], torch.tensor(row["gold"], dtype=torch.bool)
    chances = torch.tensor(looks["chances"])
    early = looks["epoch"].index(4)
    assert row["p"] == 0 and looks["divergence"][early] < 0.2 * looks["divergence"][0]
    assert float(chances[: early + 1].max()) < 0.35
    dark = chances[-1] > 0.5
    assert 4 <= int(dark.sum()) <= 10 and int((dark & gold).sum()) <= 1


def test_an_interval_is_the_quantiles_of_all_resamples():
    mean, low, high = results.interval([1.0, 2.0, 6.0])
    every = sorted((a + b + c) / 3 for a in (1, 2, 6) for b in (1, 2, 6) for c in (1, 2, 6))
    assert mean == 3 and every[0] <= low < mean < high <= every[-1]
    assert results.interval([2.0]) == (2, 2, 2)
    for wrong in ([], range(8)):
        with pytest.raises(ValueError, match="values"):
            results.interval(wrong)


def test_rows_are_found_by_their_columns():
    rows = [{"p": "0", "seed": 2}, {"p": "0", "seed": 1}, {"p": "1", "seed": 1}]
    assert [row["seed"] for row in results.find(rows, p="0")] == [1, 2]
    with pytest.raises(KeyError, match="nothing is recorded"):
        results.find(rows, p="2")


def test_the_argument_is_measured_in_every_group_at_a_tiny_size():
    from ver_lite.experiments.studies import argument, argument_paper

    corpus, tiny = {**argument.CORPUS, "size": "tiny"}, {"epochs": 2, "hidden": 8, "dimension": 8}
    kinds = {job.about["group"]: job for job in [*argument.jobs(), *argument_paper.jobs()]}
    rows = [argument.measure(replace(j, corpus=corpus, settings={**j.settings, **tiny})) for j in kinds.values()]
    for row in rows:
        assert row["test"]["last"]["top_k"]["f1"] is not None and row["provenance"]["seconds"] > 0
    by_group = {row["group"]: row for row in rows}
    assert set(by_group) == {"sweep", "gru", "ablation", "random"}
    assert len(by_group["sweep"]["region"]["change"]) == 2 == len(by_group["sweep"]["looks"]["epoch"])
    assert [len(stage["f1"]) for stage in by_group["random"]["stages"]] == [2, 2]
    page = argument.report({"rows": rows, "machine": "here", "command": "x"})
    assert "Not recorded: " in page and "| GRU, p = 0.3 | 1 |" in page
    assert "not timed" not in page
    two_stages = by_group["random"]["provenance"]
    assert two_stages.pop("earlier_seconds") > 0
    assert "an earlier stage of 1 games, which was not timed" in argument.report(
        {"rows": rows, "machine": "here", "command": "x"}
    )


def test_the_paper_s_size_changes_the_size_and_keeps_what_each_game_is():
    from ver_lite.experiments.studies import argument, argument_paper

    jobs = {job.name: job.config() for job in argument_paper.jobs()}
    assert list(jobs)[:2] == ["sweep/0/1", "sweep/0.3/1"] and len(jobs) == 65
    for name, config in jobs.items():
        assert (config.encoder, config.hidden, config.epochs, config.learning_rate) == ("gru", 200, 300, 1e-4)
        small = {job.name: job for job in argument.jobs()}[name].config()
        padded = replace(small.protocol, pad_to=256, deal="random")  # as the released command does: λ2's unit
        assert (config.method, config.options, config.temperature, config.protocol, config.seed) == (
            (small.method, small.options, small.temperature, padded, small.seed)
        )


def test_a_claim_is_decided_by_its_interval():
    from ver_lite.experiments.studies import claims

    assert claims.verdict([1.0, 2, 3, 1, 2]) == "holds"
    assert claims.verdict([-1.0, -2, -3, -1, -2]) == "does not hold"
    assert claims.verdict([-1.0, 2, -3, 1, 2]) == "not decided"
    assert claims.at_the_end([{"looks": {"f1": [9.0, 1, 2, 3, 4, 5]}}], "f1").tolist() == [3.0]
    _, made = recorded_rows("argument")
    for claim in claims.CLAIMS:
        assert len(claim.differences(made["rows"])) == 5, claim.says
