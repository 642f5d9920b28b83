"""What the lessons and assignments call besides the library: setting up, checking an answer, a student's numbers."""

from ver_lite.course.check import check, check_function
from ver_lite.course.questions import applied, gradient, hidden_tests, leaves_alone, own_numbers, public_checks
from ver_lite.course.setup import setup

__all__ = [
    "applied",
    "check",
    "check_function",
    "gradient",
    "hidden_tests",
    "leaves_alone",
    "own_numbers",
    "public_checks",
    "setup",
]
