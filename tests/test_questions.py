"""What an assignment calls: own numbers, the end of the public checks, hidden tests, questions about a function."""

import numpy as np
import pytest
import torch

from ver_lite.course.questions import applied, gradient, hidden_tests, leaves_alone, own_numbers, public_checks


def test_own_numbers_are_the_same_everywhere_and_the_name_may_be_written_in_any_way():
    assert own_numbers("ada") == (1016716797, 7)
    assert own_numbers("  Ada ") == own_numbers("ada") != own_numbers("ada l")
    assert own_numbers("Jos\u00e9") == own_numbers("jose\u0301")
    assert own_numbers("ada", seed=5) == (5, 7) and own_numbers("ada", variant=3) == (1016716797, 3)
    many = [own_numbers(f"student {i}") for i in range(600)]
    assert len({seed for seed, _ in many}) == 600
    counts = np.bincount([variant for _, variant in many], minlength=13)[1:]
    assert len(counts) == 12 and counts.min() > 25


@pytest.mark.parametrize("wrong", [("",), (" \t",), ("ada", -1), ("ada", 0, 13), ("ada", 2**31)])
def test_own_numbers_refuses_what_is_out_of_range(wrong):
    with pytest.raises(ValueError):
        own_numbers(*wrong)


@pytest.mark.parametrize("wrong", [(7,), ("ada", 1.5), ("ada", True), ("ada", 0, "3")])
def test_own_numbers_refuses_other_types(wrong):
    with pytest.raises(TypeError):
        own_numbers(*wrong)


def test_the_last_line_of_the_public_checks(capsys):
    assert public_checks(True, True, hidden=3) is True and public_checks(True, False, hidden=1) is False
    assert capsys.readouterr().out.split("\n")[:2] == [
        "all public checks passed; 3 hidden tests run at marking",
        "1 of 2 public checks passed; 1 hidden test runs at marking",
    ]
    with pytest.raises(ValueError, match="at least one"):
        public_checks(hidden=1)


def test_all_hidden_tests_run_and_those_that_fail_are_named():
    ran = []

    def hidden_first():
        ran.append(1)
        raise ValueError("no")

    def hidden_second():
        ran.append(2)

    with pytest.raises(AssertionError, match="1 of 2 hidden tests failed: first: ValueError: no"):
        hidden_tests(hidden_first, hidden_second)
    assert ran == [1, 2] and hidden_tests(hidden_second) is None


def test_applied_never_raises():
    assert applied(lambda a, b: a + b, 1, 2) == 3
    assert applied(lambda a, b: a + b, 1, ...) is ... and applied(len, None) is ...
    assert applied(len, 5).startswith("TypeError")


def test_gradient_is_that_of_the_weighted_sum_in_every_float_tensor():
    x, k = torch.tensor([1.0, 2.0]), torch.tensor([3, 4])
    (plain,) = gradient(lambda x, k: x**2 * k, x, k)
    assert plain.tolist() == [6.0, 16.0] and x.grad is None and not x.requires_grad
    weighted, unused = gradient(lambda x, y: x**2, x, x, weights=torch.tensor([1.0, 0.0]))
    assert weighted.tolist() == [2.0, 0.0] and unused.tolist() == [0.0, 0.0]
    assert gradient(lambda x: (x > 1).float(), x)[0].tolist() == [0.0, 0.0]
    assert gradient(lambda x: None, x) is ...


def test_leaves_alone_sees_what_is_changed_in_place():
    def doubles(values):
        values *= 2
        return values

    assert leaves_alone(lambda values: values * 2, np.ones(3)) and not leaves_alone(doubles, np.ones(3))
    assert not leaves_alone(doubles, torch.ones(3)) and not leaves_alone(lambda rows: rows.pop(), [1, 2])
    assert not leaves_alone(lambda about: about.update(a=1) or 1, {"a": 0})
    assert leaves_alone(lambda values: 1, np.array([np.nan])) and not leaves_alone(lambda values: None, np.ones(2))


def test_helpers_run_where_the_function_lives():
    def stand_in(*arguments):
        raise AssertionError("called here")

    stand_in.remotely = lambda helper, arguments, keywords: (helper, arguments, keywords)
    assert gradient(stand_in, 1, weights=2) == ("gradient", (1,), {"weights": 2})
    assert leaves_alone(stand_in, 1, 2) == ("leaves_alone", (1, 2), {})
