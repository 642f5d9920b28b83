"""The config of a run: everything that decides it, checked when the config is made."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ver_lite.methods import METHODS, Method, Protocol, library_method, method_name
from ver_lite.players.base import Encoder
from ver_lite.players.encoders import encoder_name, library_encoder
from ver_lite.system.checks import check_choice, check_number, check_switch
from ver_lite.system.outside import is_outside


def setting(default: Any, said: str) -> Any:
    """A field of :class:`Config` with its default and its help text on the command line."""
    made = {"default_factory": default} if callable(default) else {"default": default}
    return field(**made, metadata={"help": said})


@dataclass(frozen=True)
class Config:
    """Everything that decides a run. Checked when made; a wrong value is a ValueError that names the parameter.

    ``corpus``: the name or path and options given to ``load_corpus``. ``method``, ``encoder``: a name of the library's,
    or "package.module:Class". ``vectors``: a GloVe file, "glove" for the installed (50) or fetched one of size
    ``dimension``, or None for random vectors of that size. ``alpha``, ``lambda1``, ``lambda2``: Ω (Eq. 4). ``options``:
    the settings that only this method has, by the names of its constructor's arguments; those not given have their
    defaults. VER's is ``perturbation``, p of Eq. 8. ``player_options``: the settings that only these players have. The
    defaults suit a laptop; the paper trains GRUs of size 200 with learning rate 1e-4 and batches of 128 for 300 epochs.

    The options of a method outside the library are checked when its class is known: see :meth:`settled`.
    """

    corpus: dict[str, Any] = field(default_factory=dict)
    method: str = setting("rnp", "rnp, ver, ...; or a class of yours: file.py:Class.")
    alpha: float = setting(0.2, "The share of words to select.")
    lambda1: float = setting(2.0, "Weight of the sparsity term of Eq. 4.")
    lambda2: float = setting(0.02, "Weight of the continuity term of Eq. 4.")
    temperature: float = setting(1.0, "Of the Gumbel-softmax that draws masks.")
    protocol: Protocol = setting(Protocol.paper, "paper or released: see ver_lite.Protocol.")
    encoder: str = setting("conv", "conv, fast on a laptop; gru, as in the paper; bert; or file.py:Class.")
    hidden: int = setting(64, "Size of the encoders; BERT's is its own.")
    dropout: float = setting(0.2, "Share of the players' states that dropout hides.")
    vectors: str | None = setting(None, "A GloVe file, or glove; default: random vectors.")
    dimension: int = setting(100, "Size of random vectors.")
    trainable_vectors: bool = setting(False, "Word vectors learn, too.")
    learning_rate: float = setting(2e-3, "Adam's; for bert try 1e-4.")
    batch_size: int = setting(32, "Texts a step.")
    epochs: int = setting(30, "Passes over the training texts.")
    seed: int = setting(1, "Of everything random.")
    options: dict[str, Any] = field(default_factory=dict)
    player_options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        if not isinstance(self.protocol, Protocol):
            raise ValueError(f"protocol must be a Protocol, not {self.protocol!r}")
        for one in dataclasses.fields(self):
            if one.type == "int":
                least, most = (0, 2**32 - 1) if one.name == "seed" else (1, 2**31 - 1)
                check_number(one.name, getattr(self, one.name), least=least, most=most, whole=True)
        check_number("alpha", self.alpha, above=0, most=1)
        check_number("dropout", self.dropout, least=0, below=1)
        for name in ("lambda1", "lambda2"):
            check_number(name, getattr(self, name), least=0)
        for name in ("temperature", "learning_rate"):
            check_number(name, getattr(self, name), above=0)
        if not is_outside(self.method):
            self._settle_method(library_method(self.method))
        if not is_outside(self.encoder):
            self._check_players(library_encoder(self.encoder))

    def settled(self, method: type[Method], encoder: type[Encoder]) -> Config:
        """This config with its method's options complete. ``method`` and ``encoder`` are the classes that it names.
        Raises ValueError for an option that they don't have."""
        config = dataclasses.replace(self)
        config._settle_method(method)
        config._check_players(encoder)
        return config

    def _settle_method(self, kind: type[Method]) -> None:
        usual = kind.options()
        if taken := sorted(set(usual) & set(SETTINGS)):
            raise ValueError(f"{kind.__name__} has an option called {taken[0]!r}, which is a setting of every run")
        if unknown := [name for name in self.options if name not in usual]:
            raise ValueError(f"no option of {self.method} is called {unknown[0]!r}; {_nearest(unknown[0], usual)}")
        options = {**usual, **self.options}
        if needed := [name for name, value in options.items() if value is inspect.Parameter.empty]:
            raise ValueError(f"{self.method} needs the option {needed[0]}: options={{{needed[0]!r}: ...}}")
        kind.check_options(options)
        object.__setattr__(self, "options", options)

    def _check_players(self, kind: type[Encoder]) -> None:
        _check_names(f"player option of {self.encoder} players", self.player_options, players_options(kind))
        kind.check(self.hidden, self.player_options, self.vectors is not None or self.trainable_vectors)
        compact = self.player_options.get("compact", False)
        check_switch("player option compact", compact)
        if compact and kind.follows_padding() and self.protocol.read_padding:
            raise ValueError("player option compact hides where words stood; protocol.read_padding would show it again")

    @classmethod
    def make(cls, values: Mapping[str, Any]) -> Config:
        """Make a config from plain values: settings by name, and options of the method by name too, as a user writes
        them. ``method`` and ``encoder`` may be classes, ``protocol`` a name or a mapping of switches. Unknown names
        raise ValueError with the nearest one."""
        given = dict(values)
        if isinstance(given.get("method"), type):
            own: Collection[str] | None = given["method"].options()
            given["method"] = method_name(given["method"])
        else:
            name = given.get("method", "rnp")
            own = None if not isinstance(name, str) or is_outside(name) else library_method(name).options()
        if isinstance(given.get("encoder"), type):
            given["encoder"] = encoder_name(given["encoder"])
        for name in ("method", "encoder"):
            if not isinstance(given.get(name, ""), str):
                raise ValueError(f"{name} must be a name or a class, not {given[name]!r}")
        options = dict(given.get("options") or {})
        for name in [name for name in given if name not in SETTINGS]:
            if own is not None and name not in own:
                raise ValueError(_unknown(name, given.get("method", "rnp"), own))
            if name in options:
                raise ValueError(f"{name} is given twice: by itself and in options")
            options[name] = given.pop(name)
        return cls(**{**given, "options": options, "protocol": make_protocol(given.get("protocol", "paper"))})

    @classmethod
    def read(cls, recorded: Mapping[str, Any]) -> Config:
        """Read a config as a run folder or a record holds it, of this release or an earlier one. Before 0.2, every
        method had a ``perturbation`` beside its options, though only VER and the methods that build on it used it."""
        values = dict(recorded)
        kind = METHODS.get(values.get("method", "rnp"))
        if "perturbation" in values and kind is not None:
            old = values.pop("perturbation")
            if "perturbation" in kind.options():
                values["options"] = {"perturbation": old, **(values.get("options") or {})}
        _check_names("setting", values, SETTINGS)
        return cls.make(values)

    def but(self, **settings: Any) -> Config:
        """This config with other settings, as :meth:`make` takes them. Another method begins with its own defaults."""
        same = dataclasses.asdict(self)
        method = settings.get("method", self.method)
        if (method_name(method) if isinstance(method, type) else method) != self.method:
            del same["options"]
        else:
            same["options"] = {n: v for n, v in same["options"].items() if n not in settings}
        return Config.make({**same, **settings})

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


SETTINGS = tuple(one.name for one in dataclasses.fields(Config))


def make_protocol(given: Protocol | str | Mapping[str, Any]) -> Protocol:
    """A protocol from its name, or from a mapping of its switches. Raises ValueError."""
    if isinstance(given, str):
        check_choice("protocol", given, ("paper", "released"))
        return getattr(Protocol, given)()
    if isinstance(given, Mapping):
        switches = [one.name for one in dataclasses.fields(Protocol)]
        if unknown := [name for name in given if name not in switches]:
            raise ValueError(f"protocol has no switch {unknown[0]!r}; there are: {', '.join(switches)}")
        return Protocol(**given)
    return given


def players_options(kind: type[Encoder]) -> dict[str, Any]:
    """The settings that only players with this encoder have, and their defaults: the encoder's own, and ``compact``,
    for a predictor that sees the kept words closed up (compaction.py)."""
    return kind.options() | {"compact": False}


def _unknown(name: str, method: str, own: Collection[str]) -> str:
    if others := _methods_with(name):
        return f"{name} is a setting of {', '.join(others)}, not of {method}"
    options = sorted({option for kind in METHODS.values() for option in kind.options()})
    near = difflib.get_close_matches(name, [*SETTINGS, *own], n=1) or difflib.get_close_matches(name, options, n=1)
    return f"no setting is called {name!r}; " + (
        f"did you mean {near[0]!r}?" if near else f"there are: {', '.join([*SETTINGS, *own])}"
    )


def _methods_with(option: str) -> list[str]:
    """The library's methods that have an option of this name."""
    return [name for name, kind in METHODS.items() if option in kind.options()]


def _nearest(option: str, own: Collection[str]) -> str:
    """What a method has instead of an option that it does not have."""
    near = difflib.get_close_matches(option, own, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    if others := _methods_with(option):
        return f"it is one of {', '.join(others)}"
    return f"there are: {', '.join(own)}" if own else "it has none"


def _check_names(what: str, given: Iterable[str], known: Collection[str]) -> None:
    """Raise ValueError, with the nearest right name, unless every name that is given is known."""
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            there = f"there are: {', '.join(known)}" if known else "it has none"
            raise ValueError(f"no {what} is called {name!r}; {f'did you mean {near[0]!r}?' if near else there}")
