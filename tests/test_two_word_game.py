"""The two-word game: its equations, the propositions of `two_word_theory`, and the game played with real draws."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq

from ver_lite.theory import information
from ver_lite.theory.two_word_game import (
    RANGES,
    Path,
    TwoWordGame,
    escape_time,
    logit,
    loss,
    sigmoid,
    simulate,
    trajectory,
    turning_time,
)
from ver_lite.theory.two_word_theory import (
    patience_needed,
    practice,
    practice_needed,
    rnp_log10_turning_time,
    rnp_lowest_share,
    ver_lowest_share_bound,
    ver_turning_bound,
)

RNP = TwoWordGame()
KNOWN = (0.0, 0.0, float(logit(RNP.lesser)))
PAIRS = [(0.95, 0.8), (0.99, 0.55), (0.9, 0.85), (0.7, 0.6)]

shares = st.floats(0, 1)


@st.composite
def games(draw):
    """Any game: agreements, numbers of types, speeds, perturbation and noise over their useful ranges."""
    lesser, better = sorted(draw(st.lists(st.floats(0.51, 0.99), min_size=2, max_size=2, unique=True)))
    types, speeds = st.floats(1, 1000), st.floats(0.01, 100)
    numbers = draw(st.tuples(types, types, speeds, speeds, shares, st.integers(0, 20)))
    return TwoWordGame(better, lesser, *numbers)


def solved(game, until, start=(0.0, 0.0, 0.0), **options):
    """The same equations by scipy, with step control."""
    options = {"method": "LSODA", "rtol": 1e-10, "atol": 1e-12} | options
    return solve_ivp(lambda t, state: game.velocity(*state), (0, until), start, **options)


def turn_of(game, until, start=(0.0, 0.0, 0.0)):
    """Every time at which ℓ_g = ℓ_l, and the lowest s, by scipy. At the start itself both losses may be equal."""

    def lead(t, state):
        loss_g, loss_l = game.losses(*state[1:])
        return loss_g - loss_l if t > 0.01 else 1.0

    solution = solved(game, until, start, events=lead)
    return solution.t_events[0], float(sigmoid(solution.y[0].min()))


# --- the loss ---


@given(st.floats(1e-3, 1 - 1e-3), st.floats(-30, 30))
def test_the_loss_is_least_at_the_logit_where_it_is_the_entropy(a, w):
    assert loss(logit(a), a) == pytest.approx(information.entropy([a, 1 - a]), abs=1e-12)
    assert loss(w, a) == pytest.approx(information.cross_entropy([a, 1 - a], [sigmoid(w), sigmoid(-w)]), abs=1e-9)
    assert loss(w, a) >= loss(logit(a), a) - 1e-12
    assert (loss(w + 1e-5, a) - loss(w - 1e-5, a)) / 2e-5 == pytest.approx(sigmoid(w) - a, abs=1e-8)


def test_extreme_weights_are_safe():
    with np.errstate(all="raise", under="ignore"):
        assert loss(1000.0, 0.9) == pytest.approx(100) and loss(-1000.0, 0.9) == pytest.approx(900)
        assert sigmoid(1000.0) == 1 and sigmoid(-700.0) == pytest.approx(math.exp(-700), rel=1e-9)
        assert sigmoid(-2000.0) == 0


def test_entropies_of_the_defaults():
    assert RNP.entropies == pytest.approx((0.198515, 0.500402), abs=1e-6)


# --- what is shown, and where it drives ---


@given(games(), shares)
def test_what_is_shown_adds_up_and_never_falls_below_the_guarantee(game, s):
    r_g, r_l = game.shown(s)
    noise = game.perturbation * game.noise_words / (1 + game.noise_words)
    assert r_g + r_l == pytest.approx(1 - noise, abs=1e-12)
    assert min(r_g, r_l) >= game.least_shown - 1e-12 and game.least_shown >= 0
    assert (r_l, r_g) == pytest.approx(game.shown(1 - s), abs=1e-12)


@given(games(), st.tuples(*[st.floats(-20, 20)] * 3))
def test_without_perturbation_it_is_rnp_whatever_the_noise(game, state):
    game = replace(game, perturbation=0.0)
    s = sigmoid(state[0])
    assert game.shown(s) == (s, 1 - s) and game.least_shown == 0
    assert game.velocity(*state) == replace(game, noise_words=0).velocity(*state)


@given(games(), st.tuples(st.floats(-5, 5), st.floats(-5, 5), st.floats(-5, 5)))
def test_scored_by_what_is_shown_the_selector_only_moves_at_another_speed(game, state):
    """The expected loss of the word shown, summed over choice and swap; its slope in θ against the game's velocity."""
    theta, p, n = state[0], game.perturbation, game.noise_words

    def expected(theta):
        own, noise = game.losses(*state[1:]), math.log(2)
        choice = (sigmoid(theta), sigmoid(-theta))
        other = [own[1], own[0]]
        swapped = [(other[i] + n * noise) / (1 + n) for i in (0, 1)]
        return sum(choice[i] * ((1 - p) * own[i] + p * swapped[i]) for i in (0, 1))

    slope = (expected(theta + 1e-5) - expected(theta - 1e-5)) / 2e-5
    factor = 1 - p * (2 + n) / (1 + n)
    assert -game.selector_speed * slope == pytest.approx(factor * game.velocity(*state)[0], abs=1e-5)
    assert n > 0 or factor == pytest.approx(1 - 2 * p)


@pytest.mark.parametrize(("better", "lesser"), PAIRS)
def test_the_first_move_is_up_when_the_better_word_is_not_too_rare(better, lesser):
    rarity = ((2 * better - 1) / (2 * lesser - 1)) ** 2
    game = TwoWordGame(better, lesser, better_types=4 * rarity * np.array([0.8, 1.2]), lesser_types=4)
    up, down = trajectory(game, 1.0, points=1).theta[-1]
    assert up > 0 > down


# --- the equations followed ---


@pytest.mark.parametrize(
    ("game", "until"),
    [
        (RNP, 8000),
        (TwoWordGame(perturbation=0.3), 4000),
        (TwoWordGame(perturbation=0.5, noise_words=5), 8000),
        (TwoWordGame(better_types=5, predictor_speed=5.0, selector_speed=3.0), 200),
    ],
)
def test_runge_kutta_agrees_with_scipy(game, until):
    path = trajectory(game, until, points=50)
    exact = solved(game, until, t_eval=path.t, rtol=1e-11, atol=1e-13).y
    assert np.abs(np.array([path.theta, path.w_g, path.w_l]) - exact).max() < 1e-6


def test_a_grid_of_games_and_of_starts_goes_as_each_would_alone():
    grid = TwoWordGame(better_types=np.array([[5.0], [20.0]]), perturbation=np.array([0.0, 0.2, 0.5]))
    starts = np.array([-1.0, 0.0, 1.0])
    together = trajectory(grid, 300.0, points=30, start=(starts, 0.0, 0.5))
    assert grid.shape == (2, 3) and together.s.shape == (31, 2, 3) == together.losses[0].shape
    for row, types in enumerate((5, 20)):
        for column, p in enumerate((0.0, 0.2, 0.5)):
            alone = trajectory(
                TwoWordGame(better_types=types, perturbation=p), 300.0, points=30, start=(starts[column], 0.0, 0.5)
            )
            assert np.abs(together.theta[:, row, column] - alone.theta).max() < 1e-9
            for when in (turning_time, escape_time):
                assert when(together)[row, column] == pytest.approx(when(alone), rel=1e-6)
    assert trajectory(grid, 300.0, points=1).s[-1] == pytest.approx(trajectory(grid, 300.0, points=77).s[-1], abs=1e-6)


def test_turning_and_escape_are_the_last_crossings():
    t = np.arange(6.0)
    theta = np.array([[0, 0, 0, -1], [-1, 1, 1, -1], [-1, 2, 1, -1], [1, 2, -1, -1], [-1, 2, 2, -1], [3, 2, 2, -1]])
    path = Path(RNP, t, theta.astype(float), np.zeros(theta.shape), np.zeros(theta.shape))
    assert escape_time(path) == pytest.approx([4.25, 0.0, 3 + 1 / 3, np.inf])
    assert np.isinf(turning_time(path)).all()


# --- the game of the defaults ---


def test_rnp_stays_on_the_lesser_word():
    path = trajectory(RNP, 8000, step=2)
    assert path.s[-1] == pytest.approx(0.000857, abs=1e-6)
    assert [float(losses[-1]) for losses in path.losses] == pytest.approx([0.6438, 0.5004], abs=1e-4)
    assert turning_time(path) == escape_time(path) == np.inf


@pytest.mark.parametrize(
    ("noise_words", "until", "turns", "escapes"),
    [(0, 8000, (2712, 996.4, 643.4), (5957, 2162, 1373)), (5, 16000, (15314, 5522, 3508), (np.inf, 12180, 7722))],
)
def test_perturbation_frees_the_selector(noise_words, until, turns, escapes):
    game = TwoWordGame(perturbation=np.array([0.1, 0.3, 0.5]), noise_words=noise_words)
    path = trajectory(game, until, step=2)
    assert turning_time(path) == pytest.approx(turns, rel=1e-3)
    assert escape_time(path) == pytest.approx(escapes, rel=2e-3)


def test_rnp_finds_a_frequent_better_word_or_with_a_fast_predictor_by_itself():
    types = trajectory(TwoWordGame(better_types=np.array([4, 10, 15, 16, 20])), 8000, step=2)
    assert escape_time(types) == pytest.approx([0, 394.6, 5041, np.inf, np.inf], rel=2e-3)
    speeds = trajectory(TwoWordGame(predictor_speed=np.array([0.2, 0.8, 0.85, 1.0])), 8000, step=2)
    assert np.isinf(escape_time(speeds)).tolist() == [True, True, False, False]


# --- practice and patience ---


@pytest.mark.parametrize(("better", "lesser"), PAIRS)
def test_closed_form_and_areas_agree_with_scipys_quadrature(better, lesser):
    doubt = information.entropy([lesser, 1 - lesser])
    turn = brentq(lambda w: loss(w, better) - doubt, 0, logit(better), xtol=1e-14)
    u, area = practice_needed(better, lesser), patience_needed(better, lesser)
    assert u == pytest.approx(quad(lambda w: 1 / (better - sigmoid(w)), 0, turn)[0], rel=1e-9)
    assert area == pytest.approx(
        quad(lambda w: (loss(w, better) - doubt) / (better - sigmoid(w)), 0, turn)[0], rel=1e-9
    )
    assert practice(turn, better, start=0.3) == pytest.approx(u - practice(0.3, better), rel=1e-9)
    assert practice_needed(better, lesser, 1e12) == pytest.approx(u, rel=1e-6)


def test_the_area_at_finite_rarity_is_the_loss_gap_under_a_selector_that_stands_still():
    still = TwoWordGame(selector_speed=1e-9)
    path = trajectory(still, 2000.0, points=4000)
    u = still.predictor_speed * 0.5 / still.better_types * path.t
    gap = np.subtract(*path.losses)
    before = np.flatnonzero(gap > 0)[-1] + 1
    assert practice_needed(0.95, 0.8, still.rarity) == pytest.approx(u[before], abs=2 * u[1])
    area = np.sum((gap[1:before] + gap[: before - 1]) / 2) * u[1]
    assert patience_needed(0.95, 0.8, still.rarity) == pytest.approx(area, rel=1e-5)
    assert practice_needed(0.95, 0.8, 2.2) == pytest.approx(0, abs=1e-12) == patience_needed(0.95, 0.8, 2.2)
    assert np.all(np.diff(patience_needed(0.95, 0.8, np.array([2.2, 2.6, 5.0, 25.0, 1e6]))) > 0)


# --- proposition 1: RNP, the lesser word known ---


def test_the_first_integral_is_conserved_along_the_path():
    """∫ D du by scipy's quadrature over the weight, against θ + e^θ from Runge and Kutta."""
    game = TwoWordGame(better_types=12)
    doubt = game.entropies[1]
    path = trajectory(game, 8000, points=10, start=KNOWN)
    assert path.w_l == pytest.approx(KNOWN[2], abs=1e-12)
    kept = path.theta + np.exp(path.theta)
    for height, w_g in zip(kept, path.w_g, strict=True):
        area = quad(lambda w: (loss(w, 0.95) - doubt) / (0.95 - sigmoid(w)), 0, w_g, epsabs=1e-12)[0]
        assert height + game.kappa * area == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
@pytest.mark.parametrize(("types", "speed"), [(6, 0.2), (12, 0.2), (40, 1.0)])
def test_rnps_turn_is_where_and_when_it_was_predicted(types, speed, share):
    game = TwoWordGame(better_types=types, predictor_speed=speed)
    times, lowest = turn_of(game, 1e5, (float(logit(share)), *KNOWN[1:]))
    assert len(times) == 1 and math.log10(times[0]) == pytest.approx(rnp_log10_turning_time(game, share), abs=1e-5)
    assert lowest == pytest.approx(rnp_lowest_share(game, share), rel=1e-3)


@given(games(), st.floats(0.01, 0.99))
def test_rnps_turn_lies_between_the_two_exponentials(game, share):
    area, u = patience_needed(game.better, game.lesser), practice_needed(game.better, game.lesser)
    exponent, odds = game.kappa * area, share / (1 - share)
    lowest, log_time = rnp_lowest_share(game, share), rnp_log10_turning_time(game, share) * math.log(10)
    assert np.isfinite(log_time)
    unit = math.log(game.better_types * u / game.predictor_speed)
    assert log_time - unit <= exponent - math.log(share) + 1e-4
    fewest = exponent + math.log(-np.expm1(-exponent) / exponent) - math.log(odds) - odds
    assert log_time - unit >= fewest - 1e-4
    if exponent < 600:
        assert share * math.exp(-exponent) * (1 - 1e-6) <= lowest <= odds * math.exp(odds - exponent) * (1 + 1e-6)


def test_rnps_wait_grows_exponentially_and_is_never_for_ever():
    types = np.arange(50, 101, 10)
    game = TwoWordGame(better_types=types)
    steps = np.diff(rnp_log10_turning_time(game)) / np.diff(game.kappa)
    assert steps == pytest.approx(patience_needed(0.95, 0.8) / math.log(10), rel=0.05)
    assert np.isfinite(rnp_log10_turning_time(TwoWordGame(better_types=1e6)))
    path = trajectory(RNP, 8000, start=KNOWN, step=2)
    assert (np.exp(-path.theta) <= 1 + (math.log(2) - RNP.entropies[1]) * path.t + 1e-9).all()


# --- proposition 2: the whole game ---


@pytest.mark.parametrize(
    ("types", "speed", "share"),
    [(6, 0.2, 0.5), (10, 0.2, 0.3), (20, 0.2, 0.5), (50, 0.5, 0.3), (50, 1.0, 0.5), (300, 20.0, 0.5)],
)
def test_rnps_whole_game_lies_between_the_two_areas(types, speed, share):
    game = TwoWordGame(better_types=types, predictor_speed=speed)
    times, lowest = turn_of(game, 1e8, (float(logit(share)), 0.0, 0.0))
    earliest, latest = (rnp_log10_turning_time(game, share, rarity) for rarity in (game.rarity, np.inf))
    assert len(times) and earliest - 1e-6 <= math.log10(min(times)) <= math.log10(max(times)) <= latest + 1e-6
    shares = rnp_lowest_share(game, share), rnp_lowest_share(game, share, game.rarity)
    assert shares[0] - 1e-9 <= lowest <= shares[1] + 1e-4


def test_rnp_waits_a_thousand_billion_units_of_time_with_the_defaults():
    times, lowest = turn_of(RNP, 1e13)
    assert math.log10(times[-1]) == pytest.approx(12.1677, abs=1e-3)
    bounds = [float(rnp_log10_turning_time(RNP, rarity=rarity)) for rarity in (RNP.rarity, np.inf)]
    assert bounds == pytest.approx([11.4328, 13.3924], abs=1e-4)
    assert bounds[0] < math.log10(times[-1]) < bounds[1]
    assert rnp_lowest_share(RNP) < lowest < rnp_lowest_share(RNP, rarity=RNP.rarity)


# --- proposition 3: VER ---


@pytest.mark.parametrize(("share", "w_l"), [(0.5, -1.0), (0.5, 0.0), (0.05, KNOWN[2])])
def test_ver_turns_by_the_bound_and_keeps_the_share_above_it(share, w_l):
    types, p, n, speed = np.meshgrid([3, 10, 50], [0.1, 0.3, 0.5, 0.9], [0, 1, 5], [0.2, 2.0], indexing="ij")
    game = TwoWordGame(better_types=types, perturbation=p, noise_words=n, predictor_speed=speed)
    bound = ver_turning_bound(game)
    path = trajectory(game, 1.05 * float(bound.max()), 2000, (float(logit(share)), 0.0, w_l), step=4)
    assert (turning_time(path) <= bound + path.t[1]).all()
    after = path.t[:, None, None, None, None] >= bound + 1e-6 * path.t[-1]
    assert (np.subtract(*path.losses)[after] < 0).all()
    assert (path.s >= ver_lowest_share_bound(game, share) - 1e-9).all()


def test_vers_wait_is_linear_where_rnps_is_exponential():
    types = trajectory(TwoWordGame(better_types=np.array([50, 100, 200]), perturbation=0.3), 12000, step=2)
    for when in (turning_time, escape_time):
        waits = when(types)
        assert waits[1:] / waits[:-1] == pytest.approx([2, 2], rel=0.1)
    ratios = trajectory(
        TwoWordGame(perturbation=np.array([0.1, 0.2, 0.1]), noise_words=np.array([1, 1, 3])), 12000, step=2
    )
    waits = turning_time(ratios)
    assert waits[0] / waits[1] == pytest.approx(2, rel=0.15) and waits[2] / waits[0] == pytest.approx(2, rel=0.15)
    rnp = 10 ** rnp_log10_turning_time(TwoWordGame(better_types=np.array([10, 20, 40])))
    assert (rnp[1:] / rnp[:-1] > [100, 1e4]).all()


def test_the_bounds_say_nothing_about_rnp():
    assert ver_turning_bound(RNP) == np.inf and ver_lowest_share_bound(RNP) == 0


# --- the game with real draws ---


def test_real_draws_follow_the_equations():
    game = TwoWordGame(perturbation=0.5)
    played = [simulate(game, texts=32, steps=2000, step_size=1.0, seed=seed) for seed in range(5)]
    path = trajectory(game, 2000.0, points=2000)
    assert np.array_equal(played[0].t, path.t)
    mean = np.mean([one.s for one in played], axis=0)
    assert np.abs(mean - path.s).max() < 0.12 and np.abs(mean - path.s).mean() < 0.015
    assert np.mean([turning_time(one) for one in played]) == pytest.approx(float(turning_time(path)), rel=0.04)
    assert np.mean([escape_time(one) for one in played]) == pytest.approx(float(escape_time(path)), rel=0.06)


def test_rnp_with_real_draws_stays_on_the_lesser_word():
    played = simulate(RNP, texts=16, steps=2000, step_size=1.0, seed=1)
    assert played.s[-1] == pytest.approx(float(trajectory(RNP, 2000.0).s[-1]), rel=0.25)


def test_smaller_steps_and_larger_batches_come_closer():
    game = TwoWordGame(better_types=10, perturbation=0.3, noise_words=1)
    path = trajectory(game, 300.0, points=100)

    def miss(texts, step_size):
        played = simulate(game, texts, round(300 / step_size), step_size, seed=3)
        return np.abs(played.s[:: round(3 / step_size)] - path.s).max()

    assert miss(512, 0.25) < 0.03 < miss(8, 1.0)


def test_a_seed_gives_the_same_game_again():
    first, again, other = (simulate(RNP, 8, 20, 1.0, seed) for seed in (4, np.random.default_rng(4), 5))
    assert np.array_equal(first.theta, again.theta) and not np.array_equal(first.theta, other.theta)


# --- errors ---


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf, np.array([0.0, -1.0])])
def test_a_bad_constant_is_named(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be a number from"):
        TwoWordGame(**{name: value})


def test_other_errors_name_what_is_wrong():
    with pytest.raises(ValueError, match="^lesser: must be below better"):
        TwoWordGame(better=0.8, lesser=0.8)
    for bad in ({"until": 0}, {"until": 1, "points": 0}, {"until": 1, "step": -1}):
        with pytest.raises(ValueError, match=f"^{list(bad)[-1]} must be a number above 0"):
            trajectory(RNP, **bad)
    for bad in ({"texts": 0}, {"steps": 0}, {"step_size": 0.0}):
        with pytest.raises(ValueError, match=f"^{next(iter(bad))} must be a number above 0"):
            simulate(RNP, **({"texts": 1, "steps": 1, "step_size": 1.0} | bad))
    for game in (TwoWordGame(better_types=2.5), TwoWordGame(perturbation=np.array([0.1, 0.2]))):
        with pytest.raises(ValueError, match="^game: needs a single game"):
            simulate(game, 1, 1, 1.0)
