"""A sweep's plan, read from a small YAML file: which games on which corpora with which seeds.

    corpus: {name: reviews, world: rivals}    # a name, or what load_corpus takes
    settings: {epochs: 160, alpha: 0.2}       # those of Config, one value each
    grid: {method: [rnp, ver]}                # those of Config, a list each: every combination is a run
    seeds: 1-5                                # or a number, or a list
    runs:                                     # several blocks: each takes over what stands above, or replaces it
      - settings: {method: rnp}
      - grid: {method: [ver], perturbation: [0.1, 0.3]}

In settings and grid, ``corpus.NAME`` is an option of the corpus, ``protocol.NAME`` a switch of the protocol,
``options.NAME`` a setting that only the method has, ``player_options.NAME`` one that only the players have. A setting
of the library's methods may also be written by its bare name, as ``perturbation`` above; where a grid has several
methods, it applies to those that have it.
"""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import math
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from ver_lite.methods import METHODS
from ver_lite.system.files import read_text
from ver_lite.training.config import SETTINGS, Config, make_protocol

OWN = ("options", "player_options")  # names in these depend on the method or the players, and are checked with them
KEYS = ("corpus", "settings", "grid", "seeds", "runs")
MOST = 100_000  # runs of one spec; more are taken for a mistake
Where = tuple[str | int, ...]  # the path to a value: ("runs", 0, "grid", "alpha")


def read_spec(path: str | Path) -> list[Config]:
    """The configs of a spec, sorted by seed. Raises ValueError that names file, line and key, and FileError when the
    file cannot be read."""
    spec = _Spec.read(Path(path))
    if not isinstance(spec.value, dict) or not spec.value:
        raise spec.error((), f"a spec is a mapping of: {', '.join(KEYS)}")
    shared = _choices(spec, ())
    configs: list[Config] = []
    for where, own in _blocks(spec, shared):
        names = sorted({**shared, **own}, key=lambda name: ("." in name, name != "seed"))
        choices = [{**shared, **own}[name] for name in names]
        methods = {**shared, **own}.get("method", ["rnp"])
        for name in names:
            if name in _OPTIONS and not any(name in _options_of(method) for method in methods):
                raise spec.error(where, f"{name} is a setting of {', '.join(_OPTIONS[name])}, not of {methods[0]}")
        if (count := math.prod(map(len, choices))) > MOST:
            raise spec.error(where, f"these are {count:,} runs; a spec may have {MOST:,}")
        for values in itertools.product(*choices):
            try:
                configs.append(_config(dict(zip(names, values, strict=True))))
            except ValueError as error:
                raise spec.error(where, str(error)) from None
    return sorted(configs, key=lambda config: config.seed)


# The settings that only some of the library's methods have, and which methods these are.
_OPTIONS = {
    name: [method for method, kind in METHODS.items() if name in kind.options()]
    for kind in METHODS.values()
    for name in kind.options()
}


def _options_of(method: str) -> Collection[str]:
    return METHODS[method].options() if method in METHODS else ()


class _Spec(NamedTuple):
    path: Path
    value: Any
    lines: dict[Where, int]

    @classmethod
    def read(cls, path: Path) -> _Spec:
        import yaml

        text = read_text(path)
        try:
            node, value = yaml.compose(text, yaml.SafeLoader), yaml.safe_load(text)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise ValueError(f"{path}, line {mark.line + 1}: not YAML: {error.problem}") from None
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise ValueError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
        spec = cls(path, value, {})
        spec._note(node, ())
        return spec

    def _note(self, node: Any, where: Where) -> None:
        """Note the line of every value; a key given twice is an error (YAML would keep the last)."""
        import yaml

        if node is None or len(where) > 6:
            return
        self.lines.setdefault(where, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            for number, child in enumerate(node.value):
                self._note(child, (*where, number))
        elif isinstance(node, yaml.MappingNode):
            for key, child in node.value:
                here = (*where, str(key.value))
                if here in self.lines:
                    raise self.error(where, f"{key.value} is given twice", key.start_mark.line + 1)
                self.lines[here] = key.start_mark.line + 1
                self._note(child, here)

    def error(self, where: Where, problem: str, line: int | None = None) -> ValueError:
        """A ValueError that names the line of a value, or of what holds it."""
        while where not in self.lines and where:
            where = where[:-1]
        return ValueError(f"{self.path}, line {line or self.lines.get(where, 1)}: {problem}")

    def at(self, where: Where) -> Any:
        value = self.value
        for step in where:
            value = value[step]
        return value


def _blocks(spec: _Spec, shared: dict[str, list]) -> list[tuple[Where, dict[str, list]]]:
    """The blocks of ``runs``, each with its own choices; without ``runs``, one that adds nothing."""
    runs = spec.value.get("runs", [{}])
    if not isinstance(runs, list) or not runs or not all(isinstance(block, dict) for block in runs):
        raise spec.error(("runs",), "runs is a list of blocks: each begins with a dash and has settings, grid or seeds")
    if "runs" not in spec.value:
        return [((), {})]
    return [(("runs", i), _choices(spec, ("runs", i))) for i in range(len(runs))]


def _choices(spec: _Spec, where: Where) -> dict[str, list]:
    """The values of every name that a block gives: one for a setting, several in the grid."""
    block, known = spec.at(where), KEYS if not where else KEYS[:-1]
    for key in block:
        if key not in known:
            raise spec.error((*where, str(key)), f"no key is called {key!r}; {_near(str(key), known)}")
    found: dict[str, list] = {}
    for part in ("settings", "grid"):
        values = block.get(part, {})
        if not isinstance(values, dict):
            raise spec.error((*where, part), f"{part} is a mapping, NAME: VALUE, not {values!r}")
        for name, value in values.items():
            here = (*where, part, str(name))
            if name in found:
                raise spec.error(here, f"{name} stands in settings and in grid; keep one")
            if name == "seed":
                raise spec.error(here, "seed: write `seeds: 1-5` beside settings and grid instead")
            if part == "settings" and isinstance(value, list) and not str(name).startswith("corpus."):
                raise spec.error(here, f"{name} in settings is one value, not {value!r}; a list goes into grid")
            if part == "grid" and not (isinstance(value, list) and value):
                raise spec.error(here, f"{name} in grid is a list, not {value!r}; one value goes into settings")
            found[name] = _checked(spec, here, str(name), value if part == "grid" else [value])
    if "corpus" in block:
        if "corpus" in found:
            raise spec.error((*where, "corpus"), "corpus is given twice in this block; keep one")
        found["corpus"] = _checked(spec, (*where, "corpus"), "corpus", [block["corpus"]])
    if "seeds" in block:
        found["seed"] = _checked(spec, (*where, "seeds"), "seed", _seeds(spec, (*where, "seeds"), block["seeds"]))
    return found


def _seeds(spec: _Spec, where: Where, value: Any) -> list[Any]:
    if isinstance(value, str) and (found := re.fullmatch(r"\s*(\d+)\s*-\s*(\d+)\s*", value)):
        first, last = map(int, found.groups())
        if first <= last < first + MOST:
            return list(range(first, last + 1))
    elif isinstance(value, list) and value:
        return value
    elif isinstance(value, int):
        return [value]
    raise spec.error(where, f"seeds is a number, a list of numbers, or FIRST-LAST as in 1-5, not {value!r}")


def _checked(spec: _Spec, where: Where, name: str, values: list) -> list:
    """The values of ``name``, each as a Config takes it. Raises ValueError that names the line of a wrong one."""
    made = []
    for number, value in enumerate(values):
        try:
            part, dot, option = name.partition(".")
            if name == "corpus":
                value = {"name": value} if isinstance(value, str) else value
                if not isinstance(value, dict) or not isinstance(value.get("name"), str):
                    raise ValueError(f"corpus is a name, or a mapping that has a name, not {value!r}")
            elif dot and part == "protocol":
                Config.make({"protocol": {option: value}})
            elif name in SETTINGS or not (
                name in _OPTIONS or (dot and option and (part in OWN or (part == "corpus" and option != "name")))
            ):
                Config.make({name: value})
        except (ValueError, TypeError) as error:
            raise spec.error((*where, number), f"{error}{_hint(value)}") from None
        made.append(value)
    return made


def _config(values: dict[str, Any]) -> Config:
    """A config from one value for each name. Names with a dot come last and change what the others have set."""
    made: dict[str, Any] = {}
    for name, value in values.items():
        part, dot, option = name.partition(".")
        if name in _OPTIONS and name not in _options_of(values.get("method", "rnp")):
            continue
        if not dot:
            made[name] = value
        elif part == "corpus" or part in OWN:
            made[part] = {**made.get(part, {}), option: value}
        else:
            given = make_protocol(made.get("protocol", "paper"))
            made["protocol"] = {**dataclasses.asdict(given), option: value}
    if "name" not in made.get("corpus", {}):
        raise ValueError("no corpus is named; add for instance `corpus: reviews`")
    return Config.make(made)


def _near(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"


def _hint(value: Any) -> str:
    """A hint for a number that YAML reads as text, such as 1e-3; empty for other values."""
    try:
        return f" (YAML reads {value} as a text: write {float(value)})" if isinstance(value, str) else ""
    except ValueError:
        return ""
