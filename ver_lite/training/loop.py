"""The training loop of one run, a step at a time: a run can be stopped, saved, resumed, or take turns with others."""

from __future__ import annotations

import copy
import json
import math
import time
import typing
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

import torch
from torch import Tensor

from ver_lite.corpora.core import Batch, Corpus
from ver_lite.measures.evaluation import evaluate
from ver_lite.measures.metrics import Tally
from ver_lite.methods import Method
from ver_lite.players.base import Encoder
from ver_lite.system import machine
from ver_lite.system.adam import Adam
from ver_lite.system.checks import check_choice
from ver_lite.system.files import save_tensors, write_json
from ver_lite.system.tuning import memory_kept, tf32
from ver_lite.training.game import about_vectors
from ver_lite.training.graphs import Replayed
from ver_lite.training.runs import Run, RunError, finish_folder, game_tensors, part, restore

Callback = Callable[[Run, dict[str, Any]], Any]


class Watch(typing.Protocol):
    """Looks at the game just before and just after a step on a batch, and must leave it as it was."""

    def before(self, game: Method, batch: Batch) -> None: ...
    def after(self, game: Method, batch: Batch) -> None: ...


_STATE = ("epoch", "step", "seconds", "stuck", "best_accuracy", "fingerprint", "precision")
STUCK_EPOCHS = 5  # training stops after so many epochs in a row in which the selector selected nothing, or everything
PRECISIONS = ("float32", "tf32", "bf16")


class Loop:
    """The training of one run. Everything that a checkpoint must hold is an attribute."""

    def __init__(
        self,
        run: Run,
        corpus: Corpus,
        *,
        callbacks: tuple[Callback, ...] = (),
        watch: Watch | None = None,
        precision: str = "float32",
    ):
        check_choice("precision", precision, PRECISIONS)
        self.run, self.callbacks, self.watch, self.precision = run, callbacks, watch, precision
        self.config, self.game = run.config, run.game
        self.device = next(run.game.parameters()).device
        self.fingerprint = [corpus.train.fingerprint(), corpus.dev.fingerprint()]
        self.train, self.dev = corpus.train.to(self.device), corpus.dev.to(self.device)
        self.vectors = about_vectors(self.config, self.game, self.train)
        self.game.generator = torch.Generator(self.device).manual_seed(self.config.seed)
        on_gpu = self.device.type == "cuda"
        if on_gpu:  # a graph can register this run's own generator; torch's is shared with all that runs in the process
            self.game.draw_dropout_from(self.game.generator)
        self.queue = torch.cuda.Stream(self.device) if on_gpu else None
        if self.queue is not None:
            self.queue.wait_stream(torch.cuda.current_stream(self.device))
        with self.memory():
            self.game.prepare(self.train)
        options = {"lr": self.config.learning_rate, "fused": on_gpu, "capturable": on_gpu}
        adam = torch.optim.Adam if on_gpu else Adam
        self.optimizers = {name: adam(groups, **options) for name, groups in self.game.groups().items()}
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = self.config.learning_rate * group["times"]
        self.epoch, self.step, self.seconds, self.stuck = 0, 0, [0.0], 0
        self.best, self.best_accuracy = game_tensors(self.game), -1.0
        self.tally = Tally(len(corpus.classes), self.device)
        self.losses = torch.zeros(2, device=self.device)
        self.started = datetime.now(UTC).isoformat(timespec="seconds")
        protocol = self.config.protocol
        rounding = 1 if protocol.width_matters else 16
        self.replayed = Replayed(self.train, self._move, self.game.generator, rounding, protocol.pad_to or 1)
        encoders = [module for module in self.game.modules() if isinstance(module, Encoder)]
        self.replayed.records &= not any(encoder.reads_device for encoder in encoders)

    @property
    def steps(self) -> tuple[int, int]:
        """How many steps are done, and how many there are."""
        each = math.ceil(len(self.train) / self.config.batch_size)
        return self.epoch * each + self.step, self.config.epochs * each

    @property
    def name(self) -> str:
        """The method's name and those of its options that are not at their defaults, for the progress bar."""
        usual = type(self.game).options()
        changed = [f"{name}={value}" for name, value in self.config.options.items() if usual.get(name) != value]
        return " ".join([self.config.method, *changed])

    def keeps_random_state(self) -> Loop:
        """Keep torch's global random state as it is now, for :meth:`turn` to continue from. Returns the loop."""
        self.random = machine.random_states(self.device)
        return self

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Inside, torch's global random state is this run's own, whatever others drew between two turns."""
        outside = machine.random_states(self.device)
        machine.set_random_states(self.random, self.device)
        try:
            with self.stream():
                yield
        finally:
            self.random = machine.random_states(self.device)
            machine.set_random_states(outside, self.device)

    def stream(self) -> AbstractContextManager:
        """Inside, a GPU's work goes to this run's own stream, so it waits for no other run."""
        return nullcontext() if self.queue is None else torch.cuda.stream(self.queue)

    def memory(self) -> AbstractContextManager:
        """Inside, the memory that one step on a CPU frees is kept for the next step."""
        return nullcontext() if self.device.type == "cuda" else memory_kept()

    def products(self) -> AbstractContextManager:
        """Inside, a GPU rounds the factors of float32 products as ``precision`` asks: to 10 bits ("tf32") or not."""
        return tf32(self.precision == "tf32") if self.device.type == "cuda" else nullcontext()

    def play(self, interrupted: list) -> Iterator[str]:
        """Train to the end. Yields "" after every step, and the last epoch's scores in words after every epoch. Stops
        after a step when ``interrupted`` is no longer empty."""
        with self.memory():
            while self.epoch < self.config.epochs and self.run.status == "finished":
                yield from self._play_epoch(interrupted)
                if interrupted and math.isfinite(self.total):
                    self.run.status = "interrupted"
                elif not (math.isfinite(self.total) and self._close_epoch()):
                    why = f"the loss was not finite in epoch {self.epoch + 1}; try a lower learning_rate"
                    self.run.status = f"stopped: {why}"
                    return
                self.checkpoint()
                yield self._said()

    def _play_epoch(self, interrupted: list) -> Iterator[str]:
        began = time.perf_counter()
        self.game.train()
        order = torch.Generator().manual_seed(self.config.seed * 1_000_003 + self.epoch)
        by_length = self.config.protocol.deal == "length"
        for rows in self.train.batch_rows(self.config.batch_size, order, by_length=by_length)[self.step :]:
            if self.watch is None:
                self.replayed(rows)
            else:
                batch = self.train.batch(rows, self.config.protocol.pad_to)
                self.watch.before(self.game, batch)
                self._move(batch)
                self.watch.after(self.game, batch)
            self.step += 1
            self.seconds[-1] += time.perf_counter() - began
            yield ""
            began = time.perf_counter()
            if interrupted:
                break
        self.total, self.moves = self.losses.tolist()  # the one read of the device in an epoch
        self.seconds[-1] += time.perf_counter() - began

    def _move(self, batch: Batch) -> None:
        """Play one batch and step the players. Nothing here reads the device, and lasting tensors stay where they are
        in memory, so a graph can record it."""
        with self.products(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            for move in self.game.play(batch):
                optimizer = self.optimizers[move.players]
                optimizer.zero_grad(set_to_none=True)
                move.loss.backward()
                for group in optimizer.param_groups:
                    if group["name"] in move.pace:
                        group["lr"] = self.config.learning_rate * group["times"] * move.pace[group["name"]]
                optimizer.step()
                self.losses += torch.stack([move.loss.detach(), torch.ones_like(move.loss)])
                if move.mask is not None:
                    self.tally.add(move.mask, batch, move.logits)

    def _close_epoch(self) -> bool:
        """Evaluate on dev, keep the players if they are the best so far, and look for a stuck selector. Returns False,
        and keeps nothing, when the predictions on dev are not finite.

        Masks that are drawn ("sample") are drawn on dev from seed 0 after every epoch: the same noise for all epochs,
        so that one is not chosen for its luck with the draw. The released code draws anew."""
        scores = self.tally.scores()
        with self.products():
            dev = evaluate(self.game, self.dev, how=self.game.judged_on)
        if not math.isfinite(dev.scores.cross_entropy):
            return False
        self.epoch, self.step = self.epoch + 1, 0
        loss = self.total / self.moves
        row = {"epoch": self.epoch, "loss": loss, "train": scores.as_dict(), "dev": dev.as_dict()}
        self.run.history.append(row)
        self.seconds.append(0.0)
        if dev.scores.accuracy > self.best_accuracy:
            self.best, self.best_accuracy = game_tensors(self.game), dev.scores.accuracy
        everything = scores.sparsity > 0.999 and self.config.alpha < 0.95
        selects = self.game.judged_on != "all"  # a method without a game shows whole texts
        self.stuck = self.stuck + 1 if selects and (scores.sparsity < 0.001 or everything) else 0
        if self.stuck >= STUCK_EPOCHS:
            what = "everything" if everything else "nothing"
            why = f"the selector selected {what} for {self.stuck} epochs; try another lambda1, alpha or learning_rate"
            self.run.status = f"stopped: {why}"
        if any([callback(self.run, row) is True for callback in self.callbacks]) and self.run.status == "finished":
            self.run.status = f"stopped: a callback asked for it after epoch {self.epoch}"
        self.tally.reset()
        self.losses.zero_()
        return True

    def _said(self) -> str:
        if not self.run.history:
            return ""
        dev = self.run.history[-1]["dev"]
        f1 = "" if dev["f1"] is None else f" F1 {100 * dev['f1']:.1f}"
        return f"dev Acc {100 * dev['accuracy']:.1f} S {100 * dev['sparsity']:.1f}{f1}"

    def checkpoint(self) -> None:
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
        state |= {"history": self.run.history, "status": self.run.status, "vectors": self.vectors}
        save_tensors(self.run.folder / "checkpoint.safetensors", tensors, {"state": json.dumps(state)})
        write_json(self.run.folder / "history.json", self.run.history)

    def restore(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Continue from what :meth:`checkpoint` wrote."""
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
        self.losses.copy_(counters.pop("losses"))
        self.tally.restore(counters)
        self.run.history[:] = state["history"]
        vars(self).update({name: state[name] for name in _STATE})
        self.vectors = state.get("vectors")  # checkpoints of before have none
        if state["status"] != "interrupted":
            self.run.status = state["status"]

    def close(self) -> Run:
        """End the training: put the chosen and the last players into the run, write its folder, and return the run."""
        if self.queue is not None:
            self.queue.synchronize()
        del self.replayed  # it and the loop refer to each other: the game would stay in memory until a cycle collection
        self.game.draw_dropout_from(None)
        run, self.game.generator = self.run, None
        run.last = self.game
        run.game = restore(copy.deepcopy(self.game), self.best, run.folder)
        run.provenance = {
            "started": self.started,
            "seconds": round(sum(self.seconds), 3),
            "seconds_per_epoch": [round(s, 3) for s in self.seconds[: self.epoch]],
            **machine.provenance(self.device),
            **({} if self.precision == "float32" else {"precision": self.precision}),
            **({} if self.vectors is None else {"vectors": self.vectors}),
        }
        if run.folder is not None and run.status != "interrupted":
            finish_folder(run, run.folder)
        if run.status.startswith("stopped"):
            warnings.warn(f"training {run.status}", stacklevel=3)
        return run
