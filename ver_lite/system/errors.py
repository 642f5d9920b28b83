"""What an error says to a person, in one line."""

from __future__ import annotations

from ver_lite.system.files import FileError


def said(error: BaseException, look: str = "ver-lite --debug") -> str:
    """The message of an error that is for people; one that should not happen says so, of which kind it is, and where to
    ``look`` for the traceback."""
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, ValueError | IndexError | FileError):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error} (this should not happen: {look} shows where it did)"
    return " ".join(text.split())
