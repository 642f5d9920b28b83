"""What a lesson's first cell does and says."""

import random
import sys
import types

import numpy as np
import pytest
import torch

import ver_lite


def draws():
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_it_seeds_every_generator_and_says_what_it_chose(capsys):
    chosen = ver_lite.setup(seed=3, scale="tiny", device="cpu")
    first = draws()
    assert ver_lite.setup(seed=3, device="cpu").scale == "lesson"
    assert draws() == first
    ver_lite.setup(seed=4, device="cpu")
    assert draws() != first
    assert (chosen.device, chosen.scale, chosen.seed) == ("cpu", "tiny", 3)
    said = capsys.readouterr().out
    assert said.startswith("device cpu, scale tiny, seed 3\n")
    assert f"ver-lite {ver_lite.__version__}, torch {torch.__version__.split('+')[0]}" in said
    assert "Colab" not in said


def test_colab_on_a_cpu_is_told(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    ver_lite.setup(device="cpu")
    assert "Change runtime type" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"scale": "huge"}, "scale must be one of: tiny, lesson, paper; not 'huge'"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"seed": True}, "seed must be a whole number"),
        ({"device": "abacus"}, "abacus"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_seeded(wrong, message):
    ver_lite.setup(seed=5, device="cpu")
    expected = draws()
    ver_lite.setup(seed=5, device="cpu")
    with pytest.raises(ValueError, match=message):
        ver_lite.setup(**wrong)
    assert draws() == expected
