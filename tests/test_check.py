"""What a learner is told about an answer."""

import math

import numpy as np
import pytest
import torch

from ver_lite.course import check, check_function


@pytest.mark.parametrize(
    "yours, correct",
    [
        (0.693147, math.log(2)),
        (3, 3.0),
        (np.float32(0.1), 0.1),
        (torch.tensor(0.5, requires_grad=True), 0.5),
        ([0.1, 0.9], np.array([0.1, 0.9])),
        (torch.tensor([1, 0]), [True, False]),
        (torch.tensor([0.5], dtype=torch.bfloat16), np.array([0.5])),
        (1e12 + 1, 1e12),
        (math.nan, math.nan),
        ([math.nan, 1.0], [math.nan, 1.0]),
        (math.inf, math.inf),
        (" Lesser ", "lesser"),
        (True, np.bool_(True)),
        (np.bool_(False), False),
        (("a", "·"), ("a", "·")),
        ({"a": 1}, {"a": 1}),
        (np.zeros((0, 2)), np.zeros((0, 2))),
    ],
)
def test_right_answers(yours, correct, capsys):
    assert check("1.1 question", yours, correct) is True
    assert capsys.readouterr().out.startswith("✓ 1.1 question: yours ")


@pytest.mark.parametrize(
    "yours, correct, line",
    [
        (0.7, math.log(2), "✗ 1.1 q: yours 0.7, correct 0.693147"),
        (math.nan, 1.0, "✗ 1.1 q: yours nan, correct 1"),
        (1.0, math.nan, "✗ 1.1 q: yours 1, correct nan"),
        (math.inf, -math.inf, "✗ 1.1 q: yours inf, correct -inf"),
        ([1.0, 2.5], [1.0, 2.0], "✗ 1.1 q: yours [1, 2.5], correct [1, 2] (max difference 0.5)"),
        ([1.0, math.nan], [1.0, 2.0], "✗ 1.1 q: yours [1, nan], correct [1, 2] (max difference inf)"),
        ([1.0], [1.0, 2.0], "✗ 1.1 q: yours [1], correct [1, 2] (yours has shape (1,), (2,) is wanted)"),
        (1.0, [1.0, 2.0], "✗ 1.1 q: yours 1, correct [1, 2] (yours has shape (), (2,) is wanted)"),
        ("0.7", 0.7, "✗ 1.1 q: yours '0.7', correct 0.7 (yours is text, a number is wanted)"),
        (0.7, "look", "✗ 1.1 q: yours 0.7, correct 'look' (yours is a number, a text in quotes is wanted)"),
        (1, True, "✗ 1.1 q: yours 1, correct True (yours is a number, True or False is wanted)"),
        (math.log, 1.0, "✗ 1.1 q: yours log, correct 1 (yours is a function, a number is wanted)"),
        (
            [[1, 2], [3]],
            [1.0],
            "✗ 1.1 q: yours [[1, 2], [3]], correct [1] (yours is a list, an array of shape (1,)",
        ),
        ("smell", "look", "✗ 1.1 q: yours 'smell', correct 'look'"),
        (False, True, "✗ 1.1 q: yours False, correct True"),
        (("a",), ("a", "·"), "✗ 1.1 q: yours ('a',), correct ('a', '·')"),
        (1j, 1.0, "✗ 1.1 q: yours 1j, correct 1 (yours is a complex, a number is wanted)"),
    ],
)
def test_wrong_answers_show_both_and_say_why(yours, correct, line, capsys):
    assert check("1.1 q", yours, correct) is False
    assert capsys.readouterr().out.startswith(line)


@pytest.mark.parametrize("yours", [None, ...])
def test_an_open_answer_keeps_the_correct_one_hidden(yours, capsys):
    assert check("1.1 q", yours, 42) is False
    assert capsys.readouterr().out == "○ 1.1 q: not answered yet\n"


def test_tolerance(capsys):
    assert not check("q", 0.33, 1 / 3)
    assert check("q", 0.33, 1 / 3, tolerance=0.01)


def test_an_object_that_cannot_be_compared_is_wrong_not_an_error(capsys):
    assert check("q", {"a": np.zeros(2)}, {"a": np.zeros(2)}) is False
    assert "✗ q" in capsys.readouterr().out


def test_what_is_long_is_cut_short(capsys):
    check("q", "x" * 500, "y")
    check("q", np.zeros((3, 4)), np.ones((3, 4)))
    out = capsys.readouterr().out
    assert len(out) < 250
    assert "array of shape (3, 4), correct array of shape (3, 4) (max difference 1)" in out


# --- functions ---


def double(x):
    return 2 * x


def test_a_right_function(capsys):
    assert check_function("1.2 double", lambda x: x + x, double, 1.0, -3.0, np.ones(2)) is True
    assert capsys.readouterr().out == "✓ 1.2 double: 3 of 3 cases agree; the last is yours [2, 2]\n"
    assert check_function("1.2 add", lambda a, b: b + a, lambda a, b: a + b, (1, 2)) is True
    assert "1 of 1 case agrees" in capsys.readouterr().out


def test_a_wrong_function_shows_the_first_case_that_differs(capsys):
    assert check_function("1.2 double", lambda x: x * x, double, 2.0, 3.0) is False
    assert capsys.readouterr().out == "✗ 1.2 double: given (3), yours 9, correct 6\n"


def test_a_function_that_raises_is_reported(capsys):
    assert check_function("1.2 double", lambda x: 1 / 0, double, 2.0) is False
    assert capsys.readouterr().out == "✗ 1.2 double: given (2), yours raised ZeroDivisionError: division by zero\n"


def not_written(x):
    raise NotImplementedError


def empty(x): ...


@pytest.mark.parametrize("stub", [None, ..., not_written, empty, lambda x: ...])
def test_stubs_are_not_answered_yet(stub, capsys):
    assert check_function("1.2 double", stub, double, 2.0) is False
    assert capsys.readouterr().out == "○ 1.2 double: not answered yet\n"


def test_something_that_is_no_function_is_wrong(capsys):
    assert check_function("1.2 double", 4.0, double, 2.0) is False
    assert "yours raised TypeError" in capsys.readouterr().out


def test_arguments_cannot_be_spoiled_for_the_reference(capsys):
    def spoils(values):
        values *= 2
        return values

    assert check_function("q", spoils, double, np.ones(2)) is True
    assert check_function("q", spoils, double, np.ones(2), np.ones(2)) is True


def test_a_check_without_cases_is_a_mistake_of_ours():
    with pytest.raises(ValueError, match="at least one case"):
        check_function("q", double, double)
