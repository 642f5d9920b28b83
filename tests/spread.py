"""How `make test` spreads the tests over processes: in groups that stay together, the longest first.

A group is a file, so that what its tests share is made once: the book, the browser, a class that is marked. Lessons
that train the same game are a group too (shared_games.py), and so are these lessons with another seed. conftest.py
registers this module; it does something under ``pytest -n ... --dist loadgroup`` alone.
"""

import re
from pathlib import Path

import pytest

FAMILIES = (("00", "02"), ("03", "04", "05"), ("07", "08"))  # lessons that train the same game
# Groups of more than about ten seconds of processor time, the longest first; what waits much begins early.
LONGEST = (
    "test_grading_attacks",
    "test_book",
    "lessons 03 04 05",
    "lessons 07 08",
    "lessons 00 02",
    "lessons 09",
    "lessons 06",
    "test_sweep_processes",
    "test_methods",
    "test_interruptions",
    "test_assignments",
    "test_grading",
    "lessons 11",
    "test_bert_runs",
    "test_bench",
    "lessons 10",
    "test_results",
    "lessons 01",
    "test_widgets_numbers",
    "test_training",
)
ANOTHER = ", another seed"


def group_of(name: str) -> str:
    """The group of a test, by pytest's name for it, such as `notebooks/03-x.ipynb::Cell 4`."""
    path, _, test = name.partition("::")
    cell = re.match(r"(\d\d)-.*\.ipynb$", Path(path).name)
    seed = re.match(r"test_what_a_lesson_asserts_holds_for_another_seed\[(\d\d)-", test)
    if not (cell or seed):
        return Path(path).stem
    number = (cell or seed).group(1)
    family = next((family for family in FAMILIES if number in family), (number,))
    return " ".join(["lessons", *family]) + (ANOTHER if seed else "")


def place_of(name: str) -> int:
    """Where a test's group comes: a lesson with another seed beside the lesson, short groups last."""
    group = group_of(name).removesuffix(ANOTHER)
    return LONGEST.index(group) if group in LONGEST else len(LONGEST)


def pytest_collection_modifyitems(config, items):
    """In a process that xdist started."""
    if getattr(config.option, "loadgroup", False):
        items.sort(key=lambda item: place_of(item.nodeid))


@pytest.hookimpl(optionalhook=True)  # of xdist, in the process that starts the others
def pytest_xdist_make_scheduler(config, log):
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    config.option.loadscopereorder = False  # in the order of LONGEST, not by how many tests a group has
    return Groups(config, log)
