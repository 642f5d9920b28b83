"""The paper's four empirical observations (§4.2, §4.3) as measurements of a game; lessons 03 to 06 use them.

Nothing here changes the game that it measures, nor the random numbers of a training that is under way. Measurements
that need the true P(Y | words) take the review world's oracle (:class:`~ver_lite.corpora.review_world.ReviewWorld`).
"""

from __future__ import annotations

import statistics
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ver_lite import masks
from ver_lite.corpora.core import Batch, Corpus, Split
from ver_lite.methods import Method
from ver_lite.players.players import in_mode
from ver_lite.system.checks import check_choice
from ver_lite.training.config import Config
from ver_lite.training.runs import Run
from ver_lite.training.training import train

SHOWN = ("own", "gold", "gold alone")


class Oracle(typing.Protocol):
    """Knows P(Y | visible words) and gives its logarithm, float64 [B, C], for tokens and mask [B, T]."""

    def log_posterior(self, tokens: Tensor, mask: Tensor, *, prior: float = 0.5) -> Tensor: ...


@contextmanager
def _undisturbed(game: Method, training: bool) -> Iterator[None]:
    """The game in the mode asked for; afterwards in its own mode, and torch's random numbers where they were."""
    device = next(game.parameters()).device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), in_mode(game, training):
        yield


# Observation 1: a small region


@dataclass
class SmallRegion:
    """Observation 1 (Fig. 2a, Eq. 7): how much a selection changes in one step of training, and how much it changes
    without any step. Give it to ``train(watch=...)``.

    It looks at the first step of every ``every``-th epoch, and appends to ``seen`` a row with

    ``step``      the number of the step, from 1
    ``change``    non-overlap of a mask drawn before the step and one drawn after it, same batch (the paper's measure)
    ``floor``     non-overlap of two masks drawn before the step: one selector, sampling noise alone
    ``expected``  the average of ``change``, computed instead of drawn, and without dropout
    ``moved``     the part of ``expected`` that comes from the selector's movement; the rest is the floor

    Means over the texts of the batch. ``change`` and ``floor`` are drawn as in training, with dropout.
    """

    steps_per_epoch: int
    every: int = 1
    seed: int = 0

    def __post_init__(self):
        self.step, self.seen = 0, []
        self._noise: torch.Generator | None = None
        self._before: tuple[Tensor, Tensor, Tensor] | None = None

    def before(self, game: Method, batch: Batch) -> None:
        self.step += 1
        self._before = None
        if (self.step - 1) % (self.every * self.steps_per_epoch):
            return
        self._before = (self._draw(game, batch), self._draw(game, batch), self._shares(game, batch))

    def after(self, game: Method, batch: Batch) -> None:
        if self._before is None:
            return
        first, second, shares = self._before
        later = self._shares(game, batch)
        row = {
            "change": masks.non_overlap(first, self._draw(game, batch)),
            "floor": masks.non_overlap(first, second),
            "expected": masks.expected_non_overlap(shares, later),
            "moved": masks.expected_movement(shares, later),
        }
        self.seen.append({"step": self.step, **{name: float(value.mean()) for name, value in row.items()}})

    @torch.no_grad()
    def _draw(self, game: Method, batch: Batch) -> Tensor:
        if self._noise is None:
            self._noise = torch.Generator(batch.tokens.device).manual_seed(self.seed)
        with _undisturbed(game, training=True):
            torch.manual_seed(int(torch.randint(2**31, (), generator=self._noise, device=self._noise.device)))
            logits = game.logits(batch)
        return masks.sample(logits, batch.selectable, generator=self._noise)

    @torch.no_grad()
    def _shares(self, game: Method, batch: Batch) -> Tensor:
        with _undisturbed(game, training=False):
            return game.logits(batch).softmax(-1)[..., 1] * batch.selectable


# Observation 2: gold misjudged


@dataclass(frozen=True)
class Judgement:
    """How a predictor judges one kind of rationale on a split: Fig. 3 and 10, and the split of Eq. 6.

    ``cross_entropy`` is the mean of −log q(y|z) over the texts, ``median`` its median, as in the paper (§A.3). Where an
    oracle was given: ``entropy`` is the mean H(Y | visible words), ``divergence`` the mean KL from the oracle to the
    predictor, all in nats. Their sum is the cross-entropy that the visible words explain; ``rest`` is the remainder:
    luck with these labels, and the effect of the *choice* of the words. It is negative where the predictor has learned
    more from the choice than the words say, positive where the choice hides evidence for the other label, so that the
    words speak for their label more strongly than they should. Luck that belongs to the texts is shared by all games
    judged on them; more seeds do not average it away (lesson 04).
    """

    accuracy: float
    cross_entropy: float
    median: float
    entropy: float | None = None
    divergence: float | None = None

    @property
    def rest(self) -> float | None:
        if self.entropy is None or self.divergence is None:
            return None
        return self.cross_entropy - self.entropy - self.divergence


@torch.no_grad()
def judge(
    game: Method,
    split: Split,
    shown: str = "own",
    *,
    how: str | None = None,
    oracle: Oracle | None = None,
    seed: int = 0,
    batch_size: int = 512,
) -> Judgement:
    """Show the predictor one kind of rationale for every text of ``split``, and measure its answers (§A.3, §A.5).

    ``shown``: the selector's "own" words (``how`` as in ``evaluate``), the "gold" words with the predictor pooling over
    all positions as it does for its own, or "gold alone", pooling over gold positions only, as the released code does
    (then own and gold are not compared alike). Texts without gold words are left out of all three. Raises
    ValueError for another word, or when no text is annotated.
    """
    check_choice("shown", shown, SHOWN)
    device = next(game.parameters()).device
    noise = torch.Generator(device).manual_seed(seed)
    losses, right, doubts, misfits = [], [], [], []
    with _undisturbed(game, training=False):
        for batch in game.batches(split.to(device), batch_size):
            own = game.choose(batch, how, None, noise) if shown == "own" else batch.gold.to(torch.float32)
            mask = own * batch.selectable
            pool = batch.gold | batch.query if shown == "gold alone" else None
            said = game.predict(batch, mask, pool).double().log_softmax(-1)
            counted = batch.gold.any(1)
            losses.append(F.nll_loss(said, batch.labels, reduction="none")[counted])
            right.append((said.argmax(1) == batch.labels)[counted])
            if oracle is not None:
                truth = oracle.log_posterior(batch.tokens, mask)[counted].clamp(min=-1e9)  # 0 log 0 = 0
                known = truth.exp()
                doubts.append(-(known * truth).sum(1))
                misfits.append((known * (truth - said[counted])).sum(1))
    if not losses or not sum(map(len, losses)):
        raise ValueError("no text of this split has a gold rationale")
    loss = torch.cat(losses)
    parts = [float(torch.cat(part).mean()) if part else None for part in (doubts, misfits)]
    median = statistics.median(loss.tolist())
    return Judgement(float(torch.cat(right).double().mean()), float(loss.mean()), median, *parts)


# Observation 3: overfitting to trivial patterns


@dataclass(frozen=True)
class Roughness:
    """Observation 3: how abruptly a predictor answers.

    ``largest`` and ``mean`` of the Lipschitz proxy over the texts (Eq. 10, §A.4). ``hidden`` and ``added``: the mean
    change of P(the label it names) when one shown word is hidden, or one hidden word is shown. Shares of probability.
    """

    largest: float
    mean: float
    hidden: float
    added: float


def roughness(game: Method, split: Split, *, seed: int = 0, batch_size: int = 256) -> Roughness:
    """Measure the predictor on sampled rationales of ``split``: the Lipschitz proxy as §A.4 writes it, and the effect
    of one flipped word, which needs no gradient."""
    slopes, hidden, added = [], [], []
    for batch, drawn, noise in _rationales(game, split, seed, batch_size):
        mask = drawn * batch.selectable
        slopes.append(_slopes(_gradient(game, batch, mask, mean=False), mask))
        for into, on, flipped in ((hidden, mask > 0, 0.0), (added, batch.selectable & (mask == 0), 1.0)):
            lucky = torch.rand(mask.shape, generator=noise, device=mask.device).masked_fill(~on, -1.0).argmax(1)
            changed = mask.scatter(1, lucky[:, None], flipped)
            into.append(_moved(game, batch, mask, changed)[on.any(1)])
    slope = torch.cat(slopes)
    if not len(slope):
        return Roughness(0.0, 0.0, 0.0, 0.0)
    return Roughness(float(slope.max()), *(float(torch.cat(part).mean()) for part in (slopes, hidden, added)))


def lipschitz_released(game: Method, split: Split, *, seed: int = 0, batch_size: int = 256) -> tuple[float, float]:
    """The Lipschitz proxy as the released code computes it: (largest, mean) over the texts, times 1000.

    It differentiates the *mean* P(y = 1) of a batch, so every value is divided by the batch's size, and it takes
    absolute values before it averages over the words. Values compare at equal batch size only. Under the protocol's
    ``count_padding``, selected padding is averaged over, too. The released code leaves dropout on, and deals its
    batches anew each time; here there is no dropout, and batches are those of :meth:`Method.batches`.
    """
    slopes = []
    for batch, mask, _ in _rationales(game, split, seed, batch_size):
        slopes.append(_slopes(_gradient(game, batch, mask, mean=True).abs(), mask))
    slope = 1000 * torch.cat(slopes)
    return (float(slope.max()), float(slope.mean())) if len(slope) else (0.0, 0.0)


def _rationales(
    game: Method, split: Split, seed: int, batch_size: int
) -> Iterator[tuple[Batch, Tensor, torch.Generator]]:
    """Batches with sampled masks, without dropout."""
    device = next(game.parameters()).device
    noise = torch.Generator(device).manual_seed(seed)
    with _undisturbed(game, training=False):
        for batch in game.batches(split.to(device), batch_size):
            with torch.no_grad():
                mask = game.choose(batch, "sample", None, noise)
            yield batch, mask, noise


def _gradient(game: Method, batch: Batch, mask: Tensor, *, mean: bool) -> Tensor:
    """∂ P(y = 1) / ∂ (the shown word vectors), float [B, T, D]; of the batch's mean, or of each text's own."""
    read, answer = game.predictor.reading(batch.tokens, batch.real, mask + batch.query)
    read = read.detach().requires_grad_(True)
    p = answer(read).softmax(-1)[:, 1]
    return torch.autograd.grad(p.mean() if mean else p.sum(), read)[0]


def _slopes(gradient: Tensor, mask: Tensor) -> Tensor:
    """The norm of each text's gradient, averaged over its shown words; texts that show none are left out (§A.4)."""
    slope = (gradient * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    return slope.norm(dim=1)[mask.sum(1) > 0]


@torch.no_grad()
def _moved(game: Method, batch: Batch, mask: Tensor, changed: Tensor) -> Tensor:
    """How much the probability of the label predicted from ``mask`` changes when ``changed`` is shown: float [B]."""
    before, after = (game.predict(batch, shown).softmax(-1) for shown in (mask, changed))
    named = before.argmax(1, keepdim=True)
    return (before.gather(1, named) - after.gather(1, named)).abs()[:, 0]


# Observation 4: random masks


def random_then_frozen(corpus: Corpus, config: Config, *, share: float = 0.125, **options: Any) -> tuple[Run, Run]:
    """Observation 4 (Fig. 6, §A.6): teach the predictor on uniformly random ``share`` of each text's words, freeze it,
    and train a fresh selector against it as in RNP. ``options`` go to ``train``, for both stages. Returns both runs."""
    taught = train(corpus, config, method="random-masks", alpha=share, **options)
    taught.last.predictor.requires_grad_(False)
    return taught, train(corpus, config, method="rnp", players=taught.last, **options)
