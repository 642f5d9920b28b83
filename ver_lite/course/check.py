"""Tell a learner at once whether an answer is right: one line with theirs and the correct one, and no exception."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

RIGHT, WRONG, OPEN = "✓", "✗", "○"
LONGEST = 60


def check(question: str, yours: Any, correct: Any, tolerance: float = 1e-6) -> bool:
    """Print one line, yours beside correct, and return whether they agree.

    Numbers, arrays and tensors agree when their shapes are equal and no entry differs by more than `tolerance`. For
    entries larger than one, the difference is taken relative to their size. NaN agrees with NaN. Texts agree whatever
    their case and outer spaces, and everything else when `==` says so. An answer of None or `...` is reported as not
    answered yet, and `correct` is not shown. A wrong answer never raises.
    """
    if yours is None or yours is Ellipsis:
        print(f"{OPEN} {question}: not answered yet")
        return False
    problem = _difference(yours, correct, tolerance)
    if problem is None:
        print(f"{RIGHT} {question}: yours {_show(yours)}, correct {_show(correct)}")
        return True
    print(f"{WRONG} {question}: yours {_show(yours)}, correct {_show(correct)}{problem}")
    return False


def check_function(question: str, yours: Any, reference: Callable, *cases: Any, tolerance: float = 1e-6) -> bool:
    """Call `yours` and `reference` on every case, print one line, and return whether all of them agree.

    A case is a tuple of arguments, or one argument that is not a tuple. Each function gets its own copy of them. The
    line shows the first case that differs or makes `yours` raise. A stub is reported as not answered yet: it raises
    `NotImplementedError`, or returns None or `...`. Raises `ValueError` without cases, because nothing would be
    checked.
    """
    if not cases:
        raise ValueError("cases: give at least one case to try")
    if yours is None or yours is Ellipsis:
        print(f"{OPEN} {question}: not answered yet")
        return False
    for number, case in enumerate(cases, start=1):
        arguments = case if isinstance(case, tuple) else (case,)
        correct = reference(*deepcopy(arguments))
        try:
            got = yours(*deepcopy(arguments))
        except NotImplementedError:
            got = None
        except Exception as error:
            given = ", ".join(map(_show, arguments))
            print(f"{WRONG} {question}: given ({given}), yours raised {type(error).__name__}: {error}")
            return False
        if got is None or got is Ellipsis:
            after = f" (case {number} of {len(cases)} returned nothing)" if number > 1 else ""
            print(f"{OPEN} {question}: not answered yet{after}")
            return False
        problem = _difference(got, correct, tolerance)
        if problem is not None:
            given = ", ".join(map(_show, arguments))
            print(f"{WRONG} {question}: given ({given}), yours {_show(got)}, correct {_show(correct)}{problem}")
            return False
    plural = "case agrees" if len(cases) == 1 else "cases agree"
    print(f"{RIGHT} {question}: {len(cases)} of {len(cases)} {plural}; the last is yours {_show(got)}")
    return True


def _difference(yours: Any, correct: Any, tolerance: float) -> str | None:
    """None when the two agree, else the text to add to the line: the reason, or "" where the values show it."""
    if isinstance(correct, str):
        if not isinstance(yours, str):
            return f" (yours is {_kind(yours)}, a text in quotes is wanted)"
        return None if yours.strip().casefold() == correct.strip().casefold() else ""
    if isinstance(correct, bool | np.bool_):
        if not isinstance(yours, bool | np.bool_):
            return f" (yours is {_kind(yours)}, True or False is wanted)"
        return None if bool(yours) == bool(correct) else ""
    target = _numbers(correct)
    if target is None:
        return _unequal(yours, correct)
    given = _numbers(yours)
    if given is None:
        return f" (yours is {_kind(yours)}, {_kind(correct)} is wanted)"
    if given.shape != target.shape:
        return f" (yours has shape {given.shape}, {target.shape} is wanted)"
    return _apart(given, target, tolerance)


def _unequal(yours: Any, correct: Any) -> str | None:
    try:
        return None if bool(yours == correct) else ""
    except Exception:
        return f" (yours is {_kind(yours)}, {_kind(correct)} is wanted)"


def _apart(given: np.ndarray, target: np.ndarray, tolerance: float) -> str | None:
    """None when no entry differs by more than the tolerance, else the text to add to the line: the largest
    difference."""
    same = (given == target) | (np.isnan(given) & np.isnan(target))
    with np.errstate(invalid="ignore"):
        apart = np.where(same, 0.0, np.abs(given - target))
    apart = np.where(np.isnan(apart), np.inf, apart)
    size = np.where(np.isfinite(target), np.maximum(1.0, np.abs(target)), 1.0)
    if (apart <= tolerance * size).all():
        return None
    return f" (max difference {_number(apart.max())})" if given.ndim else ""


def _numbers(value: Any) -> np.ndarray | None:
    """A number, list, array or tensor as a float64 array; None when it is no table of real numbers."""
    try:
        if hasattr(value, "detach"):
            value = value.detach().cpu().double().numpy()
        array = np.asarray(value)
        return array.astype(np.float64) if array.dtype.kind in "biuf" else None
    except (TypeError, ValueError, RuntimeError):
        return None


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if callable(value):
        return "a function"
    array = _numbers(value)
    if array is None or isinstance(value, bool):
        return f"a {type(value).__name__}"
    return f"an array of shape {array.shape}" if array.ndim else "a number"


def _show(value: Any) -> str:
    if isinstance(value, str):
        text = repr(value)
    elif isinstance(value, bool | np.bool_):
        text = str(bool(value))
    elif (array := _numbers(value)) is None:
        text = getattr(value, "__name__", None) or repr(value)
    elif array.ndim == 0:
        text = _number(float(array))
    elif array.size <= 8 and array.ndim == 1:
        text = "[" + ", ".join(_number(float(entry)) for entry in array) + "]"
    else:
        text = f"array of shape {array.shape}"
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _number(value: float) -> str:
    return f"{value:.6g}"
