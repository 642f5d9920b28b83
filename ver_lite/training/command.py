"""The options of a command of `ver-lite` for the settings of a run, generated from Config."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Annotated, Any, get_type_hints

import typer
import typer.core

from ver_lite.methods import METHODS
from ver_lite.training.config import Config, make_protocol

_KINDS = {"str": str, "str | None": str | None, "float": float, "int": int, "bool": bool}


class WithMethodOptions(typer.core.TyperCommand):
    """A command for which ``--noise 0.2`` is short for ``--method-option noise=0.2``, for every option that one of the
    library's methods has."""

    def parse_args(self, context: typer.Context, words: list[str]) -> list[str]:
        taken = {word for parameter in self.params for word in parameter.opts}
        short = {f"--{name.replace('_', '-')}" for kind in METHODS.values() for name in kind.options()} - taken
        rest, left = [], list(words)
        while left:
            word = left.pop(0)
            name, given, value = word.partition("=")
            if name not in short:
                rest.append(word)
            elif not given and not left:
                context.fail(f"Option {name} needs a value")
            else:
                rest += ["--method-option", f"{name[2:]}={value if given else left.pop(0)}"]
        return super().parse_args(context, rest)


def takes_settings(command: Callable) -> Callable:
    """Give a command an option for every setting of a run that is a single value, with Config's default and help. They
    come after the command's option ``out``; the command gets them as keyword arguments."""
    hints = get_type_hints(command, include_extras=True)
    own = [
        parameter.replace(annotation=hints[parameter.name])
        for parameter in inspect.signature(command).parameters.values()
        if parameter.kind is not parameter.VAR_KEYWORD
    ]
    at = next(i for i, parameter in enumerate(own) if parameter.name == "out") + 1
    together = [*own[:at], *map(_option, (one for one in fields(Config) if "help" in one.metadata)), *own[at:]]
    command.__signature__ = inspect.Signature(together)
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in together}
    return command


def _option(setting: Any) -> inspect.Parameter:
    """A setting as a parameter that typer understands; the protocol is given by its name."""
    kind, default = (_KINDS[setting.type], setting.default) if setting.type in _KINDS else (str, "paper")
    hint = Annotated[kind, typer.Option(help=setting.metadata["help"])]
    return inspect.Parameter(setting.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=hint)


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
