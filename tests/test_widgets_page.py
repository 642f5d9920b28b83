"""Live elements as guests of a page: several, again, in a frame, without scripts, on a phone, read aloud."""

import html
import re
import time

import pytest

from browser import complaints, show, violations
from living import COPIES, NAMES, Hand, elements
from ver_lite.widgets import page

CSS = "css selector"
pytestmark = [pytest.mark.slow, pytest.mark.browser]


def test_a_screen_reader_hears_one_sentence_after_the_moves_and_none_before(chromium, opened):
    for name, slider in (("divergence", "said"), ("world", "look"), ("game", "time"), ("watching", "look")):
        hand = Hand(chromium, opened(name))
        region = hand.find("[role=status][aria-live=polite]")
        time.sleep(0.5)
        assert region.get_attribute("textContent") == ""
        chromium.execute_script(
            "window.heard = []; new MutationObserver(() => window.heard.push(arguments[0].textContent))"
            ".observe(arguments[0], {childList: true})",
            region,
        )
        hand.press(slider, "ARROW_LEFT" if slider == "time" else "ARROW_RIGHT", 8)
        time.sleep(0.8)
        heard = chromium.execute_script("return window.heard")
        assert len(heard) == 1 and re.search(r"\d\.\d", heard[0]), (name, heard)


def test_elements_leave_no_name_behind_and_a_cell_can_run_again(chromium, opened):
    names = {
        name
        for path in page.STATIC.glob("*.js")
        for name in re.findall(r"(?m)^(?:function|const|let) (\w+)", path.read_text("utf-8"))
    }
    assert {"wake", "live", "sigmoid", "perturb"} <= names
    opened("world")
    known = chromium.execute_script(f"return [{', '.join(f'typeof {name}' for name in sorted(names))}]")
    assert set(known) == {"undefined"}
    for name in NAMES:
        hand = Hand(chromium, opened(name))
        slider = hand.root.find_element(hand.css, "input").get_attribute("data-name")
        hand.press(slider, "HOME" if name != "watching" else "END")
        before = hand.value(slider)
        again = "document.querySelector('main').append(document.createRange().createContextualFragment(arguments[0]))"
        chromium.execute_script(again, elements()[name])
        new = Hand(chromium, opened(name, COPIES))
        assert new.root.get_attribute("data-ready") == "yes" and new.find(".controls").is_displayed()
        assert hand.value(slider) == before != new.value(slider)


def test_elements_live_in_a_sandboxed_frame(chromium, tmp_path):
    """As in Colab, where each output is a frame of another origin."""
    frames = "".join(
        f'<iframe title="{name}" sandbox="allow-scripts" srcdoc="{html.escape(source)}"></iframe>'
        for name, source in elements().items()
    )
    path = tmp_path / "frames.html"
    path.write_text(f'<!doctype html><meta charset="utf-8">{frames}', "utf-8")
    complaints(chromium)
    show(chromium, path.as_uri())
    for frame, name in zip(chromium.find_elements(CSS, "iframe"), NAMES, strict=True):
        chromium.switch_to.frame(frame)
        root = chromium.find_element(CSS, f".ver-lite-{name}")
        assert root.get_attribute("data-ready") == "yes"
        chromium.switch_to.default_content()
    assert not complaints(chromium)


def test_without_scripts_a_picture_of_the_start_is_left(chromium, elements_file):
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        chromium.get(elements_file.as_uri())
        for name in NAMES:
            root = chromium.find_element(CSS, f".ver-lite-{name}")
            assert "Moving it needs JavaScript." in root.text and "In a notebook, run the cell" in root.text
            assert not root.find_element(CSS, ".controls").is_displayed()
            picture = root.find_element(CSS, {"game": "svg .way", "perturbing": ".word"}.get(name, ".bar"))
            assert picture.is_displayed() and re.search(r"\d\.\d", root.text)
    finally:
        chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_elements_fit_a_phone_and_axe_finds_nothing(chromium, elements_file):
    show(chromium, elements_file.as_uri(), width=375, height=800)
    for summary in chromium.find_elements(CSS, "summary, .go"):
        summary.click()
    assert chromium.execute_script("return document.documentElement.scrollWidth") <= 375
    small = chromium.execute_script(
        "return [...document.querySelectorAll('.ver-lite button, .ver-lite input')]"
        ".filter(e => e.getBoundingClientRect().height < 24).map(e => e.outerHTML)"
    )
    assert not small, "too small for a finger"
    open_to_shortcuts = chromium.execute_script(
        "return [...document.querySelectorAll('.ver-lite :is(button, input, summary)')]"
        ".filter(e => !e.hasAttribute('data-lm-suppress-shortcuts')).map(e => e.outerHTML)"
    )
    assert not open_to_shortcuts, "JupyterLab would take the arrow keys"
    assert not violations(chromium)
