"""The frame of a live element: everything inline, a first picture that needs no script, and shared pieces."""

from __future__ import annotations

import html
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.display import HTML

STATIC = Path(__file__).with_name("static")


def element(name: str, title: str, inside: str, start: str, state: dict[str, Any]) -> HTML:
    """A live element: `inside` is its first picture, and the script `static/NAME.js` makes it react.

    `title` names the group for screen readers. `start` says the starting values where no script runs. `state` is plain
    data that the script starts from. An element can stand on a page any number of times: the script starts every
    element of its name that has not been started yet.
    """
    from IPython.display import HTML

    data = html.escape(json.dumps(state, ensure_ascii=False, separators=(",", ":")), quote=False).replace("'", "&#39;")
    return HTML(
        f"<style>\n{_file('kit.css')}{_file(f'{name}.css')}</style>\n"
        f'<div class="ver-lite ver-lite-{name}" role="group" aria-label="{html.escape(title)}" '
        f"data-state='{data}'>\n{inside}\n"
        f'<p class="still quiet">{start} In a notebook, run the cell to move this picture.</p>\n'
        '<noscript><p class="quiet">Moving it needs JavaScript.</p></noscript>\n'
        '<p class="spoken" role="status" aria-live="polite"></p>\n</div>\n'
        f'<script>\n(function () {{\n"use strict";\n{_file("kit.js")}{_file(f"{name}.js")}'
        f'wake("{name}", live);\n}})();\n</script>'
    )


@cache
def _file(name: str) -> str:
    path = STATIC / name
    return path.read_text("utf-8") if path.exists() else ""


def slider(name: str, label: str, low: float, high: float, step: float, value: float, says: str) -> str:
    """A labeled slider. `says` is its value in words, in the form that the script writes later."""
    return (
        f'<div class="slider"><label>{label}<input type="range" data-name="{name}" min="{low:g}" max="{high:g}" '
        f'step="{step:g}" value="{value:g}" aria-valuetext="{says}" autocomplete="off"></label>'
        f'<span class="value" aria-hidden="true">{says}</span></div>'
    )


def split_bar(entropy: float, divergence: float, most: float) -> str:
    """Eq. 6 as one stacked bar, cut at `most` nats, with the sum in numbers below it."""
    blue = min(entropy, most)
    orange = min(divergence, most - blue)
    total = entropy + divergence
    cut = f" (the bar is cut at {most:g} nats)" if total > most else ""
    return (
        f'<div class="bar" aria-hidden="true"><div class="entropy" style="width:{100 * blue / most:.2f}%"></div>'
        f'<div class="divergence" style="width:{100 * orange / most:.2f}%"></div></div>\n'
        f'<p class="sum"><span class="entropy">entropy <b data-text="entropy">{entropy:.3f}</b></span> + '
        f'<span class="divergence">divergence <b data-text="divergence">{divergence:.3f}</b></span> = '
        f'<span class="total">cross-entropy <b data-text="total">{total:.3f}</b> nats</span>'
        f'<span class="cut" data-text="cut">{cut}</span></p>'
    )
