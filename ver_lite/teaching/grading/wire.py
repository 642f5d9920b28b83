"""Values that travel between the marker and a student's kernel: JSON of a few kinds, never pickle.

Kinds: None, `...`, bool, int (64 bits), float (nan and infinities too), str, list, tuple, dict with text keys, numpy
arrays and tensors of plain numbers, `torch.Generator` (as its state). `WireError` refuses everything else, and
everything that is too large or too deep. A value that arrives is data; nothing in it is ever run.
"""

from __future__ import annotations

import base64
import json
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

LONGEST = 16 * 2**20  # bytes of one message
DEEPEST = 12
MOST = 200_000  # entries in all lists, tuples and dicts together
DTYPES = {
    f"{kind}{bits}": kind
    for kind in ("int", "uint", "float")
    for bits in (8, 16, 32, 64)
    if (kind, bits) != ("float", 8)
} | {"bool": "bool"}


class WireError(ValueError):
    """A value that cannot travel. The message says its kind, or which limit it breaks."""


def dumps(value: Any) -> bytes:
    """`value` as JSON bytes. Raises WireError for kinds that cannot travel, and beyond the limits."""
    text = json.dumps(encode(value), allow_nan=False, separators=(",", ":")).encode()
    if len(text) > LONGEST:
        raise WireError(f"the value takes {len(text):,} bytes, more than {LONGEST:,}")
    return text


def loads(text: bytes) -> Any:
    """The value in `text`. Raises WireError when `text` holds none."""
    if len(text) > LONGEST:
        raise WireError(f"the value takes {len(text):,} bytes, more than {LONGEST:,}")
    try:
        return decode(json.loads(text))
    except WireError:
        raise
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError, MemoryError) as error:
        raise WireError(f"not a value ({type(error).__name__})") from None


def encode(value: Any) -> Any:
    """The JSON form of `value`: itself when JSON has its kind, else `{"kind": ..., ...}`."""
    return _encode(value, 0, [0])


def _encode(value: Any, depth: int, count: list[int]) -> Any:
    count[0] += 1
    if depth > DEEPEST or count[0] > MOST:
        raise WireError("the value is nested too deeply or has too many entries")
    kind = type(value)
    if value is None or kind in (bool, str):
        return value
    if value is Ellipsis:
        return {"kind": "unanswered"}
    if kind is int:
        if not -(2**63) <= value < 2**64:
            raise WireError("the number does not fit in 64 bits")
        return value
    if kind is float:
        return value if math.isfinite(value) else {"kind": "float", "value": repr(value)}
    if kind in (list, tuple):
        parts = [_encode(part, depth + 1, count) for part in value]
        return parts if kind is list else {"kind": "tuple", "value": parts}
    if isinstance(value, dict):
        if not all(type(key) is str for key in value):
            raise WireError("a dictionary whose keys are not all text")
        return {"kind": "dict", "value": {key: _encode(part, depth + 1, count) for key, part in value.items()}}
    if isinstance(value, np.ndarray | np.generic):
        return _encode_array(np.asarray(value), "array" if isinstance(value, np.ndarray) else "scalar")
    return _encode_torch(value)


def _encode_torch(value: Any) -> dict[str, Any]:
    torch = sys.modules.get("torch")  # without torch imported there is no tensor
    if torch is not None and isinstance(value, torch.Tensor):
        about = {"grad": True} if value.requires_grad else {}
        return _encode_array(value.detach().cpu().contiguous().numpy(), "tensor") | about
    if torch is not None and isinstance(value, torch.Generator):
        return {"kind": "generator", "value": _encode_array(value.get_state().numpy(), "array")}
    raise WireError(f"a {type(value).__name__}")


def _encode_array(array: np.ndarray, kind: str) -> dict[str, Any]:
    if array.dtype.name not in DTYPES:
        raise WireError(f"an array of {array.dtype.name}")
    if array.nbytes > LONGEST * 3 // 4:
        raise WireError(f"an array of {array.nbytes:,} bytes")
    data = np.ascontiguousarray(array).tobytes()
    return {
        "kind": kind,
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "value": base64.b64encode(data).decode("ascii"),
    }


def decode(plain: Any) -> Any:
    """The value of `plain`, JSON from outside. Raises WireError, or an error that `loads` turns into one."""
    return _decode(plain, 0, [0])


def _decode(plain: Any, depth: int, count: list[int]) -> Any:
    count[0] += 1
    if depth > DEEPEST or count[0] > MOST:
        raise WireError("the value is nested too deeply or has too many entries")
    if plain is None or isinstance(plain, bool | str | float):
        return plain
    if isinstance(plain, int):
        if not -(2**63) <= plain < 2**64:
            raise WireError("the number does not fit in 64 bits")
        return plain
    if isinstance(plain, list):
        return [_decode(part, depth + 1, count) for part in plain]
    made = _KINDS.get(plain.get("kind"))
    if made is None:
        raise WireError("a kind of value that is not known")
    return made(plain, depth, count)


def _decode_array(plain: dict, *_: Any) -> np.ndarray:
    if plain["dtype"] not in DTYPES:
        raise WireError("a kind of number that is not known")
    shape = plain["shape"]
    if not (isinstance(shape, list) and len(shape) <= 32 and all(type(n) is int and 0 <= n <= LONGEST for n in shape)):
        raise WireError("not a shape")
    dtype = np.dtype(plain["dtype"])
    data = base64.b64decode(plain["value"], validate=True)
    if math.prod(shape) * dtype.itemsize != len(data):
        raise WireError("the shape and the numbers of an array do not fit")
    if dtype.kind == "b" and np.frombuffer(data, np.uint8).max(initial=0) > 1:
        raise WireError("not true or false")
    return np.frombuffer(data, dtype).reshape(shape).copy()


def _decode_tensor(plain: dict, *_: Any) -> Any:
    import torch

    tensor = torch.from_numpy(_decode_array(plain))
    return tensor.requires_grad_() if plain.get("grad") is True and tensor.is_floating_point() else tensor


def _decode_generator(plain: dict, *_: Any) -> Any:
    import torch

    try:
        generator = torch.Generator()
        generator.set_state(torch.from_numpy(_decode_array(plain["value"])))
        return generator
    except (RuntimeError, TypeError) as error:
        raise WireError(f"not a generator's state ({type(error).__name__})") from None


def _decode_dict(plain: dict, depth: int, count: list[int]) -> dict[str, Any]:
    return {key: _decode(part, depth + 1, count) for key, part in plain["value"].items()}


def _decode_float(plain: dict, *_: Any) -> float:
    if plain["value"] not in ("nan", "inf", "-inf"):
        raise WireError("not a number")
    return float(plain["value"])


_KINDS: dict[str, Callable[[dict, int, list[int]], Any]] = {
    "unanswered": lambda *_: ...,
    "float": _decode_float,
    "tuple": lambda plain, depth, count: tuple(_decode(part, depth + 1, count) for part in plain["value"]),
    "dict": _decode_dict,
    "array": _decode_array,
    "scalar": lambda plain, *_: _decode_array(plain)[()],
    "tensor": _decode_tensor,
    "generator": _decode_generator,
}
