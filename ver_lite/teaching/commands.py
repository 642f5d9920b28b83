"""The commands of a teacher: ver-lite grade, and ver-lite assign new, check, release, rehearse."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

assign = typer.Typer(
    help="Assignments: release students' copies, check masters, rehearse the marking.", no_args_is_help=True
)


@assign.callback()
def _quickly() -> None:
    from ver_lite.teaching.grading import quick_imports

    quick_imports()


Masters = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Masters, or folders of them; default: masters/ or notebooks/assignments/masters/ below the current "
        "folder, else the checkout's."
    ),
]
MastersFolder = Annotated[
    Path | None,
    typer.Option(
        help="The folder of masters; default: masters/ or notebooks/assignments/masters/ below the current folder, "
        "else the checkout's."
    ),
]


@contextmanager
def _in_words() -> Iterator[None]:
    """Turn an AssignmentError into a ValueError, which the command line prints as one line."""
    from ver_lite.teaching.assignments import AssignmentError

    try:
        yield
    except AssignmentError as error:
        raise ValueError("; ".join(str(error).splitlines())) from None


@assign.command()
def new(
    master: Annotated[Path, typer.Argument(help="Where to write it, e.g. masters/assignment-5-mine.ipynb.")],
    title: Annotated[str | None, typer.Option(help="Its heading; default: the file's name.")] = None,
) -> None:
    """Write a small master that is in order, to be filled in."""
    from ver_lite.teaching.skeleton import new_master

    with _in_words():
        typer.echo(f"{new_master(master, title)}: open it, change it, then try it with: ver-lite assign check {master}")


def _chosen(named: list[Path] | None) -> list[Path]:
    """The masters that are named, and those of the folders that are named; without a name, those that are found."""
    from ver_lite.teaching import assignments

    with _in_words():
        if not named:
            return assignments.masters()
        return [master for path in named for master in (assignments.masters(path) if path.is_dir() else [path])]


@assign.command()
def release(masters: Masters = None) -> None:
    """Write the students' copies of masters: no solutions, no hidden tests.

    The copy of a master in a folder called `masters` goes into the folder above it, under the same name. The copy of
    any other master goes into the folder `copies` beside it.
    """
    from ver_lite.teaching import assignments

    for master in _chosen(masters):
        with _in_words():
            path = assignments.write_copy(master)
        typer.echo(f"{master.name}: {'its copy was up to date' if path is None else f'released to {path}'}")


@assign.command()
def check(masters: Masters = None) -> None:
    """Try masters: solutions must pass, empty answers and usual mistakes must not.

    Unless single masters are named, their released copies must also be what `ver-lite assign release` would write.
    """
    from ver_lite.teaching import assignments, trial

    chosen = _chosen(masters)
    problems = [] if any(not path.is_dir() for path in masters or []) else assignments.stale(chosen)
    for master in chosen:
        try:
            read = assignments.read(master)
            found = trial.problems_with(read)
            problems += found
            said = f"{len(found)} problem(s)" if found else "in order"
            said += "" if assignments.copy_of(master).exists() else ", not released yet"
            typer.echo(f"{master.name}: {len(read.questions)} questions, {read.points:g} points, {said}")
        except assignments.AssignmentError as error:
            problems += str(error).splitlines()
    for problem in problems:
        typer.echo(problem, err=True)
    raise typer.Exit(1 if problems else 0)


@assign.command()
def rehearse(
    students: Annotated[int, typer.Option(help="How many submissions to make.")] = 200,
    workers: Annotated[int, typer.Option(help="How many to mark at a time.")] = 2,
    out: Annotated[Path | None, typer.Option(help="Keep submissions and marks in this folder.")] = None,
    assignment: Annotated[
        str | None, typer.Option(help="assignment-1 or a master's path; default: the first master.")
    ] = None,
    masters: MastersFolder = None,
) -> None:
    """Make a class of right, wrong and hostile submissions, mark it, and print times and outcomes."""
    from ver_lite.teaching.grading.rehearsal import rehearse as play

    with _in_words():
        code = play(students, workers, out, assignment, masters)
    raise typer.Exit(code)


def grade(
    submissions: Annotated[
        Path, typer.Argument(help="A folder of notebooks, or the zip that Moodle or Canvas exports.")
    ],
    out: Annotated[Path, typer.Option(help="The folder of marks.")],
    assignment: Annotated[
        str | None, typer.Option(help="assignment-1 or a master's path; default: what they say.")
    ] = None,
    masters: MastersFolder = None,
    roster: Annotated[
        Path | None, typer.Option(help="CSV: student, name, email, id, canvas_id, seed, variant.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="How many to mark at a time.")] = 2,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be marked; write nothing.")] = False,
    only: Annotated[str | None, typer.Option(help="Mark this student alone.")] = None,
    regrade: Annotated[str | None, typer.Option(help="Mark this question of everybody again, e.g. q3.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="A Dask scheduler's address, for a large class.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="The most that one cell may take.")] = 60.0,
    sandbox: Annotated[
        bool, typer.Option("--sandbox/--no-sandbox", help="bubblewrap where it works, or never.")
    ] = True,
) -> None:
    """Mark a class: gradebook.csv, a feedback page per student, run.jsonl and class.png in the folder of marks.

    You can stop it at any moment and start it again: it marks only what is missing or has changed. The exit code is 1
    when somebody could not be marked.
    """
    from ver_lite.teaching.grading import quick_imports

    if os.name == "nt":
        raise ValueError("marking needs Linux or macOS; on Windows, run it in the Windows Subsystem for Linux")
    quick_imports()
    from ver_lite.teaching.grading.grade import grade as run

    with _in_words():
        code = run(
            submissions, out, assignment, roster, workers, dry_run, only, regrade, scheduler, seconds, sandbox,
            masters=masters,
        )  # fmt: skip
    raise typer.Exit(code)
