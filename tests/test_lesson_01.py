"""What lesson 01 writes from scratch agrees with the library."""

import re

import nbformat
import numpy as np
import pytest

from notebook_tools import NOTEBOOKS, definitions
from ver_lite.theory import information
from ver_lite.widgets import split

TOLERANCE = {"rtol": 0, "atol": 1e-12}


@pytest.fixture(scope="module")
def lesson():
    return definitions("01-cross-entropy-in-two-parts.ipynb")


@pytest.fixture(params=range(20))
def triple(request, lesson):
    """The lesson's texts with random P(x, y), a random selector and a random predictor."""
    rng = np.random.default_rng(request.param)
    texts = lesson["beer_world"]().texts
    world = information.World(texts, rng.dirichlet(np.ones(8)).reshape(4, 2))
    selector = rng.dirichlet(np.ones(len(world.masks)), size=len(texts))
    return world, selector, {z: rng.dirichlet(np.ones(2)) for z in world.rationales}


@pytest.mark.parametrize("name", ["entropy", "cross_entropy", "divergence"])
@pytest.mark.parametrize("seed", range(10))
def test_sums_over_one_distribution(lesson, name, seed):
    p, q = np.random.default_rng(seed).dirichlet(np.ones(5), size=2)
    p = np.where(p < 0.1, 0, p) / np.where(p < 0.1, 0, p).sum()
    arguments = (p,) if name == "entropy" else (p, q)
    np.testing.assert_allclose(lesson[name](*arguments), getattr(information, name)(*arguments), **TOLERANCE)


def test_sums_over_rationales_and_labels(lesson, triple):
    joint = list(information.rationale_joint(*triple[:2]).values())
    for name in ("conditional_entropy", "mutual_information"):
        np.testing.assert_allclose(lesson[name](joint), getattr(information, name)(joint), **TOLERANCE)


def test_rationales_and_their_joint(lesson, triple):
    world, selector, _ = triple
    ours, theirs = lesson["rationale_joint"](world, selector), information.rationale_joint(world, selector)
    assert set(ours) == set(theirs)
    for z in theirs:
        np.testing.assert_allclose(ours[z], theirs[z], **TOLERANCE)
    for mask in world.masks:
        assert lesson["rationale"](world.texts[0], mask) == information.rationale(world.texts[0], mask)


def test_split(lesson, triple):
    ours, theirs = lesson["split"](*triple), information.split(*triple)
    for part in ("cross_entropy", "entropy", "divergence"):
        np.testing.assert_allclose(getattr(ours, part), getattr(theirs, part), **TOLERANCE)


def test_the_lessons_world_is_the_librarys(lesson):
    ours = lesson["beer_world"](better=0.9, lesser=0.7)
    theirs = information.World(ours.texts, ours.joint)
    assert tuple(ours.masks) == theirs.masks
    mask = (0, 1, 0, 0, 0, 0)
    np.testing.assert_array_equal(lesson["one_mask_selector"](ours, mask), information.one_mask_selector(theirs, mask))


def test_the_lessons_world_is_the_one_that_can_be_dragged(lesson):
    ours, theirs = lesson["beer_world"](better=0.9, lesser=0.7), split.beer_world(0.9, 0.7)
    assert ours.texts == theirs.texts
    np.testing.assert_allclose(ours.joint, theirs.joint, **TOLERANCE)


def test_the_folded_solutions_are_right(lesson):
    cells = nbformat.read(NOTEBOOKS / "01-cross-entropy-in-two-parts.ipynb", as_version=4).cells
    folds = re.findall(r"<details>.*?</details>", "\n".join(cell.source for cell in cells), re.DOTALL)
    rare, sureness = (float(number) for number in re.findall(r"guess = ([\d.]+)", "".join(folds)))
    assert rare == pytest.approx(information.entropy([0.01, 0.99]), abs=5e-4)
    smell = information.entropy([0.2, 0.8])
    for q, wins in ((sureness - 0.001, False), (sureness + 0.001, True)):
        assert (information.cross_entropy([0.05, 0.95], [1 - q, q]) < smell) == wins

    beers = information.World(lesson["beer_world"]().texts, lesson["beer_world"]().joint)
    look = information.one_mask_selector(beers, (0, 1, 0, 0, 0, 0))
    names = dict(lesson, information=information)
    [solution] = re.findall(r"```python\n(.*?)```", "".join(folds), re.DOTALL)
    exec(solution, names)
    assert information.split(beers, look, names["best_predictor"](beers, look)).divergence == 0


def test_a_number_in_the_text_is_one_that_a_cell_printed():
    cells = nbformat.read(NOTEBOOKS / "01-cross-entropy-in-two-parts.ipynb", as_version=4).cells
    printed = "\n".join(output.get("text", "") for cell in cells if cell.cell_type == "code" for output in cell.outputs)
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    prose = re.sub(r"<details>.*?</details>", "", prose, flags=re.DOTALL)
    numbers = set(re.findall(r"(?<![\d.])\d\.\d{3}(?!\d)", prose))
    assert len(numbers) >= 8
    assert not {number for number in numbers if number not in printed}
