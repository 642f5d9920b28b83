"""What an assignment's notebook calls: a student's own numbers, the end of the public checks, the hidden tests.

This module loads neither torch nor a notebook tool, because marking a class of two hundred imports it two hundred
times.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable
from copy import deepcopy
from functools import wraps
from typing import Any, NamedTuple

import numpy as np

VARIANTS = 12
"""How many variants there are, 1 to 12. An assignment with fewer worlds takes the remainder."""

LARGEST_SEED = 2**31 - 1


class OwnNumbers(NamedTuple):
    """What makes one student's worlds: `seed` draws their numbers, `variant` chooses one of the stories."""

    seed: int
    variant: int


def own_numbers(student: str, seed: int = 0, variant: int = 0) -> OwnNumbers:
    """The numbers of one student. A seed or variant of 0 is replaced by the one that the student's name makes.

    Case, kinds of spaces and the encoding of accents in the name make no difference. The SHA-256 of the name gives a
    seed from 1 to 2³¹ − 1 and a variant from 1 to `VARIANTS`, the same on every machine. Raises ValueError for an empty
    name, or a seed or variant out of range, and TypeError for another type.
    """
    if not isinstance(student, str):
        raise TypeError(f"student: needs a text in quotes, not {student!r}")
    name = " ".join(unicodedata.normalize("NFKC", student).casefold().split())
    if not name:
        raise ValueError("student: write your name or number between the quotes of the parameters cell")
    for label, value, most in (("seed", seed, LARGEST_SEED), ("variant", variant, VARIANTS)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"{label}: needs a whole number, not {value!r}")
        if not 0 <= value <= most:
            raise ValueError(f"{label}: from 0 (made from the name) to {most}; got {value}")
    digest = hashlib.sha256(name.encode()).digest()
    drawn = int.from_bytes(digest[:8], "big") % LARGEST_SEED + 1, digest[8] % VARIANTS + 1
    return OwnNumbers(int(seed) or drawn[0], int(variant) or drawn[1])


def applied(function: Callable, *answers: Any) -> Any:
    """Call `function(*answers)` for use in `check`. Returns `...` while an answer is open, and an error as text."""
    if any(answer is None or answer is Ellipsis for answer in answers):
        return ...
    try:
        return function(*answers)
    except NotImplementedError:
        return ...
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def public_checks(*passed: bool, hidden: int) -> bool:
    """Print the last line of a question's public checks, and return whether all of them passed.

    `passed` are the results of `check` and `check_function`; `hidden` is the number of hidden tests that the question
    has.
    """
    if not passed:
        raise ValueError("passed: a question needs at least one public check")
    will_run = f"{hidden} hidden test{'s run' if hidden != 1 else ' runs'} at marking"
    if all(passed):
        print(f"all public checks passed; {will_run}")
    else:
        print(f"{sum(passed)} of {len(passed)} public checks passed; {will_run}")
    return all(passed)


def hidden_tests(*tests: Callable[[], Any]) -> None:
    """Run every test, even after one has failed. Raises AssertionError that names those that failed and says why."""
    failed = []
    for test in tests:
        try:
            test()
        except Exception as error:
            name = test.__name__.removeprefix("hidden_")
            failed.append(f"{name}: {type(error).__name__}{f': {error}' if str(error) else ''}")
    if failed:
        raise AssertionError(f"{len(failed)} of {len(tests)} hidden tests failed: " + "; ".join(failed))


def _beside_the_function(helper: Callable) -> Callable:
    """Call `helper(function, ...)` in the process in which `function` lives.

    That is this process, unless `function` is a stand-in. A stand-in has `remotely(name of the helper, arguments,
    keywords)`.
    """

    @wraps(helper)
    def run(function: Callable, *arguments: Any, **keywords: Any) -> Any:
        remotely = getattr(function, "remotely", None)
        if remotely is not None:
            return remotely(helper.__name__, arguments, keywords)
        return helper(function, *arguments, **keywords)

    return run


@_beside_the_function
def gradient(function: Callable, *arguments: Any, weights: Any = None) -> list[Any]:
    """The gradient of `Σ weights · function(*arguments)` in every float tensor among the arguments, in their order.

    `weights` has the shape of the result; None means that all are one. A tensor on which the result does not depend has
    a gradient of zeros. The arguments are not changed. Returns `...` when the function answers nothing.
    """
    import torch

    def leaf(value: Any) -> Any:
        moves = isinstance(value, torch.Tensor) and value.is_floating_point()
        return value.detach().clone().requires_grad_() if moves else value

    given = [leaf(value) for value in arguments]
    leaves = [value for value in given if isinstance(value, torch.Tensor) and value.requires_grad]
    result = function(*given)
    if result is None or result is Ellipsis:
        return ...
    total = result.sum() if weights is None else (weights * result).sum()
    if not total.requires_grad:
        return [torch.zeros_like(value) for value in leaves]
    found = torch.autograd.grad(total, leaves, allow_unused=True)
    return [torch.zeros_like(value) if g is None else g for value, g in zip(leaves, found, strict=True)]


@_beside_the_function
def leaves_alone(function: Callable, *arguments: Any) -> bool:
    """Whether `function` answers without changing the arrays, tensors, lists and dictionaries that it is given."""
    given = deepcopy(arguments)
    result = function(*given)
    return (
        result is not None
        and result is not Ellipsis
        and all(_same(before, after) for before, after in zip(arguments, given, strict=True))
    )


HELPERS: dict[str, Callable] = {helper.__name__: helper for helper in (gradient, leaves_alone)}
"""What runs beside a function, by name."""


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(_same(before[key], after[key]) for key in before)
    if isinstance(before, list | tuple):
        return len(before) == len(after) and all(map(_same, before, after))
    if hasattr(before, "initial_seed"):  # drawing from a torch.Generator may change it
        return True
    if hasattr(before, "detach"):
        before, after = before.detach().cpu().numpy(), after.detach().cpu().numpy()
    if isinstance(before, np.ndarray):
        kind = before.dtype.kind
        return before.shape == after.shape and bool(np.array_equal(before, after, equal_nan=kind in "fc"))
    return bool(before == after)
