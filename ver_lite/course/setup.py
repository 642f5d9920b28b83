"""The first call of a lesson: it sets seeds, device and the style of figures, and prints what it has chosen."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass

import numpy as np

from ver_lite.system import __version__

SCALES = ("tiny", "lesson", "paper")


@dataclass(frozen=True)
class Setup:
    """What a lesson runs with: `device` for torch, `scale` (tiny, lesson, paper), `seed`."""

    device: str
    scale: str
    seed: int


def setup(seed: int = 1, scale: str = "lesson", device: str = "auto") -> Setup:
    """Seed torch, NumPy and `random`, set the style of figures, choose the device, and print what was chosen.

    `device="auto"` takes CUDA where there is one, else Apple's MPS, else the CPU. It prints device, versions, scale and
    seed, and warns when Colab runs on a CPU. The output differs between machines, so tag its cell
    `nbval-ignore-output`. Raises `ValueError` for an unknown scale or device, a seed that is not a whole number from 0
    to 2**32 - 1, or a device that this machine does not have.
    """
    import torch

    from ver_lite.system.machine import pick_device
    from ver_lite.viz.figures import use_style

    if scale not in SCALES:
        raise ValueError(f"scale: {scale!r} is unknown; choose one of {', '.join(SCALES)}")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise ValueError(f"seed: needs a whole number from 0 to 2**32 - 1; got {seed!r}")
    chosen = str(pick_device(device))
    random.seed(int(seed))
    np.random.seed(int(seed))
    torch.manual_seed(int(seed))
    use_style()
    name = f" ({torch.cuda.get_device_name(chosen)})" if chosen.startswith("cuda") else ""
    print(f"device {chosen}{name}, scale {scale}, seed {seed}")
    print(
        f"ver-lite {__version__}, torch {torch.__version__.split('+')[0]}, NumPy {np.__version__}, "
        f"Python {sys.version_info.major}.{sys.version_info.minor}"
    )
    if chosen == "cpu" and "google.colab" in sys.modules:
        print(
            "Colab is running on a CPU. That is enough for this lesson, but slow for training: "
            "Runtime > Change runtime type > T4 GPU, then run from the top."
        )
    return Setup(chosen, scale, int(seed))
