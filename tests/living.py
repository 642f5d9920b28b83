"""The live elements on a page on disk, and a class that operates them like a reader, for the tests."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
import torch

REVIEW = 7
NAMES = ("divergence", "world", "game", "watching", "perturbing")
COPIES = 2  # of each on a page


@functools.cache
def corpus():
    from ver_lite import load_corpus

    return load_corpus("reviews", world="rivals")


@functools.cache
def text():
    """The review that is perturbed, a batch of one."""
    return corpus().test.batch(torch.tensor([REVIEW]))


@functools.cache
def elements() -> dict[str, str]:
    """Every element's HTML as a cell would show it, by name."""
    from ver_lite import widgets

    made = (
        widgets.divergence_slider(),
        widgets.split_of_a_world(),
        widgets.two_word_portrait(),
        widgets.watch_review(epoch=1),
        widgets.perturb_yourself(corpus(), REVIEW),
    )
    return {name: element.data for name, element in zip(NAMES, made, strict=True)}


def write_page(path: Path) -> Path:
    """A page on disk that holds every element, each twice."""
    body = "\n".join(source for source in elements().values() for _ in range(COPIES))
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Elements</title>'
    page = f'<!doctype html><html lang="en"><head>{head}</head><body><main><h1>All</h1>{body}</main></body></html>'
    path.write_text(page, "utf-8")
    return path


class Hand:
    """Operates one element like a reader: presses keys, clicks, and reads its numbers."""

    def __init__(self, chromium, root):
        self.chromium, self.root = chromium, root
        from selenium.webdriver import ActionChains
        from selenium.webdriver.common.keys import Keys

        self.actions, self.css, self.keys = ActionChains(chromium), "css selector", Keys

    def find(self, selector):
        return self.root.find_element(self.css, selector)

    def slider(self, name):
        return self.find(f"input[data-name={name}]")

    def value(self, name):
        return float(self.slider(name).get_attribute("value"))

    def press(self, name, key, times=1):
        self.slider(name).send_keys(getattr(self.keys, key) * times)

    def point(self, target, across, down=0.5):
        """Click at the given shares of the target's width and height."""
        box = target.rect
        x, y = round((across - 0.5) * box["width"]), round((down - 0.5) * box["height"])
        self.actions.move_to_element_with_offset(target, x, y).click().perform()

    def text(self, name, within=""):
        return self.find(f"{within} [data-text='{name}']").get_attribute("textContent")

    def numbers(self, within=""):
        return [float(self.text(name, within)) for name in ("entropy", "divergence", "total")]


def rounded(*numbers):
    return [pytest.approx(number, abs=5.1e-4) for number in numbers]
