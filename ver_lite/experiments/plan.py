"""The plan of a sweep: a job for every config, named by the settings that vary; no run comes twice."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from ver_lite.experiments.jobs import Job
from ver_lite.methods import METHODS
from ver_lite.training.config import Config

PARTS = ("protocol", "player_options")  # the parts of a config whose settings are called PART.NAME


def flattened(config: Config) -> dict[str, Any]:
    """A config as one flat mapping. Settings of its parts are called ``corpus.NAME``, ``protocol.NAME`` and
    ``player_options.NAME``; the options of its method keep their own names."""
    values = config.as_dict()
    corpus, options = values.pop("corpus"), values.pop("options")
    parts = {name: values.pop(name) for name in PARTS}
    floats = {f.name for f in fields(Config) if f.type == "float"}
    flat = {name: float(v) if name in floats else v for name, v in values.items()}
    flat |= {f"{part}.{name}": value for part, named in parts.items() for name, value in named.items()}
    named = {f"corpus.{name}": value for name, value in corpus.items() if name != "name"}
    return {"corpus": corpus.get("name"), **named, **flat, **options}


def key(config: Config) -> str:
    """Ten hexadecimal digits that identify a run: a hash of the settings in which its config differs from the defaults.

    Folders and recorded rows are named by it, so what is hashed must stay as it was for the first of them. An option at
    its default is left out, and others are called ``options.NAME``. Only ``perturbation``, once a setting of every
    config, is always included, under its bare name.
    """
    usual = flattened(Config())
    changed = {name: value for name, value in flattened(config).items() if name not in usual or usual[name] != value}
    defaults = METHODS[config.method].options() if config.method in METHODS else {}
    for name in config.options:
        value = changed.pop(name, None)
        if name == "perturbation":
            changed[name] = float(value)
        elif value != defaults.get(name):
            changed[f"options.{name}"] = value
    return hashlib.sha256(json.dumps(changed, sort_keys=True, default=str).encode()).hexdigest()[:10]


def varying(flat_configs: list[dict[str, Any]]) -> list[str]:
    """The names in which flattened configs differ, seed last."""
    names = dict.fromkeys(name for values in flat_configs for name in values)
    differ = [n for n in names if len({json.dumps(v.get(n), sort_keys=True, default=str) for v in flat_configs}) > 1]
    return sorted(differ, key=lambda name: name == "seed")


def plan(configs: Iterable[Config]) -> list[Job]:
    """A job for every config, named by the settings that vary; configs of the same run give one job.

    Raises ValueError for a config whose corpus has no name: no other process could load it.
    """
    once: dict[str, Config] = {}
    for config in configs:
        if not config.corpus.get("name"):
            raise ValueError("a config of a sweep names its corpus: Config(corpus={'name': 'reviews', ...})")
        once.setdefault(key(config), config)
    names = varying([flattened(config) for config in once.values()])
    return [_job(mark, config, names) for mark, config in once.items()]


def _job(mark: str, config: Config, names: list[str]) -> Job:
    values = flattened(config)
    about = {name: values[name] for name in names if name in values}
    label = ",".join(f"{name}={_short(value)}" for name, value in about.items()) or config.method
    settings = {name: value for name, value in config.as_dict().items() if name != "corpus"}
    return Job(f"{label[:120]}-{mark}", config.corpus, settings, about)


def _short(value: Any) -> str:
    """A value as part of a file's name."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return re.sub(r"[^\w.+-]+", "-", text, flags=re.ASCII)[-40:].strip("-")
