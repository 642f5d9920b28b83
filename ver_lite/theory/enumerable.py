"""A world small enough to write down: every text, every mask, P(X, Y), any selector as a table (lesson 01).

The sums over it are in `ver_lite.theory.information`, which also exports these names. NumPy in float64 only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

Rationale = tuple[str, ...]
Table = NDArray[np.float64]

BLANK = "·"
"""This character takes the place of a word that was not selected."""

SUM_TOLERANCE = 1e-9
"""The sum of a distribution may differ from one by this much."""

LARGEST_TABLE = 10_000_000
"""A world may have this many texts × masks × classes."""


@dataclass(frozen=True, eq=False)
class World:
    """An enumerable world: every text, every mask, and P(X, Y) written down.

    texts    N different texts of the same length T, each a tuple of words
    joint    P(x, y), shape [N, C]; its entries sum to one
    classes  C names for the labels

    All texts have one length, so that the length says nothing about the label. Raises `ValueError`, naming the
    parameter, when something does not fit or the tables would be too large to write down.
    """

    texts: tuple[tuple[str, ...], ...]
    joint: Table
    classes: tuple[str, ...] = ("negative", "positive")

    def __post_init__(self) -> None:
        texts, classes = tuple(tuple(text) for text in self.texts), tuple(self.classes)
        _check_texts(texts, len(classes))
        joint = distribution(self.joint, "joint", (len(texts), len(classes))).copy()
        joint.setflags(write=False)
        for name, value in (("texts", texts), ("joint", joint), ("classes", classes)):
            object.__setattr__(self, name, value)

    @classmethod
    def every_text(cls, words: Sequence[str], length: int, joint: ArrayLike, **options: Sequence[str]) -> World:
        """The world of all texts of `length` words over `words`, in the order of `itertools.product`."""
        return cls(tuple(product(words, repeat=length)), joint, **options)

    @cached_property
    def masks(self) -> tuple[tuple[int, ...], ...]:
        """All 2^T masks, from nothing selected to everything selected: the columns of a selector's table."""
        return tuple(product((0, 1), repeat=len(self.texts[0])))

    @cached_property
    def rationales(self) -> tuple[Rationale, ...]:
        """Every different rationale that a text and a mask can make, sorted by words shown, then by name."""
        different = {rationale(text, mask) for text in self.texts for mask in self.masks}
        return tuple(sorted(different, key=lambda z: (len(z) - z.count(BLANK), z)))

    @cached_property
    def rationale_index(self) -> NDArray[np.int64]:
        """Which rationale text n makes with mask m: int [N, 2^T], an index into `rationales`."""
        place = {z: index for index, z in enumerate(self.rationales)}
        return np.array([[place[rationale(text, mask)] for mask in self.masks] for text in self.texts])


def rationale(text: Sequence[str], mask: Sequence[int]) -> Rationale:
    """z = m ⊙ x (Eq. 2): the word where `mask` is 1, `BLANK` where it is 0.

    Raises `ValueError` when the two lengths differ.
    """
    if len(text) != len(mask):
        raise ValueError(f"mask: needs one entry for each of the {len(text)} words; got {len(mask)}")
    return tuple(word if shown else BLANK for word, shown in zip(text, mask, strict=True))


def one_mask_selector(world: World, mask: Sequence[int]) -> Table:
    """The selector that shows the same places of every text: π(mask|x) = 1. Shape [N, 2^T]."""
    return chosen_selector(world, [mask] * len(world.texts))


def chosen_selector(world: World, masks: Sequence[Sequence[int]]) -> Table:
    """The selector without chance that gives text n the n-th of `masks`. Shape [N, 2^T].

    Raises `ValueError` when a mask is missing or is not T zeros and ones.
    """
    if len(masks) != len(world.texts):
        raise ValueError(f"masks: needs one mask for each of the {len(world.texts)} texts; got {len(masks)}")
    table = np.zeros((len(world.texts), len(world.masks)))
    for row, mask in enumerate(masks):
        if tuple(mask) not in world.masks:
            raise ValueError(f"masks: {tuple(mask)} is not a row of {len(world.texts[0])} zeros and ones")
        table[row, world.masks.index(tuple(mask))] = 1.0
    return table


def uniform_selector(world: World) -> Table:
    """The selector that draws every mask with the same probability, whatever the text. Shape [N, 2^T]."""
    return np.full((len(world.texts), len(world.masks)), 1.0 / len(world.masks))


def shape_selector(world: World, shapes: Sequence[Sequence[int]]) -> Table:
    """The selector that writes the label into the mask: `shapes[y]` for a text whose likeliest label is y.

    Where every text has one certain label and the shapes differ, H(Y|Z) is 0, whatever words the shapes show
    (lesson 01). `shapes` holds one mask for each class; a tie goes to the first class. Shape [N, 2^T].
    """
    if len(shapes) != len(world.classes):
        raise ValueError(f"shapes: needs one mask for each of the {len(world.classes)} classes; got {len(shapes)}")
    return chosen_selector(world, [shapes[label] for label in world.joint.argmax(axis=1)])


def selector_table(world: World, selector: ArrayLike) -> Table:
    """`selector` as float64 π(m|x), shape [N, 2^T]; a `ValueError` names the text whose row is wrong."""
    texts, width = len(world.texts), (len(world.masks),)
    if np.ndim(selector) == 0 or len(selector) != texts:
        raise ValueError(f"selector: needs one row for each of the {texts} texts; got {np.shape(selector)}")
    rows = zip(world.texts, selector, strict=True)
    return np.array([distribution(row, f"selector, text {' '.join(text)!r}", width) for text, row in rows])


def joint_table(world: World, selector: ArrayLike) -> Table:
    """P(z, y), shape [Z, C], rows in the order of `world.rationales`. `rationale_joint` gives it by name."""
    weights = selector_table(world, selector)[:, :, None] * world.joint[:, None, :]
    table = np.zeros((len(world.rationales), len(world.classes)))
    np.add.at(table, world.rationale_index, weights)
    return table


def rationale_joint(world: World, selector: ArrayLike) -> dict[Rationale, Table]:
    """P(z, y) = Σ P(x, y) π(m|x) over all texts x and masks m that make the rationale z.

    `selector` is the table π(m|x), shape [N, 2^T], columns in the order of `world.masks`, every row summing
    to one. Holds every rationale of the world, those that never happen with zeros; each value has shape
    [C].
    """
    return dict(zip(world.rationales, joint_table(world, selector), strict=True))


def distribution(values: ArrayLike, name: str, shape: tuple[int, ...] | None = None) -> Table:
    """`values` as float64, or a `ValueError` that says what keeps `name` from being a distribution.

    All entries together are one distribution: finite, none negative, summing to one within `SUM_TOLERANCE`.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: needs an array of probabilities ({error})") from None
    if shape is not None and array.shape != shape:
        raise ValueError(f"{name}: needs shape {shape}; got {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name}: needs at least one probability")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: every probability must be a finite number; got {array[~np.isfinite(array)][0]}")
    if (array < 0).any():
        raise ValueError(f"{name}: a probability cannot be negative; got {array.min():.6g}")
    if abs(array.sum() - 1.0) > SUM_TOLERANCE:
        raise ValueError(f"{name}: probabilities must sum to one; they sum to {array.sum():.6g}")
    return array


def _check_texts(texts: tuple[Rationale, ...], classes: int) -> None:
    lengths = sorted({len(text) for text in texts})
    if not texts or lengths[0] == 0:
        raise ValueError("texts: a world needs at least one text, and every text at least one word")
    if len(lengths) > 1:
        raise ValueError(f"texts: all texts must have the same length; found lengths {lengths}")
    if len(set(texts)) < len(texts):
        raise ValueError("texts: the same text stands twice; add its probabilities up instead")
    if any(BLANK in text for text in texts):
        raise ValueError(f"texts: {BLANK!r} stands for a word not selected, so it cannot be a word")
    if len(texts) * 2 ** lengths[0] * classes > LARGEST_TABLE:
        raise ValueError(
            f"texts: {len(texts)} texts of {lengths[0]} words make tables of over {LARGEST_TABLE:,} entries; "
            "use fewer or shorter texts"
        )
