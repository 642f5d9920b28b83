"""Lessons that train the same game train it once: the run is kept, and returned when the same game is asked for again.

Two lessons train the same first game, three the same game of RNP, two the same game of VER. Two runs of one config on
one corpus are equal (test_training.py), and watching changes nothing (test_observations.py), so a lesson is given the
game that it would have trained.
conftest.py starts the kernels of lessons with :data:`STARTUP`; assignments and all other tests train by themselves.
"""

import functools
import hashlib
import json
import os
import pickle
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

ALONE = {"out", "players", "vectors"}  # with one of these a game is not shared
LOOKS_ON = {"callbacks", "watch"}  # with one of these it is trained anew, and kept for those without
NOT_SETTINGS = {"progress", "overwrite", *ALONE, *LOOKS_ON}
STARTUP = """
import sys
sys.path.insert(0, {tests!r})
import shared_games
shared_games.share({folder!r})
del sys.path[0], sys, shared_games
"""


def share(folder: str) -> None:
    """In a kernel: from now on `train` keeps its games in ``folder``, and takes from there what is there."""
    from ver_lite.training import training

    training.train = shared(training.train, Path(folder))


def shared(train, folder: Path):
    """``train`` with a memory: the same config, texts, device and number of threads give the game of the first time."""

    @functools.wraps(train)
    def trained(corpus, config=None, **settings):
        asked = {
            name for name, value in settings.items() if not (value is None or isinstance(value, tuple) and not value)
        }
        name = None if asked & ALONE else fingerprint(corpus, config, **settings)
        if name is None:
            return train(corpus, config, **settings)
        kept = folder / f"{name}.pickle"
        if kept.exists() and not asked & LOOKS_ON:
            run = pickle.loads(kept.read_bytes())
            run.config = replace(run.config, corpus=source(corpus))  # as this lesson named the same texts
            return run
        run = train(corpus, config, **settings)
        if run.status == "finished":
            kept.write_bytes(pickle.dumps(run))
        return run

    return trained


def source(corpus) -> dict:
    return corpus.card.get("loaded_with", {"name": corpus.name})


def fingerprint(corpus, config=None, *, device="auto", precision="float32", **settings) -> str | None:
    """A hash of what decides a game. None for one that cannot be told by name, such as a method of the lesson's own."""
    import torch

    from ver_lite.system.machine import pick_device
    from ver_lite.training.config import Config

    settings = {name: value for name, value in settings.items() if name not in NOT_SETTINGS}
    where = [str(pick_device(device)), precision, torch.get_num_threads()]
    try:
        game = (config or Config()).but(**settings, corpus={}).as_dict()
        told = json.dumps([game, corpus.vocabulary.words, list(corpus.classes), where], sort_keys=True)
    except (TypeError, ValueError):
        return None
    digest = hashlib.sha256(told.encode())
    for split in (corpus.train, corpus.dev):
        for name, value in sorted(vars(split).items()):
            if isinstance(value, torch.Tensor):
                digest.update(name.encode() + value.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


@contextmanager
def kernels_share(folder: Path):
    """Kernels that start inside share their games in ``folder``."""
    startup, before = folder / "startup.py", os.environ.get("PYTHONSTARTUP")
    startup.write_text(STARTUP.format(tests=str(Path(__file__).parent), folder=str(folder)), encoding="utf-8")
    os.environ["PYTHONSTARTUP"] = str(startup)
    try:
        yield
    finally:
        del os.environ["PYTHONSTARTUP"]
        if before is not None:
            os.environ["PYTHONSTARTUP"] = before
