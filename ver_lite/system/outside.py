"""A class that is not the library's own, by its name in a config: "package.module:Class" or "folder/file.py:Class".

Finding such a class runs the code of its file. So it is done for what a user names (a setting, an option on the command
line, a spec) and never for what a run's folder says.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType


def is_outside(name: str) -> bool:
    """Whether a name is that of a class outside the library."""
    return ":" in name


def name_of(kind: type) -> str:
    """The name by which :func:`find` finds a class, if it can be found."""
    return f"{kind.__module__}:{kind.__qualname__}"


def find(name: str, base: type) -> type:
    """The class called ``name``, a subclass of ``base``. Its module or file is imported. Raises ValueError that says
    what is not there."""
    where, _, what = name.rpartition(":")
    if not where or not what:
        raise ValueError(f"{name!r} names no class: write package.module:Class or file.py:Class")
    module = _file(Path(where), name) if where.endswith(".py") else _module(where, name)
    found = module
    for part in what.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise ValueError(f"{name!r}: {where} has no {what!r}")
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ValueError(f"{name!r} is not a subclass of {base.__module__}.{base.__name__}")
    return found


def one_of(ours: Mapping[str, type], name: str, what: str) -> type:
    """The library's own class of this name. Raises ValueError that lists all names of ``what``, such as "method"."""
    if name not in ours:
        raise ValueError(
            f"no {what} is called {name!r}; choose one of: {', '.join(ours)}; or a class: package.module:Class"
        )
    return ours[name]


def name_among(ours: Mapping[str, type], kind: type) -> str:
    """The name by which a config gives a class: the library's own name, or that of :func:`name_of`."""
    return next((name for name, own in ours.items() if own is kind), name_of(kind))


def can_be_found(kind: type) -> bool:
    """Whether another process finds the class by its name: not one of a notebook, a script or a function's inside."""
    return kind.__module__ != "__main__" and "<locals>" not in kind.__qualname__


def _module(where: str, name: str) -> ModuleType:
    try:
        return import_module(where)
    except ModuleNotFoundError as error:
        if error.name and where.startswith(error.name):
            raise ValueError(
                f"{name!r}: Python finds no module {error.name!r}; install it, or add its folder to PYTHONPATH"
            ) from None
        raise


def _file(path: Path, name: str) -> ModuleType:
    """The module of a file, made once: a class that is found twice is the same class."""
    key = str(path.resolve())
    if key not in sys.modules:
        if not path.is_file():
            raise ValueError(f"{name!r}: there is no file {path}")
        spec = spec_from_file_location(key, path)
        sys.modules[key] = module_from_spec(spec)
        try:
            spec.loader.exec_module(sys.modules[key])
        except BaseException:
            del sys.modules[key]
            raise
    return sys.modules[key]
