"""A record of the bench as Markdown tables and a figure."""

from __future__ import annotations

import statistics
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from benchmarks.growth import TITLES, UNITS, said_exponent
from benchmarks.parts import times_as_long
from benchmarks.race import LIBRARY, OURS, PLAIN, RELEASED, SHIPPED, STEP, summary
from ver_lite.system import markdown
from ver_lite.viz import figures

COLUMNS = {
    "seconds": "s an epoch",
    "words_a_second": "real words a second",
    f"against {RELEASED}": "× released, no Lipschitz pass",
    f"against {SHIPPED}": "× released, as shipped",
    f"against {LIBRARY}": "× pyhighlights",
    f"against {PLAIN}": "× two nn.GRU",
    "reached, real": "of the floor, real words",
    "reached, least": "of the least floor",
    "reached, padded": "of the padded floor",
}
STUDY = {"texts": 34_000, "epochs": 300, "runs": 180}  # the paper's: six corpora, six rates, five seeds
COUNTS = {
    "real": "the game's products for every real word, forward and backward",
    "least": "the same gradients, each distinct word of a batch multiplied once",
    "least, many words": "the same, with 10,000 words",
    "padded": "the game's products for every text padded to 256 words, as the released code does",
}


def report(made: dict[str, Any]) -> str:
    """What was measured, in Markdown: the race, the floors, what the parts are worth, the growth."""
    written_by = {"race": race_part, "parts": parts_part, "growth": growth_part}
    parts = [part(made[name]) for name, part in written_by.items() if name in made]
    return "\n\n".join(parts) + "\n"


def race_part(made: dict[str, Any]) -> str:
    rows = summary(made)
    columns = {key: title for key, title in COLUMNS.items() if key in rows[0]}
    lines = [[row["variant"], *(written(key, row[key]) for key in columns)] for row in rows]
    rate, step = (statistics.median(made["operations_a_second"][size]) for size in ("square", STEP))
    floors = []
    for name, said in COUNTS.items():
        count = made["operations"][name]
        floors.append([said, f"{count / 1e9:.1f} · 10⁹", f"{count / rate:.2f} s"])
    about = (
        f"{made['texts']} texts, {made['words'] / made['texts']:.0f} words each on average, batches of "
        f"{made['batch_size']}, GRU {made['hidden']}, word vectors of {made['dimension']} numbers; {made['rounds']} "
        f"rounds, medians. {said_machine(made['made'])}"
    )
    speed = (
        f"The machine multiplies square matrices (2048, float32) at {rate / 1e9:.0f} · 10⁹ operations a second. One "
        f"step of the recurrence multiplies [{made['batch_size']}, {made['hidden'] // 2}] by [{made['hidden'] // 2}, "
        f"{3 * made['hidden'] // 2}]; alone, at that size, it manages {step / 1e9:.0f} · 10⁹."
    )
    race = markdown.table(["", *columns.values()], lines, right=range(1, len(columns) + 1))
    counted = markdown.table(["counted", "operations an epoch", "at the machine's rate"], floors, right=(1, 2))
    return "\n\n".join([about, race.rstrip(), cost(made, rows), speed, counted.rstrip()])


def cost(made: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """What a study of the paper's size would take at the measured rates: computed, not run."""
    said = []
    for row in rows:
        if row["variant"] in (OURS, SHIPPED):
            hours = row["seconds"] * STUDY["texts"] / made["texts"] * STUDY["epochs"] / 3600
            days = hours * STUDY["runs"] / 24
            said.append(f"{hours:.1f} hours ({row['variant']}), {STUDY['runs']} games {days:,.0f} days")
    return (
        f"At these rates one game of {STUDY['epochs']} epochs over {STUDY['texts']:,} such texts takes "
        f"{'; or '.join(said)}, on one such machine and without evaluation. This is computed; nobody ran it."
    )


def parts_part(made: dict[str, Any]) -> str:
    longer = times_as_long(made)
    lines = [[name, f"{statistics.median(took):.2f}", f"{longer[name]:.2f}"] for name, took in made["seconds"].items()]
    about = (
        f"What each part is worth: {made['texts']} texts, batches of {made['batch_size']}, GRU {made['hidden']}; "
        f"{made['rounds']} rounds, medians. {said_machine(made['made'])}"
    )
    table = markdown.table(["one epoch of ours", "seconds", "times as long"], lines, right=(1, 2))
    return f"{about}\n\n{table.rstrip()}"


def growth_part(made: dict[str, Any]) -> str:
    lines = []
    for curve in made["curves"]:
        x, y = curve["x"], curve["y"]
        cells = [TITLES[curve["name"]], f"{x[0]:,}", f"{x[-1]:,}", curve["unit"], f"{y[0]:.3g}", f"{y[-1]:.3g}"]
        lines.append([*cells, said_exponent(curve).removeprefix("exponent ")])
    head = ("what grows", "from", "to", "is measured", "from", "to", "exponent")
    table = markdown.table(head, lines, right=(1, 2, 4, 5, 6))
    return f"How it grows. {said_machine(made['made'])}\n\n{table.rstrip()}"


def said_machine(made: dict[str, Any]) -> str:
    peers = "".join(f", {name} {version}" for name, version in made.get("peers", {}).items())
    return (
        f"Recorded {made['date']} on {made['processor']}, {made['cores']} cores, {made['threads']} threads, load "
        f"{made['load']} before; torch {made['torch']}, commit {made['commit']}{peers}; `{made['command']}`."
    )


def written(key: str, value: float) -> str:
    if key.startswith("reached"):
        return f"{100 * value:.0f} %"
    return f"{value:,.0f}" if key == "words_a_second" else f"{value:.2f}"


@mpl.rc_context(figures.STYLE)
def growth_figure(curves: list[dict[str, Any]]) -> Figure:
    """Draw one panel a curve, both axes logarithmic, with the fitted line."""
    figure, _ = figures.new_figure(height=4.8)
    figure.clear()
    rows = -(-len(curves) // 3)
    panels = figure.subplots(rows, min(3, len(curves)), squeeze=False).flatten()
    for axes, curve in zip(panels, curves, strict=False):
        x, y = np.array(curve["x"], float), np.array(curve["y"], float)
        axes.set(xscale="log", yscale="log", xlabel=TITLES[curve["name"]])
        axes.set_title(said_exponent(curve), fontsize=10)
        axes.set_ylabel(UNITS[curve["name"]], fontsize=8.5)
        axes.xaxis.label.set_fontsize(8.5)
        if curve["exponent"] is not None:
            through = np.exp(np.log(y).mean() + curve["exponent"] * (np.log(x) - np.log(x).mean()))
            axes.plot(x, through, color=figures.FAINT, lw=1)
        axes.plot(x, y, "o", color=figures.ENTROPY, ms=5)
        places = np.unique(x)
        axes.set_xticks(places, [f"{at / 1024:g}k" if at >= 1024 else f"{at:g}" for at in places], fontsize=8)
        axes.set_ylim(y.min() / 1.6, y.max() * 1.6)
        axes.yaxis.set_major_locator(mpl.ticker.LogLocator(10, (1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.tick_params(axis="y", labelsize=8)
        axes.minorticks_off()
    for axes in panels[len(curves) :]:
        axes.remove()
    return figure
