"""The marker's view of a student's answers: stand-ins for functions, and values fetched from the sandboxed kernel.

Tests run here, in the trusted process. Only arguments go into the sandbox, and only plain values come out.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

from ver_lite.teaching.grading import wire
from ver_lite.teaching.grading.inside import CANNOT, HEAD


class AnswerError(Exception):
    """The error that a student's function raised, or the reason why it gave no answer."""


class NoAnswer(AnswerError):
    """The kernel did not answer in time, or it has ended."""


class NotAnswered(AnswerError, NotImplementedError):
    """The student's function is still a stub: it raised NotImplementedError."""


def _raised(said: str) -> AnswerError:
    """An error of ours with the name and the text of the student's error, and nothing else of it."""
    name, _, text = said.partition(": ")
    if name == "NotImplementedError":
        return NotAnswered(text)
    return type(name, (AnswerError,), {})(text) if name.isidentifier() else AnswerError(said)


class Answers:
    """The marker's end of the channel to the kernel. `deadline`, a time of `time.monotonic`, bounds every wait.

    lost  why there are no more answers, or None        odd  what kind of answer could not be read, or None
    """

    channel: socket.socket
    deadline: float

    def __init__(self) -> None:
        self.lost: str | None = "no kernel yet"
        self.odd: str | None = None

    def attach(self, channel: socket.socket) -> None:
        """Use this kernel from now on."""
        self.channel, self.lost = channel, None

    def hello(self) -> None:
        """Wait until the kernel says that it listens. Raises NoAnswer."""
        try:
            said = self._receive()
        except AnswerError:
            said = None
        if said != "ready":
            self._lose(self.lost or "the kernel does not answer the marker")

    def leave(self) -> None:
        """Tell the kernel that there are no more questions."""
        if not self.lost:
            self._send({"do": "leave"})

    def ask(self, do: str, name: str, arguments: tuple = (), named: dict[str, Any] | None = None) -> Any:
        """The value that the kernel answers. Raises AnswerError with the student's error, NoAnswer without an answer.

        A generator among the arguments gets the state in which the student's function left it. The sandbox cannot
        change anything else that a test passes in.
        """
        if self.lost:
            raise NoAnswer(self.lost)
        named = named or {}
        self._send({"do": do, "name": name, "arguments": list(arguments), "named": named})
        reply = self._receive()
        if not isinstance(reply, dict) or not ({"error", "value"} & reply.keys()):
            self._lose("the kernel's answer is no answer")
        if "error" in reply:
            said = str(reply["error"])[:500]
            self.odd = said if said.startswith(CANNOT) else self.odd
            raise _raised(said)
        used = reply.get("used")
        if isinstance(used, list):
            for given, after in zip([*arguments, *named.values()], used, strict=False):
                if hasattr(given, "initial_seed") and hasattr(after, "initial_seed"):
                    given.set_state(after.get_state())
        return reply["value"]

    def _lose(self, why: str) -> None:
        self.lost = why
        raise NoAnswer(why)

    def _send(self, value: Any) -> None:
        text = wire.dumps(value)
        try:
            self.channel.settimeout(max(0.01, self.deadline - time.monotonic()))
            self.channel.sendall(HEAD.pack(len(text)) + text)
        except OSError:
            self._lose("the kernel does not listen")

    def _receive(self) -> Any:
        try:
            (length,) = HEAD.unpack(self._exactly(HEAD.size))
            if length > wire.LONGEST:
                self._lose(f"the answer is too long: {length:,} bytes")
            text = self._exactly(length)
        except TimeoutError:
            self._lose("no answer in time")
        except OSError:
            self._lose("the kernel ended")
        try:
            return wire.loads(text)
        except wire.WireError as error:
            self.odd = f"{CANNOT}: {error}"
            raise AnswerError(self.odd) from None

    def _exactly(self, count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.channel.settimeout(left)
            part = self.channel.recv(min(count - len(parts), 2**20))
            if not part:
                raise ConnectionError
            parts += part
        return bytes(parts)


def stand_in(answers: Answers, name: str) -> Callable:
    """A function that asks the student's function `name` in the sandbox. Its attribute `remotely` runs one of
    `questions.HELPERS` there."""

    def function(*arguments: Any, **named: Any) -> Any:
        return answers.ask("call", name, arguments, named)

    def remotely(helper: str, arguments: tuple, named: dict[str, Any]) -> Any:
        return answers.ask(helper, name, arguments, named)

    function.__name__ = function.__qualname__ = name
    function.remotely = remotely
    return function
