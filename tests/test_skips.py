"""What is said of skipped tests, and which skips fail a run that expects them all to be known."""

import ast
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import skips

TESTS = Path(__file__).resolve().parent
GPU, BROWSER, STRANGE = "needs a CUDA device", "no chromium or chromedriver here", "nobody knows"


def run(folder: Path, *reasons: str, options: tuple[str, ...] = (), **environment: str) -> tuple[int, str]:
    """Exit code and output of a run of one test that passes and one for each reason, which is skipped for it."""
    lines = ["import pytest", "def test_passes(): pass"]
    lines += [f"def test_{i}(): pytest.skip({reason!r})" for i, reason in enumerate(reasons)]
    (folder / "test_it.py").write_text("\n".join(lines), encoding="utf-8")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "VER_LITE_SKIPS"))}
    bare |= {"PYTHONPATH": str(TESTS), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment}
    command = [sys.executable, "-m", "pytest", "-p", "skips", "-q", *options, "test_it.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=bare)
    return done.returncode, " ".join(done.stdout.split())


def test_a_run_ends_with_one_paragraph_and_the_command(tmp_path):
    code, said = run(tmp_path, GPU, BROWSER, BROWSER)
    assert code == 0
    assert "Not tested here, 3 in all: the book and its live elements in a browser (2), a GPU (1)." in said
    assert "`sudo apt-get install -y chromium chromium-driver && make test`" in said
    assert "make bench-gpu" in said and "fails" not in said
    code, said = run(tmp_path)
    assert code == 0 and "Not tested" not in said


@pytest.mark.parametrize("options", [(), ("-p", "xdist", "-n", "1")], ids=["here", "in another process"])
def test_where_skips_are_expected_any_other_fails_the_run(tmp_path, options):
    strict = {"options": options, "VER_LITE_SKIPS": "expected"}
    assert run(tmp_path, GPU, **strict)[0] == 0
    code, said = run(tmp_path, GPU, BROWSER, STRANGE, **strict)
    assert code == 1 and f"so the run fails: {BROWSER}; {STRANGE}" in said


def test_a_run_that_fails_keeps_its_exit_code(tmp_path):
    code, said = run(tmp_path, BROWSER, options=("-k", "nothing"), VER_LITE_SKIPS="expected")
    assert code == pytest.ExitCode.NO_TESTS_COLLECTED and "Not tested" not in said


def test_packages_of_several_groups_come_with_one_command():
    said = skips.paragraph(Counter([BROWSER, "no pretrained BERT: ...", "attacks: bubblewrap is not installed (...)"]))
    command = said.split("`")[1]
    assert command.startswith("sudo apt-get install -y chromium chromium-driver bubblewrap && .venv/bin/python -m pip ")
    assert command.endswith(f"{skips.BERT} && make test")


def reasons_in(path: Path) -> list[str]:
    """The reasons that a file gives to skip, skipif and importorskip; of an f-string, its constant parts."""
    found = []
    for call in (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func).rpartition(".")[2]
        if name not in ("skip", "skipif", "importorskip"):
            continue
        named = [keyword.value for keyword in call.keywords if keyword.arg == "reason"]
        given = named or ([call.args[0]] if name == "skip" else [])
        parts = [part for node in given for part in ast.walk(node) if isinstance(part, ast.Constant)]
        found.append("".join(str(part.value) for part in parts) if given else "could not import")
    return found


@pytest.mark.parametrize("path", sorted(TESTS.glob("*.py")), ids=lambda path: path.stem)
def test_every_skip_has_a_reason_of_a_group(path):
    unknown = [reason for reason in reasons_in(path) if skips.group_of(reason) is None]
    assert not unknown, "give tests/skips.py a group for it: what is not tested, and what brings it"


def test_the_few_that_are_expected():
    assert {group.what for group in skips.GROUPS if group.expected} == {
        "a GPU",
        "GloVe as a package",
        "what is said without a GPU",
        "the comparison with ERASER's own code",
        "the race against the paper's released code",
        "real corpora",
    }
