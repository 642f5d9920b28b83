"""A run's folder while it is written: claimed by one process, held until that process is done with it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ver_lite.system.files import FileError, is_temporary, read_json
from ver_lite.system.locks import NoLocks, locked

LOCK = ".lock"  # in a run's folder, while it is held


class RunError(FileError):
    """A run folder that cannot be used as asked: which one, why, and what to do."""


def claim_folder(folder: str | Path, overwrite: bool = False) -> Path:
    """See that a folder may become a run's: one that holds a run is an error unless ``overwrite``; one that holds
    anything else is left alone. Nothing is written. Raises RunError."""
    folder = Path(folder)
    try:
        there = sorted(p.name for p in folder.iterdir() if not _is_passing(p)) if folder.exists() else []
    except OSError as error:
        raise RunError(f"{folder} cannot be a run folder: {error.strerror}") from None
    if there and not _is_run(folder):
        raise RunError(f"{folder} is not empty and holds no run ({there[0]}, ...). Choose another folder.")
    if there and not overwrite:
        state = "a run" if "provenance.json" in there else "an unfinished run"
        raise RunError(f"{folder} already holds {state}. Resume it, overwrite it, or choose another folder.")
    return folder


def _is_passing(path: Path) -> bool:
    """Whether a file is gone when nobody writes to its folder, or was left by a process that was killed."""
    return path.name == LOCK or is_temporary(path)


def _is_run(folder: Path) -> bool:
    try:
        return {"format", "classes", "method"} <= set(read_json(folder / "config.json", dict))
    except FileError:
        return False


@contextmanager
def claimed(folder: str | Path, overwrite: bool = False) -> Iterator[Path]:
    """Hold a folder that may become a run's, as :func:`claim_folder` has it. Raises RunError."""
    with held(claim_folder(folder, overwrite)) as mine:
        yield claim_folder(mine, overwrite)  # once more: another process may have been quicker


@contextmanager
def held(folder: Path) -> Iterator[Path]:
    """Be the only process that writes to a run's folder. It is made where it is not there, and goes again if nothing
    is written into it. Raises RunError where another process holds it."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        with ExitStack() as stack:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                mine = stack.enter_context(locked(folder / LOCK))
            except NoLocks as error:
                warnings.warn(f"{error}: nothing keeps a second training out of {folder}", stacklevel=3)
            except OSError as error:
                raise RunError(f"cannot use the run folder {folder}: {error.strerror}") from None
            else:
                if not mine:
                    raise RunError(
                        f"{folder} is in use: another process trains there or resumes the run. Wait until it is done, "
                        "stop it, or choose another folder."
                    )
                stack.callback((folder / LOCK).unlink, missing_ok=True)  # before the lock is dropped
            yield folder
    finally:
        for path in made:
            with suppress(OSError):
                path.rmdir()  # only if it is empty
