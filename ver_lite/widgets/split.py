"""Cross-entropy = entropy + divergence, with sliders: for one rationale, and for a whole world (lesson 01)."""

from __future__ import annotations

import html
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from ver_lite.system.checks import check_number
from ver_lite.theory.information import (
    BLANK,
    Parts,
    World,
    bayes_predictor,
    divergence,
    entropy,
    one_mask_selector,
    split,
)
from ver_lite.widgets.page import element, slider, split_bar

if TYPE_CHECKING:
    from IPython.display import HTML

MOST_NATS = 1.2
"""Where a bar ends; a longer one is cut there, and the line under it says so."""

LOOKS, SMELLS = ("flat", "creamy"), ("stale", "floral")
MASKS = {"look": (0, 1, 0, 0, 0, 0), "smell": (0, 0, 0, 0, 1, 0)}


def divergence_slider(truth: float = 0.9, said: float = 0.7) -> HTML:
    """Eq. 1 for one rationale and two labels: the reader drags the truth and what the predictor says.

    `truth` is P(positive | z) at the start and `said` what the predictor says; both are from 0.01 to 0.99. Raises
    `ValueError` for a value out of range.
    """
    check_number("truth", truth, least=0.01, most=0.99)
    check_number("said", said, least=0.01, most=0.99)
    p, q = [1 - truth, truth], [1 - said, said]
    inside = [
        '<div class="controls">',
        _percent("truth", "The truth: so many such reviews are positive", 1, truth, "of 100"),
        _percent("said", "The predictor says: positive with", 1, said),
        "</div>",
        split_bar(entropy(p), divergence(p, q), MOST_NATS),
    ]
    start = f"{100 * truth:.0f} of 100 such reviews are positive; the predictor says {100 * said:.0f} %."
    title = "Entropy and divergence of one rationale"
    return element("divergence", title, "\n".join(inside), start, {"most": MOST_NATS})


def split_of_a_world(better: float = 0.95, lesser: float = 0.80, look: float = 0.0, smell: float = 1.0) -> HTML:
    """Eq. 6 for two selectors in the world of lesson 01, which has four texts with a look word and a smell word each.

    `better` and `lesser` say how often the look word and the smell word agree with the label, from 0.5 to 0.99. `look`
    and `smell` say how well the predictor knows each: at 0 it says 50 : 50, at 1 it says P(Y|z). All but `lesser` can
    be dragged. Raises `ValueError` for a value out of range.
    """
    for name, value in (("better", better), ("lesser", lesser)):
        check_number(name, value, least=0.5, most=0.99)
    for name, value in (("look", look), ("smell", smell)):
        check_number(name, value, least=0, most=1)
    world = beer_world(better, lesser)
    known = {"look": look, "smell": smell}
    parts = {word: partly_known(world, word, share) for word, share in known.items()}
    inside = [
        '<div class="controls">',
        _percent("better", "The look word agrees with the label in", 50, better, "of 100"),
        _percent("look", "How well the predictor knows the look word", 0, look),
        _percent("smell", "How well it knows the smell word", 0, smell),
        "</div>",
        *(_shown(word, part) for word, part in parts.items()),
        f'<p><b data-text="choice">{_choice(parts)}</b></p>',
        _tables(world, known),
    ]
    texts = [{"look": LOOKS.index(text[1]), "smell": SMELLS.index(text[4])} for text in world.texts]
    state = {"texts": texts, "lesser": lesser, "most": MOST_NATS}
    start = (
        f"The look word agrees with the label in {100 * better:.0f} of 100; the predictor knows the look word to "
        f"{100 * look:.0f} % and the smell word to {100 * smell:.0f} %."
    )
    return element("world", "Entropy and divergence in a small world", "\n".join(inside), start, state)


def beer_world(better: float, lesser: float) -> World:
    """The world of lesson 01, with P(x, y): the text "a creamy head a floral nose" and three more."""
    texts, joint = [], []
    for look, smell in product((1, 0), (1, 0)):
        texts.append(("a", LOOKS[look], "head", "a", SMELLS[smell], "nose"))
        agree = [(better if look == y else 1 - better) * (lesser if smell == y else 1 - lesser) for y in (0, 1)]
        joint.append([share / 2 for share in agree])
    return World(tuple(texts), np.array(joint))


def partly_known(world: World, word: str, known: float) -> Parts:
    """Eq. 6 when the selector shows `word`, "look" or "smell", and the predictor says ½ + known · (P(y|z) − ½)."""
    selector = one_mask_selector(world, MASKS[word])
    return split(world, selector, {z: 0.5 + known * (p - 0.5) for z, p in bayes_predictor(world, selector).items()})


def _choice(parts: dict[str, Parts]) -> str:
    ahead = parts["smell"].cross_entropy - parts["look"].cross_entropy
    what = "Both cost the same." if abs(ahead) < 1e-9 else f"It shows the {'look' if ahead > 0 else 'smell'} word."
    return f"The selector is told only the sums. {what}"


def _shown(word: str, parts: Parts) -> str:
    bar = split_bar(parts.entropy, parts.divergence, MOST_NATS)
    return f'<div data-word="{word}"><p>If the selector shows the <b>{word} word</b>:</p>\n{bar}</div>'


def _tables(world: World, known: dict[str, float]) -> str:
    """The numbers behind the bars: P(x, y), and for each rationale the truth and what the predictor says."""
    texts = [
        [html.escape(" ".join(text)), *((f"joint{x}{y}", p) for y, p in enumerate(row))]
        for x, (text, row) in enumerate(zip(world.texts, world.joint, strict=True))
    ]
    rationales = []
    for word, names in (("look", LOOKS), ("smell", SMELLS)):
        truth = bayes_predictor(world, one_mask_selector(world, MASKS[word]))
        for i, name in enumerate(reversed(names)):
            [p] = [float(row[1]) for z, row in truth.items() if [w for w in z if w != BLANK] == [name]]
            said = 0.5 + known[word] * (p - 0.5)
            rationales.append([f"… {name} …", (f"{word}{i}-truth", p), (f"{word}{i}-said", said)])
    return (
        '<details><summary>The world behind it</summary><div class="scroll" tabindex="0" role="region" '
        'aria-label="Tables of the world">'
        + _table(["text x", "P(x, negative)", "P(x, positive)"], texts)
        + _table(["rationale z", "P(positive | z)", "the predictor says"], rationales)
        + "</div></details>"
    )


def _table(head: list[str], rows: list[list]) -> str:
    """A table whose first column is text. The other columns are pairs of a name and a number."""
    cells = "".join(f'<th scope="col"{" class=number" * (i > 0)}>{name}</th>' for i, name in enumerate(head))
    body = "".join(
        f"<tr><td>{row[0]}</td>" + "".join(f'<td class="number" data-text="{n}">{v:.3f}</td>' for n, v in row[1:])
        for row in rows
    )
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def _percent(name: str, label: str, low: int, value: float, unit: str = "%") -> str:
    high = 99 if low else 100
    return slider(name, label, low, high, 1, round(100 * value), f"{100 * value:.0f} {unit}")
