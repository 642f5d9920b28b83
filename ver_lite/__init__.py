"""ver-lite: selective rationalization, small enough to read.

The names below are imported when first used, so ``import ver_lite`` stays quick and needs no optional package.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ver_lite.threads import wait_briefly

__version__ = "0.1.0"

wait_briefly()

_HOMES = {
    "Batch": "corpora.core",
    "Corpus": "corpora.core",
    "CorpusError": "corpora.core",
    "Text": "corpora.core",
    "load_corpus": "corpora",
    "make_reviews": "corpora.reviews",
    "fetch": "corpora.fetch",
    "Protocol": "methods",
    "RNP": "methods",
    "VER": "methods",
    "Config": "config",
    "Run": "runs",
    "load_run": "runs",
    "train": "training",
    "resume": "training",
    "train_fleet": "training",
    "evaluate": "evaluation",
    "show": "display",
    "check": "course.check",
    "check_function": "course.check",
    "setup": "course.setup",
}
__all__ = ["__version__", *_HOMES]

if TYPE_CHECKING:
    from ver_lite.corpora import load_corpus as load_corpus
    from ver_lite.evaluation import evaluate as evaluate
    from ver_lite.training import resume as resume
    from ver_lite.training import train as train


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"ver_lite has no {name!r}; it has: {', '.join(_HOMES)}")
    return getattr(import_module(f"ver_lite.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
