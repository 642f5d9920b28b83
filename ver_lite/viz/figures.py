"""The look of the course's figures, and the figures that more than one lesson draws.

Every figure is drawn on its own (nothing is left open in pyplot), at one size and resolution, in colors
that readers with any color vision can tell apart (Okabe and Ito), and shown with a sentence for those who
cannot see it.
"""

from __future__ import annotations

import base64
import math
import typing
from collections.abc import Mapping, Sequence
from io import BytesIO

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from PIL import Image

WIDTH, HEIGHT, DPI = 7.0, 3.0, 110

ENTROPY = "#0072B2"
"""Blue: the part of the words, H(Y|Z)."""
DIVERGENCE = "#E69F00"
"""Orange: the part of the predictor, the divergence."""
PALETTE = (ENTROPY, DIVERGENCE, "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
INK, FAINT = "#222222", "#777777"

STYLE = {
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.prop_cycle": mpl.cycler(color=PALETTE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 10.5,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "savefig.facecolor": "white",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


class HasParts(typing.Protocol):
    """Anything that has the two parts of Eq. 6, in nats, such as `information.Parts`."""

    entropy: float
    divergence: float


def use_style() -> None:
    """Make the course's style matplotlib's default; `ver_lite.setup` calls this."""
    mpl.rcParams.update(STYLE)


@mpl.rc_context(STYLE)
def new_figure(height: float = HEIGHT, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure of the course's width, `height` in inches, with `columns` axes side by side."""
    figure = _blank(height)
    return figure, list(figure.subplots(1, columns, squeeze=False)[0])


def _blank(height: float) -> Figure:
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure) -> bytes:
    """The figure as a small PNG file at the course's resolution, in at most 128 colors."""
    drawn, stored = BytesIO(), BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(drawn, format="png", dpi=DPI)
    Image.open(drawn).convert("RGB").quantize(128).save(stored, format="png", optimize=True)
    return stored.getvalue()


def show(figure: Figure, alt: str) -> None:
    """Display the figure as a PNG with `alt`, the sentence that says what it shows, and close it.

    Raises `ValueError` when there is no sentence.
    """
    from IPython.display import display

    if not alt or not alt.strip():
        raise ValueError("alt: say in a sentence what the figure shows, for a reader who cannot see it")
    data = {"image/png": base64.b64encode(png(figure)).decode("ascii"), "text/plain": alt}
    display(data, raw=True, metadata={"image/png": {"alt": alt}})
    figure.clear()


def seeds(axes: Axes, x: Sequence[float], values: ArrayLike, color: str, label: str = "", style: str = "-") -> None:
    """Draw a thin line for each seed and their mean in bold, `label` at its end. `values`: float [seeds, len(x)]."""
    values = np.asarray(values, float)
    for one in values:
        axes.plot(x, one, color=color, lw=0.8, alpha=0.35, ls=style)
    axes.plot(x, values.mean(0), color=color, lw=2.4, ls=style)
    if label:
        axes.annotate(label, (x[-1], values.mean(0)[-1]), (5, 0), textcoords="offset points", color=color, va="center")


@mpl.rc_context(STYLE)
def split_over_training(
    panels: Mapping[tuple[str, str], tuple[ArrayLike, ArrayLike]], x: Sequence[float], xlabel: str = "epoch"
) -> Figure:
    """Eq. 6 during a training: entropy below and divergence on top of it; their sum is the cross-entropy.

    `panels`: (row title, column title) → (entropy [N], divergence [N]) in nats, at the places `x` [N]; rows and
    columns are those of the keys. All panels share one scale. Raises `ValueError` when a panel is missing.
    """
    rows, columns = (list(dict.fromkeys(key[i] for key in panels)) for i in (0, 1))
    if len(panels) != len(rows) * len(columns):
        raise ValueError(f"panels: {len(rows)} rows and {len(columns)} columns need {len(rows) * len(columns)} panels")
    figure = _blank(0.9 + 2.1 * len(rows))
    grid = figure.subplots(len(rows), len(columns), sharex=True, sharey=True, squeeze=False)
    for (row, column), (entropy, divergence) in panels.items():
        axes = grid[rows.index(row), columns.index(column)]
        entropy, total = np.asarray(entropy, float), np.asarray(entropy, float) + np.asarray(divergence, float)
        axes.fill_between(x, 0, entropy, color=ENTROPY, lw=0)
        axes.fill_between(x, entropy, total, facecolor=DIVERGENCE, hatch="///", edgecolor="white", lw=0)
        axes.plot(x, total, color=INK, lw=1.5)
        axes.annotate(f"{total[-1]:.2f}", (x[-1], total[-1]), (4, 0), textcoords="offset points", va="center")
        axes.set_title(f"{column}: {row}", fontsize=11)
    grid[0, 0].set(xlim=(x[0], x[-1]), ylim=(0, None))
    for axes in grid[-1]:
        axes.set_xlabel(xlabel)
    for axes in grid[:, 0]:
        axes.set_ylabel("nats")
    names = ["entropy: what the words leave open", "divergence: what the predictor gets wrong"]
    figure.legend(grid[0, 0].collections[:2], names, loc="outside upper left", ncols=2)
    return figure


@mpl.rc_context(STYLE)
def split_bar(parts: Mapping[str, HasParts], title: str = "", most: float | None = None) -> Figure:
    """Eq. 6 as bars: entropy, then divergence. Their sum, the cross-entropy, is written at the end of the bar.

    One bar for each name in `parts`. The axis goes to `most` nats, by default a little beyond the longest
    bar; a bar that goes further (or is infinite) ends in an arrow.
    """
    if not parts:
        raise ValueError("parts: give at least one bar to draw")
    totals = {name: part.entropy + part.divergence for name, part in parts.items()}
    finite = [total for total in totals.values() if math.isfinite(total)]
    most = most or 1.25 * max(finite, default=1.0) or 1.0
    figure, [axes] = new_figure(height=1.1 + 0.55 * len(parts))
    for row, (name, part) in enumerate(parts.items()):
        shown = min(part.divergence, most - part.entropy)
        axes.barh(row, part.entropy, color=ENTROPY)
        axes.barh(row, shown, left=part.entropy, color=DIVERGENCE, hatch="//", edgecolor="white")
        for middle, size, number, color, back in (
            (part.entropy / 2, part.entropy, part.entropy, "white", ENTROPY),
            (part.entropy + shown / 2, shown, part.divergence, "black", DIVERGENCE),
        ):
            if size > 0.09 * most:
                patch = {"facecolor": back, "edgecolor": "none", "pad": 1.5}
                axes.text(middle, row, f"{number:.3f}", ha="center", va="center", color=color, bbox=patch)
        _write_total(axes, row, totals[name], most)
    axes.set(yticks=range(len(parts)), yticklabels=list(parts), xlim=(0, most), xlabel="nats", title=title)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    figure.legend(axes.containers[:2], ["entropy", "divergence"], loc="outside upper left", ncols=2)
    return figure


def _write_total(axes: Axes, row: int, total: float, most: float) -> None:
    """Write the cross-entropy at the end of its bar, or before an arrow where the bar is longer than the axis."""
    if total > most:
        back = {"facecolor": "white", "edgecolor": "none", "pad": 2}
        text = f"{total:.3f} →" if math.isfinite(total) else "infinite →"
        axes.text(0.98 * most, row, text, ha="right", va="center", fontweight="bold", bbox=back)
    else:
        axes.text(total, row, f" {total:.3f}", ha="left", va="center", fontweight="bold")


@mpl.rc_context(STYLE)
def game(perturbed: bool = False) -> Figure:
    """The rationalization game in one picture: review, selector, rationale, predictor, answer (the paper's Fig. 1).

    `perturbed`: VER's game, where the predictor is shown a neighbor of the rationale (Fig. 7).
    """
    review = "pours amber with a thick white head and little lacing".split()
    chosen, neighbor = {"thick", "white", "head"}, {"amber", "white", "head"}
    steps = ["review", "selector", "rationale", *(["perturbation", "neighbor"] if perturbed else []), "predictor"]
    colors = {"selector": ENTROPY, "perturbation": DIVERGENCE, "predictor": PALETTE[2]}
    kept = {"review": chosen, "rationale": chosen, "neighbor": neighbor}
    at = {name: 0.9 + i * 8.2 / len(steps) for i, name in enumerate([*steps, "answer"])}
    figure, [axes] = new_figure(height=3.4)
    axes.set(xlim=(0, 10), ylim=(0, 6.2))
    axes.axis("off")
    for name in steps:
        if name in kept:
            _write_words(axes, at[name], name, review, kept[name], all_words=name == "review")
        else:
            ink = "black" if name == "perturbation" else "white"
            box = {"boxstyle": "round,pad=0.45", "facecolor": colors[name], "edgecolor": "none"}
            text = "swap\np = 0.3" if name == "perturbation" else name
            size = 9 if perturbed else 10.5
            axes.text(at[name], 3.1, text, ha="center", va="center", color=ink, fontweight="bold", bbox=box, size=size)
    axes.text(at["answer"], 5.95, "answer", ha="center", va="center", color=FAINT)
    axes.text(at["answer"], 3.1, "positive", ha="center", va="center", fontweight="bold", size=9.5)
    straight, gap = {"arrowstyle": "-|>", "color": INK, "lw": 1.4}, 0.56 if perturbed else 0.8
    for start, end in zip(steps, [*steps[1:], "answer"], strict=True):
        axes.annotate("", (at[end] - gap, 3.1), (at[start] + gap, 3.1), arrowprops=straight)
    back = {"arrowstyle": "-|>", "color": PALETTE[5], "lw": 1.4, "linestyle": "--", "connectionstyle": "arc3,rad=-0.18"}
    for end in ("selector", "predictor"):
        axes.annotate("", (at[end], 2.5), (at["answer"], 2.75), arrowprops=back)
    axes.text(7.3, 0.3, "cross-entropy of the answer: both players learn from it", ha="center", color=PALETTE[5])
    return figure


def _write_words(axes: Axes, x: float, title: str, words: list[str], kept: set[str], all_words: bool) -> None:
    """Write a column of words under a title. Kept words are shaded; the others are written as they are, or as dots."""
    axes.text(x, 5.95, title, ha="center", va="center", color=FAINT)
    for row, word in enumerate(words):
        shade = "#ffe08a" if word in kept else "white"
        box = {"boxstyle": "round,pad=0.15", "facecolor": shade, "edgecolor": "none"}
        shown = word if word in kept or all_words else "·"
        axes.text(x, 5.2 - 0.46 * row, shown, ha="center", va="center", fontsize=9.5, bbox=box)
