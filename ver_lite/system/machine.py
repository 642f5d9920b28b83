"""The machine that a run is made on: its device, its random state, and what is recorded of it."""

from __future__ import annotations

import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ver_lite.system import __version__
from ver_lite.system.files import PACKAGE, checkout


def pick_device(name: str | torch.device = "auto") -> torch.device:
    """The device called ``name``; "auto" takes cuda, else mps, else cpu. Raises ValueError when there is none such."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    kind = str(name).split(":")[0]
    if kind == "auto":
        return torch.device(next(kind for kind, ok in there.items() if ok))
    if kind not in there:
        raise ValueError(f"no device is called {name!r}; choose one of: auto, {', '.join(there)}")
    if not there[kind]:
        raise ValueError(
            f"torch finds no {kind} device here; choose one of: auto, {', '.join(k for k in there if there[k])}"
        )
    return torch.device(name)


@contextmanager
def own_random_state(seed: int, device: torch.device) -> Iterator[None]:
    """Inside, torch's global random numbers start from ``seed``. Afterwards they go on from where they were."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@contextmanager
def interruptions() -> Iterator[list]:
    """Yield a list. The number of the signal is put into it when the process is asked to stop (Ctrl-C or SIGTERM).

    A second signal raises KeyboardInterrupt at once. Outside the main thread the list stays empty, because Python
    handles signals in the main thread only.
    """
    asked: list = []
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def note(number, frame):
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def random_states(device: torch.device) -> dict[str, torch.Tensor]:
    """The states of torch's global generators that a run on ``device`` draws from, as byte tensors."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_random_states(states: dict[str, torch.Tensor], device: torch.device) -> None:
    """Put back what :func:`random_states` returned."""
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)


def provenance(device: torch.device) -> dict[str, Any]:
    """What a result was made with: versions, commit, device, threads, and the peak memory so far, in MiB."""
    return {
        "version": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "peak_memory_mib": peak_memory(device),
    }


def device_name(device: torch.device) -> str:
    """The name of the GPU; for another device its type and the architecture of the processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()})"


def peak_memory(device: torch.device) -> float | None:
    """The peak memory in MiB: the GPU's for a GPU, else this process's (None where the system does not tell)."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    status = Path("/proc/self/status")
    if status.exists():  # Linux, where getrusage starts from the peak of the parent process
        (high_water,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return round(int(high_water.split()[1]) / 2**10, 1)
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def commit() -> str | None:
    """The git commit of the library, with "+" when its files have changes; None outside a checkout.

    A package that is installed inside another repository, in its `.venv`, does not have that repository's commit.
    """
    here = checkout()
    if here is None or not (here / ".git").exists():
        return None
    try:
        asked = {"cwd": PACKAGE, "capture_output": True, "text": True, "timeout": 10, "check": True}
        name = subprocess.run(["git", "rev-parse", "--short", "HEAD"], **asked).stdout.strip()
        changed = subprocess.run(["git", "status", "--porcelain", "--untracked-files=no", "."], **asked).stdout.strip()
        return name + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None
