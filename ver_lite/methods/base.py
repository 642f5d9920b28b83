"""The base class of methods, and the switches on which paper and released code disagree.

A method holds the two players and turns a batch into losses, which the trainer minimizes in turn. The trainer owns
optimizers, device, counters and progress.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Generator, Tensor, nn
from torch.nn import functional as F

from ver_lite import masks
from ver_lite.corpora.core import Batch, Split
from ver_lite.players.base import Encoder
from ver_lite.players.players import Dropout, Predictor, Selector
from ver_lite.system.checks import check_choice, check_number

EVALUATIONS = ("argmax", "sample", "top_k")


@dataclass(frozen=True)
class Protocol:
    """The switches on which the paper's formulas and its released code differ. The defaults are the paper's; lesson 11
    tries each switch.

    ``omega``: Ω of Eq. 4 per "text", or one share and one mean per "batch". ``flips``: the perturbation counts its
    drops per "text" (Eq. 8) or per "batch". ``select_padding``: in training, padding may be selected, and counts in Ω.
    ``read_padding``: the backward GRU starts at the padded end. ``cross_entropy_weight``: factor of H_c.
    ``evaluation``: how masks are made at test time; the paper doesn't say, the released code samples.
    ``gold_pooling``: over which positions the predictor pools when it is shown the gold rationale, "all" or only "gold"
    ones. ``unknown``: an unknown word has its "own" vector or padding's "zero". ``pad_to``: every batch is padded to so
    many places (None: to its longest text; a longer text is not cut). ``deal``: in training, a batch has texts of like
    "length" or is dealt at "random"; at test time, in the split's order. ``count_padding``: at test time, padding may
    be selected by "argmax" and "sample" masks, and is counted in S, P and F1; the counts made in training are of words.

    The width of a batch decides numbers under ``omega="batch"``, whose mean change is over all its places, and under
    ``select_padding``, ``read_padding`` and ``count_padding``. Then no device rounds it up.
    """

    omega: str = "text"
    flips: str = "text"
    select_padding: bool = False
    read_padding: bool = False
    cross_entropy_weight: float = 1.0
    evaluation: str = "argmax"
    gold_pooling: str = "all"
    unknown: str = "own"
    pad_to: int | None = None
    deal: str = "length"
    count_padding: bool = False

    CHOICES: ClassVar[dict[str, tuple]] = {
        "omega": ("text", "batch"),
        "flips": ("text", "batch"),
        "select_padding": (False, True),
        "read_padding": (False, True),
        "evaluation": EVALUATIONS,
        "gold_pooling": ("all", "gold"),
        "unknown": ("own", "zero"),
        "deal": ("length", "random"),
        "count_padding": (False, True),
    }

    def __post_init__(self):
        for name, choices in self.CHOICES.items():
            check_choice(f"protocol {name}", getattr(self, name), choices)
        check_number("protocol cross_entropy_weight", self.cross_entropy_weight, above=0)
        if self.pad_to is not None:
            check_number("protocol pad_to", self.pad_to, least=1, whole=True)

    @classmethod
    def paper(cls) -> Protocol:
        """The paper's formulas."""
        return cls()

    @classmethod
    def released(cls) -> Protocol:
        """What the published code of VER does; it pads every text to 256 words."""
        return cls("batch", "batch", True, True, 0.9, "sample", "gold", "zero", 256, "random", True)

    @property
    def width_matters(self) -> bool:
        """Whether a step's numbers depend on how far its batch is padded."""
        return self.omega == "batch" or self.select_padding or self.read_padding


@dataclass(frozen=True)
class Step:
    """One move: the players whose optimizer to step, and the loss; ``mask`` and ``logits`` are for the counters.

    ``pace``: factors by which to multiply learning rates in this step, by the name of the group of parameters.
    """

    players: str
    loss: Tensor
    mask: Tensor | None = None
    logits: Tensor | None = None
    pace: dict[str, Tensor] = field(default_factory=dict)


class Method(nn.Module):
    """The two players and what all methods share. Subclasses write :meth:`play`.

    ``alpha``: the sparsity Ω asks for. ``lambda1``, ``lambda2``: Ω's weights (Eq. 4). ``temperature``: of the
    Gumbel-softmax. ``generator``: where masks and perturbations draw their noise (None: torch's own). ``judged_on``:
    the kind of masks with which accuracy on dev is measured, to choose the epoch (None: the protocol's).
    ``ranks_only``: scores only order the words of a text and have no zero, so "argmax" and "sample" masks are "top_k"
    masks. ``draws``: in training, masks are drawn; otherwise they are every word's likelier choice, without noise.
    """

    players_settings: dict[str, Any] | None = None  # the players' settings, where a config made the game
    judged_on: ClassVar[str | None] = None
    ranks_only: ClassVar[bool] = False
    draws: bool = True

    def __init__(
        self,
        selector: Selector,
        predictor: Predictor,
        *,
        alpha: float = 0.2,
        lambda1: float = 2.0,
        lambda2: float = 0.02,
        temperature: float = 1.0,
        protocol: Protocol | None = None,
        generator: Generator | None = None,
    ):
        super().__init__()
        check_number("alpha", alpha, above=0, most=1)
        check_number("lambda1", lambda1, least=0)
        check_number("lambda2", lambda2, least=0)
        check_number("temperature", temperature, above=0)
        self.selector, self.predictor = selector, predictor
        self.alpha, self.lambda1, self.lambda2, self.temperature = alpha, lambda1, lambda2, temperature
        self.protocol = protocol or Protocol.paper()
        self.generator = generator

    def play(self, batch: Batch) -> Iterator[Step]:
        """The losses of one batch, in the order in which the players move.

        At each ``yield`` the trainer clears the gradients of the players named in the step, calls ``backward`` on its
        loss, and steps their optimizer. So, between two yields:

        * The graph of the loss is gone. What a later loss needs of an earlier one is computed again, or detached.
        * The named players have moved. A loss computed before the yield is that of the players as they were.
        * A loss may send gradients to players that it does not name. They are cleared before those players' own step
          and change no parameter; ``frozen`` saves computing them.
        * Exactly one step of a batch carries ``mask`` and ``logits``: the epoch's counts are made from these.
        * All noise comes from ``self.generator``, and no tensor is read back from the device (no ``.item()``, no
          ``if`` on a tensor): on a GPU a whole batch is recorded once and replayed. An encoder with ``reads_device``
          is not recorded.
        * Parameters and buffers stay where they are in memory: they are changed in place or not at all.
        """
        raise NotImplementedError

    def draw_dropout_from(self, generator: Generator | None) -> None:
        """Where the players' dropout draws its noise (None: torch's own generator)."""
        for player in self.modules():
            if isinstance(player, Dropout):
                player.generator = generator

    def prepare(self, train: Split) -> None:
        """Learn what the method needs from the training texts, before the first step (nothing here). A subclass keeps
        it in buffers, so that it is saved with the game."""

    def groups(self) -> dict[str, list[dict[str, Any]]]:
        """The parameters of each optimizer, by the name that a step gives: groups as :func:`learners` makes them. Here
        one optimizer, "game", steps everything that learns."""
        return {"game": learners(self)}

    @property
    def classes(self) -> int:
        return self.predictor.head.out_features

    def batches(self, split: Split, size: int) -> Iterator[Batch]:
        """The texts of ``split`` in batches of ``size``, dealt and padded for a test as the protocol says."""
        by_length, width = self.protocol.deal == "length", self.protocol.pad_to
        yield from (split.batch(rows, width) for rows in split.batch_rows(size, by_length=by_length))

    def countable(self, batch: Batch) -> Tensor:
        """Where a mask may select at test time, and is counted: bool [B, T]. Never the query."""
        return ~batch.query if self.protocol.count_padding else batch.selectable

    @classmethod
    def options(cls) -> dict[str, Any]:
        """The method's own settings and their defaults: the keyword arguments of its constructor and of its base
        classes' constructors, without those that every method has."""
        own: dict[str, Any] = {}
        for kind in reversed(cls.__mro__[: cls.__mro__.index(Method)]):
            if "__init__" in vars(kind):
                named = inspect.signature(kind).parameters.values()
                own |= {p.name: p.default for p in named if p.kind is p.KEYWORD_ONLY}
        return own

    @classmethod
    def check_options(cls, options: dict[str, Any]) -> None:
        """Raise ValueError for values that this method's options cannot have. A config calls it when it is made, so
        that a spec of many runs is refused before the first is trained. What only the constructor checks is refused
        when the game is built."""

    def logits(self, batch: Batch) -> Tensor:
        """The selector's logits for every word: float [B, T, 2], channel 1 = select."""
        return self.selector(batch.tokens, batch.real)

    def scores(self, batch: Batch) -> Tensor:
        """How much the selector wants each word: float [B, T], the log-odds of selecting it."""
        logits = self.logits(batch)
        return logits[..., 1] - logits[..., 0]

    def select(self, batch: Batch, logits: Tensor | None = None) -> Tensor:
        """A mask [B, T] to learn from, which carries the gradient of ``logits`` (None: the selector's)."""
        may = ~batch.query if self.protocol.select_padding else batch.selectable
        logits = self.logits(batch) if logits is None else logits
        if not self.draws:
            return masks.likelier(logits, may, temperature=self.temperature)
        return masks.sample(logits, may, temperature=self.temperature, generator=self.generator)

    def predict(self, batch: Batch, shown: Tensor, pool: Tensor | None = None) -> Tensor:
        """Logits [B, C] from the words ``shown`` [B, T] alone; a query is always shown."""
        return self.predictor(batch.tokens, batch.real, shown + batch.query, pool)

    def omega(self, mask: Tensor, batch: Batch) -> Tensor:
        """Ω(m) by the protocol."""
        price = masks.omega if self.protocol.omega == "text" else masks.omega_released
        return price(mask, batch.selectable, self.alpha, self.lambda1, self.lambda2)

    def cross_entropy(self, logits: Tensor, batch: Batch) -> Tensor:
        """H_c(Y, Ŷ | Z) of the batch, weighted by the protocol."""
        return self.protocol.cross_entropy_weight * F.cross_entropy(logits, batch.labels)

    def choose(self, batch: Batch, how: str | None = None, share: float | None = None, generator=None) -> Tensor:
        """The mask [B, T] used at test time. ``how``: "argmax", "sample" (with ``generator``) or "top_k" (``share`` of
        each text, default alpha); None: as the protocol says. "all" shows the whole text. Under ``count_padding`` the
        first two may select padding (:meth:`countable`)."""
        how = how or self.protocol.evaluation
        if share is not None and how != "top_k":
            raise ValueError(f"a share is for top_k masks, not for {how!r}")
        if how == "all":
            return batch.selectable.float()
        if self.ranks_only and how in EVALUATIONS:
            how = "top_k"
        if how == "argmax":
            return masks.argmax(self.logits(batch), self.countable(batch))
        if how == "sample":
            may = self.countable(batch)
            return masks.sample(self.logits(batch), may, temperature=self.temperature, generator=generator)
        if how == "top_k":
            return masks.top_k(self.scores(batch), batch.selectable, self.alpha if share is None else share)
        raise ValueError(f"a mask is made by one of: {', '.join(EVALUATIONS)}; not by {how!r}")


def learners(
    *modules: nn.Module, times: float = 1.0, name: str = "", without: nn.Module | None = None
) -> list[dict[str, Any]]:
    """The parameters that learn in ``modules``, each once, as groups for an optimizer. Their learning rate is the run's
    multiplied by ``times``, and for an encoder's parameters by its ``pace`` too. Parameters that are also in
    ``without`` are left out, because word vectors that players share have one optimizer."""
    paces: dict[nn.Parameter, float] = {}
    for module in modules:
        for part in module.modules():  # from the outside in, so the innermost pace counts
            if part is module or isinstance(part, Encoder):
                pace = part.pace if isinstance(part, Encoder) else 1.0
                paces |= {p: pace for p in part.parameters() if p.requires_grad}
    for parameter in [] if without is None else without.parameters():
        paces.pop(parameter, None)
    groups: dict[float, list[nn.Parameter]] = {}
    for parameter, pace in paces.items():
        groups.setdefault(pace, []).append(parameter)
    return [{"params": params, "times": times * pace, "name": name} for pace, params in groups.items()]


@contextmanager
def frozen(*players: nn.Module) -> Iterator[None]:
    """Inside, these players' parameters get no gradient, but gradients pass through to the mask that they read."""
    learning = [p for player in players for p in player.parameters() if p.requires_grad]
    try:
        for parameter in learning:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)
