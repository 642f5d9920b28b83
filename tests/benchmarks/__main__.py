"""How fast training is, and how it grows.

    PYTHONPATH=tests python -m benchmarks [race] [parts] [growth]
        [--peer CHECKOUT] [--pyhighlights PYTHON] [--out FOLDER]

Without a name, all three. A folder holds bench.json, bench.md and bench.png; what is not measured again stays.
"""

# ruff: noqa: E402  (wait_briefly must run before torch is imported)

from __future__ import annotations

import argparse
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ver_lite.system.tuning import wait_briefly

wait_briefly()  # as `ver-lite` does; what follows imports torch, so it stands below

import torch

from benchmarks.growth import growth
from benchmarks.parts import parts as measure_parts
from benchmarks.race import race
from benchmarks.report import growth_figure, report
from benchmarks.workers import PeerError
from ver_lite.system import machine
from ver_lite.system.files import FileError, read_json, write_json, write_text, write_whole
from ver_lite.viz import figures

PARTS = ("race", "parts", "growth")


def main(arguments: list[str] | None = None) -> None:
    """Measure the parts asked for, print the tables, write the record."""
    parser = argparse.ArgumentParser(
        "PYTHONPATH=tests python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="race, parts, growth (default: all)")
    parser.add_argument("--peer", help="a checkout of jugechengzi/Rationalization-VER to race against")
    parser.add_argument("--pyhighlights", metavar="PYTHON", help="a Python that has pyhighlights, to race against")
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds after one that warms up (default 5)")
    parser.add_argument("--texts", type=int, default=512, help="texts an epoch of race and parts (default 512)")
    parser.add_argument("--out", type=Path, default=Path("runs/bench"), help="folder to write to (default runs/bench)")
    asked = parser.parse_args(arguments)
    parts = asked.parts or PARTS
    if unknown := [part for part in parts if part not in PARTS]:
        parser.error(f"no part is called {unknown[0]!r}; there are: {', '.join(PARTS)}")
    if asked.rounds < 1 or asked.texts < 1:
        parser.error("--rounds and --texts must be at least 1")
    asked.out.mkdir(parents=True, exist_ok=True)
    try:
        record = read_json(asked.out / "bench.json", dict) if (asked.out / "bench.json").exists() else {}
        about = about_machine(command_of(parts, asked))
        if "race" in parts:
            made = race(asked.texts, asked.rounds, asked.peer, asked.pyhighlights, tell=print)
            record["race"] = made | {"made": about | {"peers": made.pop("peers")}}
            write(asked.out, record)
        if "parts" in parts:
            record["parts"] = measure_parts(asked.texts, asked.rounds, tell=print) | {"made": about}
            write(asked.out, record)
        if "growth" in parts:
            record["growth"] = {"curves": growth(tell=print), "made": about}
            write(asked.out, record)
    except (PeerError, FileError) as error:
        sys.exit(str(error))
    print(f"\n{report(record)}\nWritten to {asked.out}")


def write(folder: Path, record: dict[str, Any]) -> None:
    """bench.json, and made from it bench.md and, if growth was measured, bench.png."""
    write_json(folder / "bench.json", record)
    write_text(folder / "bench.md", report(record))
    if "growth" in record:
        drawn = figures.png(growth_figure(record["growth"]["curves"]))
        write_whole(folder / "bench.png", lambda path: path.write_bytes(drawn))


def about_machine(command: str) -> dict[str, Any]:
    """What a reader must know of the machine and of the library's version."""
    keep = ("version", "commit", "python", "torch", "threads")
    known = machine.provenance(torch.device("cpu"))
    return {
        **{name: known[name] for name in keep},
        "processor": processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "date": datetime.now(UTC).date().isoformat(),
        "command": command,
    }


def command_of(parts: tuple[str, ...] | list[str], asked: argparse.Namespace) -> str:
    """The command, with no path of this machine in it."""
    if tuple(parts) == PARTS:
        words = ["make bench", "PEER=CHECKOUT" if asked.peer else "", "PYHIGHLIGHTS=1" if asked.pyhighlights else ""]
    else:
        words = ["PYTHONPATH=tests python -m benchmarks", *parts, "--peer CHECKOUT" if asked.peer else ""]
        words += ["--pyhighlights PYTHON" if asked.pyhighlights else ""]
    return " ".join(filter(None, words))


def processor() -> str:
    """The processor's name where the system says it, else its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
