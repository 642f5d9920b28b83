"""Processes that train one epoch when they are told to, and say how long it took.

The parent starts one with :class:`Worker`; the child is this file, run by whichever Python has what it needs. Nothing
of the peers' code is copied or changed. The released code of VER is imported from a checkout; its data class reads
our texts, its training function is called, and what it wants besides (settings, optimizer, a log) is handed to it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

RELEASED_FILES = ("model.py", "train_util.py", "metric.py", "beer.py")
RELEASED_NAME = "jugechengzi/Rationalization-VER"


class PeerError(RuntimeError):
    """A peer that cannot be measured: which, why, and what to do."""


class Worker:
    """A child process of one kind, ready to train. Raises PeerError with its last lines when it dies.

    ``environment``: variables of the child beside ours; None is one that it doesn't inherit.
    """

    def __init__(
        self,
        kind: str,
        settings: dict[str, Any],
        python: str = sys.executable,
        threads: int | None = None,
        environment: dict[str, str | None] | None = None,
    ):
        self.kind, self.said = kind, tempfile.TemporaryFile("w+")
        asked = os.environ | {"PYTHONUTF8": "1"} | (environment or {})
        environment = {name: value for name, value in asked.items() if value is not None}
        if threads is not None:
            environment["OMP_NUM_THREADS"] = environment["MKL_NUM_THREADS"] = str(threads)
        command = [python, "-P", __file__, kind, json.dumps(settings)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self.said, text=True, env=environment)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
        self.said.close()

    def ready(self) -> None:
        """Wait until it has loaded everything."""
        self._answer()

    def start(self) -> None:
        """Let it train an epoch."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def took(self) -> dict[str, Any]:
        """Wait for the epoch that :meth:`start` began."""
        return self._answer()

    def once(self) -> dict[str, Any]:
        self.start()
        return self.took()

    def _answer(self) -> dict[str, Any]:
        if line := self.process.stdout.readline():
            return json.loads(line)
        self.process.wait()
        self.said.seek(0)
        last = "\n".join(self.said.read().strip().splitlines()[-8:])
        raise PeerError(f"the worker {self.kind!r} ended with status {self.process.returncode}:\n{last}")


def check_released(checkout: str | Path) -> Path:
    """The path of the released code's checkout. Raises PeerError that names the file that is not there."""
    folder = Path(checkout).expanduser().resolve()
    if not folder.is_dir():
        raise PeerError(f"PEER={checkout}: there is no such folder; give a checkout of {RELEASED_NAME}")
    missing = [name for name in RELEASED_FILES if not (folder / name).is_file()]
    if missing:
        raise PeerError(f"PEER={checkout}: {missing[0]} is missing there; give a checkout of {RELEASED_NAME}")
    return folder


def released(
    checkout: str, folder: str, words: list[str], settings: dict[str, Any], device: str = "cpu"
) -> Callable[[], dict[str, Any]]:
    """The released code's epoch, as its script for Beer drives it: its data class, its model, its training function.

    Its Lipschitz pass runs inside the training function; the function that makes it is timed from outside. So one
    epoch gives both numbers: ``seconds`` as shipped, and ``lipschitz``, the part that the pass takes.
    """
    sys.path.insert(0, checkout)
    import beer
    import model as released_model
    import numpy as np
    import torch
    import train_util

    vectors = np.load(Path(folder, "vectors.npy"))
    args = _Settings(vocab_size=len(words), pretrained_embedding=vectors, embedding_dim=vectors.shape[1], **settings)
    torch.manual_seed(0)
    data = beer.BeerData(folder, 0, "train", {word: i for i, word in enumerate(words)})
    loader = torch.utils.data.DataLoader(data, batch_size=args.batch_size, shuffle=True)
    model = released_model.Perturb_model(args).to(device)
    of_generator = {id(p) for p in model.generator.parameters()}
    others = [p for p in model.parameters() if id(p) not in of_generator]
    groups = [{"params": model.generator.parameters(), "lr": args.lr}, {"params": others, "lr": args.lr}]
    optimizer = torch.optim.Adam(groups)
    lipschitz, spent, log = train_util.get_grad, [0.0], _Log()

    def timed(*arguments: Any) -> Any:
        began = time.perf_counter()
        found = lipschitz(*arguments)
        spent[0] = time.perf_counter() - began
        return found

    train_util.get_grad = timed

    def once() -> dict[str, Any]:
        began = time.perf_counter()
        model.train()
        train_util.train_sp_norm(model, optimizer, loader, torch.device(device), args, (log, 0), [], [])
        return {"seconds": time.perf_counter() - began, "lipschitz": spent[0]}

    return once


class _Settings:
    """The released code reads its settings as attributes."""

    def __init__(self, **settings: Any):
        vars(self).update(settings)


class _Log:
    """The released code hands its numbers to a TensorBoard writer. Here nobody reads them."""

    def add_scalar(self, *numbers: Any) -> None:
        pass


def pyhighlights(folder: str, words: list[str], settings: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """An epoch of pyhighlights' plain game: its select-then-predict model with two GRU encoders, its collator, its
    losses, trained by Lightning as its tasks do, without validation, checkpoints and logs."""
    import gzip
    import logging

    import lightning
    import numpy as np
    import pyhighlights
    import torch
    from cinnamon.registry import Registry
    from pyhighlights.components.data import HighlightCollator, HighlightDataset, HighlightExample, VocabularyTokenizer
    from pyhighlights.components.models.spp.base import SPP
    from pyhighlights.components.models.spp.implementations import GRUBackbone, MLPPredictor, MLPSelector
    from pyhighlights.configurations import keys

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    Registry.build(directory=Path(pyhighlights.__file__).parent)
    vectors = torch.from_numpy(np.load(Path(folder, "vectors.npy")))
    examples = []
    with gzip.open(Path(folder, "reviews.aspect0.train.txt.gz"), "rt") as lines:
        for number, line in enumerate(lines):
            label, text = line.rstrip("\n").split("\t")
            examples.append(HighlightExample(number, text.split(" "), int(float(label))))
    tokenizer = VocabularyTokenizer({word: i for i, word in enumerate(words) if i > 1})
    torch.manual_seed(0)
    model = SPP(
        name="plain",
        selector_backbones=keys.GRU_BACKBONE,
        selectors=keys.MLP_SELECTOR,
        predictor_backbone=keys.UNNORMALISED_GRU_BACKBONE,
        predictor=keys.MLP_PREDICTOR,
        losses=[keys.CLASSIFICATION_LOSS, keys.SPARSITY_LOSS, keys.CONTIGUITY_LOSS],
        optimizer=keys.ADAM,
    )
    # The keys stand for the library's sizes; these are the same parts at ours.
    hidden = settings["hidden_dim"]
    sizes = {"vocab_size": len(words), "embedding_dim": vectors.shape[1], "hidden_size": hidden // 2}
    sizes |= {"dropout_rate": settings["dropout"]}
    model.selector_backbones[0], model.selectors[0] = GRUBackbone(**sizes), MLPSelector(hidden, [])
    model.predictor_backbone = GRUBackbone(**sizes, layer_norm=False)
    model.predictor = MLPPredictor(hidden, [], settings["num_class"])
    model.load_embeddings(vectors)
    loader = torch.utils.data.DataLoader(
        HighlightDataset(examples),
        batch_size=settings["batch_size"],
        shuffle=True,
        collate_fn=HighlightCollator(tokenizer),
    )

    class Clock(lightning.Callback):
        began = took = 0.0

        def on_train_epoch_start(self, *_: Any) -> None:
            self.began = time.perf_counter()

        def on_train_epoch_end(self, *_: Any) -> None:
            self.took = time.perf_counter() - self.began

    def once() -> dict[str, Any]:
        clock = Clock()
        quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
        lightning.Trainer(accelerator="cpu", max_epochs=1, callbacks=[clock], **quiet).fit(model, loader)
        return {"seconds": clock.took}

    return once


def ours(points: list[dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    """The points of a growth curve, one after the other, in a process of their own."""
    from benchmarks.growth import train_point

    left = iter(points)
    return lambda: train_point(**next(left))


def part(**settings: Any) -> Callable[[], dict[str, float]]:
    """An epoch of ours with one part of it left out."""
    from benchmarks.parts import train_part

    return train_part(**settings)


KINDS = {"released": released, "pyhighlights": pyhighlights, "ours": ours, "part": part}


def main() -> None:
    """The child: get ready, then train an epoch for every line that comes in. Only answers go to standard output."""
    kind, settings = sys.argv[1], json.loads(sys.argv[2])
    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        once = KINDS[kind](**settings)
        print(json.dumps({"ready": kind}), file=answers, flush=True)
        for _ in sys.stdin:
            print(json.dumps(once()), file=answers, flush=True)


if __name__ == "__main__":
    main()
