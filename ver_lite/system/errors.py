"""The message of an error as one line for people."""

from __future__ import annotations

from ver_lite.system.files import FileError


def said(error: BaseException, look: str = "ver-lite --debug") -> str:
    """The message of ``error`` in one line.

    An error of the operating system gives the file and the reason. An error that the library raises on purpose gives
    its message. For any other error the line names the kind of error, says
    that it should not happen, and says which command (``look``) shows the traceback.
    """
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, ValueError | IndexError | FileError):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error} (this should not happen: {look} shows where it did)"
    return " ".join(text.split())
