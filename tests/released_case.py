"""One small case for the released code of VER and for ours: the same texts, weights and noise, drawn by NumPy.

    PYTHONPATH=.:tests python tests/released_case.py CHECKOUT > tests/released_numbers.json

runs the case in a checkout of the released code and prints its numbers, with what made them. Its own classes read the
files, its own functions train and score; this file gives it the weights and the noise in the places where it draws.
Importing this file imports none of it.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.child import _Log, _Settings

WIDTH, HIDDEN, DIMENSION, TEST_BATCH = 256, 8, 6, 4
LENGTHS = {"train": (20, 26, 31, 44, 61, 120), "heldout": (5, 12, 40, 25), "test": (6, 11, 18, 33, 47, 70, 290)}
SETTINGS = {"perturb_rate": 0.3, "sparsity_percentage": 0.125, "sparsity_lambda": 11.0, "continuity_lambda": 12.0}
SETTINGS |= {"cls_lambda": 0.9, "lr": 1e-4}
FILES = ("model.py", "train_util.py", "validate_util.py", "metric.py", "beer.py", "embedding.py")
NUMBERS = Path(__file__).with_name("released_numbers.json")


# the case


def drawn(name: str, *shape: int) -> np.ndarray:
    """Numbers in (0, 1) that depend on the name alone: float32. NumPy keeps its old generator as it is."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little")
    return np.random.RandomState(seed).uniform(1e-6, 1 - 1e-6, shape).astype(np.float32)


def noise(name: str, *shape: int) -> Tensor:
    return torch.from_numpy(drawn(name, *shape))


def gumbel(name: str, texts: int) -> Tensor:
    """Gumbel noise for every place: float [texts, WIDTH, 2]."""
    return -(-noise(name, texts, WIDTH, 2).log()).log()


def dropped(name: str, *shape: int) -> Tensor:
    """What dropout of .2 multiplies by: float, 0 or 1.25."""
    return (noise(name, *shape) >= 0.2) / 0.8


def words(split: str, i: int) -> list[str]:
    """Text ``i`` of a split. One word in eight has no vector."""
    length = LENGTHS[split][i]
    ids = (drawn(f"{split} words {i}", length) * 40).astype(int)
    return [f"w{n}" if n < 35 else f"unknown{n}" for n in ids]


def write(folder: Path) -> None:
    """The case in the files of Beer, and the word vectors in GloVe's format."""
    for split in ("train", "heldout"):
        with gzip.open(folder / f"reviews.aspect0.{split}.txt.gz", "wt") as lines:
            for i in range(len(LENGTHS[split])):
                lines.write(f"{i % 2:.1f} 0.5 0.5 0.5 0.5\t{' '.join(words(split, i))}\n")
    with open(folder / "annotations.json", "w", encoding="utf-8") as lines:
        for i, length in enumerate(LENGTHS["test"]):
            text, spans = words("test", i), [[1, 3], [length // 2, length // 2 + 2], [length - 2, length]]
            scores = [float(i % 2), 0.5, 0.5, 0.5, 0.5]
            lines.write(json.dumps({"x": text, "y": scores, "0": spans, "1": [], "2": []}) + "\n")
    with open(folder / "vectors.txt", "w", encoding="utf-8") as lines:
        for n, vector in enumerate(drawn("vectors", 35, DIMENSION) * 4 - 2):
            lines.write(f"w{n} {' '.join(f'{x:.6f}' for x in vector)}\n")


def weight(name: str, like: Tensor) -> Tensor:
    """A parameter of the released code's model by its name there."""
    made = noise(name, *like.shape) - 0.5
    if name == "layernorm1.weight":
        return made + 1
    if name == "gen_fc.bias":
        return torch.tensor([1.5, -1.5])  # few places are selected
    if name == "cls_fc.bias":
        return torch.tensor([0.0, 0.9])  # both classes are named
    return made if name == "gen_fc.weight" else 1.6 * made


def digest(values: Tensor) -> list[float]:
    """The norm of a tensor, and its sum with weights that tell its elements apart."""
    flat = values.detach().double().flatten()
    return [float(flat.norm()), float(flat @ torch.linspace(1, 2, len(flat), dtype=torch.float64))]


class Scripted(nn.Module):
    """In the place of a dropout: multiplies by what it was given, in turn; by one when nothing is left."""

    def __init__(self, *factors: Tensor):
        super().__init__()
        self.factors = list(factors)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factors.pop(0) if self.factors else x


# the released code on it


def run_released(checkout: str) -> dict[str, Any]:
    """One training step, one evaluation and the Lipschitz pass of the released code."""
    sys.path.insert(0, checkout)
    import beer
    import embedding
    import model as released_model
    import train_util
    import validate_util

    with tempfile.TemporaryDirectory() as place:
        write(Path(place))
        vectors, indices = embedding.get_glove_embedding(str(Path(place, "vectors.txt")))
        splits = [beer.BeerData(place, 0, mode, indices) for mode in ("train", "dev")]
        splits.append(beer.BeerAnnotation(str(Path(place, "annotations.json")), 0, indices))
    train, dev, test = splits
    args = _Settings(vocab_size=len(indices), pretrained_embedding=vectors, embedding_dim=DIMENSION, **SETTINGS)
    vars(args).update(hidden_dim=HIDDEN, dropout=0.2, num_layers=1, num_class=2, dis_lr=0, fr=0)
    model = released_model.Perturb_model(args)
    dropouts = [Scripted(dropped("selector dropout", len(train), WIDTH, HIDDEN)), Scripted()]
    dropouts[1].factors = [dropped("predictor dropout", len(train), HIDDEN)]
    model.generator[3], model.dropout = dropouts
    learning = {name: p for name, p in model.named_parameters() if p.requires_grad and "layernorm2" not in name}
    first = {name: weight(name, p) for name, p in learning.items()}

    def reset() -> None:
        with torch.no_grad():
            for name, p in learning.items():
                p.copy_(first[name])

    def loader(data: Any, size: int) -> torch.utils.data.DataLoader:
        return torch.utils.data.DataLoader(data, batch_size=size)

    found: dict[str, Any] = {}
    cpu, log = torch.device("cpu"), Log()
    reset()
    of_generator = {id(p) for p in model.generator.parameters()}
    others = [p for p in model.parameters() if id(p) not in of_generator]
    groups = [{"params": model.generator.parameters(), "lr": args.lr}, {"params": others, "lr": args.lr}]
    optimizer, lipschitz = torch.optim.Adam(groups), train_util.get_grad
    train_util.get_grad = lambda *_: (torch.tensor(0.0), torch.tensor(0.0))  # below, from the first weights
    model.train()
    with scripted([gumbel("step", len(train))], noise("flips", len(train), WIDTH), noise("adds", len(train), WIDTH)):
        train_util.train_sp_norm(model, optimizer, loader(train, len(train)), cpu, args, (log, 0), [], [])
    found["step"] = {
        "cross_entropy": log.seen["cls"],
        "omega": log.seen["spar_l"] + log.seen["cont_l"],
        "continuity": log.seen["cont_l"],
        "share": log.seen["train_sp"],
        "gradient": {name: digest(p.grad) for name, p in learning.items()},
        "moved": {name: digest(p - first[name]) for name, p in learning.items()},
    }
    reset()
    model.eval()
    with torch.no_grad():
        with scripted(split_rows(gumbel("test", len(test)))):
            shares = validate_util.validate_share(model, loader(test, TEST_BATCH), cpu, (log, 0))
        names = ("sparsity", "precision", "recall", "f1")
        found["test"] = {name: float(value) for name, value in zip(names, shares, strict=True)}
        validate_util.validate_rationales(model, loader(test, TEST_BATCH), cpu, (log, 0))
        found["test"] |= {"accuracy": log.seen["test_acc"], "gold_accuracy": log.seen["rat_acc"]}
        with scripted(split_rows(gumbel("test", len(test)))):
            said = [model(texts, real)[1] for texts, real, *_ in loader(test, TEST_BATCH)]
        found["test"]["logits"] = torch.cat(said).tolist()
        found["dev"] = {
            "accuracy_whole": float(validate_util.validate_dev_sentence(model, loader(dev, 4), cpu, (log, 0))[3])
        }
    with scripted(split_rows(gumbel("lipschitz", len(train)))):
        slopes = lipschitz(model, loader(train, TEST_BATCH), 2, 1, cpu)
    found["lipschitz"] = [float(slope) for slope in slopes]
    return found


class Log(_Log):
    """Keeps the numbers that the released code writes to a TensorBoard writer."""

    def __init__(self) -> None:
        self.seen: dict[str, float] = {}

    def add_scalar(self, name: str, value: Any, *_: Any) -> None:
        self.seen[name] = float(value)


def split_rows(values: Tensor) -> list[Tensor]:
    return list(values.split(TEST_BATCH))


@contextlib.contextmanager
def scripted(gumbels: list[Tensor], flips: Tensor | None = None, adds: Tensor | None = None) -> Iterator[None]:
    """Inside, the released code draws this noise. It takes Gumbel noise from exponential numbers, one uniform number a
    place for the words to hide, and words to show by ``multinomial``: here those with the largest of ``adds``, which is
    a draw of the same law, because all have the same weight."""
    left = list(gumbels)

    def exponential(into: Tensor) -> Tensor:
        return into.copy_((-left.pop(0)).exp())

    def rand(size: torch.Size, out: Tensor) -> Tensor:
        return out.copy_(flips.view(size))

    def multinomial(weights: Tensor, count: int, out: Tensor) -> Tensor:
        assert (weights > 0).sum(1).min() >= count and set(weights.unique().tolist()) <= {0.0, 1.0}
        best = adds.masked_fill(weights == 0, -1).topk(count, dim=1).indices
        return out.resize_(best.shape).copy_(best)

    with contextlib.ExitStack() as stack:
        for owner, name, ours in (
            (torch.Tensor, "exponential_", exponential),
            (torch, "rand", rand),
            (torch, "multinomial", multinomial),
        ):
            stack.enter_context(swapped(owner, name, ours))
        yield
    assert not left, "noise was left over"


@contextlib.contextmanager
def swapped(owner: Any, name: str, ours: Callable) -> Iterator[None]:
    theirs = getattr(owner, name)
    setattr(owner, name, ours)
    try:
        yield
    finally:
        setattr(owner, name, theirs)


def made_by(checkout: str) -> dict[str, str]:
    """The state of the checkout, and what ran it."""
    asked = subprocess.run(["git", "-C", checkout, "rev-parse", "HEAD"], capture_output=True, text=True)
    files = b"".join(Path(checkout, name).read_bytes() for name in FILES)
    return {
        "code": "jugechengzi/Rationalization-VER",
        "commit": asked.stdout.strip() or "unknown",
        "sha256": hashlib.sha256(files).hexdigest()[:12],
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        numbers = run_released(sys.argv[1])
    print(json.dumps({"made": made_by(sys.argv[1]), **numbers}, indent=1))
