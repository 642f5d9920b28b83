"""A CUDA device that is not there: its tensors are computed on the CPU, and whoever uses them must keep a GPU's rules.

PyTorch's own fake tensors (``FakeTensorMode``) would be the first choice. But where PyTorch is built without CUDA, the
first operation that needs a gradient of a fake CUDA tensor ends the process. So a tensor here is a subclass that says
``cuda:0`` to Python and ``meta`` to the C++ of PyTorch, which is built everywhere. It holds its numbers, so a whole
training can be played, and compared with the CPU's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing

from ver_lite.methods import lime
from ver_lite.system import machine

aten = torch.ops.aten
GPU, TOLD = torch.device("cuda", 0), torch.device("meta")  # what a tensor says to Python, and to C++
# For these the host waits: it needs a number, or the size of the result depends on the numbers.
READS = {"_local_scalar_dense", "equal", "nonzero", "masked_select", "bincount", "histc"}
READS |= {"_unique", "_unique2", "unique_dim", "unique_consecutive"}


class DeviceError(RuntimeError):
    """What a GPU refuses, or a wait of the host for it where there must be none."""


class OnGPU(Tensor):
    """A tensor of the device that is not there. ``held``: its numbers, on the CPU."""

    __torch_function__ = torch._C._disabled_torch_function_impl
    device = property(lambda self: GPU)
    is_cuda = property(lambda self: True)
    is_meta = property(lambda self: False)

    @staticmethod
    def __new__(cls, held: Tensor) -> OnGPU:
        place = {"strides": held.stride(), "storage_offset": held.storage_offset()}
        made = Tensor._make_wrapper_subclass(cls, held.shape, dtype=held.dtype, device=TOLD, **place)
        made.held = held
        return made

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def __repr__(self, **_) -> str:
        return f"OnGPU({self.held!r})"

    @classmethod
    def __torch_dispatch__(cls, function, types, arguments=(), named=None):
        raise DeviceError(f"{function} outside of the block in which there is a device")


class Device(TorchDispatchMode):
    """Every operation passes here. ``waits``: those for which the host waited for the device, or copied to it."""

    def __init__(self):
        super().__init__()
        self.waits: list[str] = []
        self.left: int | None = None  # how many waits are allowed; None: as many as you like

    @contextmanager
    def waiting(self, most: int | None) -> Iterator[None]:
        """Inside, the host may wait for the device ``most`` times (None: any number of times); then DeviceError."""
        before, self.left = self.left, most
        try:
            yield
        finally:
            self.left = before

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        named = dict(named or {})
        tensors = [x for x in _flat([*arguments, *named.values()]) if isinstance(x, Tensor)]
        ours, asked = any(isinstance(x, OnGPU) for x in tensors), named.get("device")
        there = asked == TOLD or (ours and asked is None)
        if function is aten._to_copy.default:
            if ours != there:
                self._wait("a copy between host and device")
        elif ours:
            self._check(function, arguments, named, tensors)
        of_host = {name: torch.device("cpu") if name == "device" and asked else x for name, x in named.items()}
        found = function(*_each(arguments, _held), **{name: _each(x, _held) for name, x in of_host.items()})
        if function is aten.copy_.default:
            return arguments[0]
        if not there:
            return found
        found = _each(found, lambda x: OnGPU(x) if isinstance(x, Tensor) else x)
        return return_and_correct_aliasing(function, arguments, named, found) if ours else found

    def _check(self, function, arguments, named, tensors) -> None:
        """What holds where at least one of ``tensors`` is the device's."""
        name = function._overloadpacket.__name__
        of_host = [x for x in tensors if not isinstance(x, OnGPU)]
        written = [named.get("out"), *(arguments[:1] if name.endswith("_") else ())]
        listed = [x for a in arguments if isinstance(a, list | tuple) for x in a if x is not None]
        if function is aten.copy_.default:
            if of_host and (of_host[0] is arguments[0] or of_host[0].ndim):
                self._wait("a copy between host and device")
        elif any(x.ndim or any(x is y for y in (*written, *listed)) for x in of_host):  # a single number may come along
            shapes = ", ".join(str(list(x.shape)) for x in of_host)
            raise DeviceError(f"{name} on the device with a tensor of the host: {shapes}")
        elif name in READS or function is aten.repeat_interleave.Tensor or _by_mask(name, listed):
            self._wait(name)

    def _wait(self, why: str) -> None:
        if self.left == 0:
            raise DeviceError(f"the host waits for the device: {why}")
        self.left = None if self.left is None else self.left - 1
        self.waits.append(why)


def _by_mask(name: str, indices: list) -> bool:
    return name in ("index", "index_put", "index_put_") and any(x.dtype == torch.bool for x in indices)


def _held(x: Any) -> Any:
    return x.held if isinstance(x, OnGPU) else x


def _each(given: Any, change: Callable[[Any], Any]) -> Any:
    """``change`` of what is given, or of everything in a list or tuple, however deep."""
    return type(given)(_each(x, change) for x in given) if isinstance(given, list | tuple) else change(given)


def _flat(given: Iterable) -> Iterator[Any]:
    for x in given:
        yield from _flat(x) if isinstance(x, list | tuple) else (x,)


class Generator(torch.Generator):
    """A generator that remembers for which device it was made. Its numbers are those of a CPU's."""

    def __new__(cls, device="cpu"):
        made = super().__new__(cls, "cpu")
        made.of = torch.device(device)
        return made

    @property
    def device(self) -> torch.device:
        return self.of


class Names(TorchFunctionMode):
    """What Python calls "cuda" is given to C++ under the name that it knows."""

    def __torch_function__(self, function, types, arguments=(), named=None):
        named = dict(named or {})
        if function is torch.device:
            return function(*arguments, **named)
        if function is Tensor.pin_memory:
            return arguments[0]
        if (generator := named.get("generator")) is not None:
            place = torch.device(named.get("device") or next((x.device for x in arguments if _is_tensor(x)), "cpu"))
            if generator.device.type != place.type:
                raise DeviceError(f"{function.__name__} on {place.type}, with a generator of {generator.device.type}")
        if function is torch.tensor and _is_gpu(named.get("device")):
            return torch.tensor(*arguments, **named | {"device": "cpu"}).to(TOLD)
        given = [TOLD if _is_gpu(x) else x for x in arguments]
        return function(*given, **{name: TOLD if _is_gpu(x) else x for name, x in named.items()})


def _is_tensor(x: Any) -> bool:
    return isinstance(x, Tensor)


def _is_gpu(x: Any) -> bool:
    return isinstance(x, str | torch.device) and str(x).split(":")[0] == "cuda"


class Stream:
    """A queue of a device that does everything at once."""

    def __init__(self, device: torch.device | None = None):
        pass

    def wait_stream(self, other: Stream) -> None:
        pass

    def synchronize(self) -> None:
        pass


@contextmanager
def pretended_gpu() -> Iterator[Device]:
    """Inside, ``cuda:0`` can be used by what Python asks of PyTorch. CUDA graphs cannot be recorded."""
    with pytest.MonkeyPatch.context() as patch, torch.backends.cudnn.flags(enabled=False):
        patch.setattr(torch, "Generator", Generator)
        patch.setattr(lime, "Generator", Generator)
        patch.setattr(torch.cuda, "Stream", Stream)
        patch.setattr(torch.cuda, "current_stream", Stream)
        patch.setattr(torch.cuda, "stream", nullcontext)
        patch.setattr(torch.cuda, "get_rng_state", lambda device: torch.get_rng_state())
        patch.setattr(torch.cuda, "set_rng_state", lambda state, device: torch.set_rng_state(state))
        patch.setattr(torch.cuda, "get_device_name", lambda device: "no GPU")
        patch.setattr(torch.cuda, "max_memory_allocated", lambda device: 0)
        patch.setattr(machine, "pick_device", lambda name: GPU)
        with Device() as device, Names():
            yield device
