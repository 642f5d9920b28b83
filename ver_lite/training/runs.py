"""A run: its record in memory, its folder on disk.

    config.json             everything that decides the run: what would train it again
    history.json            one row an evaluation
    game.safetensors        the players of the chosen epoch
    vocabulary.json         the words, in the order of the word vectors
    provenance.json         what made it: versions, device, seconds, memory; written last, so its presence means "whole"
    checkpoint.safetensors  where to resume: last and best players, optimizers, random states

Nothing is ever pickled, and every file is written whole (see files.py).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ver_lite.corpora.core import UNKNOWN, Corpus, CorpusError, Split, Vocabulary
from ver_lite.methods import METHODS, Method, method_class
from ver_lite.players.base import Encoder
from ver_lite.players.compaction import CompactPredictor
from ver_lite.players.encoders import ENCODERS, encoder_class
from ver_lite.players.players import Predictor, Selector, make_embedding, random_vectors
from ver_lite.system import __version__
from ver_lite.system.files import (
    FileError,
    is_temporary,
    load_tensors,
    read_json,
    remove_temporaries,
    save_tensors,
    write_json,
)
from ver_lite.system.outside import can_be_found, is_outside
from ver_lite.training.config import Config

FORMAT = 2
READABLE = (1, 2)  # in format 1 every config had a perturbation
OF_PLAYERS = ("encoder", "hidden", "dropout", "vectors", "dimension", "trainable_vectors", "player_options")


class RunError(FileError):
    """A run folder that cannot be used as asked: which one, why, and what to do."""


@dataclass(frozen=True)
class Kinds:
    """The classes of a config's method and encoder. They are looked up once, for whoever may run their code."""

    method: type[Method]
    encoder: type[Encoder]

    @classmethod
    def of(cls, config: Config, method: type[Method] | None = None, encoder: type[Encoder] | None = None) -> Kinds:
        """Those that a config names, or those given in their place. A class outside the library is imported."""
        return cls(method or method_class(config.method), encoder or encoder_class(config.encoder))

    @classmethod
    def of_game(cls, game: Method) -> Kinds:
        """Those of a game that is there."""
        return cls(type(game), type(game.selector.encoder))

    @classmethod
    def trusted(cls, config: Config, folder: Path, **given: type | None) -> Kinds:
        """Those of a run's folder, which may come from anybody: a class outside the library must be given. Raises
        RunError that says how."""
        for name, ours in (("method", METHODS), ("encoder", ENCODERS)):
            wanted, kind = getattr(config, name), given.get(name)
            if kind is None and is_outside(wanted):
                what = wanted.rpartition(":")[2]
                raise RunError(
                    f"{folder} was trained with {name} {wanted!r}, which is not part of ver-lite, and a run's folder "
                    f"may not import code by itself. If you trust it, give the class: load_run(folder, {name}={what}), "
                    f"or on the command line --{name} {wanted}"
                )
            if kind is not None and kind.__qualname__ != (
                ours[wanted].__qualname__ if wanted in ours else wanted.rpartition(":")[2]
            ):
                raise RunError(f"{folder} was trained with {name} {wanted!r}; {kind.__qualname__} is another one")
        return cls.of(config, **given)


def build_game(
    config: Config,
    words: int | Tensor,
    classes: int,
    generator: torch.Generator | None = None,
    kinds: Kinds | None = None,
) -> Method:
    """The method and its two players, newly initialized from torch's random state.

    ``words``: the vectors [V, D], or V for zeros (to be loaded into). ``kinds``: the classes that the config names
    (None: they are looked up).
    """
    kinds = kinds or Kinds.of(config)
    config = config.settled(kinds.method, kinds.encoder)
    vectors = words if isinstance(words, Tensor) else torch.zeros(words, config.dimension)
    embedding = make_embedding(vectors, config.trainable_vectors)
    own = dict(config.player_options)
    predictor = CompactPredictor if own.pop("compact", False) else Predictor
    if kinds.encoder.follows_padding():
        own["reads_padding"] = config.protocol.read_padding
    encoder = partial(kinds.encoder, **own)
    size = {"hidden": config.hidden, "dropout": config.dropout}
    players = Selector(embedding, encoder, **size), predictor(embedding, classes, encoder, **size)
    shared = {name: getattr(config, name) for name in ("alpha", "lambda1", "lambda2", "temperature", "protocol")}
    game = kinds.method(*players, **shared, **config.options, generator=generator)
    game.players_settings = {name: getattr(config, name) for name in OF_PLAYERS}
    return game


def word_vectors(config: Config, vocabulary: Vocabulary, kinds: Kinds | None = None) -> Tensor:
    """The vectors [V, D] that a config asks for: random ones from torch's random state, or GloVe's; or the table that
    an encoder brings with it (BERT's: the pieces of each word, [V, P])."""
    encoder = (kinds or Kinds.of(config)).encoder
    own = encoder.word_vectors(vocabulary, config.player_options)
    if own is not None:
        return own
    if config.vectors is not None:
        from ver_lite.corpora.glove import load_glove
        from ver_lite.corpora.word_vectors import glove_vectors

        unknown = config.protocol.unknown
        if config.vectors == "glove":
            return torch.as_tensor(glove_vectors(vocabulary, config.dimension, unknown)[0])
        return torch.as_tensor(load_glove(config.vectors, vocabulary, unknown=unknown)[0])
    vectors = random_vectors(len(vocabulary), config.dimension)
    if config.protocol.unknown == "zero":
        vectors[UNKNOWN] = 0
    return vectors


def about_vectors(config: Config, game: Method, train: Split) -> dict[str, Any] | None:
    """Where the word vectors of a game that has not learned yet come from, and the share of the running words of
    ``train`` that have one; None for random vectors."""
    from ver_lite.corpora.word_vectors import glove_source, share_with_vector

    if config.vectors is None:
        return None
    try:
        source = glove_source(config.dimension) if config.vectors == "glove" else Path(config.vectors).name
    except CorpusError:  # a game that goes on elsewhere
        source = config.vectors
    share = share_with_vector(train, game.selector.embedding.weight.detach())
    return {"source": source, "running_words": round(share, 4)}


def fitted(config: Config, corpus: Corpus, vectors: Tensor, kinds: Kinds | None = None) -> Config:
    """The config with the sizes that word vectors and a pretrained encoder bring with them, its options complete.
    Raises CorpusError for a corpus that the encoder cannot read."""
    kinds = kinds or Kinds.of(config)
    hidden, options = kinds.encoder.fit(corpus, vectors, config.hidden, config.player_options)
    made = replace(config, dimension=vectors.shape[1], hidden=hidden, player_options=options)
    return made.settled(kinds.method, kinds.encoder)


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
        """The row of the chosen epoch: the first with the best dev accuracy. Raises ValueError before there is one."""
        if not self.history:
            raise ValueError(f"the run has no finished epoch ({self.status})")
        return max(self.history, key=lambda row: row["dev"]["accuracy"])

    def save(self, folder: str | Path, overwrite: bool = False) -> Path:
        """Write the run (without checkpoint) to ``folder``. Raises FileError if disk or folder fail."""
        self.folder = claim_folder(folder, overwrite)
        start_folder(self.folder, self.config, self.vocabulary, self.classes, Kinds.of_game(self.game))
        finish_folder(self, self.folder)
        return self.folder


def claim_folder(folder: str | Path, overwrite: bool = False) -> Path:
    """See that a folder may become a run's: one that holds a run is an error unless ``overwrite``; one that holds
    anything else is left alone. Nothing is written. Raises RunError."""
    folder = Path(folder)
    try:
        there = sorted(p.name for p in folder.iterdir() if not is_temporary(p)) if folder.exists() else []
    except OSError as error:
        raise RunError(f"{folder} cannot be a run folder: {error.strerror}") from None
    if there and not _is_run(folder):
        raise RunError(f"{folder} is not empty and holds no run ({there[0]}, ...). Choose another folder.")
    if there and not overwrite:
        state = "a run" if "provenance.json" in there else "an unfinished run"
        raise RunError(f"{folder} already holds {state}. Resume it, overwrite it, or choose another folder.")
    return folder


def _is_run(folder: Path) -> bool:
    try:
        return {"format", "classes", "method"} <= set(read_json(folder / "config.json", dict))
    except FileError:
        return False


def start_folder(
    folder: Path, config: Config, vocabulary: Vocabulary, classes: tuple[str, ...], kinds: Kinds | None = None
) -> None:
    """Write into a claimed folder what is known before training; what an earlier run left there goes. Warns where
    reloading will need a class that no other process can find by its name."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("provenance.json", "checkpoint.safetensors", "game.safetensors", "history.json"):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"cannot use the run folder {folder}: {error.strerror}") from None
    for name, kind in vars(kinds or Kinds.of(config)).items():
        if not can_be_found(kind):
            warnings.warn(
                f"{folder}: {name} {kind.__name__} is defined in a notebook, a script or a function: no other "
                f"process finds it there. To load this run, give the class: load_run(folder, {name}={kind.__name__})",
                stacklevel=2,
            )
    head = {"format": FORMAT, "version": __version__, "classes": list(classes), **config.as_dict()}
    write_json(folder / "config.json", head)
    write_json(folder / "vocabulary.json", vocabulary.words[2:])


def finish_folder(run: Run, folder: Path) -> None:
    """Write what is known after training, and clear away what killed processes left."""
    remove_temporaries(folder)
    write_json(folder / "history.json", run.history)
    save_tensors(folder / "game.safetensors", game_tensors(run.game))
    write_json(folder / "provenance.json", {"status": run.status, **run.provenance})


def load_run(
    folder: str | Path,
    device: str | torch.device = "cpu",
    *,
    method: type[Method] | None = None,
    encoder: type[Encoder] | None = None,
) -> Run:
    """Read a run back. ``method``, ``encoder``: the classes of a run whose method or encoder is not the library's; its
    folder alone imports no code. Raises RunError when the folder is missing, unfinished, damaged or of another format,
    or when a class is needed."""
    folder = Path(folder)
    head, config = read_config(folder)
    kinds = Kinds.trusted(config, folder, method=method, encoder=encoder)
    if not (folder / "provenance.json").exists():
        raise RunError(f"{folder} is not finished (no provenance.json). Continue it: ver-lite resume {folder}")
    provenance = read_json(folder / "provenance.json", dict)
    vocabulary = Vocabulary(read_json(folder / "vocabulary.json", list))
    history = read_json(folder / "history.json", list)
    game, last = _saved_game(folder / "game.safetensors", config, head["classes"], kinds).to(device), None
    if (folder / "checkpoint.safetensors").exists():
        last = _saved_game(folder / "checkpoint.safetensors", config, head["classes"], kinds, "last/").to(device)
    if len(vocabulary) != len(game.selector.embedding.weight):
        raise RunError(f"{folder}: vocabulary.json has {len(vocabulary)} words, the game another number of vectors.")
    status = provenance.pop("status", "finished")
    return Run(config, game, vocabulary, tuple(head["classes"]), history, provenance, last, status, folder)


def _saved_game(file: Path, config: Config, classes: list[str], kinds: Kinds, prefix: str = "") -> Method:
    """The game whose tensors' names begin with ``prefix`` in a file of a run's folder."""
    tensors = part(load_tensors(file)[0], prefix)
    return restore(build_from(config, tensors, classes, file, kinds), tensors, file.parent)


def read_config(folder: Path) -> tuple[dict[str, Any], Config]:
    """The head (format, version, classes) and the config of a run folder."""
    if not (folder / "config.json").is_file():
        why = "it has no config.json" if folder.is_dir() else "there is no such folder"
        raise RunError(f"{folder} is not a run: {why}.")
    values = read_json(folder / "config.json", dict)
    head = {name: values.pop(name, None) for name in ("format", "version", "classes")}
    if head["format"] not in READABLE:
        made = f"run format {head['format']} (ver-lite {head['version']})"
        reads = f"formats {READABLE[0]} to {FORMAT}"
        raise RunError(f"{folder} was made with {made}; this is ver-lite {__version__}, which reads {reads}.")
    if not isinstance(head["classes"], list) or len(head["classes"]) < 2:
        raise RunError(f"{folder / 'config.json'}: it does not name the classes; the file is damaged.")
    try:
        return head, Config.read(values)
    except (TypeError, ValueError) as error:
        raise RunError(f"{folder / 'config.json'}: {error}") from None


def build_from(config: Config, tensors: dict[str, Tensor], classes: Sequence[str], where: Path, kinds: Kinds) -> Method:
    """A game of the shapes found in ``tensors``, which come from the file ``where``, to restore them into."""
    vectors = tensors.get("selector.embedding.weight")
    if vectors is None:
        raise RunError(f"{where} is damaged: it holds no word vectors")
    config = replace(config, player_options=kinds.encoder.blank(config.player_options))
    return build_game(config, vectors, len(classes), kinds=kinds)


def game_tensors(game: Method) -> dict[str, Tensor]:
    """The game's tensors on the CPU, each once, under its first name: the players share word vectors."""
    state, shared = game.state_dict(), _shared(game)
    return {name: value.detach().cpu().clone().contiguous() for name, value in state.items() if name not in shared}


def _shared(game: Method) -> set[str]:
    """The names under which a tensor of the game comes again."""
    named = [*game.named_parameters(remove_duplicate=False), *game.named_buffers(remove_duplicate=False)]
    first: dict[Tensor, str] = {}
    return {name for name, value in named if first.setdefault(value, name) != name}


def restore(game: Method, tensors: dict[str, Tensor], where: Any) -> Method:
    """Load ``tensors`` into ``game``; RunError when they do not fit."""
    try:
        missing, surplus = game.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        why = str(error).splitlines()[-1].strip()
        raise RunError(f"{where}: the saved game does not fit its config: {why}") from None
    if wrong := sorted({*missing, *surplus} - _shared(game)):
        raise RunError(f"{where}: the saved game does not fit its config: {wrong[0]}")
    return game


def part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose name begins with ``prefix``, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
