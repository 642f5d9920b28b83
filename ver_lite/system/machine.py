"""The machine a run is made on: its device, its random state, what it says of itself."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch

from ver_lite.system import __version__
from ver_lite.system.files import PACKAGE, checkout


def pick_device(name: str | torch.device = "auto") -> torch.device:
    """The device called ``name``; "auto" is cuda, else mps, else cpu. Raises ValueError when it is not there."""
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
    """Inside, torch's global random numbers start from ``seed``; outside, they are as if nothing had happened."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@contextmanager
def interruptions() -> Iterator[list]:
    """A list that fills when the process is asked to stop (Ctrl-C, SIGTERM). A second Ctrl-C stops at once."""
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
    """torch's global random states that a run on ``device`` draws from, as byte tensors."""
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
    """What made a result: versions, commit, device, threads, and peak memory in MiB so far."""
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
    """The GPU's name, or the processor's kind and its number of cores seen by torch."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()})"


@cache
def reuse_memory() -> bool:
    """From now on the C library keeps freed memory, up to 1 GiB, for whoever asks next. False where that is not in our
    hands (not glibc) or in the user's (``MALLOC_...`` is set).

    Left alone, glibc gives what lies at the end of its heap back to the system at once. Then every step of a training
    gets new memory, and each page of it is a fault (`make bench` measures what that costs).
    """
    settled = any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ)
    if settled or not hasattr(_c_library(), "mallopt"):
        return False
    trim_threshold, mmap_max = -1, -4  # the second: how many pieces of memory, however large, may lie outside the heap
    return bool(_c_library().mallopt(mmap_max, 0) and _c_library().mallopt(trim_threshold, 2**30))


def return_memory() -> None:
    """Give back what :func:`reuse_memory` has kept."""
    if hasattr(_c_library(), "malloc_trim"):
        _c_library().malloc_trim(0)


@cache
def _c_library() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform == "linux" else None


def peak_memory(device: torch.device) -> float | None:
    """Peak memory in MiB: of the GPU where there is one, else of this process (None where the system can't say)."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    status = Path("/proc/self/status")
    if status.exists():  # Linux; what getrusage says there a process inherits from the one that started it
        (high_water,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return round(int(high_water.split()[1]) / 2**10, 1)
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def commit() -> str | None:
    """The library's git commit, with "+" when the library has changes; None outside a checkout.

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
