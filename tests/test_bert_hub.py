"""A checkpoint by its published name: downloaded once, said in one line; without a network, one clear line."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from small_bert import write_checkpoint
from small_hub import hub

pytestmark = pytest.mark.slow  # every load is a process of its own, which imports transformers
NAME = "someone/small-bert"
LOAD = """
import json, sys, time
from ver_lite.players.bert.checkpoints import CheckpointError, piece_table, pretrained, shape_of
import transformers, huggingface_hub
transformers.BertModel  # imported before the clock starts
for name in sys.argv[1:]:
    began = time.monotonic()
    try:
        table, model = piece_table(name, ["<pad>", "<unk>", "the", "ale"]), pretrained(name)
        said = [table.tolist(), shape_of(name)["hidden_size"], sum(float(p.sum()) for p in model.parameters())]
    except CheckpointError as error:
        said = str(error)
    print(json.dumps([said, time.monotonic() - began]))
"""


def load(names: list, home: Path, server: str, cwd: Path | None = None, **environment: str) -> tuple[list, list, str]:
    """What a fresh process gets that loads the checkpoints in turn, its seconds for each, and what it says on stderr.
    The settings of the libraries are read when they are imported."""
    known = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "TRANSFORMERS_"))}
    known |= {"HF_HOME": str(home), "HF_ENDPOINT": server, "HF_HUB_DISABLE_PROGRESS_BARS": "1", **environment}
    known["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[1]), known.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", LOAD, *map(str, names)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=known, cwd=cwd)
    said, seconds = zip(*map(json.loads, done.stdout.splitlines()), strict=True)
    assert len(said) == len(names)
    return list(said), list(seconds), done.stderr


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    """A small BERT under its name, beside files that must not be downloaded, and one with pickled weights alone."""
    root = tmp_path_factory.mktemp("models")
    write_checkpoint(root / NAME, words=("the", "ale"))
    for name in ("pytorch_model.bin", "modeling_own.py", "README.md"):
        (root / NAME / name).write_bytes(b"must stay where it is")
    pickled = root / "someone/pickled"
    write_checkpoint(pickled)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    return root


def test_a_name_is_downloaded_once_and_then_read_from_the_cache(models, tmp_path):
    with hub(models) as (server, asked):
        (downloaded, folder, again), _, err = load([NAME, models / NAME, NAME], tmp_path, server)
    assert downloaded == folder == again and downloaded[1] == 16  # the same pieces and the same weights
    assert err.count("downloading") == 1 and f"downloading {NAME} (0 MB) from {server} into {tmp_path}" in err
    there = {path.name for path in tmp_path.rglob("snapshots/*/*")}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= there
    assert not {"pytorch_model.bin", "modeling_own.py", "README.md"} & there
    assert not any("modeling_own" in path or "pytorch_model" in path for path in asked)
    with hub(models) as (server, asked):
        names = [NAME, "someone/other"]
        (cached, other), _, err = load(names, tmp_path, server, HF_HUB_OFFLINE="1")
    assert cached == downloaded and "downloading" not in err and not any("someone" in path for path in asked)
    assert "'someone/other'" in other and "HF_HUB_OFFLINE forbids" in other and "hf download someone/other" in other


@pytest.mark.parametrize("silent", [False, True])
def test_without_a_network_one_line_says_so_and_soon(tmp_path, silent):
    with socket.create_server(("127.0.0.1", 0)) as server:  # it accepts, and never answers; closed, it refuses
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        if not silent:
            server.close()
        (said,), (seconds,), err = load([NAME], tmp_path, address)
    assert f"no folder is called '{NAME}'" in said and f"in Hugging Face's cache ({tmp_path}" in said
    assert f"{address} cannot be reached" in said and f"hf download {NAME}" in said and "\n" not in said
    assert "A folder needs config.json" in said and "Retrying" not in err and "downloading" not in err
    assert seconds < 30  # left to themselves, the libraries try for 50 s


def test_what_the_hub_has_not_or_not_safely_and_a_folder_comes_first(models, tmp_path):
    names = ["someone/nothing", tmp_path / "no" / "folder", "someone/pickled", models / "someone/pickled"]
    with hub(models) as (server, asked):
        (nothing, path, pickled, folder), _, err = load(names, tmp_path, server)
        assert f"{server} has no public one. Check the name." in nothing
        assert "it cannot be the name of one. Check the path." in path
        assert "someone/pickled has no model.safetensors" in pickled and "downloading" not in err
        assert "is no whole BERT checkpoint. A folder needs" in folder
        assert not any("resolve" in path for path in asked)
        asked.clear()
        (here,), _, _ = load([NAME], tmp_path, server, cwd=models)  # where a folder has the name
        assert here[1] == 16 and not any("small-bert" in path for path in asked)
