"""What several tests share."""

import os
import sys
from pathlib import Path

import hypothesis
import pytest
import torch

from ver_lite import cli

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real corpora: $VER_LITE_TEST_DATA, else shared/data beside the checkout; skips where it is not."""
    named = os.environ.get("VER_LITE_TEST_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not (folder / "eraser").is_dir():
        pytest.skip(f"no real corpora: {folder}/eraser is not there (set VER_LITE_TEST_DATA to a folder that has it)")
    return folder


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(101)


@pytest.fixture
def say(capsys, monkeypatch, tmp_path):
    """Run the command line here: (exit code, stdout, stderr). An error must be one line."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["ver-lite", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert ended.value.code == 0 or (err.count("\n") == 1 and err.startswith(("ver-lite: ", "interrupted"))), err
        return ended.value.code, out, err

    return run


hypothesis.settings.register_profile("shared", deadline=None, derandomize=True)  # shared machines are slow at times
hypothesis.settings.load_profile("shared")
