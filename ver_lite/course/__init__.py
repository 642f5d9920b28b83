"""What the lessons and assignments call besides the library.

The files::

    setup       the first cell of a lesson: seeds, device, the style of figures
    check       compare a learner's answer with the right one, and say so in one line
    questions   what an assignment's notebook calls: a student's own numbers, public checks, hidden tests
"""

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
