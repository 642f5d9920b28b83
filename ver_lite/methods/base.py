"""What a method is, and the switches on which paper and released code disagree.

A method holds the two players and turns a batch into the losses it wants minimized, in turn. The trainer owns
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
    """Where the paper's formulas and its released code part. The paper's is the default; lesson 11 tries each switch.

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
    """One move: which players' optimizer to step, on which loss; ``mask`` and ``logits`` are for the counters.

    ``pace``: by what to multiply the learning rate of a group of parameters in this step, by the group's name.
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
    which masks the accuracy on dev comes from, by which an epoch is chosen (None: those of the protocol).
    ``ranks_only``: scores only order the words of a text and have no zero, so "argmax" and "sample" come to "top_k".
    ``draws``: in training, masks are drawn; otherwise they are every word's likelier choice, without noise.
    """

    players_settings: dict[str, Any] | None = None  # what a config says of the players, where one made the game
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
          and move nobody; ``frozen`` saves computing them.
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
        """Learn from the training texts, before the first step, what a method must know of them (nothing here). What is
        learned lies in buffers, so that it is saved with the game."""

    def groups(self) -> dict[str, list[dict[str, Any]]]:
        """What each of the players' optimizers steps: groups as :func:`learners` makes them. Here: one game, in which
        everything learns."""
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
        """The method's own settings and their defaults: what its constructor and those it builds on take by name,
        without those that every method has."""
        own: dict[str, Any] = {}
        for kind in reversed(cls.__mro__[: cls.__mro__.index(Method)]):
            if "__init__" in vars(kind):
                named = inspect.signature(kind).parameters.values()
                own |= {p.name: p.default for p in named if p.kind is p.KEYWORD_ONLY}
        return own

    @classmethod
    def check_options(cls, options: dict[str, Any]) -> None:
        """Raise ValueError for options of this method that cannot be. A config calls it when it is made, so that a spec
        of many runs is refused before the first is trained. What a method checks in its constructor alone is refused
        when the game is built."""

    def logits(self, batch: Batch) -> Tensor:
        """What the selector thinks of every word: float [B, T, 2], channel 1 = select."""
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
    """What learns in ``modules``, as groups of an optimizer: each parameter once, its learning rate the run's
    ``times`` this, multiplied by the encoder's ``pace`` for an encoder's parameters. What is also in
    ``without`` is left to others: word vectors that players share have one optimizer."""
    paces: dict[nn.Parameter, float] = {}
    for module in modules:
        for part in module.modules():  # from the outside in: the innermost pace holds
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
    """What is computed inside gives these players no gradient; it passes through them to the mask that they read."""
    learning = [p for player in players for p in player.parameters() if p.requires_grad]
    try:
        for parameter in learning:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)
