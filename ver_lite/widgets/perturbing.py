"""Equation 8 by hand: choose words, perturb the choice, and see what the oracle can tell from them (lesson 07)."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from ver_lite.corpora import Corpus
from ver_lite.system.checks import check_number
from ver_lite.widgets.page import element, slider

if TYPE_CHECKING:
    from IPython.display import HTML


def perturb_yourself(corpus: Corpus, i: int, mask: Sequence[float] | None = None, perturbation: float = 0.3) -> HTML:
    """Text `i` of a review world's test split, with words that the reader selects and a button that perturbs the
    selection.

    `mask` [T] is the selection at the start; None selects the gold words. `perturbation` is p of Eq. 8. The page
    computes the oracle's answer from the world's factors of these words. Raises `ValueError` for a corpus without a
    world, a mask of another length or a p that is no probability, and IndexError when there is no such text.
    """
    world = corpus.world
    if world is None:
        raise ValueError(f"corpus: {corpus.name} has no oracle; take a review world")
    check_number("perturbation", perturbation, least=0, most=1)
    if not 0 <= i < len(corpus.test):
        raise IndexError(f"there is no text {i}: the split has texts 0 to {len(corpus.test) - 1}")
    batch, words = corpus.test.batch(torch.tensor([i])), corpus.test.words(i, corpus.vocabulary)
    chosen = batch.gold[0].float() if mask is None else torch.as_tensor(mask, dtype=torch.float32)
    if chosen.shape != (len(words),):
        raise ValueError(f"mask: needs one number for each of the {len(words)} words; got {list(chosen.shape)}")
    positive = float(world.log_posterior(batch.tokens, chosen[None]).exp()[0, 1])
    gold, on = batch.gold[0].tolist(), (chosen > 0.5).tolist()
    label = corpus.classes[int(batch.labels[0])]
    inside = [
        "<p>Choose words by click, or with Tab and the space bar. Underlined words are gold. "
        f"The label is {label}.</p>",
        f'<div class="words">{"".join(_button(*one) for one in zip(words, gold, on, strict=True))}</div>',
        _oracle("own", f"Your {sum(on)} words", positive),
        '<div class="controls">',
        slider("p", "Perturbation rate p", 0, 1, 0.05, perturbation, f"{perturbation:.2f}"),
        '<div><button type="button" class="go">Perturb</button></div></div>',
        '<div class="perturbed" hidden><p class="neighbor"></p>' + _oracle("neighbor", "The neighbor", positive),
        '<p data-text="swapped"></p><p class="quiet" data-text="tally"></p></div>',
    ]
    kinds = [int(kind) for kind in world.templates.kind[batch.tokens[0, : len(words)].numpy()]]
    state = {
        "words": words,
        "aspect": [(kind - 1) // 2 if kind else None for kind in kinds],
        "polarity": [(kind - 1) % 2 if kind else None for kind in kinds],
        "reliability": list(world.per_aspect("reliability")),
        "rho": list(world.per_aspect("rho")),
    }
    start = f"{sum(on)} words are selected here."
    return element("perturbing", "Perturb a rationale yourself", "\n".join(inside), start, state)


def _button(word: str, gold: bool, on: bool) -> str:
    inner = f"<u>{html.escape(word)}</u>" if gold else html.escape(word)
    return f'<button type="button" class="word" aria-pressed="{str(on).lower()}" disabled>{inner}</button>'


def _oracle(name: str, title: str, positive: float) -> str:
    """P(positive | visible words) as a bar and in numbers, with its entropy."""
    doubt = -sum(p * math.log(p) for p in (positive, 1 - positive) if p > 0)
    return (
        f'<div class="oracle" data-oracle="{name}"><p><b data-text="title">{title}</b>: the oracle says '
        f'<b data-text="positive">{100 * positive:.1f} %</b> positive; '
        f'doubt <b data-text="doubt">{doubt:.3f}</b> nats</p>'
        f'<div class="scale" aria-hidden="true"><div style="width:{100 * positive:.1f}%"></div></div></div>'
    )
