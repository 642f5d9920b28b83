"""What is proved about the two-word game (`two_word_game`, lesson 07): how long RNP and VER wait for the better word.

The better word's *practice* u, du = η_w r_g/K_g dt, fixes ℓ_g, from w_g = 0. At u* it is down to
H(a_l). D(u) = ℓ_g(u) − H(a_l); A = ∫ D du up to u*; κ = K_g η_s/η_w; o = s/(1 − s) = e^θ; s₀ and o₀ at the start.

1. RNP, the lesser word known from the start, w_l = logit a_l: θ + e^θ + κ ∫ D du never changes. The turn, ℓ_g = ℓ_l,
   comes at u*. There s₀ e^(−κA) ≤ s ≤ o₀ e^(o₀) e^(−κA), and (e^(κA) − 1)/(κA o₀ e^(o₀)) ≤ t η_w/(K_g u*) ≤ e^(κA)/s₀:
   the wait is exponential in κA. It is not for ever: 1/o grows no faster than η_s (ln 2 − H(a_l)) t.
2. RNP, the whole game, w_l = 0 at first, s₀ ≤ ½. With R = K_g/K_l and D_R(u) = ℓ_g(u) − ℓ_l(R u) in place of D, û is
   the zero and A_R the integral. Let R > ((2a_g − 1)/(2a_l − 1))² and R ≥ 1/(4a_l(1 − a_l)). Then the lowest odds lie
   between those of 1 for A and for A_R, and every turn between the times of 1 for D up to u* and for D_R up to û.
3. VER, any w_l at first: ℓ_g < ℓ_l for good from t = K_g u*/(η_w q) on, q = min(1 − p, p/(1 + n)). That is linear in
   K_g and, for p ≤ (1 + n)/(2 + n), in (1 + n)/p. The odds never fall below 1/(1/o₀ + κA/q).

Why. 1: divide dθ by du; D falls, so its integral lies above the chord. 2: ℓ_l ≥ H(a_l), so D is the largest difference
at practice u; while s ≤ ½ the lesser word has practice R u or more, so D_R is the smallest; with R as given D_R rises
first, then falls. 3: r_g ≥ q, and d(1/o)/dt ≤ η_s D. From s = ½, RNP goes up first if R < ((2a_g − 1)/(2a_l − 1))².
With time in units of 1/η_s, RNP has four constants: a_g, a_l, R and η_w/(η_s K_l).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ver_lite.theory.two_word_game import Numbers, TwoWordGame, logit, loss, sigmoid


def practice(w: ArrayLike, a: ArrayLike, start: ArrayLike = 0.0) -> Numbers:
    """The practice u in which dw/du = a − σ(w) leads from `start` to `w` < logit a: U(w) − U(start) with
    U(w) = −[ln(a − σ(w)) + ℓ(−w, a)] / (a(1 − a)).
    """
    left, left_at_start = (np.maximum(a - sigmoid(x), np.finfo(np.float64).tiny) for x in (w, start))
    gained = loss(np.negative(start), a) - loss(np.negative(w), a)
    return (np.log(left_at_start / left) + gained) / np.multiply(a, np.subtract(1.0, a))


def practice_needed(better: ArrayLike, lesser: ArrayLike, rarity: ArrayLike = np.inf) -> Numbers:
    """u*, the practice at which the better word costs no more than the known lesser one. A finite `rarity` R: û, where
    the lesser word is learned too, R times as fast; 0 when the better word leads at once.
    """
    return _learning(better, lesser, rarity)[0][-1]


def patience_needed(better: ArrayLike, lesser: ArrayLike, rarity: ArrayLike = np.inf) -> Numbers:
    """A, for a finite `rarity` A_R: the area between both losses while the better word is learned, nats × practice."""
    return _learning(better, lesser, rarity)[1][-1]


def rnp_lowest_share(game: TwoWordGame, share: ArrayLike = 0.5, rarity: ArrayLike = np.inf) -> Numbers:
    """RNP's s at the turn when s = `share` at the start, by propositions 1 and 2; `perturbation` is ignored.

    Exact for a lesser word known from the start. In the whole game the lowest s lies between this and the value for
    `rarity=game.rarity`.
    """
    return sigmoid(_log_odds(share, game.kappa * patience_needed(game.better, game.lesser, rarity)))


def rnp_log10_turning_time(game: TwoWordGame, share: ArrayLike = 0.5, rarity: ArrayLike = np.inf) -> Numbers:
    """log₁₀ of RNP's turning time, ∫ K_g/(η_w s) du; a logarithm, because the time itself may overflow.

    It is exact, or one of two bounds, in the same cases as `rnp_lowest_share`.
    """
    u, area = _learning(np.zeros(game.shape) + game.better, game.lesser, rarity)
    wait = np.logaddexp(0.0, -_log_odds(share, game.kappa * area))
    height = np.exp(wait - wait.max(axis=0))
    total = np.sum((height[1:] + height[:-1]) / 2 * np.diff(u, axis=0), axis=0) * game.better_types
    return (wait.max(axis=0) + np.log(total / game.predictor_speed)) / math.log(10)


def ver_turning_bound(game: TwoWordGame) -> Numbers:
    """K_g u*/(η_w q): from this time on ℓ_g < ℓ_l, whatever the selector does (proposition 3). `inf` for RNP."""
    with np.errstate(divide="ignore"):
        return game.better_types * practice_needed(game.better, game.lesser) / game.predictor_speed / game.least_shown


def ver_lowest_share_bound(game: TwoWordGame, share: ArrayLike = 0.5) -> Numbers:
    """s never falls below this when it is `share` at the start (proposition 3). 0 for RNP."""
    with np.errstate(divide="ignore"):
        return 1 / (1 / np.asarray(share) + game.kappa * patience_needed(game.better, game.lesser) / game.least_shown)


def _learning(better: ArrayLike, lesser: ArrayLike, rarity: ArrayLike) -> tuple[Numbers, Numbers]:
    """Practice and ∫ D_R du at the edges of 500 panels up to the zero of D_R, each [501, ...]."""
    low = np.zeros(np.broadcast_shapes(np.shape(better), np.shape(lesser), np.shape(rarity)))
    turn = _crossing(lambda w: -_difference(w, better, lesser, rarity), low, logit(better))
    w = np.linspace(0.0, turn, 1001)
    height = _difference(w, better, lesser, rarity) / (better - sigmoid(w))
    panels = (height[:-2:2] + 4 * height[1::2] + height[2::2]) * (w[2::2] - w[:-2:2]) / 6
    return practice(w[::2], better), np.concatenate([np.zeros_like(panels[:1]), np.cumsum(panels, axis=0)])


def _difference(w: ArrayLike, better: ArrayLike, lesser: ArrayLike, rarity: ArrayLike) -> Numbers:
    """D_R at the better word's weight `w`; D when `rarity` is infinite."""
    w_l = logit(lesser)
    if not np.isinf(rarity).all():
        u = np.multiply(rarity, np.maximum(practice(w, better), np.finfo(np.float64).tiny))
        w_l = _crossing(lambda x: practice(x, lesser) - u, np.zeros_like(u), w_l)
    return loss(w, better) - loss(w_l, lesser)


def _log_odds(share: ArrayLike, fallen: ArrayLike) -> Numbers:
    """θ where θ + e^θ is `fallen` below its value at s = `share`: Newton's rule, which comes from the right."""
    height = logit(share) + np.exp(logit(share)) - fallen
    theta = np.where(height < 1, height, np.log(np.maximum(height, 1.0)))
    for _ in range(20):
        theta = theta - (theta + np.exp(theta) - height) / (1 + np.exp(theta))
    return theta


def _crossing(rising: Callable[[Numbers], Numbers], low: ArrayLike, high: ArrayLike) -> Numbers:
    """Where a rising function is 0 between `low` and `high`, by halving."""
    for _ in range(50):
        middle = (low + high) / 2
        below = rising(middle) < 0
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2
