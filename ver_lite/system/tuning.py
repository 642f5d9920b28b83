"""What the library changes in the process that it runs in, how that is undone, and how to stop it.

``import ver_lite`` changes nothing. Later there are three changes:

* **Memory.** While a game is trained on a CPU, glibc keeps freed memory for the next step (:func:`memory_kept`). When
  the last training of the process ends, the memory goes back to the system, and so do glibc's settings, as far as glibc
  allows.
* **Threads.** The command ``ver-lite`` and the worker processes of a sweep set ``GOMP_SPINCOUNT`` before they import
  torch, and torch's threads wait a tenth as long for work (:func:`wait_briefly`). These processes are the library's
  own, and the setting ends with them. In a process of yours, call :func:`wait_briefly` before ``import torch``.
* **Products.** On a GPU, a step of training and the evaluation after an epoch set torch's two TF32 flags as
  ``precision`` asks, and put them back (:func:`tf32`).

The environment variable ``VER_LITE_TUNE=0`` stops the first two. They change how long a training takes and none of its
numbers. The third decides numbers, so it is part of ``precision`` and cannot be stopped.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType

#: A thread of torch's that has nothing to do looks for work for some milliseconds before it sleeps, and holds a core
#: that the two threads of our GRU (gru.py) wait for. libgomp's default is ten times this.
VARIABLE, TURNS = "GOMP_SPINCOUNT", "30000"

_MALLOPT = {"trim_threshold": -1, "mmap_threshold": -3, "mmap_max": -4}  # the numbers of <malloc.h>
#: glibc keeps up to 1 GiB of freed memory, and takes no piece of memory, however large, from outside its heap.
_KEPT = {"mmap_max": 0, "trim_threshold": 2**30}
#: glibc's documented number of pieces, and the largest thresholds that it reaches when it adjusts them by itself.
_USUAL = {"mmap_max": 65536, "mmap_threshold": 32 << 20, "trim_threshold": 64 << 20}

_lock, _trainings = threading.Lock(), []


def wanted() -> bool:
    """False when the user has set ``VER_LITE_TUNE=0``."""
    return os.environ.get("VER_LITE_TUNE") != "0"


def wait_briefly() -> None:
    """Let torch's threads wait a tenth as long for work, in this process and its children.

    Nothing happens where torch is imported already, because libgomp reads the variable only once; where the user has
    set ``OMP_WAIT_POLICY`` or ``GOMP_SPINCOUNT``; or with ``VER_LITE_TUNE=0``.
    """
    if wanted() and "torch" not in sys.modules and "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault(VARIABLE, TURNS)


def not_ours() -> dict[str, None]:
    """The variable that :func:`wait_briefly` has set, as one that a child does not inherit; empty when the user set
    it."""
    return {VARIABLE: None} if os.environ.get(VARIABLE) == TURNS else {}


@contextmanager
def memory_kept() -> Iterator[bool]:
    """Inside, the C library keeps freed memory, up to 1 GiB, for whoever asks next. Yields whether it does.

    Left alone, glibc gives what lies at the end of its heap back to the system at once. Then every step of a training
    gets new memory, and each page of it is a fault (`python -m benchmarks parts` says what that costs).

    When the last of several blocks ends, the memory goes back and glibc has its settings again. One habit does not come
    back, because glibc gives it up at the first setting: it raises its thresholds while a process runs. They stay where
    that habit ends, so up to 64 MiB of freed memory may stay in the process.

    It yields False, and nothing changes, where the C library is not glibc, where the user has set ``MALLOC_...`` or
    ``GLIBC_TUNABLES``, or with ``VER_LITE_TUNE=0``.
    """
    settled = any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ)
    if settled or not wanted() or not hasattr(_c_library(), "mallopt"):
        yield False
        return
    with _lock:
        _trainings.append(True)
        kept = _mallopt(_KEPT)
    try:
        yield kept
    finally:
        with _lock:
            _trainings.pop()
            if not _trainings:
                _mallopt(_USUAL)
                _c_library().malloc_trim(0)


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Inside, torch may round the factors of a GPU's float32 products to 10 bits, or may not; afterwards torch's
    settings are as they were."""
    import torch

    products, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    try:
        flags = products.allow_tf32, cudnn.allow_tf32
    except RuntimeError:  # set through fp32_precision, and then torch does not let the flags be read
        flags = None
    names = [(of, of.fp32_precision) for of in (products, cudnn.conv, cudnn.rnn)] if _has_precisions(torch) else []
    products.allow_tf32 = cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        if flags is not None:
            products.allow_tf32, cudnn.allow_tf32 = flags
        for of, precision in names:
            of.fp32_precision = precision


def _has_precisions(torch: ModuleType) -> bool:
    """Whether this torch (2.9 or newer) names precisions beside its flags, and may hold one that no flag can say."""
    return hasattr(torch.backends.cudnn, "rnn") and hasattr(torch.backends.cuda.matmul, "fp32_precision")


def _mallopt(settings: dict[str, int]) -> bool:
    return all([_c_library().mallopt(_MALLOPT[name], value) for name, value in settings.items()])


@cache
def _c_library() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform == "linux" else None
