"""The two-word game of lesson 07 as a picture of all its states. The reader drops a start and watches where it goes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ver_lite.system.checks import check_number
from ver_lite.theory.two_word_game import Path, TwoWordGame, logit, loss, sigmoid, trajectory
from ver_lite.widgets.page import element, slider

if TYPE_CHECKING:
    from IPython.display import HTML

UNTIL, POINTS = 8000, 400
"""How long a game is followed, and how many states are kept of it."""

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 340, 300, 54, 26, 12, 42
SHARES, ANSWERS = (0.0, 1.0), (0.5, 1.0)
LIMITS = {
    "perturbation": (0.01, 0.5),
    "better_types": (2, 200),
    "selector_speed": (0.1, 2.0),
    "predictor_speed": (0.05, 2.0),
    "share": (0.01, 0.99),
    "answer": (0.5, 0.94),
}


def two_word_portrait(
    perturbation: float = 0.3,
    better_types: int = 50,
    selector_speed: float = 1.0,
    predictor_speed: float = 0.2,
    share: float = 0.5,
    answer: float = 0.5,
) -> HTML:
    """The states of the two-word game, RNP beside VER, when the lesser word is known: the path from one start in each.

    To the right is s, how often the selector shows the better word. Upward is σ(w_g), what the predictor says of it.
    `share` and `answer` are these two at the start; the other arguments are those of `TwoWordGame`. Everything can be
    dragged, and a click into a panel sets the start. Raises `ValueError` for a value outside `LIMITS`.
    """
    given = dict(zip(LIMITS, (perturbation, better_types, selector_speed, predictor_speed, share, answer), strict=True))
    for name, value in given.items():
        low, high = LIMITS[name]
        check_number(name, value, least=low, most=high)
    rnp = TwoWordGame(better_types=better_types, selector_speed=selector_speed, predictor_speed=predictor_speed)
    start = float(logit(share)), float(logit(answer)), float(logit(rnp.lesser))
    paths = {
        "RNP": trajectory(rnp, UNTIL, POINTS, start),
        "VER": trajectory(replace(rnp, perturbation=perturbation), UNTIL, POINTS, start),
    }
    words = {
        "perturbation": ("VER's perturbation rate p", 0.01, f"{perturbation:.2f}"),
        "better_types": ("Better words: how many types", 1, f"{better_types:.0f}"),
        "selector_speed": ("Speed of the selector", 0.1, f"{selector_speed:.1f}"),
        "predictor_speed": ("Speed of the predictor", 0.05, f"{predictor_speed:.2f}"),
        "share": ("Start: share of better words", 0.01, f"{100 * share:.0f} %"),
        "answer": ("Start: the predictor's trust in it", 0.01, f"{100 * answer:.0f} %"),
    }
    controls = [slider(n, words[n][0], *LIMITS[n], words[n][1], given[n], words[n][2]) for n in LIMITS]
    watch = slider("time", "Time", 0, UNTIL, UNTIL // POINTS, UNTIL, f"{UNTIL}")
    ends = {name: float(path.s[-1]) for name, path in paths.items()}
    inside = [
        f'<div class="controls">{"".join(controls)}</div>',
        f'<div class="panels">{"".join(_panel(name, path) for name, path in paths.items())}</div>',
        f'<div class="controls time">{watch}<button type="button" class="motion">Play</button></div>',
        f'<p data-text="sum">At time {UNTIL} RNP shows the better word in {100 * ends["RNP"]:.1f} % of the texts, '
        f"VER in {100 * ends['VER']:.1f} %.</p>",
        '<p class="quiet">Ring: the start. Dot: the state at this time. Above the dashed line the better word costs '
        "less than the lesser one, so the selector turns to it. Click or tap into a panel to drop a start.</p>",
    ]
    fixed = {"better": rnp.better, "lesser": rnp.lesser, "lesser_types": rnp.lesser_types, "noise_words": 0}
    frame = {"left": LEFT, "top": TOP, "width": WIDTH - LEFT - RIGHT, "height": HEIGHT - TOP - BOTTOM}
    state = {"fixed": fixed, "until": UNTIL, "points": POINTS, "frame": frame, "shares": SHARES, "answers": ANSWERS}
    begin = (
        f"{better_types:.0f} better types, 2 lesser ones; speed of the selector {selector_speed:g}, of the predictor "
        f"{predictor_speed:g}; the start is s = {share:.2f} with trust {answer:.2f}."
    )
    return element("game", "The two-word game", "\n".join(inside), begin, {**state, "limits": LIMITS})


def turn(game: TwoWordGame) -> float:
    """The σ(w_g) above which the better word costs less than the lesser one, when the lesser one is known perfectly."""
    low, high = 0.0, float(logit(game.better))
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if loss(middle, game.better) > game.entropies[1] else (low, middle)
    return float(sigmoid(low))


def _x(s: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (s - SHARES[0]) / (SHARES[1] - SHARES[0])


def _y(answer: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (answer - ANSWERS[0]) / (ANSWERS[1] - ANSWERS[0])


def _panel(name: str, path: Path) -> str:
    """One method's states as SVG: the axes, the line of the turn, and the path with its start and its end."""
    points = list(zip(_x(path.s), _y(sigmoid(path.w_g)), strict=True))
    line = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points[:: max(1, POINTS // 80)])
    (x, y), (end_x, end_y) = points[0], points[-1]
    level = _y(turn(path.game))
    toward = "the better" if path.s[-1] > 0.5 else "the lesser"
    title = f"p = {path.game.perturbation:g}: {name}"
    ends = f"From s = {path.s[0]:.2f} the path ends at s = {path.s[-1]:.2f}, with {toward} word."
    marks = (f'<text x="{_x(s):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{s:g}</text>' for s in (0, 0.5, 1))
    sides = (f'<text x="{LEFT - 6}" y="{_y(a) + 4:.1f}" text-anchor="end">{a:g}</text>' for a in (0.5, 0.75, 1))
    return (
        f'<svg data-panel="{name}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}. {ends}">'
        f'<rect class="area" x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}"/>'
        f'<text class="title" x="{LEFT}" y="16">{title}</text>{"".join(marks)}{"".join(sides)}'
        f'<text x="{(WIDTH + LEFT - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">share of better words, s</text>'
        f'<text transform="translate(12 {(HEIGHT - BOTTOM + TOP) / 2}) rotate(-90)" text-anchor="middle">'
        'the predictor&#39;s trust in it</text><path class="arrows" d=""/>'
        f'<path class="turn" d="M{LEFT} {level:.1f}H{WIDTH - RIGHT}"/><path class="way" d="{line}"/>'
        f'<circle class="start" cx="{x:.1f}" cy="{y:.1f}" r="6"/>'
        f'<circle class="now" cx="{end_x:.1f}" cy="{end_y:.1f}" r="5"/></svg>'
    )
