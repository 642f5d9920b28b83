"""A run's folder: whole or an error that says what is wrong, and never anybody else's files."""

import json
import os
import resource
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open

from small_corpora import keyword_corpus
from ver_lite.corpora.assembly import assemble
from ver_lite.corpora.core import Text, Vocabulary
from ver_lite.measures.evaluation import evaluate
from ver_lite.system import files
from ver_lite.system.files import FileError, load_tensors, read_json, save_tensors, write_json
from ver_lite.training.folders import LOCK
from ver_lite.training.runs import load_run
from ver_lite.training.training import resume, train

CORPUS = keyword_corpus(40, 20, 20)
QUICK = {"epochs": 2, "hidden": 8, "dimension": 8, "batch_size": 8, "progress": False}
WHOLE = ["checkpoint.safetensors", "config.json", "game.safetensors", "history.json", "provenance.json"]


def play(folder, **settings):
    return train(CORPUS, out=folder, **{**QUICK, **settings})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    return play(folder), folder


@pytest.fixture
def folder(made, tmp_path):
    """A copy of a finished run's folder, to be spoiled."""
    return shutil.copytree(made[1], tmp_path / "run")


def refused(call, *parts):
    with pytest.raises(FileError) as caught:
        call()
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value), str(caught.value)


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_loaded_run_is_the_run(made):
    run, folder = made
    back = load_run(folder)
    assert listing(folder) == sorted([*WHOLE, "vocabulary.json"])
    assert (back.config, back.history, back.classes) == (run.config, run.history, run.classes)
    assert back.vocabulary.words == run.vocabulary.words and back.folder == folder
    for one, other in ((run.game, back.game), (run.last, back.last)):
        assert evaluate(one, CORPUS.test) == evaluate(other, CORPUS.test)
        for batch in CORPUS.test.batches(7):
            mask = one.eval().choose(batch)
            assert torch.equal(mask, other.eval().choose(batch))
            assert torch.equal(one.predict(batch, mask), other.predict(batch, mask))


def test_nothing_is_pickled(made):
    for path in made[1].iterdir():
        if path.suffix == ".json":
            json.loads(path.read_text("utf-8"))
        else:
            with safe_open(path, "pt") as file:
                assert path.suffix == ".safetensors" and file.keys()


def test_a_run_is_saved_without_its_checkpoint(made, tmp_path):
    run = load_run(made[1])
    run.save(tmp_path / "copy")
    back = load_run(tmp_path / "copy")
    assert back.last is None and evaluate(back.game, CORPUS.test) == evaluate(made[0].game, CORPUS.test)
    refused(lambda: run.save(tmp_path / "copy"), "already holds a run")
    assert run.save(tmp_path / "copy", overwrite=True) == tmp_path / "copy"


def test_words_with_line_breaks_and_other_alphabets_come_back(tmp_path):
    odd = ("a\nb", "x\u2028y", "\x85", "naïve", "好", "'", '"')
    texts = [Text((word, f"k{i % 2}"), i % 2) for i, word in enumerate(odd)]
    corpus = assemble("odd", dict.fromkeys(("train", "dev", "test"), texts), ("0", "1"), {}, leaks="keep")
    run = train(corpus, out=tmp_path / "run", **QUICK)
    assert load_run(tmp_path / "run").vocabulary.words == run.vocabulary.words


def test_words_that_are_no_unicode_are_an_error_that_names_the_file_and_leave_no_folder(tmp_path):
    """A corpus of such texts is refused when it is made, so this vocabulary was made by hand."""
    corpus = replace(CORPUS, vocabulary=Vocabulary(["\ud800", *CORPUS.vocabulary.words[3:]]))
    refused(lambda: train(corpus, out=tmp_path / "run", **QUICK), "cannot write", "vocabulary.json")
    assert listing(tmp_path) == []


# folders that are taken


def test_a_run_that_is_there_is_not_replaced_unless_asked(folder):
    before = (folder / "history.json").read_bytes()
    refused(lambda: play(folder, seed=2), f"{folder} already holds a run", "overwrite")
    assert (folder / "history.json").read_bytes() == before
    assert play(folder, seed=2, overwrite=True).history == load_run(folder).history
    assert (folder / "history.json").read_bytes() != before


def test_an_unfinished_run_says_so(folder):
    (folder / "provenance.json").unlink()
    refused(lambda: play(folder), "already holds an unfinished run", "Resume it")
    refused(lambda: load_run(folder), "is not finished", "ver-lite resume")
    (folder / "checkpoint.safetensors").unlink()
    refused(lambda: resume(folder, CORPUS), "no checkpoint yet", "overwrite")
    assert play(folder, overwrite=True).status == "finished"


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["thesis.tex", ".hidden", "config.json"])
def test_a_folder_of_other_things_is_left_alone(tmp_path, name, overwrite):
    (tmp_path / name).write_text('{"model_type": "bert"}')
    refused(lambda: play(tmp_path, overwrite=overwrite), "is not empty and holds no run", name, "another folder")
    assert listing(tmp_path) == [name] and (tmp_path / name).read_text() == '{"model_type": "bert"}'


def test_overwriting_leaves_foreign_files_where_they_are(folder):
    (folder / "notes.txt").write_text("mine")
    (folder / "figures").mkdir()
    play(folder, overwrite=True)
    assert (folder / "notes.txt").read_text() == "mine" and (folder / "figures").is_dir()


def test_what_a_killed_process_left_is_no_obstacle_and_goes(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / f".config.json.abc{files.TEMPORARY}").write_text("{")  # killed while writing the very first file
    play(folder)
    assert listing(folder) == sorted([*WHOLE, "vocabulary.json"])


def test_a_folder_that_cannot_be_made_and_a_bad_setting_leave_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    refused(lambda: play(tmp_path / "file"), f"{tmp_path / 'file'} cannot be a run folder", "Not a directory")
    refused(lambda: play(tmp_path / "file" / "run"), "cannot use the run folder", "Not a directory")
    with pytest.raises(ValueError, match="alpha"):
        play(tmp_path / "run", alpha=0)
    with pytest.raises(ValueError, match="no such file"):
        play(tmp_path / "run", vectors="nowhere.txt")
    assert listing(tmp_path) == ["file"]


# folders that are damaged


@pytest.mark.parametrize("name", [*WHOLE, "vocabulary.json"])
@pytest.mark.parametrize("damage", ["cut", "empty", "noise", "gone", "other"])
def test_a_damaged_file_is_named(folder, name, damage):
    path = folder / name
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        spoiled = {"cut": data[: len(data) // 2], "empty": b"", "noise": os.urandom(300), "other": b'"text"\n'}
        path.write_bytes(spoiled[damage])
    if (name, damage) == ("checkpoint.safetensors", "gone"):
        assert load_run(folder).last is None
    elif (name, damage) == ("provenance.json", "gone"):
        refused(lambda: load_run(folder), "not finished")
        assert resume(folder, CORPUS, progress=False).status == "finished"
    else:
        refused(lambda: load_run(folder), name)


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"format": 99, "version": "9.9"}, ["run format 99 (ver-lite 9.9)", "reads formats 1 to 2"]),
        ({"format": None}, ["run format None"]),
        ({"classes": None}, ["config.json", "classes"]),
        ({"alpha": 7}, ["config.json: alpha must be"]),
        ({"alpha": "x"}, ["config.json: alpha must be a number"]),
        ({"method": "gone"}, ["config.json: no method is called 'gone'"]),
        ({"protocol": {"omega": "text", "new": 1}}, ["config.json: protocol has no switch 'new'"]),
        ({"knob": 1}, ["config.json: no setting is called 'knob'"]),
        ({"hidden": 16}, ["does not fit its config"]),
        ({"encoder": "gru"}, ["does not fit its config"]),
    ],
)
def test_a_config_that_is_not_what_it_was(folder, change, parts):
    head = read_json(folder / "config.json")
    write_json(folder / "config.json", {**head, **change})
    refused(lambda: load_run(folder), str(folder), *parts)


@pytest.mark.parametrize("name", ["game.safetensors", "checkpoint.safetensors"])
@pytest.mark.parametrize("change", ["surplus", "missing"])
def test_a_tensor_too_many_or_too_few_is_named(folder, name, change):
    """As of a run of another method, which has the same players and one more."""
    prefix, notes = ("", None) if name == "game.safetensors" else ("last/", load_tensors(folder / name)[1])
    tensors = load_tensors(folder / name)[0]
    if change == "surplus":
        tensors[f"{prefix}attacker.head.bias"] = torch.zeros(2)
    else:
        del tensors[f"{prefix}predictor.head.bias"]
    save_tensors(folder / name, tensors, notes)
    part = "attacker.head.bias" if change == "surplus" else "predictor.head.bias"
    refused(lambda: load_run(folder), str(folder), "does not fit its config", part)


def test_parts_of_different_runs_are_not_mixed(folder):
    write_json(folder / "vocabulary.json", read_json(folder / "vocabulary.json")[:-1])
    refused(lambda: load_run(folder), "vocabulary.json", "vectors")
    shutil.copy(folder / "game.safetensors", folder / "checkpoint.safetensors")
    (folder / "provenance.json").unlink()
    refused(lambda: resume(folder, CORPUS), "another corpus")
    write_json(folder / "vocabulary.json", CORPUS.vocabulary.words[2:])
    refused(lambda: resume(folder, CORPUS), "checkpoint.safetensors is damaged")
    save_tensors(folder / "checkpoint.safetensors", {"a": torch.zeros(1)}, {"state": "{}"})
    refused(lambda: resume(folder, CORPUS), "checkpoint.safetensors is damaged")


def test_what_is_no_folder_of_a_run(tmp_path):
    refused(lambda: load_run(tmp_path), "is not a run: it has no config.json")
    refused(lambda: load_run(tmp_path / "none"), "is not a run: there is no such folder")
    refused(lambda: resume(tmp_path / "none", CORPUS), "there is no such folder")


# a full disk


@pytest.fixture
def full_disk():
    """From ``full_disk(bytes)`` on, no file of this process can grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_previous_checkpoint_and_no_pieces(tmp_path, full_disk):
    folder, kept = tmp_path / "run", {}

    def fill(run, row):
        if row["epoch"] == 2:
            kept["checkpoint"] = (folder / "checkpoint.safetensors").read_bytes()
            kept["listing"] = [name for name in listing(folder) if name != LOCK]
            full_disk(2000)

    try:
        with pytest.raises(FileError, match="cannot write .*checkpoint.safetensors") as caught:
            play(folder, epochs=4, callbacks=(fill,))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert "\n" not in str(caught.value)
    assert listing(folder) == kept["listing"]
    assert (folder / "checkpoint.safetensors").read_bytes() == kept["checkpoint"]
    assert resume(folder, CORPUS, progress=False).history == train(CORPUS, **{**QUICK, "epochs": 4}).history


def test_a_disk_that_fails_at_any_file_loses_no_whole_one(monkeypatch, tmp_path):
    whole = train(CORPUS, **QUICK).history
    real, writes = files.os.replace, []

    def replace(source, target):
        writes.append(target)
        if len(writes) == fails_at:
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(files.os, "replace", replace)
    for fails_at in range(1, 20):
        writes.clear()
        folder = tmp_path / str(fails_at)
        try:
            play(folder)
            break
        except FileError as error:
            assert f"cannot write {writes[-1]}: No space left on device" == str(error)
        assert not folder.exists() or not [path for path in folder.iterdir() if files.is_temporary(path)]
        if (folder / "checkpoint.safetensors").exists():
            assert resume(folder, CORPUS, progress=False).history == whole
        else:
            with pytest.raises(FileError, match=str(folder)):
                resume(folder, CORPUS)
    assert fails_at > 8  # every write of a run of two epochs has failed once


def test_an_interrupted_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, [1])

    def stop(temporary):
        temporary.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write_whole(path, stop)
    assert read_json(path) == [1] and listing(tmp_path) == ["a.json"]
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, [float("nan")])
    assert read_json(path) == [1]


def test_tensors_come_back_with_their_notes(tmp_path):
    path = tmp_path / "a.safetensors"
    save_tensors(path, {"x": torch.arange(3), "n": torch.tensor(float("nan"))}, {"state": "{}"})
    tensors, notes = load_tensors(path)
    assert tensors["x"].tolist() == [0, 1, 2] and bool(tensors["n"].isnan()) and notes == {"state": "{}"}
