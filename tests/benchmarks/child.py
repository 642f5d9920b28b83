"""The child's side: a process that trains one epoch for each line that it reads, and writes how long the epoch took.

`benchmarks.workers` starts it: ``python -P -m benchmarks.child KIND SETTINGS``, with whichever Python has what the
kind needs. So this file imports nothing but the standard library until a kind is chosen. None of the peers' code is
copied or changed. The released code of VER is imported from a checkout: its data class reads our texts, its training
function is called, and this file passes it the settings, the optimizer and the log that it expects.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def released(
    checkout: str, folder: str, words: list[str], settings: dict[str, Any], device: str = "cpu"
) -> Callable[[], dict[str, Any]]:
    """Make the released code's epoch, as its script for Beer runs it: its data class, its model, its training function.

    The Lipschitz pass runs inside the training function. The function that computes it is timed here, so one epoch
    gives both numbers: ``seconds`` of the code as shipped, and ``lipschitz``, the seconds of the pass.
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
    """The released code writes its numbers to a TensorBoard writer. This one ignores them."""

    def add_scalar(self, *numbers: Any) -> None:
        pass


def pyhighlights(folder: str, words: list[str], settings: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Make an epoch of pyhighlights' plain game: its select-then-predict model with two GRU encoders, collator and
    losses.

    Lightning trains it as the library's own tasks do, without validation, checkpoints and logs.
    """
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
    # The keys make parts of the library's sizes; these are the same parts at our sizes.
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
    """Make a function that trains the points of a growth curve one after the other, a point a call."""
    from benchmarks.growth import train_point

    left = iter(points)
    return lambda: train_point(**next(left))


def part(**settings: Any) -> Callable[[], dict[str, float]]:
    """Make a function that trains an epoch of ours with one part left out."""
    from benchmarks.parts import train_part

    return train_part(**settings)


KINDS = {"released": released, "pyhighlights": pyhighlights, "ours": ours, "part": part}


def main() -> None:
    """Load everything, then train an epoch for every line of standard input. Only answers go to standard output."""
    kind, settings = sys.argv[1], json.loads(sys.argv[2])
    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        once = KINDS[kind](**settings)
        print(json.dumps({"ready": kind}), file=answers, flush=True)
        for _ in sys.stdin:
            print(json.dumps(once()), file=answers, flush=True)


if __name__ == "__main__":
    main()
