"""Figures: one size, a sentence with each, nothing left open; and the bars of Eq. 6."""

import io
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from ver_lite.theory.information import Parts
from ver_lite.viz import figures


@pytest.fixture
def displayed(monkeypatch):
    calls = []
    monkeypatch.setattr("IPython.display.display", lambda data, **options: calls.append((data, options)))
    return calls


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(figures.png(figure))).convert("RGB")).astype(int)


def near(picture, color):
    """How many pixels have nearly this color."""
    target = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(picture - target).sum(axis=2) < 12).sum())


def test_show_displays_a_png_with_its_sentence_and_leaves_nothing_open(displayed):
    figure, [axes] = figures.new_figure()
    axes.plot([0, 1])
    figures.show(figure, "A line from zero to one.")
    [(data, options)] = displayed
    assert data["text/plain"] == "A line from zero to one."
    assert options == {"raw": True, "metadata": {"image/png": {"alt": "A line from zero to one."}}}
    assert data["image/png"].startswith("iVBOR")
    assert plt.get_fignums() == [] and figure.axes == []


@pytest.mark.parametrize("alt", ["", "  "])
def test_a_figure_without_a_sentence_is_refused(alt, displayed):
    with pytest.raises(ValueError, match="alt: say in a sentence"):
        figures.show(figures.new_figure()[0], alt)
    assert displayed == []


def test_a_picture_has_the_courses_size_and_the_same_bytes_each_time():
    def draw():
        return figures.split_bar({"a": Parts(0.3, 0.2, 0.1)}, "title")

    assert figures.png(draw()) == figures.png(draw())
    assert pixels(draw()).shape[1] == figures.WIDTH * figures.DPI
    assert pixels(figures.new_figure(height=2)[0]).shape[:2] == (2 * figures.DPI, 7 * figures.DPI)


def test_bars_are_as_long_as_their_parts():
    figure = figures.split_bar({"look": Parts(0.7, 0.2, 0.5), "smell": Parts(0.5, 0.5, 0.0)}, most=1.0)
    bars = [(bar.get_x(), bar.get_width()) for bar in figure.axes[0].patches]
    np.testing.assert_allclose(bars, [(0, 0.2), (0.2, 0.5), (0, 0.5), (0.5, 0.0)], atol=1e-12)
    picture = pixels(figure)
    assert near(picture, figures.ENTROPY) > 1000 and near(picture, figures.DIVERGENCE) > 1000


@pytest.mark.parametrize("misfit, said", [(5.0, "5.200 →"), (math.inf, "infinite →")])
def test_a_bar_beyond_the_axis_is_cut_and_says_so(misfit, said):
    figure = figures.split_bar({"look": Parts(0.2 + misfit, 0.2, misfit)}, most=1.0)
    assert sum(bar.get_width() for bar in figure.axes[0].patches) == pytest.approx(1.0)
    assert said in [text.get_text() for text in figure.axes[0].texts]


def test_certain_words_and_a_perfect_predictor_make_an_empty_bar():
    assert pixels(figures.split_bar({"look": Parts(0.0, 0.0, 0.0)})).size
    with pytest.raises(ValueError, match="parts: give at least one bar"):
        figures.split_bar({})
