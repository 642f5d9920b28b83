"""The one training loop.

:func:`train` plays a method's game on a corpus; :func:`resume` continues a run that was interrupted, on a CPU to
exactly the history it would have had. The epoch is chosen by dev accuracy; the test split is never looked at. Lesson
02 writes this loop in ten lines.
"""

from __future__ import annotations

import copy
import json
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from ver_lite import machine
from ver_lite.corpora.core import Batch, Corpus
from ver_lite.evaluation import evaluate
from ver_lite.files import load_tensors, read_json, save_tensors, write_json
from ver_lite.methods import VER, Method
from ver_lite.metrics import Tally
from ver_lite.runs import (
    Config,
    Run,
    RunError,
    build_game,
    claim_folder,
    finish_folder,
    game_tensors,
    load_run,
    part,
    read_config,
    restore,
    start_folder,
    word_vectors,
)

Callback = Callable[[Run, dict[str, Any]], Any]


class Watch(Protocol):
    """Looks at the game just before and just after a step on a batch, and must leave it as it was."""

    def before(self, game: Method, batch: Batch) -> None: ...
    def after(self, game: Method, batch: Batch) -> None: ...


_STATE = ("epoch", "step", "seconds", "stuck", "best_accuracy", "fingerprint")
STUCK_EPOCHS = 5  # for so many epochs in a row the selector may select nothing, or everything, before training stops


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
    **settings: Any,
) -> Run:
    """Train a game on ``corpus`` and return the run.

    ``settings`` are those of :class:`Config` (``method="ver"``, ``alpha=0.1``, ...) and override ``config``. ``out``:
    the run's folder, saved after every epoch and when interrupted (Ctrl-C, SIGTERM); ``overwrite``: replace a run that
    is there. ``vectors``: a GloVe file as in Config, or float [V, D] of your own. ``callbacks`` are called as
    ``callback(run, row)`` after each epoch; one that returns True ends training. ``watch`` is shown the game before and
    after every step, to measure what one step changes. ``players``: a trained game whose two players go on playing
    this one (a player whose parameters need no gradient stays as it is); then the run can have no folder.

    Raises ValueError for a bad setting and RunError when the folder cannot be used. Training that goes wrong (a loss
    that is not finite, a selector that keeps selecting nothing or everything) stops with a warning, and the run's
    ``status`` says why.
    """
    source = corpus.card.get("loaded_with", {"name": corpus.name})
    if isinstance(vectors, str):
        settings["vectors"], vectors = vectors, None
    config = Config.make({**(config or Config()).as_dict(), "corpus": source, **settings})
    if vectors is not None and (vectors.ndim != 2 or len(vectors) != len(corpus.vocabulary)):
        raise ValueError(f"vectors must be [{len(corpus.vocabulary)}, D], a row a word, not {list(vectors.shape)}")
    if players is not None and (out is not None or vectors is not None):
        raise ValueError("players: a run that goes on from a game can have neither a folder nor vectors of its own")
    where = machine.pick_device(device)
    folder = None if out is None else claim_folder(out, overwrite)
    with machine.own_random_state(config.seed, where):
        if players is not None:
            vectors = players.selector.embedding.weight.detach()
        vectors = word_vectors(config, corpus.vocabulary) if vectors is None else vectors
        config = replace(config, dimension=vectors.shape[1])
        game = build_game(config, vectors, len(corpus.classes)).to(where)
        if players is not None:
            game.selector, game.predictor = copy.deepcopy((players.selector, players.predictor))
            game.to(where)
        run = Run(config, game, corpus.vocabulary, corpus.classes, [], {}, folder=folder)
        if folder is not None:
            start_folder(folder, config, corpus.vocabulary, corpus.classes)
        return _Loop(run, corpus, progress, callbacks, watch).go()


def resume(
    folder: str | Path,
    corpus: Corpus,
    *,
    device: str = "auto",
    progress=True,
    callbacks: tuple[Callback, ...] = (),
) -> Run:
    """Continue the run in ``folder`` from its checkpoint; one that is finished is returned as it is.

    Raises RunError when there is nothing to resume, or when ``corpus`` is not the one the run was trained on.
    """
    folder = Path(folder)
    head, config = read_config(folder)
    if (folder / "provenance.json").exists():
        return load_run(folder)
    if not (folder / "checkpoint.safetensors").exists():
        raise RunError(f"{folder} has no checkpoint yet: nothing to resume. Train again with overwrite.")
    saved, notes = load_tensors(folder / "checkpoint.safetensors")
    words = read_json(folder / "vocabulary.json", list)
    if [words, head["classes"]] != [corpus.vocabulary.words[2:], list(corpus.classes)]:
        raise RunError(f"{folder} was trained on another corpus: its vocabulary or its classes differ.")
    where = machine.pick_device(device)
    with machine.own_random_state(config.seed, where):
        try:
            game = build_game(config, saved["last/selector.embedding.weight"], len(corpus.classes)).to(where)
            run = Run(config, game, corpus.vocabulary, corpus.classes, [], {}, folder=folder)
            loop = _Loop(run, corpus, progress, callbacks)
            loop.restore(saved, json.loads(notes["state"]))
        except (KeyError, IndexError, json.JSONDecodeError) as error:
            raise RunError(f"{folder / 'checkpoint.safetensors'} is damaged: no {error}") from None
        return loop.go()


class _Loop:
    """One run being trained: everything that a checkpoint must hold is an attribute of it."""

    def __init__(
        self,
        run: Run,
        corpus: Corpus,
        progress: bool,
        callbacks: tuple[Callback, ...],
        watch: Watch | None = None,
    ):
        self.run, self.progress, self.callbacks, self.watch = run, progress, callbacks, watch
        self.config, self.game = run.config, run.game
        self.device = next(run.game.parameters()).device
        self.fingerprint = [corpus.train.fingerprint(), corpus.dev.fingerprint()]
        self.train, self.dev = corpus.train.to(self.device), corpus.dev.to(self.device)
        self.classes = len(corpus.classes)
        self.game.generator = torch.Generator(self.device).manual_seed(self.config.seed)
        lr = self.config.learning_rate
        self.optimizers = {name: torch.optim.Adam(p, lr=lr) for name, p in self.game.groups().items()}
        self.epoch, self.step, self.seconds, self.stuck = 0, 0, [0.0], 0
        self.best, self.best_accuracy = game_tensors(self.game), -1.0
        self._reset_counters()

    def go(self) -> Run:
        started = datetime.now(UTC).isoformat(timespec="seconds")
        with machine.interruptions() as interrupted, self._bar() as bar:
            while self.epoch < self.config.epochs and self.run.status == "finished":
                self._play_epoch(interrupted, bar)
                if interrupted and math.isfinite(self.total):
                    self.run.status = "interrupted"
                elif not (math.isfinite(self.total) and self._close_epoch(bar)):
                    why = f"the loss was not finite in epoch {self.epoch + 1}; try a lower learning_rate"
                    self.run.status = f"stopped: {why}"
                    break
                self._checkpoint()
        return self._close(started)

    def _play_epoch(self, interrupted: list, bar) -> None:
        began = time.perf_counter()
        self.game.train()
        order = torch.Generator().manual_seed(self.config.seed * 1_000_003 + self.epoch)
        for rows in self.train.batch_rows(self.config.batch_size, order)[self.step :]:
            batch = self.train.batch(rows)
            if self.watch is not None:
                self.watch.before(self.game, batch)
            for move in self.game.play(batch):
                optimizer = self.optimizers[move.players]
                optimizer.zero_grad(set_to_none=True)
                move.loss.backward()
                optimizer.step()
                self.losses += torch.stack([move.loss.detach(), torch.ones_like(move.loss)])
                if move.mask is not None:
                    self.tally.add(move.mask, batch, move.logits)
            if self.watch is not None:
                self.watch.after(self.game, batch)
            self.step += 1
            bar.update()
            if interrupted:
                break
        self.total, self.moves = self.losses.tolist()  # the one read of the device in an epoch
        self.seconds[-1] += time.perf_counter() - began

    def _close_epoch(self, bar) -> bool:
        """Evaluate on dev, keep the players if they are the best so far, and look for a stuck selector. False, and
        nothing kept, when the predictions on dev are not finite."""
        scores = self.tally.scores()
        dev = evaluate(self.game, self.dev)
        if not math.isfinite(dev.scores.cross_entropy):
            return False
        self.epoch, self.step = self.epoch + 1, 0
        loss = self.total / self.moves
        row = {"epoch": self.epoch, "loss": loss, "train": scores.as_dict(), "dev": dev.as_dict()}
        self.run.history.append(row)
        self.seconds.append(0.0)
        if dev.scores.accuracy > self.best_accuracy:
            self.best, self.best_accuracy = game_tensors(self.game), dev.scores.accuracy
        f1 = "" if dev.scores.f1 is None else f" F1 {100 * dev.scores.f1:.1f}"
        bar.set_postfix_str(f"dev Acc {100 * dev.scores.accuracy:.1f} S {100 * dev.scores.sparsity:.1f}{f1}")
        everything = scores.sparsity > 0.999 and self.config.alpha < 0.95
        self.stuck = self.stuck + 1 if scores.sparsity < 0.001 or everything else 0
        if self.stuck >= STUCK_EPOCHS:
            what = "everything" if everything else "nothing"
            why = f"the selector selected {what} for {self.stuck} epochs; try another lambda1, alpha or learning_rate"
            self.run.status = f"stopped: {why}"
        if any([callback(self.run, row) is True for callback in self.callbacks]) and self.run.status == "finished":
            self.run.status = f"stopped: a callback asked for it after epoch {self.epoch}"
        self._reset_counters()
        return True

    def _reset_counters(self) -> None:
        self.tally = Tally(self.classes, self.device)
        self.losses = torch.zeros(2, device=self.device)

    def _checkpoint(self) -> None:
        if self.run.folder is None:
            return
        tensors = {f"last/{k}": v for k, v in game_tensors(self.game).items()}
        frozen = {k for k, v in self.best.items() if torch.equal(v, tensors[f"last/{k}"])}
        tensors |= {f"best/{k}": v for k, v in self.best.items() if k not in frozen}
        for name, optimizer in self.optimizers.items():
            for i, state in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer/{name}/{i}/{k}": torch.as_tensor(v).cpu().clone() for k, v in state.items()}
        random = {**machine.random_states(self.device), "masks": self.game.generator.get_state()}
        tensors |= {f"random/{k}": v for k, v in random.items()}
        tensors |= {f"counters/{k}": v.cpu() for k, v in {**self.tally.state(), "losses": self.losses}.items()}
        state = {name: getattr(self, name) for name in _STATE}
        state |= {"history": self.run.history, "status": self.run.status}
        save_tensors(self.run.folder / "checkpoint.safetensors", tensors, {"state": json.dumps(state)})
        write_json(self.run.folder / "history.json", self.run.history)

    def restore(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Continue from what :meth:`_checkpoint` wrote."""
        if state["fingerprint"] != self.fingerprint:
            raise RunError(f"{self.run.folder} was trained on another corpus: its train or its dev texts differ.")
        last = part(tensors, "last/")
        restore(self.game, last, self.run.folder)
        self.best = last | part(tensors, "best/")
        for name, optimizer in self.optimizers.items():
            saved: dict[int, dict[str, Tensor]] = {}
            for key, value in part(tensors, f"optimizer/{name}/").items():
                i, field = key.split("/")
                saved.setdefault(int(i), {})[field] = value
            optimizer.load_state_dict({**optimizer.state_dict(), "state": saved})
        random = part(tensors, "random/")
        self.game.generator.set_state(random.pop("masks"))
        machine.set_random_states(random, self.device)
        counters = {k: v.to(self.device) for k, v in part(tensors, "counters/").items()}
        self.losses = counters.pop("losses")
        self.tally.restore(counters)
        self.run.history[:] = state["history"]
        vars(self).update({name: state[name] for name in _STATE})
        if state["status"] != "interrupted":
            self.run.status = state["status"]

    def _close(self, started: str) -> Run:
        """Hand out the chosen players and, beside them, the last; write the folder."""
        run, self.game.generator = self.run, None
        run.last = self.game
        run.game = restore(copy.deepcopy(self.game), self.best, run.folder)
        run.provenance = {
            "started": started,
            "seconds": round(sum(self.seconds), 3),
            "seconds_per_epoch": [round(s, 3) for s in self.seconds[: self.epoch]],
            **machine.provenance(self.device),
        }
        if run.folder is not None and run.status != "interrupted":
            finish_folder(run, run.folder)
        if run.status.startswith("stopped"):
            warnings.warn(f"training {run.status}", stacklevel=3)
        return run

    def _bar(self):
        from tqdm.auto import tqdm

        steps = math.ceil(len(self.train) / self.config.batch_size)
        done = self.epoch * steps + self.step
        name = self.config.method + (f" p={self.game.perturbation}" if isinstance(self.game, VER) else "")
        return tqdm(total=self.config.epochs * steps, initial=done, desc=name, unit="step", disable=not self.progress)
