"""What the library changes in the process that it runs in: nothing when imported, and nothing that stays."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from small_corpora import keyword_corpus
from ver_lite.methods import RNP
from ver_lite.system.pool import Processes
from ver_lite.system.tuning import tf32, wait_briefly
from ver_lite.training import loop
from ver_lite.training.training import train

ROOT = Path(__file__).resolve().parents[1]
PRODUCTS, CUDNN = torch.backends.cuda.matmul, torch.backends.cudnn


def flags() -> tuple[bool, bool]:
    return PRODUCTS.allow_tf32, CUDNN.allow_tf32


def said(code: str, **more: str) -> list[str]:
    """What a fresh process prints, in whose environment nobody has said how long threads wait."""
    waiting = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "VER_LITE_TUNE")
    environment = {name: value for name, value in os.environ.items() if name not in waiting}
    environment |= {"PYTHONPATH": str(ROOT), **more}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    return done.stdout.splitlines()


IMPORTED = """
import os, sys
before = dict(os.environ)
import ver_lite, ver_lite.cli
print("torch" in sys.modules)
import torch
flags = lambda: [torch.get_num_threads(), torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32,
                 torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled(), torch.is_grad_enabled()]
was = flags()
from ver_lite import Config, check, evaluate, figures, load_corpus, make_reviews, resume, setup, show
from ver_lite import train, train_fleet
print(dict(os.environ) == before, flags() == was)
"""


def test_an_import_changes_neither_the_environment_nor_torch():
    assert said(IMPORTED) == ["False", "True True"]


COMMAND = """
import os, sys
import ver_lite.cli
sys.argv = ["ver-lite", "--version"]
try:
    ver_lite.cli.main()
except SystemExit:
    print(os.environ.get("GOMP_SPINCOUNT"))
"""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "30000"),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "passive"}, "None"),
        ({"VER_LITE_TUNE": "0"}, "None"),
    ],
)
def test_the_command_line_lets_threads_wait_briefly_unless_the_user_says_otherwise(given, expected):
    assert said(COMMAND, **given)[-1] == expected


def test_so_does_a_process_of_the_pool_and_its_owner_is_left_alone(monkeypatch):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "VER_LITE_TUNE"):
        monkeypatch.delenv(name, raising=False)
    with Processes(1) as pool:
        assert pool.submit(os.getenv, "GOMP_SPINCOUNT").result() == "30000"
    wait_briefly()  # torch is here already
    assert "GOMP_SPINCOUNT" not in os.environ
    monkeypatch.setenv("VER_LITE_TUNE", "0")
    with Processes(1) as pool:
        assert pool.submit(os.getenv, "GOMP_SPINCOUNT").result() is None


@pytest.fixture
def torchs_own_flags():
    before = flags()
    yield
    PRODUCTS.allow_tf32, CUDNN.allow_tf32 = before


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("own", [(True, True), (True, False), (False, True), (False, False)])
def test_the_flags_of_tf32_are_put_back(torchs_own_flags, own, asked):
    PRODUCTS.allow_tf32, CUDNN.allow_tf32 = own
    with pytest.raises(KeyError), tf32(asked):
        assert flags() == (asked, asked)
        raise KeyError
    assert flags() == own


PRECISIONS = """
import torch
from ver_lite.system.tuning import tf32
cudnn = torch.backends.cudnn
names = lambda: [of.fp32_precision for of in (torch.backends.cuda.matmul, cudnn.conv, cudnn.rnn)]
was = names()
with tf32(True):
    print(names())
print(names() == was)
torch.backends.cuda.matmul.fp32_precision, cudnn.rnn.fp32_precision = "tf32", "ieee"
was = names()
with tf32(False):
    print("tf32" in names())
print(names() == was)
"""


@pytest.mark.skipif(not hasattr(PRODUCTS, "fp32_precision"), reason="this torch has flags alone")
def test_precisions_that_no_flag_can_say_are_put_back_too():
    assert said(PRECISIONS) == ["['tf32', 'tf32', 'tf32']", "True", "False", "True"]


@pytest.mark.parametrize("precision", ["float32", "tf32", "bf16"])
def test_a_training_has_the_flags_of_its_precision_and_leaves_the_user_s(torchs_own_flags, monkeypatch, precision):
    """What a training does on a GPU alone is done here on a CPU, whose flags can be read just as well."""
    seen = []

    def noting(real):
        return lambda *given, **named: seen.append(flags()) or real(*given, **named)

    monkeypatch.setattr(loop.Loop, "products", lambda self: tf32(self.precision == "tf32"))
    monkeypatch.setattr(loop, "evaluate", noting(loop.evaluate))
    monkeypatch.setattr(RNP, "predict", noting(RNP.predict))
    PRODUCTS.allow_tf32, CUDNN.allow_tf32 = False, True
    train(keyword_corpus(16, 8, 8), epochs=1, hidden=8, dimension=8, precision=precision, progress=False)
    assert len(seen) > 2 and set(seen) == {(precision == "tf32",) * 2}
    assert flags() == (False, True)
