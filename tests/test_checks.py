"""The three checks of what a caller gives: what passes, and what the message says."""

import math

import numpy as np
import pytest

from ver_lite.corpora.core import CorpusError
from ver_lite.system.checks import check_choice, check_number, check_switch

RANGES = [  # bounds, what fits, what does not, the words
    ({"least": 0}, (0, 0.5, 10**400), (-1e-9, -1), "a number of at least 0"),
    ({"above": 0}, (1e-300, 5), (0, 0.0, -1), "a number above 0"),
    ({"least": 0, "most": 1}, (0, 1, 0.5, np.float64(0.5)), (-0.1, 1.1), "a number from 0 to 1"),
    ({"above": 0, "most": 1}, (0.1, 1), (0, 1.1), "a number above 0 and at most 1"),
    ({"above": 0, "below": 1}, (0.1, 0.9), (0, 1), "a number above 0 and below 1"),
    ({"least": 0, "below": 1}, (0, 0.9), (-1, 1), "a number of at least 0 and below 1"),
    ({"most": 3}, (3, -5), (4,), "a number of at most 3"),
    ({"least": 1, "whole": True}, (1, 7), (0, 1.0, 2.5, np.int64(3)), "a whole number of at least 1"),
    (
        {"least": 0, "most": 2**32 - 1, "whole": True},
        (0, 4294967295),
        (4294967296,),
        "a whole number from 0 to 4294967295",
    ),
    ({"least": 1, "most": 1e9}, (1, 1e9), (0, 1e10), "a number from 1 to 1e+09"),
    ({}, (0, -1.5), ("0",), "a number"),
]
NEVER = (True, False, math.nan, math.inf, -math.inf, None, "1", [1], 1j)


@pytest.mark.parametrize(("bounds", "fits", "wrong", "words"), RANGES, ids=[words for *_, words in RANGES])
def test_a_number_in_a_range(bounds, fits, wrong, words):
    for value in fits:
        check_number("rate", value, **bounds)
    for value in (*wrong, *NEVER):
        with pytest.raises(ValueError) as error:
            check_number("rate", value, **bounds)
        assert str(error.value) == f"rate must be {words}, not {value!r}"


def test_one_of_several_choices():
    check_choice("how", "b", {"a": 1, "b": 2})
    for wrong in ("c", None, ["a"]):  # what cannot be hashed is refused too
        with pytest.raises(ValueError) as error:
            check_choice("how", wrong, {"a": 1, "b": 2})
        assert str(error.value) == f"how must be one of: a, b; not {wrong!r}"


def test_a_switch():
    check_switch("draws", True)
    for wrong in (1, 0, None, "true"):
        with pytest.raises(ValueError) as error:
            check_switch("draws", wrong)
        assert str(error.value) == f"draws must be true or false, not {wrong!r}"


def test_the_error_is_the_caller_s():
    with pytest.raises(CorpusError, match=r"^seed must be a whole number of at least 0, not -1\.$"):
        check_number("seed", -1, least=0, whole=True, error=CorpusError)
    for check, given in ((check_choice, ("x", ("a", "b"))), (check_switch, ("x",))):
        with pytest.raises(CorpusError):
            check("name", *given, error=CorpusError)
