"""ver-lite: selective rationalization, small enough to read.

Begin with three files: `methods/rnp.py` is the game, `methods/ver.py` is VER, `masks.py` is what both draw and perturb.
These are the folders, from the lowest floor up; a module imports only from floors below its own:

    system/                                files, errors, checks, the machine
    masks        theory/                   masks; entropy and the exact worlds
    corpora/     players/                  text in, batches out; encoders, Selector, Predictor
    methods/                               one file a method
    measures/                              metrics, evaluation, agreement, faithfulness
    training/                              config, the loop, runs and their folders
    observations viz/                      the paper's four observations; figures, a text with its rationale
    experiments/ course/      widgets/     sweeps and recorded results; what a lesson calls; interactive elements
    teaching/                              what a teacher calls: assignments and marking
    cli                                    the command `ver-lite`

The names below are imported when they are first used, so ``import ver_lite`` is quick and needs no optional package.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ver_lite.system import __version__

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
    "Config": "training.config",
    "Run": "training.runs",
    "load_run": "training.runs",
    "train": "training.training",
    "resume": "training.training",
    "train_fleet": "training.training",
    "evaluate": "measures.evaluation",
    "show": "viz.display",
    "check": "course.check",
    "check_function": "course.check",
    "setup": "course.setup",
}
# Modules that lessons and assignments take from the front door: `from ver_lite import information, figures`.
_MODULES = {
    "cleaning": "training",
    "display": "viz",
    "figures": "viz",
    "information": "theory",
    "paper_numbers": "experiments",
    "results": "experiments",
    "two_word_game": "theory",
    "two_word_theory": "theory",
}
__all__ = ["__version__", *_HOMES, *_MODULES]

if TYPE_CHECKING:
    from ver_lite.corpora import load_corpus as load_corpus
    from ver_lite.measures.evaluation import evaluate as evaluate
    from ver_lite.training.training import resume as resume
    from ver_lite.training.training import train as train


def __getattr__(name: str):
    if name in _MODULES:
        return import_module(f"ver_lite.{_MODULES[name]}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"ver_lite has no {name!r}; it has: {', '.join(__all__)}")
    return getattr(import_module(f"ver_lite.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
