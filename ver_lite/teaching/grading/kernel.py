"""One student's kernel: it is started in the sandbox, watched, and ended with everything that it left behind.

The marker opens the kernel's sockets and hands them over. So the student's side needs no place on the disk that the
marker reads.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import zmq
import zmq.asyncio
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from jupyter_core.utils import run_sync
from traitlets import List

from ver_lite.system.files import PACKAGE
from ver_lite.teaching.grading.sandbox import (
    HOME,
    MEBI,
    NOBODY,
    Limits,
    box,
    environment,
    why_no_bubblewrap,
    without_rights,
)

CHANNELS = {"shell": 1, "iopub": 2, "stdin": 3, "control": 4, "hb": 5}
OPENED = ("shell", "iopub", "stdin", "control")
PREFIX = "ver-lite-marking-"


class SandboxError(RuntimeError):
    """A kernel that could not be started. The message has what it printed."""


def adopt_orphans() -> None:
    """Make this process the parent of processes that its descendants leave behind, so that it can end them (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def remove_leftovers() -> None:
    """Remove the folders of kernels whose marker was killed more than a day ago."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            about = folder.lstat()
            if about.st_uid == os.getuid() and about.st_mtime < time.time() - 86400 and not folder.is_symlink():
                shutil.rmtree(folder, ignore_errors=True)


class _Manager(AsyncKernelManager):
    """A kernel manager that starts the kernel by our command, on sockets that are open already."""

    command: list[str] = List()

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        return self.command


class Kernel:
    """One student's kernel: `manager` and `client` for papermill, `channel` for the answers to tests.

    Making one returns at once; `ready()` waits. `close()` ends all of its processes and removes its folder.
    """

    def __init__(self, limits: Limits, boxed: bool | None = None) -> None:
        self.limits, self.boxed = limits, why_no_bubblewrap() is None if boxed is None else boxed
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self.over: str | None = None  # the limit that was broken, once the watch has seen it
        self._closed = threading.Event()
        context = zmq.asyncio.Context()
        for option, value in ((zmq.MAXMSGSIZE, limits.message), (zmq.RCVHWM, 64), (zmq.LINGER, 0)):
            context.setsockopt(option, value)
        self.manager = _Manager(
            transport="ipc",
            ip=str(self.folder / "kernel"),
            connection_file=str(self.folder / "client.json"),
            context=context,
            **{f"{name}_port": port for name, port in CHANNELS.items()},
        )
        self.manager._kernel_spec = KernelSpec(argv=[], interrupt_mode="message", language="python")
        self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        listening = {CHANNELS[name]: self._listen(CHANNELS[name]) for name in OPENED}
        inside = self.folder / "inside"
        inside.mkdir()
        where = "/run/marking" if self.boxed else str(inside)
        settings = {
            "connection": f"{where}/kernel.json",
            "channel": theirs.fileno(),
            "sockets": {port: opened.fileno() for port, opened in listening.items()},
            "limits": self._limits(),
        }
        about = self.manager.get_connection_info() | {"ip": f"{HOME}/kernel" if self.boxed else f"{where}/kernel"}
        about["key"] = about["key"].decode()
        (inside / "kernel.json").write_text(json.dumps(about))
        inside.chmod(0o755)  # the umask may forbid it, and the user in the sandbox is another one
        (inside / "kernel.json").chmod(0o644)
        runs = [sys.executable, "-m", "ver_lite.teaching.grading.inside", json.dumps(settings)]
        self.manager.command = (box(inside, self.limits) if self.boxed else without_rights()) + runs
        if not self.boxed and without_rights():
            os.chown(inside, NOBODY, NOBODY)
            self.folder.chmod(0o711)
        self.errors = open(self.folder / "said", "w+b")  # noqa: SIM115
        descriptors = [theirs.fileno(), *(opened.fileno() for opened in listening.values())]
        given = {} if self.boxed else environment() | {"HOME": str(inside), "TMPDIR": str(inside)}
        if not self.boxed:
            given["PYTHONPATH"] = str(PACKAGE.parent)
        run_sync(self.manager._async_start_kernel)(
            pass_fds=descriptors, env=given, cwd=str(inside), stdout=subprocess.DEVNULL, stderr=self.errors
        )
        for opened in (theirs, *listening.values()):
            opened.close()
        self.channel = ours
        self.pid = self.manager.provisioner.pid
        threading.Thread(target=self._watch, daemon=True).start()

    def _listen(self, port: int) -> socket.socket:
        opened = socket.socket(socket.AF_UNIX)
        opened.bind(f"{self.manager.ip}-{port}")
        opened.listen(16)
        return opened

    def _limits(self) -> dict[str, int]:
        limits = self.limits
        seconds = int(limits.student) + 30
        processes = (
            limits.processes if self.boxed else limits.processes + len(psutil.pids())
        )  # the limit counts all processes of the user
        return {"memory": limits.memory, "file": limits.file, "processes": processes, "seconds": seconds}

    def ready(self, seconds: float = 60) -> None:
        """Wait until the kernel answers. Raises SandboxError with what it printed when it does not."""
        self.client = self.manager.client()
        self.client.allow_stdin = False
        self.client.start_channels(hb=False)
        try:
            run_sync(self._wait)(seconds)
        except Exception as error:
            said = Path(self.errors.name).read_text("utf-8", "replace")[-500:]
            self.close()
            raise SandboxError(f"the kernel did not start ({error}); it said: {said.strip() or 'nothing'}") from None

    async def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        self.client.kernel_info()
        while time.monotonic() < until:
            if not await self.manager.is_alive():
                raise RuntimeError("it ended at once")
            if await self.client.shell_channel.msg_ready():
                await self.client.shell_channel.get_msg()
                return
            await self.client.shell_channel.socket.poll(100)
        raise TimeoutError(f"no answer in {seconds:g} s")

    @property
    def alive(self) -> bool:
        return not self._closed.is_set() and self.manager.provisioner.process.poll() is None

    def tree(self) -> list[psutil.Process]:
        """Every process of this student that runs now.

        Without a sandbox this includes processes that left the tree. This process marks one student alone and has
        become the parent of what its descendants leave behind (`adopt_orphans`).
        """
        try:
            first = psutil.Process(self.pid)
            if not self.boxed:
                return psutil.Process().children(recursive=True)
            return [first, *first.children(recursive=True)]
        except psutil.Error:
            return []

    def _watch(self) -> None:
        """Kill the kernel when all of its processes together use more than they may."""
        while not self._closed.wait(0.25):
            tree, used = self.tree(), 0
            for process in tree:
                try:
                    used += process.memory_info().rss
                except psutil.Error:
                    continue
            if used > self.limits.resident:
                self.over = f"used more than {self.limits.resident // MEBI} MiB of memory"
                self.kill()

    def kill(self) -> None:
        """End every process of this student, now."""
        for process in reversed(self.tree()):
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.Error:
                continue

    def close(self) -> None:
        """End every process and remove the folder. Can be called twice."""
        if self._closed.is_set():
            return
        self._closed.set()
        self.kill()
        self.manager.provisioner.process.wait()
        self.channel.close()
        if hasattr(self, "client"):
            self.client.stop_channels()
        self.manager._close_control_socket()
        self.manager.context.destroy(linger=0)
        self.errors.close()
        shutil.rmtree(self.folder, ignore_errors=True)
