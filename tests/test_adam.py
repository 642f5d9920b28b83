"""The library's Adam is torch's, and does not load torch's compiler."""

import os
import subprocess
import sys
from pathlib import Path

import torch

from ver_lite.system.adam import Adam

ROOT = Path(__file__).resolve().parents[1]


def steps(make, count, state=None):
    """Parameters and optimizer after some steps on fixed gradients; two groups, the second at its own pace."""
    noise = torch.Generator().manual_seed(101)
    one, other = (torch.nn.Parameter(torch.randn(4, 3, generator=noise)) for _ in range(2))
    optimizer = make([{"params": [one]}, {"params": [other], "lr": 0.3}], lr=0.1)
    if state is not None:
        optimizer.load_state_dict(state)
    for _ in range(count):
        optimizer.zero_grad(set_to_none=True)
        ((one * other).sum() + one.square().sum()).backward()
        optimizer.step()
    return [one, other], optimizer


def test_its_steps_are_torchs_bit_for_bit_also_after_its_state_was_stored():
    (ours, adam), (theirs, torchs) = steps(Adam, 5), steps(torch.optim.Adam, 5)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    stored = adam.state_dict(), torchs.state_dict()
    assert stored[0]["param_groups"] == stored[1]["param_groups"]
    (ours, _), (theirs, _) = steps(Adam, 3, stored[1]), steps(torch.optim.Adam, 3, stored[0])
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert all(p.requires_grad and p.is_leaf for p in ours)


def test_a_process_that_trains_does_not_load_torchs_compiler():
    code = "import sys, ver_lite; corpus = ver_lite.load_corpus('reviews', size='tiny')\n"
    code += "ver_lite.train(corpus, epochs=1, hidden=4, dimension=4, progress=False)\n"
    code += "print('torch._dynamo' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert said.stdout.strip() == "False"
