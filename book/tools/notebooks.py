"""Run the lessons, check their shape, and write the repository's address into them.

    PYTHONPATH=book python -m tools.notebooks execute [--record] [--into FOLDER] [FILES]
    PYTHONPATH=book python -m tools.notebooks check [FILES]
    PYTHONPATH=book python -m tools.notebooks links

Without FILES, the commands take every lesson in `notebooks/`. `execute` rewrites a lesson only when all of it ran.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

import nbformat

from tools.address import write_everywhere
from tools.shape import problems_of
from ver_lite.system.files import FileError, write_text
from ver_lite.teaching.assignments import KERNEL, text_of

ROOT = Path(__file__).resolve().parents[2]
WIDGET = "application/vnd.jupyter.widget-view+json"


class LessonError(RuntimeError):
    """A lesson that cannot be read, or stopped while it ran; the message says where."""


def lessons(root: Path = ROOT) -> list[Path]:
    """The lessons in reading order. Their names begin with two digits; those of the assignments do not."""
    return sorted((root / "notebooks").glob("[0-9][0-9]-*.ipynb"))


def read(path: Path) -> nbformat.NotebookNode:
    """The notebook in `path`. Raises LessonError when there is none, or it is not one."""
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise LessonError(f"{path}: no such notebook") from None
    except Exception as error:
        raise LessonError(f"{path}: not a notebook ({type(error).__name__}: {error})") from None


def write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write the notebook whole, so that an interruption does not leave half a file."""
    write_text(path, text_of(notebook))


def run(notebook: nbformat.NotebookNode, path: Path, timeout: int = 600) -> float:
    """Execute a notebook in a fresh kernel, in the folder of `path`; returns seconds.

    `timeout` is in seconds, for each cell. Raises LessonError at the first exception.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        extra_arguments=["--IPKernelApp.log_level=40"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    started = time.perf_counter()
    try:
        client.execute()
    except CellExecutionError as error:
        place = next((f"cell {n}" for n, cell in enumerate(notebook.cells, 1) if _failed(cell)), "a cell")
        raise LessonError(f"{path}: {place} stopped with {error.ename}: {error.evalue}") from None
    except (CellTimeoutError, DeadKernelError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise LessonError(f"{path}: {first_line}") from None
    return time.perf_counter() - started


def _failed(cell: nbformat.NotebookNode) -> bool:
    errors = any(output.output_type == "error" for output in cell.get("outputs", []))
    return errors and "raises-exception" not in cell.metadata.get("tags", [])


def normalize(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Remove what differs from run to run, and copy each figure's alt text to where the book looks for it.

    It removes timings, the Python version, widget state and papermill's notes. It joins neighboring pieces of one
    stream. The alt text of `display(figure, metadata={"image/png": {"alt": ...}})` is copied to the cell's
    `mystnb.image.alt`.
    """
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells, 1):
        cell.setdefault("id", f"cell-{number:02d}")
        for key in ("execution", "ExecuteTime", "papermill", "collapsed", "outputId", "colab"):
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            cell.outputs = [_plain(output) for output in _joined(cell.outputs)]
            _copy_alt(cell)
    return notebook


def _joined(outputs: list) -> list:
    joined = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def _plain(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    output.get("data", {}).pop(WIDGET, None)
    output.get("metadata", {}).pop(WIDGET, None)
    return output


def _copy_alt(cell: nbformat.NotebookNode) -> None:
    for output in cell.outputs:
        alt = output.get("metadata", {}).get("image/png", {}).get("alt")
        if alt:
            image = cell.metadata.setdefault("mystnb", {}).setdefault("image", {})
            image["alt"] = alt


def record_seconds(seconds: dict[str, float], root: Path = ROOT) -> Path:
    """Write the measured seconds of each lesson to `data/results/lesson_minutes.json`. Other lessons' seconds stay
    there."""
    path = root / "data" / "results" / "lesson_minutes.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "device": _device()}
    for name, value in seconds.items():
        known.setdefault(name, {})[machine["device"]] = {"seconds": round(value, 1), **machine}
    write_text(path, json.dumps(known, indent=1, sort_keys=True) + "\n")
    return path


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def execute(paths: list[Path], into: Path | None = None, record: bool = False, timeout: int = 600) -> None:
    """Run each lesson and store it executed, in place or in `into`; with `into`, the lesson itself stays as it is."""
    seconds = {}
    for path in paths:
        notebook = read(path)
        print(f"{path.name}: running ...", flush=True)
        seconds[path.stem] = run(notebook, path, timeout)
        target = path if into is None else into / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        write(normalize(notebook), target)
        print(f"{path.name}: {seconds[path.stem]:.1f} s, written to {target}", flush=True)
    if record:
        print(f"seconds recorded in {record_seconds(seconds)}")


def check(paths: list[Path]) -> int:
    """Print what is wrong with the shape of each lesson. Returns the number of problems."""
    total = 0
    for path in paths:
        found = problems_of(read(path), path)
        print(f"{path.name}: " + ("in shape" if not found else f"{len(found)} problem(s)"))
        for problem in found:
            print(f"  {problem}")
        total += len(found)
    return total


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="PYTHONPATH=book python -m tools.notebooks", description=__doc__.splitlines()[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, says in (
        ("execute", "run lessons in a fresh kernel and store them executed"),
        ("check", "say what is wrong with the shape of lessons"),
        ("links", "write the repository's address from pyproject.toml everywhere"),
    ):
        command = commands.add_parser(name, help=says)
        if name != "links":
            command.add_argument("files", nargs="*", type=Path)
        if name == "execute":
            command.add_argument("--into", type=Path, help="store the results in this folder, leave the lessons alone")
            command.add_argument("--record", action="store_true", help="write the seconds to data/results")
            command.add_argument("--timeout", type=int, default=600, help="seconds a cell may take")
    given = parser.parse_args(arguments)
    try:
        if given.command == "links":
            changed = write_everywhere(ROOT)
            print(
                "\n".join(f"{path}: address written" for path in changed) or "every address agrees with pyproject.toml"
            )
            return 0
        paths = given.files or lessons()
        if given.command == "execute":
            execute(paths, given.into, given.record, given.timeout)
            return 0
        return 1 if check(paths) else 0
    except (LessonError, FileError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
