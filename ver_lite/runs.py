"""A run: its record in memory, its folder on disk.

    config.json             everything that decides the run: what would train it again
    history.json            one row an evaluation
    game.safetensors        the players of the chosen epoch
    vocabulary.txt          one word a line, in the order of the word vectors
    provenance.json         what made it: versions, device, seconds, memory; written last, so its presence means "whole"
    checkpoint.safetensors  where to resume: last and best players, optimizers, random states

Nothing is ever pickled, and every file is written whole (see files.py).
"""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ver_lite import __version__
from ver_lite.corpora.core import UNKNOWN, Vocabulary
from ver_lite.files import (
    FileError,
    load_tensors,
    read_json,
    read_text,
    save_tensors,
    write_json,
    write_whole,
)
from ver_lite.methods import METHODS, Method, Protocol
from ver_lite.players import ENCODERS, GRUEncoder, Predictor, Selector, make_embedding, random_vectors

FORMAT = 1


class RunError(FileError):
    """A run folder that cannot be used as asked: which one, why, and what to do."""


@dataclass(frozen=True)
class Config:
    """Everything that decides a run. Checked when made; a wrong value is a ValueError that names the parameter.

    ``corpus``: the name or path and options given to ``load_corpus``. ``vectors``: a GloVe file, "glove" for the
    fetched one of size ``dimension``, or None for random vectors of that size. ``alpha``, ``lambda1``, ``lambda2``: Ω
    (Eq. 4). ``perturbation``: p of Eq. 8 (VER). The defaults suit a laptop; the paper trains GRUs of size 200 with
    learning rate 1e-4 and batches of 128 for 300 epochs.
    """

    corpus: dict[str, Any] = field(default_factory=dict)
    method: str = "rnp"
    perturbation: float = 0.3
    alpha: float = 0.2
    lambda1: float = 2.0
    lambda2: float = 0.02
    temperature: float = 1.0
    protocol: Protocol = field(default_factory=Protocol.paper)
    encoder: str = "conv"
    hidden: int = 64
    dropout: float = 0.2
    vectors: str | None = None
    dimension: int = 100
    trainable_vectors: bool = False
    learning_rate: float = 2e-3
    batch_size: int = 32
    epochs: int = 30
    seed: int = 1

    def __post_init__(self):
        if self.method not in METHODS:
            raise ValueError(f"no method is called {self.method!r}; choose one of: {', '.join(METHODS)}")
        if self.encoder not in ENCODERS:
            raise ValueError(f"no encoder is called {self.encoder!r}; choose one of: {', '.join(ENCODERS)}")
        if not isinstance(self.protocol, Protocol):
            raise ValueError(f"protocol must be a Protocol, not {self.protocol!r}")
        inside = {
            "alpha": "above 0 and at most 1",
            "perturbation": "between 0 and 1",
            "dropout": "from 0 to below 1",
        }
        good = {
            "alpha": 0 < self.alpha <= 1,
            "perturbation": 0 <= self.perturbation <= 1,
            "dropout": 0 <= self.dropout < 1,
        }
        for name, fine in good.items():
            if not fine:
                raise ValueError(f"{name} must be {inside[name]}, not {getattr(self, name)}")
        for name in ("lambda1", "lambda2"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be zero or positive, not {getattr(self, name)}")
        for name in ("temperature", "learning_rate"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        for name in ("hidden", "dimension", "batch_size", "epochs"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
        if self.encoder == "gru" and self.hidden % 2:
            raise ValueError(f"hidden must be even for a GRU (half of it a direction), not {self.hidden}")

    @classmethod
    def make(cls, values: dict[str, Any]) -> Config:
        """A config from a plain dictionary, as in config.json. Unknown names raise ValueError with the nearest one."""
        names = [f.name for f in dataclasses.fields(cls)]
        for name in values:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
                raise ValueError(f"no setting is called {name!r}; {hint}")
        protocol = values.get("protocol", "paper")
        if isinstance(protocol, str):
            if protocol not in ("paper", "released"):
                raise ValueError(f'protocol must be "paper" or "released", not {protocol!r}')
            protocol = getattr(Protocol, protocol)()
        elif isinstance(protocol, dict):
            protocol = Protocol(**protocol)
        return cls(**{**values, "protocol": protocol})

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def build_game(config: Config, words: int | Tensor, classes: int, generator: torch.Generator | None = None) -> Method:
    """The method and its two players, newly initialized from torch's random state.

    ``words``: the vectors [V, D], or V for zeros (to be loaded into).
    """
    vectors = words if isinstance(words, Tensor) else torch.zeros(words, config.dimension)
    embedding = make_embedding(vectors, config.trainable_vectors)
    encoder: Any = config.encoder
    if encoder == "gru" and config.protocol.read_padding:
        encoder = lambda inputs, hidden: GRUEncoder(inputs, hidden, reads_padding=True)  # noqa: E731
    size = {"hidden": config.hidden, "dropout": config.dropout}
    players = Selector(embedding, encoder, **size), Predictor(embedding, classes, encoder, **size)
    options: dict[str, Any] = {
        n: getattr(config, n) for n in ("alpha", "lambda1", "lambda2", "temperature", "protocol")
    }
    if config.method == "ver":
        options["perturbation"] = config.perturbation
    return METHODS[config.method](*players, **options, generator=generator)


def word_vectors(config: Config, vocabulary: Vocabulary) -> Tensor:
    """The vectors [V, D] a config asks for: random ones from torch's random state, or GloVe's."""
    if config.vectors is not None:
        from ver_lite.corpora.glove import load_glove
        from ver_lite.corpora.places import locate

        named = config.vectors == "glove"
        path = locate("glove", dimension=config.dimension) if named else config.vectors
        return torch.as_tensor(load_glove(path, vocabulary, unknown=config.protocol.unknown)[0])
    vectors = random_vectors(len(vocabulary), config.dimension)
    if config.protocol.unknown == "zero":
        vectors[UNKNOWN] = 0
    return vectors


@dataclass
class Run:
    """A trained (or half-trained) game and how it came to be.

    ``game``: the players of the chosen epoch, best accuracy on dev. ``last``: those of the last epoch (None when loaded
    from a folder without checkpoint). ``history``: one row an evaluation. ``status``: "finished", "interrupted" or
    "stopped: why".
    """

    config: Config
    game: Method
    vocabulary: Vocabulary
    classes: tuple[str, ...]
    history: list[dict[str, Any]]
    provenance: dict[str, Any]
    last: Method | None = None
    status: str = "finished"
    folder: Path | None = None

    @property
    def best(self) -> dict[str, Any]:
        """The row of the chosen epoch: the first with the best dev accuracy."""
        return max(self.history, key=lambda row: row["dev"]["accuracy"])

    def save(self, folder: str | Path, overwrite: bool = False) -> Path:
        """Write the run (without checkpoint) to ``folder``. Raises FileError if disk or folder fail."""
        self.folder = claim_folder(folder, overwrite)
        start_folder(self.folder, self.config, self.vocabulary, self.classes)
        finish_folder(self, self.folder)
        return self.folder


def claim_folder(folder: str | Path, overwrite: bool = False) -> Path:
    """Make a run's folder, or see that it may be used: one that holds a run is an error unless ``overwrite``; one that
    holds anything else is left alone. Raises RunError."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise RunError(f"cannot make the run folder {folder}: {error.strerror}") from None
    if there and "config.json" not in there:
        raise RunError(f"{folder} is not empty and holds no run ({there[0]}, ...). Choose another folder.")
    if there and not overwrite:
        state = "a run" if "provenance.json" in there else "an unfinished run"
        raise RunError(f"{folder} already holds {state}. Resume it, overwrite it, or choose another folder.")
    return folder


def start_folder(folder: Path, config: Config, vocabulary: Vocabulary, classes: tuple[str, ...]) -> None:
    """Write into a claimed folder what is known before training; what an earlier run left there goes."""
    for name in ("provenance.json", "checkpoint.safetensors", "game.safetensors", "history.json"):
        (folder / name).unlink(missing_ok=True)
    head = {"format": FORMAT, "version": __version__, "classes": list(classes), **config.as_dict()}
    write_json(folder / "config.json", head)
    write_whole(folder / "vocabulary.txt", lambda p: p.write_text("\n".join(vocabulary.words[2:]) + "\n", "utf-8"))


def finish_folder(run: Run, folder: Path) -> None:
    """Write what is known after training."""
    write_json(folder / "history.json", run.history)
    save_tensors(folder / "game.safetensors", game_tensors(run.game))
    write_json(folder / "provenance.json", {"status": run.status, **run.provenance})


def load_run(folder: str | Path, device: str | torch.device = "cpu") -> Run:
    """Read a run back. Raises RunError when the folder is missing, unfinished, damaged or of another format."""
    folder = Path(folder)
    head, config = read_config(folder)
    if not (folder / "provenance.json").exists():
        raise RunError(f"{folder} is not finished: it has no provenance.json. Continue it with --resume.")
    provenance = read_json(folder / "provenance.json")
    vocabulary = Vocabulary(read_text(folder / "vocabulary.txt").splitlines())
    tensors, _ = load_tensors(folder / "game.safetensors")
    game = restore(build_from(config, tensors, head["classes"]), tensors, folder).to(device)
    last = None
    if (folder / "checkpoint.safetensors").exists():
        saved = part(load_tensors(folder / "checkpoint.safetensors")[0], "last/")
        last = restore(build_from(config, saved, head["classes"]), saved, folder).to(device)
    status = provenance.pop("status", "finished")
    history = read_json(folder / "history.json")
    return Run(config, game, vocabulary, tuple(head["classes"]), history, provenance, last, status, folder)


def read_config(folder: Path) -> tuple[dict[str, Any], Config]:
    """The head (format, version, classes) and the config of a run folder."""
    if not (folder / "config.json").is_file():
        raise RunError(f"{folder} is not a run: it has no config.json.")
    values = read_json(folder / "config.json")
    head = {name: values.pop(name, None) for name in ("format", "version", "classes")}
    if head["format"] != FORMAT:
        made = f"run format {head['format']} (ver-lite {head['version']})"
        raise RunError(f"{folder} was made with {made}; this is ver-lite {__version__}, which reads format {FORMAT}.")
    try:
        return head, Config.make(values)
    except (TypeError, ValueError) as error:
        raise RunError(f"{folder / 'config.json'}: {error}") from None


def build_from(config: Config, tensors: dict[str, Tensor], classes: list[str]) -> Method:
    """A game of the shapes found in ``tensors``, to restore them into."""
    vectors = tensors.get("selector.embedding.weight")
    if vectors is None:
        raise RunError("the saved game has no word vectors: the file is damaged or not a game")
    return build_game(config, vectors, len(classes))


def game_tensors(game: Method) -> dict[str, Tensor]:
    """The game's tensors on the CPU, each once: the word vectors both players share go under the selector's name."""
    state = game.state_dict()
    if game.predictor.embedding is game.selector.embedding:
        state.pop("predictor.embedding.weight")
    return {name: value.detach().cpu().clone().contiguous() for name, value in state.items()}


def restore(game: Method, tensors: dict[str, Tensor], where: Any) -> Method:
    """Load ``tensors`` into ``game``; RunError when they do not fit."""
    try:
        missing, surplus = game.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        raise RunError(
            f"{where}: the saved game does not fit its config: {str(error).splitlines()[-1].strip()}"
        ) from None
    if set(missing) - {"predictor.embedding.weight"} or surplus:
        raise RunError(f"{where}: the saved game does not fit its config: {sorted({*missing, *surplus})[0]}")
    return game


def part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose name begins with ``prefix``, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
