"""Training: :func:`train` plays a method's game on a corpus, :func:`resume` continues a run that was interrupted, on a
CPU to exactly the history it would have had, and :func:`train_fleet` trains many games side by side.

The epoch is chosen by dev accuracy; the test split is never looked at. The loop itself is in loop.py; lesson 02 writes
it in ten lines.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from ver_lite.corpora.core import Corpus
from ver_lite.methods import Method
from ver_lite.players.base import Encoder
from ver_lite.system import machine
from ver_lite.system.files import load_tensors, read_json
from ver_lite.training.config import Config
from ver_lite.training.folders import RunError, claimed, held
from ver_lite.training.game import OF_PLAYERS, Kinds, build_game, fitted, word_vectors
from ver_lite.training.loop import Callback, Loop, Watch
from ver_lite.training.runs import (
    Run,
    build_from,
    load_run,
    part,
    read_config,
    start_folder,
    trusted_kinds,
)


def train(
    corpus: Corpus,
    config: Config | None = None,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    device: str = "auto",
    progress: bool = True,
    callbacks: tuple[Callback, ...] = (),
    watch: Watch | None = None,
    vectors: Tensor | str | None = None,
    players: Method | None = None,
    precision: str = "float32",
    **settings: Any,
) -> Run:
    """Train a game on ``corpus`` and return the run.

    ``settings`` are those of :class:`Config` and the options of the method, by name (``method="ver"``,
    ``perturbation=0.1``, ...); they override ``config``. ``method`` and ``encoder`` may be classes of your own.
    ``out``: the run's folder, saved after every epoch and when interrupted (Ctrl-C, SIGTERM); ``overwrite``: replace a
    run that is there. ``vectors``: a GloVe file as in Config, or float [V, D] of your own. ``callbacks`` are called as
    ``callback(run, row)`` after each epoch; one that returns True ends training. The methods of ``watch`` are called
    before and after every step, to measure what one step changes. ``players``: a trained game whose two players this
    game continues with, so the settings of the players are theirs (a player whose parameters need no gradient stays as
    it is); such a run can have no folder. ``precision``: of matrix products, "float32", "tf32" or "bf16"
    (``make bench-gpu`` says what they cost and save).

    Raises ValueError for a bad setting and RunError when the folder cannot be used. Training that goes wrong (a loss
    that is not finite, a selector that keeps selecting nothing or everything) stops with a warning, and the run's
    ``status`` says why.
    """
    source = corpus.card.get("loaded_with", {"name": corpus.name})
    if isinstance(vectors, str):
        settings["vectors"], vectors = vectors, None
    given = {name: settings[name] for name in ("method", "encoder") if isinstance(settings.get(name), type)}
    if players is not None:
        settings |= of_players(players, settings)
    config = (config or Config()).but(corpus=source, **settings)
    kinds = Kinds.of(config, **given)
    if vectors is not None and (vectors.ndim != 2 or len(vectors) != len(corpus.vocabulary)):
        raise ValueError(f"vectors must be [{len(corpus.vocabulary)}, D], a row a word, not {list(vectors.shape)}")
    if vectors is not None:
        kinds.encoder.check(config.hidden, config.player_options, own_vectors=True)
    if players is not None and (out is not None or vectors is not None):
        raise ValueError("players: a run that goes on from a game can have neither a folder nor vectors of its own")
    where = machine.pick_device(device)
    holding = nullcontext() if out is None else claimed(out, overwrite)
    with holding as folder, machine.own_random_state(config.seed, where):
        if players is not None:
            vectors = players.selector.embedding.weight.detach()
        vectors = word_vectors(config, corpus.vocabulary, kinds) if vectors is None else vectors
        config = fitted(config, corpus, vectors, kinds)
        game = build_game(config, vectors, len(corpus.classes), kinds=kinds).to(where)
        if players is not None:
            game.selector, game.predictor = copy.deepcopy((players.selector, players.predictor))
            game.to(where)
        run = Run(config, game, corpus.vocabulary, corpus.classes, [], {}, folder=folder)
        loop = Loop(run, corpus, callbacks=callbacks, watch=watch, precision=precision)
        if folder is not None:
            start_folder(folder, config, corpus.vocabulary, corpus.classes, kinds)
        return _play(loop, progress)


def of_players(game: Method, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of a game's players, for the config of a game that continues with them. Raises ValueError when
    ``settings`` ask for other players, or when the game was not made by a config."""
    if game.players_settings is None:
        raise ValueError("players: give a game of train or build_game; one made by hand does not know its settings")
    for name in OF_PLAYERS:
        if settings.get(name, game.players_settings[name]) != game.players_settings[name]:
            raise ValueError(
                f"players: {name} is {game.players_settings[name]!r} in the game that goes on, not {settings[name]!r}"
            )
    return dict(game.players_settings)


def resume(
    folder: str | Path,
    corpus: Corpus,
    *,
    device: str = "auto",
    progress=True,
    callbacks: tuple[Callback, ...] = (),
    method: type[Method] | None = None,
    encoder: type[Encoder] | None = None,
) -> Run:
    """Continue the run in ``folder`` from its checkpoint; one that is finished is returned as it is. ``method``,
    ``encoder``: as in :func:`~ver_lite.training.runs.load_run`.

    Raises RunError when there is nothing to resume, when another process holds the folder, or when ``corpus`` is not
    the one the run was trained on.
    """
    folder = Path(folder)
    given = {"method": method, "encoder": encoder}
    trusted_kinds(read_config(folder)[1], folder, **given)
    if not (folder / "provenance.json").exists():
        with held(folder):
            if not (folder / "provenance.json").exists():  # another process may have finished it just now
                return _go_on(folder, corpus, device, progress, callbacks, given)
    return load_run(folder, **given)


def _go_on(
    folder: Path,
    corpus: Corpus,
    device: str,
    progress: bool,
    callbacks: tuple[Callback, ...],
    given: dict[str, type | None],
) -> Run:
    """Continue the run in a folder that this process holds."""
    head, config = read_config(folder)
    kinds = trusted_kinds(config, folder, **given)
    if not (folder / "checkpoint.safetensors").exists():
        raise RunError(f"{folder} has no checkpoint yet: nothing to resume. Train again with overwrite.")
    saved, notes = load_tensors(folder / "checkpoint.safetensors")
    words = read_json(folder / "vocabulary.json", list)
    if [words, head["classes"]] != [corpus.vocabulary.words[2:], list(corpus.classes)]:
        raise RunError(f"{folder} was trained on another corpus: its vocabulary or its classes differ.")
    where = machine.pick_device(device)
    with machine.own_random_state(config.seed, where):
        try:
            file = folder / "checkpoint.safetensors"
            game = build_from(config, part(saved, "last/"), corpus.classes, file, kinds).to(where)
            run = Run(config, game, corpus.vocabulary, corpus.classes, [], {}, folder=folder)
            loop = Loop(run, corpus, callbacks=callbacks)
            loop.restore(saved, json.loads(notes["state"]))
        except (KeyError, IndexError, json.JSONDecodeError) as error:
            raise RunError(f"{folder / 'checkpoint.safetensors'} is damaged: no {error}") from None
        return _play(loop, progress)


def train_fleet(
    corpus: Corpus,
    configs: Sequence[Config],
    *,
    device: str = "auto",
    progress: bool = True,
    precision: str = "float32",
) -> list[Run]:
    """Train many independent games on one device, step by step in turn, and return their runs in order.

    A fleet is for a GPU: a game that waits for its own last step leaves the device to the others, each on a stream of
    its own. Its runs have the numbers of the same runs trained alone: bit for bit on a CPU; on a GPU the same kernels
    run on the same random numbers. An interruption (Ctrl-C, SIGTERM) stops them all. On a CPU a fleet is not faster.

    Raises ValueError, before anything is trained, for a config that does not fit the corpus.
    """
    source = corpus.card.get("loaded_with", {"name": corpus.name})
    where = machine.pick_device(device)
    loops = []
    for config in configs:
        with machine.own_random_state(config.seed, where):
            vectors = word_vectors(config, corpus.vocabulary)
            config = fitted(replace(config, corpus=source), corpus, vectors)
            game = build_game(config, vectors, len(corpus.classes)).to(where)
            loop = Loop(Run(config, game, corpus.vocabulary, corpus.classes, [], {}), corpus, precision=precision)
            loops.append(loop.keeps_random_state())
    with machine.interruptions() as interrupted, _bar("fleet", loops, progress) as bar:
        playing = [(loop, loop.play(interrupted)) for loop in loops]
        while playing:
            playing = [turn for turn in playing if _step(*turn, bar)]
    return [loop.close() for loop in loops]


def _step(loop: Loop, steps, bar) -> bool:
    """Let one game take its next step; False when it has none left."""
    with loop.turn():
        said = next(steps, None)
    if said == "":
        bar.update()
    return said is not None


def _play(loop: Loop, progress: bool) -> Run:
    with machine.interruptions() as interrupted, _bar(loop.name, [loop], progress) as bar, loop.stream():
        for said in loop.play(interrupted):
            if said:
                bar.set_postfix_str(said)
            else:
                bar.update()
    return loop.close()


def _bar(name: str, loops: list[Loop], progress: bool):
    from tqdm.auto import tqdm

    done, all_steps = (sum(loop.steps[i] for loop in loops) for i in (0, 1))
    return tqdm(total=all_steps, initial=done, desc=name, unit="step", disable=not progress)
