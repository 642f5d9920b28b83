"""What several tests share."""

import os
from pathlib import Path

import hypothesis
import pytest
import torch

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


hypothesis.settings.register_profile("shared", deadline=None, derandomize=True)  # shared machines are slow at times
hypothesis.settings.load_profile("shared")
