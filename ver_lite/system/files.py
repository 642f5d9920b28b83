"""Files written whole, and read with an error that says which file and why."""

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

TEMPORARY = ".unfinished"  # how the name of a file ends while it is written


class FileError(RuntimeError):
    """A file that cannot be read or written: which one, why, and what to do."""


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write tensors, and text beside them, as a safetensors file."""
    from safetensors.torch import save_file

    write_whole(path, lambda p: save_file(tensors, p, metadata))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file; FileError when it is missing or damaged."""
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except FileNotFoundError:
        raise FileError(f"{path} is missing. Train again, or restore the file.") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise FileError(f"{path} is damaged: {error}") from None


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Call ``write`` on a temporary file beside ``path`` and rename it; FileError, and nothing left, when it fails."""
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
    """Whether ``path`` is what a process that was killed while writing left behind."""
    return path.name.startswith(".") and path.name.endswith(TEMPORARY)


def remove_temporaries(folder: Path) -> None:
    """Clear away what killed processes left behind."""
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
    """Write a text file whole, in UTF-8, with the same line ends on every system."""
    write_whole(path, lambda p: p.write_text(text, "utf-8", newline="\n"))


def read_json(path: Path, kind: type = object) -> Any:
    """What a JSON file holds; FileError when it cannot be read, is not JSON, or is not a ``kind``."""
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
