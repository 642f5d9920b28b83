"""What the lessons call besides the library: setting up, and checking an exercise."""

from ver_lite.course.check import check, check_function
from ver_lite.course.setup import setup

__all__ = ["check", "check_function", "setup"]
