"""The sandbox that a student's kernel runs in: bubblewrap where it works, else resource limits alone.

The sandbox shares nothing on the disk with the outside, not even a socket. It shows the Python installation, the
library `ver_lite` and the system's programs, all read-only, and an empty /tmp and home in memory. It has no network and
shows no other process. It does not show the masters, the tests, other students' work, the marks or the marker's home.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ver_lite.system.files import PACKAGE, checkout

NOBODY = 65534
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
SETTINGS = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "fonts", "localtime", "ssl/certs")
HOME = "/home/student"
MEBI = 2**20


@dataclass(frozen=True)
class Limits:
    """What one student's kernel may use. Sizes in bytes, times in seconds.

    memory     address space of one process             resident   memory really used by all of them together
    processes  processes and threads together           file       size of one file
    disk       of the box's /tmp and home, each         output     text and pictures kept of one cell
    message    one message from the kernel              cell       wall time of one cell
    tests      wall time of one question's tests, where the master allows no less
    student    wall time of one student's whole marking
    """

    memory: int = 6144 * MEBI
    resident: int = 3072 * MEBI
    processes: int = 64
    file: int = 64 * MEBI
    disk: int = 256 * MEBI
    output: int = 256 * 1024
    message: int = 4 * MEBI
    cell: float = 60.0
    tests: float = 60.0
    student: float = 600.0


@cache
def why_no_bubblewrap() -> str | None:
    """None when bubblewrap makes a working sandbox here, else the reason in words."""
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (on Debian and Ubuntu: apt install bubblewrap)"
    with tempfile.TemporaryDirectory() as folder:
        command = box(Path(folder), Limits()) + [sys.executable, "-c", "import zmq, numpy"]
        tried = subprocess.run(command, capture_output=True, text=True, timeout=60, env={"PATH": os.environ["PATH"]})
    if tried.returncode == 0:
        return None
    said = (tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"])[-1]
    return f"bubblewrap is installed and makes no box here: {said}"


WITHOUT = (
    "Marking with resource limits alone, without a sandbox: {why}. Time, memory, processes, file sizes and output are "
    "bounded. NOT protected: a submission can read every file that you can read (masters with their hidden tests, "
    "other students' work, the gradebook, your keys), write where you can write, use the network, and signal your "
    "processes."
)


def box(folder: Path, limits: Limits) -> list[str]:
    """The command that makes the sandbox. What follows it runs inside. `folder` appears there as /run/marking."""
    command = [shutil.which("bwrap") or "bwrap", "--die-with-parent", "--new-session", "--clearenv"]
    command += ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    command += ["--hostname", "marking", "--proc", "/proc", "--dev", "/dev"]
    for place in map(Path, SYSTEM):
        if place.is_symlink():
            command += ["--symlink", os.readlink(place), str(place)]
        elif place.exists():
            command += ["--ro-bind", str(place), str(place)]
    for name in SETTINGS:
        command += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    command += [
        "--perms",
        "0755",
        "--dir",
        "/home",
        "--perms",
        "0755",
        "--dir",
        "/run",
        "--perms",
        "0755",
        "--dir",
        "/etc",
    ]
    for memory in ("/tmp", "/dev/shm", HOME):
        command += ["--perms", "1777", "--size", str(limits.disk), "--tmpfs", memory]
    for source, target in _library():
        for above in reversed(Path(target).parents[:-1]):
            command += ["--perms", "0755", "--dir", str(above)]
        command += ["--ro-bind", source, target]
    command += ["--ro-bind", str(folder), "/run/marking", "--chdir", HOME]
    for name, value in environment().items():
        command += ["--setenv", name, value]
    inner = ["--unshare-user", "--disable-userns", "--cap-drop", "ALL"]
    if os.getuid() != 0:
        return [*command, *inner, "--remount-ro", "/", "--"]
    # The box is made by root, who may read everything in it; then a user without rights enters a second one inside.
    command += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--remount-ro", "/", "--"]
    command += ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]
    return [*command, "bwrap", "--die-with-parent", "--dev-bind", "/", "/", *inner, "--"]


@cache
def without_rights() -> list[str]:
    """The command with which root runs a program as a user without rights, when there is no sandbox.

    Empty when this user is not root, or when the user without rights cannot run this Python.
    """
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        return []
    tried = subprocess.run([*command, sys.executable, "-c", "import zmq, ver_lite"], capture_output=True, cwd="/")
    return command if tried.returncode == 0 else []


def _library() -> list[tuple[str, str]]:
    """Pairs of a folder and its place in the sandbox: Python's installation and environment, `ver_lite`, and its
    data."""
    places = {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve()}
    shown = [(str(place), str(place)) for place in sorted(places) if not str(place).startswith("/usr")]
    shown.append((str(PACKAGE), "/opt/ver-lite/ver_lite"))
    if (root := checkout()) is not None and (root / "data").is_dir():
        shown.append((str(root / "data"), "/opt/ver-lite/data"))
    return shown


def environment() -> dict[str, str]:
    """The whole environment of a student's process."""
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": HOME,
        "USER": "student",
        "LOGNAME": "student",
        "TMPDIR": "/tmp",
        "LANG": "C.UTF-8",
        "PYTHONPATH": "/opt/ver-lite",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
