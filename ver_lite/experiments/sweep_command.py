"""The command `ver-lite sweep`, which trains the runs of a spec and prints their scores."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ver_lite.system.pool import cores

if TYPE_CHECKING:
    from ver_lite.experiments.engine import Left
    from ver_lite.experiments.jobs import Job
    from ver_lite.experiments.sweep.folder import RunEntry

_only = "Only runs with this value: NAME=VALUE, e.g. --only method=ver --only seed=1. Repeat it."
_scheduler = "A Dask scheduler to hand the runs to, e.g. tcp://login1:8786."


def sweep(
    spec: Annotated[
        Path,
        typer.Argument(
            help="A YAML file that says which runs (see the book, Many runs), or one of ours by name: fig9."
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="The folder of the runs; default: runs/NAME of the spec.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes here; default: one a core, or one for a GPU.")] = None,
    scheduler: Annotated[str | None, typer.Option(help=_scheduler)] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    only: Annotated[list[str] | None, typer.Option(help=_only)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the runs and which are done; train none.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Train the runs of a spec that are not trained yet; print their scores by what varies."""
    from ver_lite.experiments.engine import left
    from ver_lite.experiments.sweep import means_table, plan, read_spec, survey
    from ver_lite.experiments.sweep import sweep as run_all

    if scheduler is not None and workers is not None:
        raise ValueError("--workers are processes here, --scheduler has workers of its own: give one of the two")
    folder = Path("runs") / spec.stem if out is None else out
    file = _file(spec)
    configs = read_spec(file)
    planned = plan(configs)
    jobs = _chosen(planned, only or [])
    if dry_run:
        return _print_plan(survey(folder, jobs), folder, same=len(configs) - len(planned))
    with _cluster(scheduler) as executor:
        options: dict[str, Any] = {"executor": executor, "workers": workers, "device": device}
        entries = run_all(jobs, folder, **options, progress=not quiet)
    rows = [entry.row for entry in entries if entry.row]
    if rows:
        typer.echo(means_table(rows), nl=False)
    end = left(entries)
    _print_end(end, "runs")
    hours = sum(row["provenance"]["seconds"] for row in rows) / 3600
    typer.echo(f"{end.done} of {end.jobs} runs are trained, {hours:.2f} hours in all; see {folder / 'results.json'}")
    bad = end.bad + _record(file, [entry.job for entry in entries if entry.row], folder, workers or cores())
    if bad:
        raise ValueError(f"{bad} of {end.jobs} runs failed or stopped: see above")


def _file(spec: Path) -> Path:
    """The spec itself, or the one of that name that comes with the library."""
    from ver_lite.experiments.results import FOLDER

    ours = FOLDER.parent / "sweeps" / f"{spec}.yaml"
    return ours if ours.exists() and not spec.exists() else spec


def _record(file: Path, trained: list[Job], folder: Path, workers: int) -> int:
    """Measure the trained runs for every study whose jobs are runs of ``file``, and write its record and its pages.
    Returns how many jobs failed."""
    from ver_lite.experiments.engine import left
    from ver_lite.experiments.record import of_spec, record_runs, write_pages

    failed = 0
    for study in of_spec(file):
        end = left(record_runs(study, trained, folder, workers))
        _print_end(end, f"rows of {study.name}")
        failed += end.bad
        for page in write_pages(study):
            typer.echo(f"written: {page}")
    return failed


def _chosen(jobs: list[Job], only: list[str]) -> list[Job]:
    """The jobs that have, for every name asked for, one of the values asked for."""
    import difflib

    from ver_lite.experiments.plan import flattened

    asked: dict[str, set[str]] = {}
    for text in only:
        name, found, value = text.partition("=")
        if not found:
            raise ValueError(f"--only wants NAME=VALUE, not {text!r}")
        asked.setdefault(name, set()).add(value)
    shown = [{name: _text(value) for name, value in flattened(job.config()).items()} for job in jobs]
    for name, values in asked.items():
        there = {run[name] for run in shown if name in run}
        if not there:
            near = difflib.get_close_matches(name, {name for run in shown for name in run}, n=1)
            raise ValueError(f"--only: no run has a {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        if wrong := sorted(values - there):
            raise ValueError(f"--only: no run has {name}={wrong[0]}; there are: {', '.join(sorted(there))}")
    return [job for job, run in zip(jobs, shown, strict=True) if all(run.get(n) in v for n, v in asked.items())]


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _print_plan(entries: list[RunEntry], folder: Path, same: int) -> None:
    width = max(len(entry.folder.name) for entry in entries)
    for entry in entries:
        some = f" ({entry.epochs} of {entry.job.config().epochs} epochs)" if entry.status == "unfinished" else ""
        typer.echo(f"{entry.folder.name:<{width}}  {entry.status}{some}")
    ended = sum(entry.row is not None for entry in entries)
    also = f"; {same} more in the spec come to the same" if same else ""
    typer.echo(f"{len(entries)} runs in {folder}, {ended} of them done{also}")


def _print_end(end: Left, what: str) -> None:
    """Print what went wrong. Exits with code 130 when the command was interrupted."""
    for trouble in end.troubles:
        typer.echo(trouble)
    if end.interrupted:
        typer.echo(end.interruption(what), err=True)
        raise typer.Exit(130)


@contextmanager
def _cluster(address: str | None):
    """An executor of the Dask cluster at ``address``; None where no address is given."""
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        raise ValueError("--scheduler needs Dask: pip install dask distributed (the extra `cluster`)") from None
    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise ValueError(f"no Dask scheduler answers at {address} ({' '.join(str(error).split())})") from None
    with client:
        yield client.get_executor(pure=False)
