"""The command line: ver-lite train, resume, sweep, evaluate, show, fetch, corpora; for teachers grade, assign.

Every error is one clear line; ``--debug`` shows the traceback instead.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from ver_lite.experiments import sweep_command
from ver_lite.system import __version__
from ver_lite.system.tuning import wait_briefly
from ver_lite.teaching import commands

_debug = False
_USAGE = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


class Commands(typer.core.TyperGroup):
    """Commands in reading order; a wrong name lists the right ones."""

    def list_commands(self, context) -> list[str]:
        return list(self.commands)

    def resolve_command(self, context, words):
        if words and words[0] not in self.commands:
            context.fail(f"no command is called {words[0]!r}; there are: {', '.join(self.commands)}")
        return super().resolve_command(context, words)


class TrainCommand(typer.core.TyperCommand):
    """A command that has an option for every setting of a run, after its option ``out``, and finds their values in
    ``context.meta["settings"]``. The options are made from Config, which brings torch, so they are made when the
    command is asked for and not before."""

    settings: tuple[str, ...] = ()

    def get_params(self, context):
        if not self.settings:
            from ver_lite.training.command import setting_options

            added = setting_options()
            at = next(i for i, parameter in enumerate(self.params) if parameter.name == "out") + 1
            self.params[at:at] = added
            self.settings = tuple(option.name for option in added)
        return super().get_params(context)

    def parse_args(self, context, words):
        from ver_lite.training.command import with_method_options

        taken = [name for parameter in self.get_params(context) for name in parameter.opts]
        return super().parse_args(context, with_method_options(words, taken, context.fail))

    def invoke(self, context):
        context.meta["settings"] = {name: context.params.pop(name) for name in self.settings}
        return super().invoke(context)


app = typer.Typer(
    name="ver-lite",
    cls=Commands,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="Selective rationalization, small enough to read.",
)

CorpusArgument = Annotated[str, typer.Argument(help="A name (see `ver-lite corpora`), or a path to JSON Lines.")]
RunArgument = Annotated[Path, typer.Argument(help="A run's folder.")]
Folder = Annotated[Path | None, typer.Option("--folder", help="Where the corpus lies, if not in its usual place.")]
_for_method = "A setting that only the method has: NAME=VALUE, e.g. -m noise=0.2; or --noise 0.2. Repeat it."
_for_protocol = "A switch of the protocol, for one point of the paper: NAME=VALUE, e.g. omega=batch. Repeat it."
_for_players = "A setting that only these players have: NAME=VALUE, e.g. checkpoint=FOLDER. Repeat it."
_help = "For the corpus: NAME=VALUE, e.g. -o aspect=palate. Repeat it."
Options = Annotated[list[str] | None, typer.Option("--option", "-o", help=_help)]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
How = Annotated[str | None, typer.Option(help="How masks are made: argmax, sample or top_k.")]
_own = "A class of yours that the run was trained with: file.py:Class or package.module:Class. Its code is run."
MethodClass = Annotated[str | None, typer.Option("--method", help=_own)]
EncoderClass = Annotated[str | None, typer.Option("--encoder", help=_own)]
Share = Annotated[float | None, typer.Option(help="For --how top_k: the share of words; default alpha.")]


def version(asked: bool) -> None:
    if asked:
        typer.echo(f"ver-lite {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    _: Annotated[bool, typer.Option("--version", callback=version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Options before the command."""
    global _debug
    _debug = debug


@app.command(cls=TrainCommand)
def train(
    context: typer.Context,
    corpus: CorpusArgument = "reviews",
    out: Annotated[Path, typer.Option(help="The run's folder.")] = Path("runs/first"),
    method_option: Annotated[list[str] | None, typer.Option("--method-option", "-m", help=_for_method)] = None,
    player_option: Annotated[list[str] | None, typer.Option(help=_for_players)] = None,
    switch: Annotated[list[str] | None, typer.Option("--switch", "-s", help=_for_protocol)] = None,
    folder: Folder = None,
    option: Options = None,
    max_length: Annotated[int, typer.Option(help="Words after which a text is cut.")] = 256,
    min_count: Annotated[int, typer.Option(help="Rarer words are unknown.")] = 1,
    device: Device = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a run that is there.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Train selector and predictor on a corpus; save the run; print how it does on dev."""
    from ver_lite.corpora import load_corpus
    from ver_lite.training import training
    from ver_lite.training.command import config_of, pairs
    from ver_lite.training.folders import claim_folder
    from ver_lite.training.game import Kinds

    config = config_of(context.meta["settings"], method_option, player_option, switch)
    kinds = Kinds.of(config)
    config.settled(kinds.method, kinds.encoder)
    claim_folder(out, overwrite)
    read = {"folder": folder, "max_length": max_length, "min_count": min_count}
    loaded = load_corpus(corpus, **(read | pairs(option)))
    typer.echo(_about(loaded))
    _report(training.train(loaded, config, out=out, overwrite=overwrite, device=device, progress=not quiet), loaded)


@app.command()
def resume(
    run: RunArgument,
    device: Device = "auto",
    quiet: Annotated[bool, typer.Option("--quiet")] = False,
    method: MethodClass = None,
    encoder: EncoderClass = None,
) -> None:
    """Continue a run that was interrupted."""
    from ver_lite.training import training
    from ver_lite.training.runs import read_config

    loaded = _corpus_of(read_config(run)[1].corpus, run)
    kinds = _kinds(method, encoder)
    _report(training.resume(run, loaded, device=device, progress=not quiet, **kinds), loaded)


app.command()(sweep_command.sweep)


@app.command()
def evaluate(
    run: RunArgument,
    split: Annotated[str, typer.Option(help="train, dev or test.")] = "test",
    how: How = None,
    share: Share = None,
    last: Annotated[bool, typer.Option("--last", help="The last epoch's players, not the chosen ones.")] = False,
    full: Annotated[bool, typer.Option("--full", help="All measures: phrases, faithfulness, calibration, ...")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    device: Device = "auto",
    method: MethodClass = None,
    encoder: EncoderClass = None,
) -> None:
    """How well a run's rationales agree with people's, and its predictions with the labels."""
    from ver_lite.measures.evaluation import evaluate as play
    from ver_lite.measures.everything import evaluate_fully

    loaded, corpus = _run_and_corpus(run, device, _kinds(method, encoder))
    game = loaded.last if last else loaded.game
    if game is None:
        raise ValueError(f"{run} has no checkpoint, so no last epoch")
    read = (corpus.vocabulary,) if full else ()
    result = (evaluate_fully if full else play)(game, _split(corpus, split), *read, how=how, share=share)
    typer.echo(json.dumps(result.as_dict()) if as_json else f"{split}: {result}")


@app.command()
def show(
    run: RunArgument,
    number: Annotated[int, typer.Argument(help="Which text of the split, from 0.")] = 0,
    split: Annotated[str, typer.Option(help="train, dev or test.")] = "dev",
    text: Annotated[str | None, typer.Option(help="A text of your own instead.")] = None,
    how: How = None,
    share: Share = None,
    method: MethodClass = None,
    encoder: EncoderClass = None,
) -> None:
    """One text with its rationale: selected words shaded, gold underlined."""
    from ver_lite.training.runs import load_run
    from ver_lite.viz.display import show as look

    kinds = _kinds(method, encoder)
    if text is not None:
        shown = look(load_run(run, **kinds), text, how=how, share=share)
    else:
        loaded, corpus = _run_and_corpus(run, "cpu", kinds)
        shown = look(loaded, _split(corpus, split), number, how=how, share=share)
    typer.echo(shown.ansi() if sys.stdout.isatty() else str(shown))


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="Which corpus; or glove.")],
    folder: Annotated[Path | None, typer.Option(help="Where to put it.")] = None,
) -> None:
    """Download a corpus, after printing what may be done with it."""
    from ver_lite.corpora.fetch import fetch as download

    typer.echo(f"{name} is in {download(name, folder)}")


@app.command()
def corpora() -> None:
    """List the corpora, where they come from, and which are on this machine."""
    from ver_lite.corpora.places import whereabouts

    for name, said in whereabouts():
        typer.echo(f"{name:<9} {said}")
    typer.echo('PATH      your own: JSON Lines, {"text": ..., "label": ..., "rationale": [[start, end], ...]}')


app.command()(commands.grade)
app.add_typer(commands.assign, name="assign")


def _about(corpus) -> str:
    parts = (f"{name} {s['texts']}" for name, s in corpus.card["splits"].items())
    leaks = dict(corpus.card.get("leaks", {"policy": "keep"}))
    done = {"remove": "removed", "keep": "kept"}[leaks.pop("policy")]
    shared = leaks.get("train", 0) + leaks.get("dev", 0)
    also = f"; {shared} train and dev texts that are in the test set too: {done}" if shared else ""
    if twice := leaks.get("train_in_dev", 0):
        also += f"; {twice} train texts that are in the dev set too: {done}"
    return f"{corpus.name}: {', '.join(parts)} texts; classes {', '.join(corpus.classes)}{also}"


def _report(run, corpus) -> None:
    from ver_lite.measures.evaluation import evaluate as play

    if vectors := run.provenance.get("vectors"):
        share = f"{100 * vectors['running_words']:.1f} %"
        typer.echo(f"word vectors: {vectors['source']}; {share} of the running words of train have one")
    if run.history:
        typer.echo(f"chosen: epoch {run.best['epoch']} of {len(run.history)}, by dev accuracy")
        typer.echo(f"dev: {play(run.game, corpus.dev)}")
    if run.status == "interrupted":
        typer.echo(f"interrupted and saved; continue with: ver-lite resume {run.folder}", err=True)
        raise typer.Exit(130)
    if run.status != "finished":
        typer.echo(f"ver-lite: training {run.status}", err=True)
        raise typer.Exit(1)
    typer.echo(f"saved in {run.folder}; look at it with: ver-lite show {run.folder}")


def _split(corpus, name: str):
    if name not in corpus.splits():
        raise ValueError(f"no split is called {name!r}; choose one of: {', '.join(corpus.splits())}")
    return corpus.splits()[name]


def _corpus_of(source: dict[str, Any], run: Path):
    from ver_lite.corpora import load_corpus

    options = dict(source)
    try:
        return load_corpus(options.pop("name", "(no name)"), **options)
    except ValueError as error:
        raise ValueError(f"the corpus that {run} was trained on cannot be loaded: {error}") from None


def _kinds(method: str | None, encoder: str | None) -> dict[str, type | None]:
    """The classes that a user names for a run, whose folder alone may not import them."""
    from ver_lite.methods import method_class
    from ver_lite.players.encoders import encoder_class

    return {
        "method": None if method is None else method_class(method),
        "encoder": None if encoder is None else encoder_class(encoder),
    }


def _run_and_corpus(folder: Path, device: str, kinds: dict[str, type | None]):
    from ver_lite.system.machine import pick_device
    from ver_lite.training.runs import load_run

    run = load_run(folder, pick_device(device), **kinds)
    corpus = _corpus_of(run.config.corpus, folder)
    if corpus.vocabulary.words != run.vocabulary.words or corpus.classes != run.classes:
        raise ValueError(f"{corpus.name} has changed since {folder} was trained: its words or classes differ")
    return run, corpus


def main() -> None:
    """Run the command line; an error is one line on stderr: exit code 2 for a wrong command, 1 for all others."""
    wait_briefly()
    warnings.filterwarnings("ignore", message="training stopped")  # its status is printed instead
    warnings.showwarning = _warn
    try:
        code = app(sys.argv[1:] or ["--help"], prog_name="ver-lite", standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code or 0)
    except BrokenPipeError:  # the reader of our output has gone, as in `ver-lite corpora | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except Exception as error:
        if _debug:
            raise
        if type(error).__name__ == "NoArgsIsHelpError":  # a group of commands, named alone: that is no mistake
            print(error.ctx.get_help())
            sys.exit(0)
        said, code = _said(error)
        print(f"ver-lite: {' '.join(said.split())}", file=sys.stderr)
        sys.exit(code)


def _warn(message: Warning, category: type[Warning], *where: Any, **named: Any) -> None:
    """Print a warning as a line for people: where in the library it was raised says nothing to them."""
    print(f"ver-lite: {message}", file=sys.stderr)


def _said(error: Exception) -> tuple[str, int]:
    """An error in words for the user, and the exit code."""
    if isinstance(error, _USAGE):
        about = getattr(error, "ctx", None)
        command = about.command_path if about else "ver-lite"
        return f"{error.format_message().rstrip('.')}. See: {command} --help", error.exit_code
    from ver_lite.system.errors import said

    return said(error), 1


if __name__ == "__main__":
    main()
