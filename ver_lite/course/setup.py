"""The first call of a lesson: it sets seeds, device and the style of figures, and prints what it has chosen."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass

import numpy as np

from ver_lite.system import __version__
from ver_lite.system.checks import check_choice, check_number

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

    check_choice("scale", scale, SCALES)
    seed = int(seed) if isinstance(seed, np.integer) else seed
    check_number("seed", seed, least=0, most=2**32 - 1, whole=True)
    chosen = str(pick_device(device))
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
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
