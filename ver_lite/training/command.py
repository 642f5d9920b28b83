"""How a command of `ver-lite` takes the settings of a run: made from Config, so that none is written twice."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, fields
from typing import Annotated, Any

import typer

from ver_lite.methods import METHODS
from ver_lite.training.config import Config, make_protocol

_KINDS = {"str": str, "str | None": str | None, "float": float, "int": int, "bool": bool}


def setting_options() -> list[Any]:
    """An option for every setting of a run that has one value, with Config's default and help."""
    settings = [_option(one) for one in fields(Config) if "help" in one.metadata]

    def command(**given: Any) -> None: ...

    command.__signature__ = inspect.Signature(settings)
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in settings}
    app = typer.Typer(add_completion=False)
    app.command()(command)
    return [parameter for parameter in typer.main.get_command(app).params if parameter.name != "help"]


def _option(setting: Any) -> inspect.Parameter:
    """A setting as a parameter that typer understands. The protocol is given by its name."""
    kind, default = (_KINDS[setting.type], setting.default) if setting.type in _KINDS else (str, "paper")
    hint = Annotated[kind, typer.Option(help=setting.metadata["help"])]
    return inspect.Parameter(setting.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)


def with_method_options(words: list[str], taken: Iterable[str], fail: Callable[[str], Any]) -> list[str]:
    """The words of a command line with ``--method-option noise=0.2`` for ``--noise 0.2``, for every option that one of
    the library's methods has and that is not ``taken``. ``fail`` is called with a message for one without a value."""
    short = {f"--{name.replace('_', '-')}" for kind in METHODS.values() for name in kind.options()} - set(taken)
    rest, left = [], list(words)
    while left:
        word = left.pop(0)
        name, given, value = word.partition("=")
        if name not in short:
            rest.append(word)
        elif not given and not left:
            fail(f"Option {name} needs a value")
        else:
            rest += ["--method-option", f"{name[2:]}={value if given else left.pop(0)}"]
    return rest


def config_of(
    settings: dict[str, Any],
    method_option: list[str] | None,
    player_option: list[str] | None,
    switch: list[str] | None,
) -> Config:
    """The config that a command line asks for. Raises ValueError."""
    protocol = asdict(make_protocol(settings["protocol"])) | pairs(switch, "--switch")
    options, players = pairs(method_option, "--method-option"), pairs(player_option, "--player-option")
    return Config.make({**settings, "protocol": protocol, "options": options, "player_options": players})


def pairs(options: list[str] | None, flag: str = "--option") -> dict[str, Any]:
    """Options written as NAME=VALUE, the values read as JSON where they are JSON. Raises ValueError."""
    found = {}
    for option in options or []:
        name, given, value = option.partition("=")
        if not given or not name or name == "name_or_path":
            raise ValueError(f"{flag} wants NAME=VALUE, not {option!r}")
        try:
            found[name.replace("-", "_")] = json.loads(value)
        except json.JSONDecodeError:
            found[name.replace("-", "_")] = value
    return found
