"""What runs inside the sandbox: a Jupyter kernel, and the loop that answers the marker's calls.

Nothing in this process is trusted once a student's cell has run in it. The process holds no tests, no reference answers
and no marks. All that it can send is values, and the marker takes each of them for an answer of the student.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import struct
import sys
from typing import Any

from ver_lite.course import questions
from ver_lite.teaching.grading import wire

HEAD = struct.Struct("!I")
CANNOT = "a value that cannot be marked"
LIMITS = {
    "memory": resource.RLIMIT_AS,
    "seconds": resource.RLIMIT_CPU,
    "file": resource.RLIMIT_FSIZE,
    "processes": resource.RLIMIT_NPROC,
}
_channel: socket.socket | None = None


def send(channel: socket.socket, text: bytes) -> None:
    channel.sendall(HEAD.pack(len(text)) + text)


def receive(channel: socket.socket) -> bytes:
    """Read one message. Raises ConnectionError when the other side is gone, WireError when the message is too long."""
    (length,) = HEAD.unpack(_exactly(channel, HEAD.size))
    if length > wire.LONGEST:
        raise wire.WireError(f"a message of {length:,} bytes")
    return _exactly(channel, length)


def _exactly(channel: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = channel.recv(min(count - len(parts), 2**20))
        if not part:
            raise ConnectionError("the other side of the channel is gone")
        parts += part
    return bytes(parts)


def serve(names: dict[str, Any]) -> None:
    """Answer the marker's calls with the functions and values in `names`, until it says that it has no more."""
    assert _channel is not None
    send(_channel, b'"ready"')
    while True:
        try:
            asked = wire.loads(receive(_channel))
            if asked["do"] == "leave":
                return
            reply = wire.dumps(_answer(asked, names))
        except (ConnectionError, OSError):
            return
        except wire.WireError as error:
            reply = wire.dumps({"error": f"{CANNOT}: {error}"})
        except BaseException as error:  # a student's function may raise anything, and the marker may interrupt it
            reply = wire.dumps({"error": _said(error)})
        send(_channel, reply)


def _answer(asked: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    if asked["name"] not in names:
        return {"error": f"NameError: name {asked['name']!r} is not defined"}
    if asked["do"] == "kind":
        return {"value": "function" if callable(names[asked["name"]]) else "value"}
    if asked["do"] == "value":
        return {"value": names[asked["name"]]}
    function = names[asked["name"]]
    if asked["do"] == "call":
        value = function(*asked["arguments"], **asked["named"])
    else:
        value = questions.HELPERS[asked["do"]](function, *asked["arguments"], **asked["named"])
    given = [*asked["arguments"], *asked["named"].values()]
    return {"value": value, "used": [one if hasattr(one, "initial_seed") else None for one in given]}


def _said(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:500].encode("utf-8", "replace").decode()
    except BaseException:
        return type(error).__name__


def limit(wanted: dict[str, int]) -> None:
    """Set limits that no process below this one can raise again. A limit that is already lower stays as it is."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name, kind in LIMITS.items():
        if name in wanted:
            hard = resource.getrlimit(kind)[1]
            most = wanted[name] if hard == resource.RLIM_INFINITY else min(wanted[name], hard)
            with contextlib.suppress(ValueError, OSError):  # only Linux has all of them
                resource.setrlimit(kind, (most, most))


def main(settings: dict[str, Any]) -> None:
    """Start the kernel on sockets that the marker has opened: `{"connection": file, "sockets": {port: fd}, ...}`."""
    import zmq
    from ipykernel.kernelapp import IPKernelApp

    global _channel
    _channel = socket.socket(fileno=settings["channel"])
    sockets = {int(port): descriptor for port, descriptor in settings["sockets"].items()}
    for descriptor in (settings["channel"], *sockets.values()):
        os.set_inheritable(descriptor, False)

    class Kernel(IPKernelApp):
        def _try_bind_socket(self, made: zmq.Socket, port: int) -> int:
            made.setsockopt(zmq.USE_FD, sockets[port])
            return super()._try_bind_socket(made, port)

    app = Kernel.instance()
    quiet = ["--IPKernelApp.log_level=50", "--HistoryManager.enabled=False"]
    app.initialize(["-f", settings["connection"], *quiet])
    limit(settings["limits"])
    app.start()


if __name__ == "__main__":
    sys.modules["ver_lite.teaching.grading.inside"] = sys.modules["__main__"]
    main(json.loads(sys.argv[1]))
