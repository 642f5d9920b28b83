"""The parent's side of the processes that train an epoch when they are told to: start them, ask them, stop them.

The child's side is `benchmarks.child`, which runs in this Python or in a peer's. It imports the modules of this folder
that train, and those import this one. So this module does not import the child; it starts it by its name.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import ver_lite

CHILD = "benchmarks.child"
TESTS = Path(__file__).resolve().parents[1]
LIBRARY = Path(ver_lite.__file__).resolve().parents[1]
RELEASED_FILES = ("model.py", "train_util.py", "metric.py", "beer.py")
RELEASED_NAME = "jugechengzi/Rationalization-VER"


class PeerError(RuntimeError):
    """A peer that cannot be measured: which, why, and what to do."""


class Worker:
    """A child process of one kind that trains when asked. Raises PeerError with the child's last lines when it dies.

    ``environment`` adds variables to the child's environment. A variable that is None is not inherited.
    """

    def __init__(
        self,
        kind: str,
        settings: dict[str, Any],
        python: str = sys.executable,
        threads: int | None = None,
        environment: dict[str, str | None] | None = None,
    ):
        self.kind, self.said = kind, tempfile.TemporaryFile("w+")
        # Our own Python trains with the parent's ver_lite. A peer's Python gets this folder's package and nothing else.
        paths = [str(TESTS), *([str(LIBRARY)] if python == sys.executable else []), os.environ.get("PYTHONPATH")]
        asked = os.environ | {"PYTHONUTF8": "1", "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        asked |= environment or {}
        environment = {name: value for name, value in asked.items() if value is not None}
        if threads is not None:
            environment["OMP_NUM_THREADS"] = environment["MKL_NUM_THREADS"] = str(threads)
        command = [python, "-P", "-m", CHILD, kind, json.dumps(settings)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self.said, text=True, env=environment)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
        self.said.close()

    def ready(self) -> None:
        """Wait until it has loaded everything."""
        self._answer()

    def start(self) -> None:
        """Let it train an epoch."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def took(self) -> dict[str, Any]:
        """Wait for the epoch that :meth:`start` began."""
        return self._answer()

    def once(self) -> dict[str, Any]:
        self.start()
        return self.took()

    def _answer(self) -> dict[str, Any]:
        if line := self.process.stdout.readline():
            return json.loads(line)
        self.process.wait()
        self.said.seek(0)
        last = "\n".join(self.said.read().strip().splitlines()[-8:])
        raise PeerError(f"the worker {self.kind!r} ended with status {self.process.returncode}:\n{last}")


def check_released(checkout: str | Path) -> Path:
    """The path of the released code's checkout. Raises PeerError that names the file that is missing there."""
    folder = Path(checkout).expanduser().resolve()
    if not folder.is_dir():
        raise PeerError(f"PEER={checkout}: there is no such folder; give a checkout of {RELEASED_NAME}")
    missing = [name for name in RELEASED_FILES if not (folder / name).is_file()]
    if missing:
        raise PeerError(f"PEER={checkout}: {missing[0]} is missing there; give a checkout of {RELEASED_NAME}")
    return folder
