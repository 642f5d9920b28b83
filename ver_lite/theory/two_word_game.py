"""The two-word game (lesson 07): why RNP waits so long for a better word, and how vicinal perturbation ends the wait.

Every text has a *better* word, which agrees with the label with probability a_g and is one of K_g types, and a
*lesser* word (a_l < a_g, K_l types). The selector shows the better one with probability s = σ(θ). The predictor keeps
one weight for every type; by symmetry those of one kind move together. Losses are in nats, ℓ_i = `loss(w_i, a_i)`.

    dθ/dt   = −η_s s(1 − s) (ℓ_g − ℓ_l)            the selector goes to the word that costs less today
    dw_i/dt = −η_w (r_i / K_i) (σ(w_i) − a_i)      the predictor learns what it is shown, type by type

RNP shows the choice itself: r_g = s, r_l = 1 − s. VER swaps it with probability p, for a word drawn from the other one
and n noise words: r_g = s(1 − p) + (1 − s) p/(1 + n). (A noise word agrees half of the time; its weight stays 0.) The
selector is told the losses of its own choice, not of the swapped one, as VER's gradient passes straight through the
swap. Were it scored by what is shown, dθ/dt would only gain the factor 1 − p(2 + n)/(1 + n), without noise 1 − 2p.

What is proved about it, and the numbers of the proofs, is in `two_word_theory`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ver_lite.system.checks import check_number

Numbers = NDArray[np.float64]
State = tuple[ArrayLike, ArrayLike, ArrayLike]

AGREEMENT, COUNT, SPEED = (0.5 + 1e-6, 1 - 1e-6), (1, 1e9), (1e-9, 1e9)
RANGES = dict(better=AGREEMENT, lesser=AGREEMENT, better_types=COUNT, lesser_types=COUNT, selector_speed=SPEED)
RANGES |= dict(predictor_speed=SPEED, perturbation=(0, 1), noise_words=(0, 1e9))


def sigmoid(x: ArrayLike) -> Numbers:
    """σ(x) = 1/(1 + e^−x), precise at both ends; 1 − σ(x) is σ(−x)."""
    return np.exp(-np.logaddexp(0.0, np.negative(x)))


def logit(p: ArrayLike) -> Numbers:
    """ln(p/(1 − p)), the inverse of σ, for 0 < p < 1."""
    return np.log(p) - np.log1p(np.negative(p))


def loss(w: ArrayLike, a: ArrayLike) -> Numbers:
    """ℓ(w, a) = a softplus(−w) + (1 − a) softplus(w) = softplus(w) − a w: the cross-entropy, in nats, of the prediction
    σ(w) for a word that agrees with the label with probability `a`. Least at w = logit a, where it is the entropy H(a).
    """
    return np.logaddexp(0.0, w) - np.multiply(a, w)


@dataclass(frozen=True, eq=False)
class TwoWordGame:
    """The constants of one game, or of a grid of games: any field may be an array, and the fields broadcast.

    `better` and `lesser` are a_g and a_l, ½ < a_l < a_g < 1; `better_types` and `lesser_types` K_g and K_l;
    `selector_speed` and `predictor_speed` η_s and η_w; `perturbation` p, 0 for RNP; `noise_words` n.
    Raises `ValueError`, naming the parameter, for a value outside `RANGES` or a_l ≥ a_g.
    """

    better: ArrayLike = 0.95
    lesser: ArrayLike = 0.80
    better_types: ArrayLike = 50
    lesser_types: ArrayLike = 2
    selector_speed: ArrayLike = 1.0
    predictor_speed: ArrayLike = 0.2
    perturbation: ArrayLike = 0.0
    noise_words: ArrayLike = 0

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            value = np.asarray(getattr(self, name), dtype=np.float64)
            for extreme in (value.min(), value.max()):
                check_number(name, float(extreme), least=low, most=high)
            object.__setattr__(self, name, value if value.ndim else float(value))
        if not np.less(self.lesser, self.better).all():
            raise ValueError(f"lesser: must be below better, {self.better}; got {self.lesser}")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the grid of games; () for a single game."""
        return np.broadcast_shapes(*(np.shape(getattr(self, field.name)) for field in fields(self)))

    @property
    def entropies(self) -> tuple[Numbers, Numbers]:
        """H(a_g) and H(a_l), in nats: what each word costs once it is known perfectly."""
        return self.losses(logit(self.better), logit(self.lesser))

    @property
    def rarity(self) -> Numbers:
        """R = K_g/K_l: how many times less often a better type is seen than a lesser one, at s = ½."""
        return np.divide(self.better_types, self.lesser_types)

    @property
    def kappa(self) -> Numbers:
        """κ = K_g η_s/η_w: the selector's speed against that at which the predictor learns a better word."""
        return np.multiply(self.better_types, self.selector_speed) / self.predictor_speed

    @property
    def least_shown(self) -> Numbers:
        """q = min(1 − p, p/(1 + n)): how often the better word is shown whatever the selector does; 0 for RNP."""
        return np.minimum(np.subtract(1.0, self.perturbation), self.perturbation / np.add(1.0, self.noise_words))

    def losses(self, w_g: ArrayLike, w_l: ArrayLike) -> tuple[Numbers, Numbers]:
        """ℓ_g and ℓ_l, in nats: what the better and the lesser word cost at the predictor's weights."""
        return loss(w_g, self.better), loss(w_l, self.lesser)

    def shown(self, s: ArrayLike) -> tuple[Numbers, Numbers]:
        """r_g and r_l, how often the predictor is shown each word; the rest up to 1 is noise words."""
        keep, swap = np.subtract(1.0, self.perturbation), self.perturbation / np.add(1.0, self.noise_words)
        return s * keep + np.subtract(1.0, s) * swap, np.subtract(1.0, s) * keep + s * swap

    def velocity(self, theta: ArrayLike, w_g: ArrayLike, w_l: ArrayLike) -> tuple[Numbers, Numbers, Numbers]:
        """dθ/dt, dw_g/dt, dw_l/dt; arrays broadcast."""
        s = sigmoid(theta)
        (loss_g, loss_l), (r_g, r_l) = self.losses(w_g, w_l), self.shown(s)
        return (
            -self.selector_speed * s * sigmoid(np.negative(theta)) * (loss_g - loss_l),
            -self.predictor_speed * r_g / self.better_types * (sigmoid(w_g) - self.better),
            -self.predictor_speed * r_l / self.lesser_types * (sigmoid(w_l) - self.lesser),
        )


@dataclass(frozen=True, eq=False)
class Path:
    """How a game went: times `t` [N], the selector's `theta` and the predictor's weights, each `[N, *game.shape]`."""

    game: TwoWordGame
    t: Numbers
    theta: Numbers
    w_g: Numbers
    w_l: Numbers

    @property
    def s(self) -> Numbers:
        """The probability that the selector shows the better word, [N, ...]."""
        return sigmoid(self.theta)

    @property
    def losses(self) -> tuple[Numbers, Numbers]:
        """ℓ_g and ℓ_l along the path, in nats, each [N, ...]."""
        return self.game.losses(self.w_g, self.w_l)


def trajectory(game: TwoWordGame, until: float, points: int = 1000, start: State = (0, 0, 0), step: float = 1) -> Path:
    """Follow the equations from `start` = (θ, w_g, w_l) to time `until` by the classical Runge-Kutta rule, order 4.

    Keeps the start and `points` more states, equally far apart; 1 is enough for a map of final states. No step is
    longer than `step` times the shortest of 1/η_s and K_i/η_w. A grid of games or of starts goes in one sweep.
    Raises `ValueError`, naming the parameter, unless `until`, `points` and `step` are above 0.
    """
    _check_positive(until=until, points=points, step=step)
    speeds = game.selector_speed, game.predictor_speed / np.minimum(game.better_types, game.lesser_types)
    step = step / float(np.max(np.maximum(*speeds)))
    substeps = math.ceil(until / points / step)
    h = until / points / substeps
    state = np.array(np.broadcast_arrays(*start, np.zeros(game.shape))[:3])
    kept = [state]
    for _ in range(points):
        for _ in range(substeps):
            k1 = np.array(game.velocity(*state))
            k2 = np.array(game.velocity(*(state + h / 2 * k1)))
            k3 = np.array(game.velocity(*(state + h / 2 * k2)))
            k4 = np.array(game.velocity(*(state + h * k3)))
            state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        kept.append(state)
    return Path(game, np.linspace(0.0, until, points + 1), *np.stack(kept, axis=1))


def turning_time(path: Path) -> Numbers:
    """The time from which ℓ_g < ℓ_l, and so s rises, to the end of the path; `inf` when ℓ_g ≥ ℓ_l at the end.

    Between two points of the path the losses are taken as straight lines. The time is 0 when the better word costs less
    from the first point on.
    """
    loss_g, loss_l = path.losses
    return _for_good(path.t, loss_l - loss_g)


def escape_time(path: Path) -> Numbers:
    """The time from which the selector prefers the better word, s > ½, to the end of the path; `inf` and 0 are as in
    `turning_time`.
    """
    return _for_good(path.t, path.theta)


def simulate(game: TwoWordGame, texts: int, steps: int, step_size: float, seed: int | np.random.Generator = 0) -> Path:
    """The game with random draws: `texts` texts a step, one weight for every type, gradients of the batch, from 0 on.

    A text draws its two types, whether each agrees with the label, the choice and the swap. The predictor follows the
    gradient of the words shown. The selector follows the gradient of the expected loss of its own choice, for these
    types and labels. As `step_size` shrinks, step i approaches `trajectory` at t = i · `step_size`. The path's weights
    are means over types.
    Raises `ValueError`, naming the parameter, unless it is one game with whole numbers of types and words.
    """
    if game.shape or any(count % 1 for count in (game.better_types, game.lesser_types, game.noise_words)):
        raise ValueError("game: needs a single game with whole numbers of types and words")
    _check_positive(texts=texts, steps=steps, step_size=step_size)
    rng = np.random.default_rng(seed)
    kinds = ((game.better, int(game.better_types)), (game.lesser, int(game.lesser_types)))
    theta, weights, states = 0.0, [np.zeros(count) for _, count in kinds], [(0.0, 0.0, 0.0)]
    for _ in range(steps):
        s, costs = float(sigmoid(theta)), []
        chosen, swapped = rng.random(texts) < s, rng.random(texts) < game.perturbation
        to_other = rng.random(texts) < 1 / (1 + game.noise_words)
        for (a, count), w, own in zip(kinds, weights, (chosen, ~chosen), strict=True):
            types, agrees = rng.integers(count, size=texts), rng.random(texts) < a
            costs.append(loss(w[types], agrees).mean())
            shown = np.where(swapped, ~own & to_other, own)
            pull = np.bincount(types, shown * (sigmoid(w[types]) - agrees), count) / texts
            w -= step_size * game.predictor_speed * pull
        theta -= step_size * game.selector_speed * s * (1 - s) * (costs[0] - costs[1])
        states.append((theta, weights[0].mean(), weights[1].mean()))
    return Path(game, step_size * np.arange(steps + 1), *np.array(states).T)


def _for_good(t: Numbers, lead: Numbers) -> Numbers:
    """The time from which `lead`, [N, ...], is above 0 to the end."""
    behind = lead <= 0
    last = np.minimum(len(t) - 1 - np.argmax(behind[::-1], axis=0), len(t) - 2)
    here, after = (np.take_along_axis(lead, (last + i)[None], axis=0)[0] for i in (0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = t[last] + (t[last + 1] - t[last]) * here / (here - after)
    return np.where(behind[-1], np.inf, np.where(behind.any(axis=0), crossing, 0.0))[()]


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        check_number(name, value, above=0)
