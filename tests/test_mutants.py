"""The table of `make mutants` names files that are there, and every file of the rooms that it is for."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text("utf-8"))
MODULES = {name: entry for name, entry in TABLE.items() if name != "skip"}


def found(pattern):
    return {path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern) if path.name != "__init__.py"}


def test_every_file_of_masks_theory_measures_and_methods_is_in_one_module():
    files = [file for entry in MODULES.values() for pattern in entry["files"] for file in found(pattern)]
    rooms = (found(f"ver_lite/{room}") for room in ("masks.py", "theory/*.py", "measures/*.py", "methods/*.py"))
    assert sorted(files) == sorted(set().union(*rooms))


def test_the_tests_that_it_names_are_there_and_what_was_judged_has_a_reason():
    for name, entry in MODULES.items():
        assert all((ROOT / file).is_file() for file in entry["tests"]), name
        for judged in entry.get("judged", []):
            assert judged["why"] and len(set(judged["lines"])) == len(judged["lines"]), name
