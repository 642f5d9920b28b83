"""Everything that decides a run, checked."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from ver_lite.methods import METHODS, Protocol
from ver_lite.players.players import ENCODERS, player_options
from ver_lite.system.checks import check_choice, check_number, check_switch


@dataclass(frozen=True)
class Config:
    """Everything that decides a run. Checked when made; a wrong value is a ValueError that names the parameter.

    ``corpus``: the name or path and options given to ``load_corpus``. ``vectors``: a GloVe file, "glove" for the
    fetched one of size ``dimension``, or None for random vectors of that size. ``alpha``, ``lambda1``, ``lambda2``: Ω
    (Eq. 4). ``perturbation``: p of Eq. 8 (VER). ``options``: settings that only this method has, by the names of its
    constructor; ``player_options``: those that only these players have. The defaults suit a laptop; the paper trains
    GRUs of size 200 with learning rate 1e-4 and batches of 128 for 300 epochs.
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
    options: dict[str, Any] = field(default_factory=dict)
    player_options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        if self.method not in METHODS:
            raise ValueError(f"no method is called {self.method!r}; choose one of: {', '.join(METHODS)}")
        if self.encoder not in ENCODERS:
            raise ValueError(f"no encoder is called {self.encoder!r}; choose one of: {', '.join(ENCODERS)}")
        if not isinstance(self.protocol, Protocol):
            raise ValueError(f"protocol must be a Protocol, not {self.protocol!r}")
        for setting in dataclasses.fields(self):
            name, kind, value = setting.name, setting.type, getattr(self, setting.name)
            least, most = (0, 2**32 - 1) if name == "seed" else (1, 2**31 - 1)
            if kind == "int":
                check_number(name, value, least=least, most=most, whole=True)
        check_number("alpha", self.alpha, above=0, most=1)
        check_number("perturbation", self.perturbation, least=0, most=1)
        check_number("dropout", self.dropout, least=0, below=1)
        for name in ("lambda1", "lambda2"):
            check_number(name, getattr(self, name), least=0)
        for name in ("temperature", "learning_rate"):
            check_number(name, getattr(self, name), above=0)
        if self.encoder == "gru" and self.hidden % 2:
            raise ValueError(f"hidden must be even for a GRU (half of it a direction), not {self.hidden}")
        if self.encoder == "bert" and (self.vectors is not None or self.trainable_vectors):
            raise ValueError("BERT players have word pieces of their own: no vectors, no trainable_vectors")
        known = {name for name in METHODS[self.method].options() if name != "perturbation"}
        _check_names(f"option of {self.method}", self.options, known)
        _check_names(f"player option of {self.encoder} players", self.player_options, player_options(self.encoder))
        compact = self.player_options.get("compact", False)
        check_switch("player option compact", compact)
        if compact and self.encoder == "gru" and self.protocol.read_padding:
            raise ValueError("player option compact hides where words stood; protocol.read_padding would show it again")

    @classmethod
    def make(cls, values: dict[str, Any]) -> Config:
        """A config from a plain dictionary, as in config.json. Unknown names raise ValueError with the nearest one."""
        names = [f.name for f in dataclasses.fields(cls)]
        _check_names("setting", values, names)
        protocol = values.get("protocol", "paper")
        if isinstance(protocol, str):
            check_choice("protocol", protocol, ("paper", "released"))
            protocol = getattr(Protocol, protocol)()
        elif isinstance(protocol, dict):
            switches = [f.name for f in dataclasses.fields(Protocol)]
            if unknown := [name for name in protocol if name not in switches]:
                raise ValueError(f"protocol has no switch {unknown[0]!r}; there are: {', '.join(switches)}")
            protocol = Protocol(**protocol)
        return cls(**{**values, "protocol": protocol})

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def _check_names(what: str, given: Iterable[str], known: Collection[str]) -> None:
    """Raise ValueError, with the nearest right name, unless every name that is given is known."""
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            there = f"there are: {', '.join(known)}" if known else "it has none"
            raise ValueError(f"no {what} is called {name!r}; {f'did you mean {near[0]!r}?' if near else there}")
