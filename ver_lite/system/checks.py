"""Checks of what a caller gives: a number in a range, one of several choices, a switch.

Each check returns nothing, or raises an error that names the parameter, what is allowed, and what was given. ``error``
makes that error from its message: ``ValueError``, or for instance ``CorpusError``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable


def check_number(
    name: str,
    value: object,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    whole: bool = False,
    error: Callable[[str], Exception] = ValueError,
) -> None:
    """Raise ``error`` unless ``value`` is a finite number, ``least`` ≤ value ≤ ``most`` and ``above`` < value <
    ``below``, as far as these are given. ``whole``: it must be an integer. True, False and NaN are never numbers, and
    a NumPy integer is none either, because JSON cannot hold it."""
    number = isinstance(value, int if whole else int | float) and not isinstance(value, bool) and abs(value) < math.inf
    low = least is None or (number and value >= least), above is None or (number and value > above)
    high = most is None or (number and value <= most), below is None or (number and value < below)
    if not (number and all(low + high)):
        kind = "a whole number" if whole else "a number"
        raise error(f"{name} must be {kind}{_range(least, above, most, below)}, not {value!r}")


def check_choice(
    name: str, value: object, choices: Iterable[object], *, error: Callable[[str], Exception] = ValueError
) -> None:
    """Raise ``error`` unless ``value`` is one of ``choices``."""
    choices = tuple(choices)
    if value not in choices:
        raise error(f"{name} must be one of: {', '.join(map(str, choices))}; not {value!r}")


def check_switch(name: str, value: object, *, error: Callable[[str], Exception] = ValueError) -> None:
    """Raise ``error`` unless ``value`` is True or False."""
    if not isinstance(value, bool):
        raise error(f"{name} must be true or false, not {value!r}")


def _range(least: float | None, above: float | None, most: float | None, below: float | None) -> str:
    """The range in words, with a space before it: " from 0 to 1", " above 0 and below 1"; empty for no range."""
    if least is not None and most is not None:
        return f" from {_short(least)} to {_short(most)}"
    said = (
        ("of at least", least),
        ("above", above),
        ("at most" if above is not None else "of at most", most),
        ("below", below),
    )
    words = [f"{word} {_short(bound)}" for word, bound in said if bound is not None]
    return " " + " and ".join(words) if words else ""


def _short(bound: float) -> str:
    """A bound as people write it, "1e+09" and not "1000000000.0", where that loses no digit."""
    return short if float(short := f"{bound:g}") == bound else str(bound)
