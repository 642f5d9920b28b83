"""Sweeps in this process: what a spec says, which runs it makes, and what becomes of each."""

import json
import resource
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ver_lite.corpora import load_corpus
from ver_lite.experiments import engine
from ver_lite.experiments.plan import flattened, key
from ver_lite.experiments.results import find
from ver_lite.experiments.studies import argument
from ver_lite.experiments.sweep import driver, means_table, plan, read_spec, survey, sweep
from ver_lite.experiments.sweep.folder import locked
from ver_lite.system.files import FileError, read_json, write_json
from ver_lite.training.config import Config
from ver_lite.training.runs import load_run
from ver_lite.training.training import train

ROOT = Path(__file__).resolve().parents[1]
FIG9 = ROOT / "data" / "sweeps" / "fig9.yaml"
TINY = {"name": "reviews", "size": "tiny"}
SMALL = {"corpus": TINY, "hidden": 8, "dimension": 8, "epochs": 2, "batch_size": 16}


def config(**settings) -> Config:
    return Config.make({**SMALL, **settings})


def in_threads(configs, out, **options):
    with ThreadPoolExecutor(2) as executor:
        return sweep(configs, out, executor=executor, progress=False, **options)


def spec(folder, text) -> Path:
    path = folder / "spec.yaml"
    path.write_text(text)
    return path


# the spec


def test_the_example_is_the_recorded_study_of_fig_9():
    recorded = [job.config() for job in argument.jobs() if job.about["group"] == "sweep"]
    assert [flattened(c) for c in read_spec(FIG9)] == [flattened(c) for c in recorded]


def test_blocks_take_over_what_stands_above_them_and_replace_it(tmp_path):
    path = spec(
        tmp_path,
        "corpus: reviews\nsettings: {alpha: 0.1, protocol: released, protocol.omega: text}\nseeds: [3, 1]\nruns:\n"
        "- grid: {method: [rnp, ver]}\n- {seeds: 7, corpus: {name: beer}, settings: {alpha: 0.3},"
        " grid: {corpus.aspect: [aroma, palate]}}\n",
    )
    made = [(c.seed, c.method, c.alpha, c.corpus.get("aspect"), c.corpus["name"]) for c in read_spec(path)]
    assert made == [
        *[(seed, method, 0.1, None, "reviews") for seed in (1, 3) for method in ("rnp", "ver")],
        *[(7, "rnp", 0.3, aspect, "beer") for aspect in ("aroma", "palate")],
    ]
    assert {(c.protocol.omega, c.protocol.flips) for c in read_spec(path)} == {("text", "batch")}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["spec.yaml, line 1", "corpus, settings, grid, seeds, runs"]),
        ("- a", ["line 1", "mapping"]),
        ("corpus: reviews\nsettings: {alpha: [0.1, 0.2}", ["line 2", "not YAML"]),
        ("corpus: reviews\nsetings: {}", ["line 2", "'setings'; did you mean 'settings'?"]),
        ("corpus: reviews\nsettings:\n  alpha: 0.1\n  alhpa: 0.2", ["line 4", "'alhpa'; did you mean 'alpha'?"]),
        ("corpus: reviews\nsettings:\n  alpha: 0.1\n  alpha: 0.2", ["line 4", "alpha is given twice"]),
        ("corpus: reviews\nsettings: {alpha: 7}", ["line 2", "alpha must be a number above 0"]),
        ("corpus: reviews\nsettings: {alpha: [0.1]}", ["line 2", "a list goes into grid"]),
        ("corpus: reviews\nsettings: {learning_rate: 1e-3}", ["line 2", "YAML reads 1e-3 as a text: write 0.001"]),
        ("corpus: reviews\ngrid:\n  alpha:\n  - 0.1\n  - 7", ["line 5", "not 7"]),
        ("corpus: reviews\ngrid: {alpha: 0.1}", ["line 2", "alpha in grid is a list, not 0.1"]),
        ("corpus: reviews\ngrid: {alpha: []}", ["line 2", "is a list"]),
        ("corpus: reviews\ngrid: {alpha: [0.1]}\nsettings: {alpha: 0.1}", ["line 2", "alpha stands in settings and"]),
        ("corpus: reviews\nsettings: {seed: 1}", ["line 2", "seeds: 1-5"]),
        ("corpus: reviews\nseeds: 5-1", ["line 2", "not '5-1'"]),
        ("corpus: reviews\nseeds: [1, x]", ["line 2", "seed must be a whole number", "'x'"]),
        (f"corpus: reviews\nseeds: 1-10001\ngrid: {{epochs: {[*range(1, 11)]}}}", ["100,010 runs"]),
        ("settings: {alpha: 0.1}", ["line 1", "no corpus is named"]),
        ("corpus: {size: tiny}", ["line 1", "mapping that has a name"]),
        ("corpus: reviews\nruns: {method: rnp}", ["line 2", "list of blocks"]),
        ("corpus: reviews\nruns:\n- {}\n- {runs: []}", ["line 4", "'runs'"]),
        ("corpus: reviews\nruns:\n- {}\n- settings: {encoder: gru, hidden: 7}", ["line 4", "hidden must be even"]),
        ("corpus: reviews\nsettings: {protocol.flip: batch}", ["line 2", "no switch 'flip'"]),
        ("corpus: reviews\nsettings: {protocol.flips: word}", ["line 2", "'word'"]),
        ("corpus: reviews\nsettings: 5", ["line 2", "settings is a mapping"]),
        ("corpus: reviews\nsettings: \x00", ["spec.yaml", "not YAML"]),
    ],
)
def test_a_wrong_spec_is_one_line_that_says_where_and_what_is_right(say, tmp_path, text, parts):
    code, _, err = say("sweep", spec(tmp_path, text))
    assert code == 1 and all(part in err for part in parts), err
    assert [path.name for path in tmp_path.iterdir()] == ["spec.yaml"]


def test_a_bare_option_is_for_the_methods_that_have_it(tmp_path):
    text = "corpus: reviews\ngrid: {method: [rnp, ver, ver-mgr], perturbation: [0.1, 0.3, 0.5]}\n"
    configs = read_spec(spec(tmp_path, text))
    assert [c.options.get("perturbation") for c in configs if c.method == "ver-mgr"] == [0.1, 0.3, 0.5]
    assert all(c.options == {} for c in configs if c.method == "rnp") and len(plan(configs)) == 7
    same = "corpus: reviews\nsettings: {method: ver}\ngrid: {options.perturbation: [0.1, 0.3, 0.5]}\n"
    assert read_spec(spec(tmp_path, same)) == [c for c in configs if c.method == "ver"]
    for wrong, what in (
        ("settings: {perturbation: 0.1}", "perturbation is a setting of ver, .*, not of rnp"),
        ("grid: {method: [rnp, nir], perturbation: [0.1]}", "perturbation is a setting of ver"),
        ("settings: {method: ver}\ngrid: {perturbation: [0.1, 1.2]}", "perturbation must be a number from 0 to 1"),
    ):
        with pytest.raises(ValueError, match=rf"spec.yaml, line \d: {what}"):
            read_spec(spec(tmp_path, f"corpus: reviews\n{wrong}\n"))


# the plan


def test_runs_are_named_by_what_varies_and_asked_for_once():
    of_ver = [{"method": "ver", "perturbation": p} for p in (0.1, 0.3)]
    configs = [config(**given, seed=s) for s in (1, 2) for given in ({}, {}, *of_ver)]
    names = [job.name.rpartition("-")[0] for job in plan(configs)]
    games = ("method=rnp", "method=ver,perturbation=0.1", "method=ver,perturbation=0.3")
    assert names == [f"{game},seed={s}" for s in (1, 2) for game in games]
    assert [job.config() for job in plan(configs)] == configs[1:4] + configs[5:]
    assert plan([config()])[0].name.startswith("rnp-")
    files = [job.name for job in plan(config(corpus={"name": f"../{part}/my file.jsonl"}) for part in "ab")]
    assert not any(set("/ ") & set(name) or name.startswith(".") for name in files) and len(set(files)) == 2
    with pytest.raises(ValueError, match="names its corpus"):
        plan([Config()])


def test_a_key_is_that_of_the_run_and_not_of_how_it_was_written():
    assert key(config(lambda1=5)) == key(config(lambda1=5.0)) != key(config(lambda1=5.5))
    assert key(config(seed=1)) != key(config(seed=2))
    assert key(config(protocol={"omega": "batch"})) != key(config())
    assert key(config(corpus={**TINY, "rho": 0.9})) != key(config())


# runs


def test_threads_train_what_train_does_and_a_second_sweep_trains_nothing(tmp_path, monkeypatch):
    configs = [config(method=m, seed=s) for s in (1, 2) for m in ("rnp", "ver")]
    entries = in_threads(configs, tmp_path)
    assert [(e.status, e.epochs) for e in entries] == [("finished", 2)] * 4
    for entry, wanted in zip(entries, configs, strict=True):
        alone = train(load_corpus("reviews", size="tiny"), wanted, progress=False)
        assert load_run(entry.folder).history == alone.history
    made = read_json(tmp_path / "results.json")
    assert [row["name"] for row in made["rows"]] == sorted(e.folder.name for e in entries)
    (row,) = [r for r in find(made["rows"], method="ver") if r["seed"] == 2]
    assert row["test"]["chosen"]["argmax"]["texts"] == 24 and row["epoch"] in (1, 2)
    assert "| ver | 0.3 | 2 |" in means_table(made["rows"])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*") if path.parent.name != ".sweep"}
    monkeypatch.setattr(driver, "train", lambda *_, **__: 1 / 0)
    assert [e.row for e in in_threads(configs, tmp_path)] == [e.row for e in entries]
    grown = [*configs, config(alpha=0.3)]  # other names now, as alpha varies too: what is trained is found all the same
    assert [e.status for e in survey(tmp_path, plan(grown))] == ["finished"] * 4 + ["new"]
    after = {path: path.stat().st_mtime_ns for path in before}
    assert {path.name for path in before if before[path] != after[path]} <= {"results.json"}
    odd = in_threads([config(alpha=0.3)], tmp_path)[0].status
    trace = tmp_path / ".sweep" / f"{key(config(alpha=0.3))}.error"
    assert odd == f"failed: ZeroDivisionError: division by zero (this should not happen: {trace} shows where it did)"
    assert "1 / 0" in trace.read_text()


def test_one_that_fails_and_one_that_diverges_leave_the_others_alone(tmp_path, say):
    path = spec(
        tmp_path,
        "corpus: {name: reviews, size: tiny}\nsettings: {epochs: 1, hidden: 8}\nruns:\n- {}\n"
        "- corpus: nowhere.jsonl\n- settings: {learning_rate: 1.0e+30}\n- corpus: nowhere.jsonl\n  seeds: 2\n",
    )
    code, out, err = say("sweep", path, "--quiet", "--out", "here", "--workers", "1")
    assert code == 1 and err == "ver-lite: 3 of 4 runs failed or stopped: see above\n"
    assert "no corpus and no file is called 'nowhere.jsonl'" in out and out.count("nowhere.jsonl'.") == 1
    assert "stopped: the loss was not finite in epoch 1" in out and "0 (1 stopped)" in out
    assert len(read_json(Path("here/results.json"))["rows"]) == 2
    before = {file: file.stat().st_mtime_ns for file in Path("here").glob("*/*.json")}
    again = [entry.status.partition(":")[0] for entry in in_threads(read_spec(path), "here")]
    assert again == ["finished", "failed", "stopped", "failed"]
    assert before == {file: file.stat().st_mtime_ns for file in Path("here").glob("*/*.json")}


def test_what_is_damaged_or_another_s_is_said_and_left(tmp_path):
    configs = [config(seed=s) for s in (1, 2, 3, 4, 5)]
    folders = [entry.folder for entry in in_threads(configs, tmp_path)]
    write_json(folders[0] / "config.json", {**read_json(folders[0] / "config.json"), "alpha": 0.5})
    (folders[1] / "provenance.json").unlink()
    (folders[1] / "checkpoint.safetensors").write_bytes(b"not a checkpoint")
    for path in folders[2].iterdir():
        path.unlink()
    (folders[2] / "notes.txt").write_text("mine")
    (folders[3] / "scores.json").unlink()  # killed between training and testing
    (folders[4] / "provenance.json").write_text("{")
    first, second, third, fourth, fifth = in_threads(configs, tmp_path)
    assert "was trained with alpha = 0.5, this sweep asks for 0.2. Choose another folder" in first.status
    assert "checkpoint.safetensors is damaged" in second.status
    assert "is not empty and holds no run (notes.txt, ...)" in third.status
    assert fourth.status == "finished" and fourth.row
    assert "provenance.json, line 1: not JSON" in fifth.status
    assert [row["seed"] for row in read_json(tmp_path / "results.json")["rows"]] == [1, 4]
    assert (folders[2] / "notes.txt").read_text() == "mine"
    (tmp_path / f"copy-{folders[3].name}").mkdir()
    with pytest.raises(FileError, match="are the same run twice"):
        in_threads(configs, tmp_path)


def test_a_folder_that_cannot_be_used_is_said_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot use .*file/sweep for a sweep: Not a directory"):
        in_threads([config()], tmp_path / "file" / "sweep")
    with pytest.raises(ValueError, match="workers must be a whole number of at least 1, not 0"):
        sweep([config()], tmp_path / "x", workers=0)


def test_a_full_disk_fails_the_run_and_the_next_sweep_goes_on(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))  # no file may grow beyond: writing one fails
    try:
        (entry,) = in_threads([config()], tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert entry.status.startswith("failed: cannot write") and "checkpoint" in entry.status
    assert not list(tmp_path.rglob("*.unfinished"))
    assert in_threads([config()], tmp_path)[0].status == "finished"


def test_a_run_that_another_sweep_holds_is_waited_for_and_taken_over(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "AGAIN", 0.05)
    (job,) = plan([config()])
    (tmp_path / ".sweep").mkdir()
    with ThreadPoolExecutor(1) as background:
        with locked(tmp_path, key(job.config()), wait=False) as mine:
            assert mine
            waiting = background.submit(in_threads, [config()], tmp_path)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.5)
            assert survey(tmp_path, [job])[0].status == "new"
        assert waiting.result(timeout=60)[0].status == "finished"


def test_asked_to_stop_foreign_workers_stop_after_their_epoch_and_go_on_later(tmp_path, monkeypatch):
    """No signal reaches a thread, so the sweep leaves a file that its workers look for."""
    asked: list = []

    class Interruptions:
        __enter__, __exit__ = lambda self: asked, lambda *_: None

    monkeypatch.setattr(engine.machine, "interruptions", Interruptions)
    longer = config(epochs=50)
    real = driver.train

    def stop_soon(*given, callbacks, **named):
        ask = lambda run, row: asked.append(1) if row["epoch"] == 3 else None  # noqa: E731
        return real(*given, callbacks=(ask, *callbacks), **named)

    with monkeypatch.context() as patched:
        patched.setattr(driver, "train", stop_soon)
        first, second = in_threads([longer, replace(longer, seed=2)], tmp_path)
    assert first.status == second.status == "interrupted"
    assert not list((tmp_path / ".sweep").glob("stop-*"))
    asked.clear()
    half = survey(tmp_path, plan([longer]))[0]
    assert half.status == "unfinished" and 2 <= half.epochs < 50
    (whole,) = in_threads([longer], tmp_path)
    assert whole.status == "finished" and whole.epochs == 50


def test_a_worker_that_is_lost_is_said(tmp_path):
    class Lossy:
        def submit(self, *_):
            future = Future()
            future.set_exception(RuntimeError("gone"))
            return future

    assert sweep([config()], tmp_path, executor=Lossy(), progress=False)[0].status == (
        "failed: its worker failed (RuntimeError: gone)"
    )


# the command


def test_a_dry_run_lists_what_there_is_to_do_and_writes_nothing(say, tmp_path):
    code, out, _ = say("sweep", FIG9, "--dry-run")
    assert code == 0 and out.count(" new\n") == 30 and out.endswith("30 runs in runs/fig9, 0 of them done\n")
    code, out, _ = say("sweep", FIG9, "--dry-run", "--only", "perturbation=0.3", "--only", "seed=1", "--only", "seed=2")
    assert out.count(" new\n") == 2 and "method=ver,perturbation=0.3,seed=2-" in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["nowhere.yaml"], ["nowhere.yaml", "No such file"]),
        ([FIG9, "--only", "seed"], ["NAME=VALUE"]),
        ([FIG9, "--only", "sed=1"], ["'sed'", "'seed'"]),
        ([FIG9, "--only", "seed=9"], ["seed=9; there are: 1, 2, 3, 4, 5"]),
        ([FIG9, "--workers", "0"], ["workers must be a whole number of at least 1"]),
        ([FIG9, "--workers", "2", "--scheduler", "tcp://x:1"], ["one of the two"]),
        ([FIG9, "--device", "gpu"], ["'gpu'"]),
        ([FIG9, "--scheduler", "nonsense"], ["no Dask scheduler answers at nonsense"]),
    ],
)
def test_a_wrong_command_starts_nothing(say, tmp_path, words, parts):
    code, _, err = say("sweep", *words)
    assert code in (1, 2) and all(part in err for part in parts), err
    assert list(tmp_path.rglob("config.json")) == []


def test_results_are_json_a_line_a_run(tmp_path):
    in_threads([config(seed=s) for s in (2, 1)], tmp_path)
    lines = (tmp_path / "results.json").read_text().splitlines()
    assert len(lines) == 4 and [json.loads(line.rstrip(","))["seed"] for line in lines[1:-1]] == [1, 2]
