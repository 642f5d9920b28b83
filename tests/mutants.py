"""Mutation tests: change the code in one place at a time, and see that a test fails (`make mutants`).

mutants.toml says which tests protect which files. For each of its modules mutmut writes all mutants into a copy of the
library in build/mutants/MODULE. One run of pytest there loads the tests, plays them once to see which test calls which
function, and then forks a process for each mutant, which plays the tests that call its function until one fails.
(``mutmut run`` starts pytest anew for each mutant, which costs about a second of a CPU more.) Results are kept: a run
that was stopped goes on where it was; later runs try what is new, what changed, and what survived. To begin anew,
delete the folder. Inside it ``mutmut browse`` shows everything.

Survivors that somebody looked at and found to change nothing that matters are listed in mutants.toml as "judged", each
by the line that it makes; they are counted apart. mutmut leaves decorated functions alone (properties, torch.no_grad),
and what stands outside functions.
"""

from __future__ import annotations

import argparse
import gc
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
KILLED, SURVIVED, NO_TEST, TIMEOUT = 1, 0, 33, 36  # as mutmut writes them
STATES = {KILLED: "killed", SURVIVED: "survived", NO_TEST: "no test", TIMEOUT: "timeout", None: "not tried"}
CPU_SECONDS = 60  # a mutant that takes more never ends: the tests notice that


def prepare(entry: dict[str, Any], skip: list[str], folder: Path) -> None:
    """Write a module's mutants into its folder, beside the tests; results of functions that did not change stay."""
    (folder / "mutants").mkdir(parents=True, exist_ok=True)
    links = {folder / part: ROOT / part for part in ("ver_lite", "tests", "pyproject.toml")}
    links |= {folder / "mutants" / part: ROOT / part for part in ("data", "book", "notebooks")}
    for link, target in links.items():
        if not link.is_symlink():
            link.symlink_to(target, target_is_directory=target.is_dir())
    settings = {"source_paths": ["ver_lite"], "only_mutate": entry["files"], "do_not_mutate_patterns": skip}
    written = ConfigParser(interpolation=None)
    written["mutmut"] = {name: "\n" + "\n".join(values) for name, values in settings.items()}
    with (folder / "setup.cfg").open("w", encoding="utf-8") as file:
        written.write(file)
    with chdir(folder), redirect_stdout(io.StringIO()):
        generate()


def generate() -> None:
    """Let mutmut write the mutants of the current folder, without those that prove nothing: nearly every None in place
    of a value fails at once, and a string in other letters is as wrong as another string."""
    from mutmut import __main__ as mutmut
    from mutmut.configuration import reset_config
    from mutmut.mutation import file_mutation, mutators

    def fewer(operator):
        if operator is mutators.operator_arg_removal:
            return lambda node: (made for made in operator(node) if len(made.args) < len(node.args))
        if operator is mutators.operator_string:
            return lambda node: itertools.islice(operator(node), 1)
        return operator

    skipped = {mutators.operator_assignment}
    every = mutators.mutation_operators
    file_mutation.mutation_operators = [(node, fewer(each)) for node, each in every if each not in skipped]
    reset_config()
    mutmut.copy_src_dir()
    mutmut.copy_also_copy_files()
    for path in mutmut.walk_source_files():
        if error := mutmut.create_file_mutants(path).error:
            raise error


def play(entry: dict[str, Any], folder: Path) -> int:
    """Run the tests on each mutant that has to be tried: pytest, with this file as a plugin."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "mutants", "-p", "no:cacheprovider", "-m", "not slow"]
    command += ["--hypothesis-profile=mutants", "--rootdir=.", "-k", entry.get("only", ""), *entry["tests"]]
    paths = os.pathsep.join(str(folder / "mutants" / part) for part in (".", "tests", "book"))
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths, "VER_LITE_MUTANTS": str(folder)}
    return subprocess.run(command, cwd=folder / "mutants", env=env).returncode


# inside pytest


def pytest_runtestloop(session) -> bool:
    """As a plugin: play the tests once as they are, then the mutants."""
    from mutmut.configuration import config
    from mutmut.mutation.trampoline import set_mutant_under_test
    from mutmut.state import state
    from mutmut.utils.format_utils import mangled_name_from_mutant_name

    tests: dict[str, list] = {}
    took: dict[Any, float] = {}
    with chdir(os.environ["VER_LITE_MUTANTS"]):
        config()  # is read here, once
    set_mutant_under_test("stats")
    for item in session.items:
        began = time.process_time()
        if not passes(item):
            raise session.Failed(f"{item.nodeid} fails without a mutant")
        took[item] = time.process_time() - began
        for function in state()._stats:
            tests.setdefault(function, []).append(item)
        state()._stats.clear()
    gc.collect()
    gc.freeze()  # what was loaded by now lasts: no mutant's garbage collector looks through it
    for file in metas(Path(os.environ["VER_LITE_MUTANTS"])):
        record = json.loads(file.read_text("utf-8"))
        for mutant, code in record["exit_code_by_key"].items():
            if code not in (KILLED, TIMEOUT):
                calling = sorted(tests.get(mangled_name_from_mutant_name(mutant), []), key=took.__getitem__)
                record["exit_code_by_key"][mutant] = tried(mutant, calling) if calling else NO_TEST
                whole = file.with_suffix(".tmp")
                whole.write_text(json.dumps(record), "utf-8")
                whole.replace(file)
    return True


def passes(item) -> bool:
    """Whether a test passes (or skips itself), with all of its fixtures made for it."""
    from _pytest.runner import runtestprotocol

    item._initrequest()
    return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


def tried(mutant: str, items: list) -> int:
    """What becomes of a mutant in a process of its own, that plays these tests until one fails."""
    from mutmut.mutation.trampoline import set_mutant_under_test

    if (child := os.fork()) == 0:
        signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)  # its signal ends the process
        set_mutant_under_test(mutant)
        try:
            os._exit(SURVIVED if all(map(passes, items)) else KILLED)
        finally:  # whatever a mutant raises through pytest
            os._exit(KILLED)
    status = os.waitpid(child, 0)[1]
    said = os.waitstatus_to_exitcode(status)
    print("." if said == KILLED else "S" if said == SURVIVED else "T", end="", flush=True)
    return said if said in (KILLED, SURVIVED) else TIMEOUT


# what came out


def metas(folder: Path) -> Iterator[Path]:
    """mutmut's records of a module, a file each."""
    return iter(sorted((folder / "mutants" / "ver_lite").rglob("*.meta")))


def outcomes(folder: Path) -> dict[str, str]:
    """What became of each mutant so far, by its name."""
    found: dict[str, int | None] = {}
    for file in metas(folder):
        found |= json.loads(file.read_text("utf-8"))["exit_code_by_key"]
    return {mutant: STATES.get(code, f"ended with {code}") for mutant, code in found.items()}


def write_survivors(entry: dict[str, Any], folder: Path) -> Counter:
    """Write what the survivors change to survivors.diff in the module's folder, but for those that were judged; how
    many mutants are in each state."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    judged = {line for each in entry.get("judged", []) for line in each["lines"]}
    states, shown = outcomes(folder), []
    with chdir(folder):
        for file in metas(Path()):
            source = file.relative_to("mutants").with_suffix("")
            for mutant in json.loads(file.read_text("utf-8"))["exit_code_by_key"]:
                if states[mutant] in ("killed", "timeout", "not tried"):
                    continue
                diff = get_diff_for_mutant(mutant, path=source)
                if made_by(diff) in judged:
                    states[mutant] = "judged"
                else:
                    shown.append(f"# {mutant}: {states[mutant]}\n{diff}")
    (folder / "survivors.diff").write_text("\n".join(shown), "utf-8")
    return Counter(states.values())


def made_by(diff: str) -> str:
    """The line that a mutant makes, without its indentation; several are joined by a space."""
    return " ".join(line[1:].strip() for line in diff.splitlines() if line[:1] == "+" and line[:3] != "+++")


def cpu_seconds() -> float:
    """What this process and those that it started and that ended have used."""
    return sum(os.times()[:4])


def main() -> None:
    table = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text("utf-8"))
    skip = table.pop("skip")["lines"]
    parser = argparse.ArgumentParser(prog="make mutants", description="Mutation tests; see tests/mutants.py.")
    parser.add_argument("modules", nargs="*", help=f"of {', '.join(table)}; none: all of them")
    chosen = parser.parse_args().modules or list(table)
    if unknown := sorted(set(chosen) - set(table)):
        parser.error(f"no module is called {unknown[0]!r} in tests/mutants.toml; there are: {', '.join(table)}")
    for name in chosen:
        folder, began, worked = ROOT / "build" / "mutants" / name, time.monotonic(), cpu_seconds()
        prepare(table[name], skip, folder)
        code = play(table[name], folder)
        counts = write_survivors(table[name], folder)
        said = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
        took = f"{time.monotonic() - began:.0f} s, {cpu_seconds() - worked:.0f} s of a CPU"
        print(f"{name}: {sum(counts.values())} mutants: {said} ({took})", flush=True)
        if code not in (0, 5):
            sys.exit(f"pytest ended with {code}; the same command goes on where it was")
        if set(counts) - {"killed", "judged", "timeout"}:
            print(f"What was not killed: {folder / 'survivors.diff'}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on where it was")
