"""What the README tells a reader to type, typed."""

import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
SHELL = re.findall(r"(?m)^    (ver-lite [^#\n]*)", README) + re.findall(r"`(ver-lite [^`]*)`", README)


def write_reviews(path: Path, count: int = 200) -> None:
    """A small corpus of one's own: one telling word a text, marked by its characters."""
    chance = random.Random(1)
    with path.open("w", encoding="utf-8") as lines:
        for number in range(count):
            label = chance.choice(["positive", "negative"])
            word = chance.choice({"positive": ["good", "great"], "negative": ["bad", "poor"]}[label])
            text = f"the beer number {number} is {word} and cold today"
            start = text.index(word)
            record = {"text": text, "label": label, "rationale": [[start, start + len(word)]]}
            lines.write(json.dumps(record) + "\n")


@pytest.mark.slow
def test_the_ten_lines_run_on_a_text_of_ones_own(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(code.strip().splitlines()) <= 10
    write_reviews(tmp_path / "my.jsonl")
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert "Acc" in ran.stdout and "the beer number" in ran.stdout.replace("[", "").replace("]", "").replace("_", "")


@pytest.mark.parametrize("line", SHELL)
def test_the_command_line_takes_what_is_shown(line, say):
    """Every command and option named exists (the help of the command lists it)."""
    code, out, err = say(line.split()[1], "--help")
    assert code == 0, err
    assert set(re.findall(r"--[a-z0-9-]+", line)) <= set(re.findall(r"--[a-z0-9-]+", out))
