"""Lesson 03's non-overlap, its split into floor and movement, and its bounds on bits, against the library's."""

import re

import nbformat
import numpy as np
import pytest
import torch

from notebook_tools import NOTEBOOKS, definitions
from ver_lite import masks

NAME = "03-observation-1-a-small-region.ipynb"
LESSON = definitions(NAME)


@pytest.fixture(params=range(5))
def chances(request):
    """The chances of two selectors, one in float64 and one text that selects nothing."""
    made = torch.rand(2, 6, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(request.param))
    return made * (torch.arange(6) > 0)[:, None]


def test_non_overlap_is_the_library_s(chances):
    first, second = (chances > 0.6).double()
    assert torch.equal(LESSON["non_overlap"](first, second), masks.non_overlap(first, second))
    assert not LESSON["non_overlap"](first, second)[0]


def test_the_parts_are_the_library_s_and_add_up(chances):
    a, b = chances[:, 1:]
    expected, floor, movement = (LESSON[name](a, b) for name in ("expected", "floor", "movement"))
    assert torch.allclose(expected, masks.expected_non_overlap(a, b), rtol=0, atol=1e-12)
    assert torch.allclose(movement, masks.expected_movement(a, b), rtol=0, atol=1e-12)
    assert torch.allclose(floor + movement, expected, rtol=0, atol=1e-12)
    assert torch.allclose(LESSON["floor"](a, a), masks.expected_non_overlap(a, a), rtol=0, atol=1e-12)


def test_the_bits_of_real_coins_lie_between_the_bounds(chances):
    for a in chances[0, 1:].clamp(1e-9, 1 - 1e-9).numpy():
        least, most = LESSON["bits"]((a * (1 - a)).sum() / a.sum(), a.mean(), len(a))
        assert least < LESSON["binary_entropy"](a).sum() < most


def test_the_bounds_are_reached():
    fair = np.array([0.5] * 4 + [1e-12] * 36)
    least, _ = LESSON["bits"]((fair * (1 - fair)).sum() / fair.sum(), fair.mean(), 40)
    assert least == pytest.approx(4) and LESSON["binary_entropy"](fair).sum() == pytest.approx(4)
    even = np.full(40, 0.2)
    _, most = LESSON["bits"](0.8, 0.2, 40)
    assert most == pytest.approx(LESSON["binary_entropy"](even).sum())


def test_masks_are_thrown_with_the_chances_given():
    names = definitions(NAME)
    names["throw"].__globals__["noise"] = torch.Generator().manual_seed(1)
    wanted = torch.tensor([0.0, 0.2, 0.9, 1.0])
    assert torch.allclose(names["throw"](wanted, 20_000).mean(0), wanted, atol=0.02)


def test_the_exercise_is_a_stub_and_its_folded_solution_is_right(capsys):
    a = np.array([0.1, 0.5, 0.7])
    assert LESSON["coin_bits"](a) is None
    cells = nbformat.read(NOTEBOOKS / NAME, as_version=4).cells
    [solution] = [code for cell in cells for code in re.findall(r"```python\n(.*?)```", cell.source, re.DOTALL)]
    names = {"np": np, "kept": [], "some": None}
    exec(solution.split("\n\n\n")[0], names)
    assert names["coin_bits"](a) == pytest.approx(LESSON["reference"](a))
