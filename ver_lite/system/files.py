"""Write files whole, and read files. Every error says which file it is about, and why."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

if TYPE_CHECKING:
    from torch import Tensor

PACKAGE = Path(__file__).resolve().parents[1]
TEMPORARY = ".unfinished"  # the end of a file's name while the file is being written


class FileError(RuntimeError):
    """A file cannot be read or written. The message says which file, why, and what to do."""


def checkout() -> Path | None:
    """The repository's folder when this package lies in one; None when it was installed without it, from a wheel.

    A wheel carries the repository's data as `ver_lite/_data`; the package in a checkout has no such folder.
    """
    folder = PACKAGE.parent
    return folder if (folder / "pyproject.toml").is_file() and not (PACKAGE / "_data").is_dir() else None


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write tensors and text metadata as one safetensors file."""
    from safetensors.torch import save_file

    write_whole(path, lambda p: save_file(tensors, p, metadata))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors and the metadata of a safetensors file. Raises FileError when it is missing or damaged."""
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except FileNotFoundError:
        raise FileError(f"{path} is missing. Train again, or restore the file.") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise FileError(f"{path} is damaged: {error}") from None


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Call ``write`` on a temporary file beside ``path``, then rename that file to ``path``.

    When this fails, the temporary file is removed and FileError is raised.
    """
    temporary = None
    try:
        handle, name = tempfile.mkstemp(TEMPORARY, f".{path.name}.", path.parent)
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except (OSError, SafetensorError, UnicodeEncodeError) as error:
        raise FileError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def is_temporary(path: Path) -> bool:
    """Whether ``path`` is a temporary file, which stays when a process is killed while it writes."""
    return path.name.startswith(".") and path.name.endswith(TEMPORARY)


def remove_temporaries(folder: Path) -> None:
    """Remove the temporary files that killed processes left in ``folder``."""
    for path in filter(is_temporary, folder.iterdir()):
        path.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_rows(path: Path, head: dict[str, Any], rows: Iterable[dict[str, Any]]) -> None:
    """Write ``{**head, "rows": [...]}`` as JSON with one line a row, so that a change shows which rows it touched."""
    begin = json.dumps({**head, "rows": []}, ensure_ascii=False).removesuffix("]}")
    lines = ",\n".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
    write_text(path, f"{begin}\n{lines}\n]}}\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file whole, in UTF-8, with the line ends of Unix on every system."""
    write_whole(path, lambda p: p.write_text(text, "utf-8", newline="\n"))


def read_json(path: Path, kind: type = object) -> Any:
    """Read a JSON file. Raises FileError when it cannot be read, is not JSON, or does not hold a ``kind``."""
    try:
        value = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise FileError(f"{path}, line {error.lineno}: not JSON ({error.msg}); the file is damaged.") from None
    if not isinstance(value, kind):
        raise FileError(f"{path} is damaged: it holds a {type(value).__name__}, expected a {kind.__name__}.")
    return value


def read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
