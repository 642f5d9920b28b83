"""One review while its selector learns, from the recorded games of `studies/review_watched.py` (lesson 07)."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from ver_lite.experiments import results
from ver_lite.widgets.page import element, slider, split_bar

if TYPE_CHECKING:
    from IPython.display import HTML

RECORD = "review-watched"
MOST_NATS = 0.8


def watch_review(p: float = 0.0, epoch: int = 160, made: dict[str, Any] | None = None) -> HTML:
    """The first review of the test set at every recorded look of four games: RNP, and VER at three rates.

    Each word is shaded by the probability with which the selector shows it. Gold words are underlined, and the words
    shown at this look are framed. `p` and `epoch` choose the look at the start; `made` is a record of the same shape.
    Raises `ValueError` for a rate or an epoch that is not recorded.
    """
    rows = (made or results.load(RECORD))["rows"]
    rates, epochs = [row["p"] for row in rows], rows[0]["looks"]["epoch"]
    for name, value, known in (("p", p, rates), ("epoch", epoch, epochs)):
        if value not in known:
            raise ValueError(f"{name}: recorded are {', '.join(f'{k:g}' for k in known)}; not {value:g}")
    row, look = rows[rates.index(p)], epochs.index(epoch)
    at = {name: values[look] for name, values in row["looks"].items()}
    words = "\n".join(
        _word(word, gold, round(100 * chance), i in at["shown"])
        for i, (word, gold, chance) in enumerate(zip(row["words"], row["gold"], at["chances"], strict=True))
    )
    inside = [
        '<div class="controls">',
        slider("look", "Training", 0, len(epochs) - 1, 1, look, f"epoch {epoch}"),
        slider("rate", "Perturbation rate p", 0, len(rates) - 1, 1, rates.index(p), _rate(p)),
        "</div>",
        f'<p class="text">{words}</p>',
        '<p class="quiet">Shading: the probability that the selector shows the word. Underlined: gold. Framed: the '
        f"{len(at['shown'])} likeliest words, which the predictor is shown here.</p>",
        f'<p data-text="answer">{_answer(row["label"], at)}</p>',
        split_bar(at["entropy"], at["divergence"], MOST_NATS),
    ]
    state = {
        "epochs": epochs,
        "rates": rates,
        "names": [_rate(rate) for rate in rates],
        "words": row["words"],
        "label": row["label"],
        "most": MOST_NATS,
        "runs": [_small(row["looks"]) for row in rows],
    }
    title = f"One review while it is learned, {epochs[-1]} epochs at {len(rates)} rates"
    return element("watching", title, "\n".join(inside), f"This is epoch {epoch}, p = {p:g}.", state)


def _rate(p: float) -> str:
    return f"{p:g}: VER" if p else "0: RNP"


def _word(word: str, gold: int, percent: int, shown: bool) -> str:
    inner = f"<u>{html.escape(word)}</u>" if gold else html.escape(word)
    style = f"background:{_shade(percent)};color:#111111"
    return f'<span class="word{" shown" * shown}" style="{style}" title="{percent} %">{inner}</span>'


def _shade(percent: int) -> str:
    """A color from white to orange, computed as the script computes it."""
    return f"rgb(255,{255 - 85 * percent // 100},{255 - 22 * percent // 10})"


def _answer(label: str, at: dict[str, Any]) -> str:
    return (
        f"From these words the predictor says {100 * at['said']:.1f} % positive; the oracle says "
        f"{100 * at['known']:.1f} %. The label is {label}."
    )


def _small(looks: dict[str, list]) -> dict[str, list]:
    """The looks, with probabilities as whole percents."""
    return {**looks, "chances": [[round(100 * a) for a in one] for one in looks["chances"]]}
