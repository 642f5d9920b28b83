"""`ver-lite grade`: from a folder of submissions to a folder of marks."""

from __future__ import annotations

import sys
from concurrent.futures import Executor
from pathlib import Path

from tqdm import tqdm

from ver_lite.teaching.grading import classroom, feedback, gradebook
from ver_lite.teaching.grading.classroom import Class, Task
from ver_lite.teaching.grading.collect import CollectError, same, shown
from ver_lite.teaching.grading.kernel import remove_leftovers
from ver_lite.teaching.grading.record import Record
from ver_lite.teaching.grading.sandbox import Limits


def grade(
    submissions: Path,
    out: Path,
    assignment: str | None = None,
    roster: Path | None = None,
    workers: int = 2,
    dry_run: bool = False,
    only: str | None = None,
    regrade: str | None = None,
    scheduler: str | None = None,
    seconds: float = 60.0,
    sandbox: bool = True,
    limits: Limits | None = None,
    masters: Path | None = None,
) -> int:
    """Mark a class as `ver-lite grade` does. Returns the exit code: 1 when somebody could not be marked.

    Raises CollectError and AssignmentError for submissions, rosters, students, questions or masters that are not there
    or not in order; FileError when `out` cannot be written.
    """
    limits = limits or Limits(cell=seconds)
    boxed = None if sandbox else False
    group = classroom.gather(submissions, assignment, roster, limits, boxed, masters)
    if regrade is not None:
        _is_code(group, regrade)
    for line in group.lines:
        print(line, file=sys.stderr)
    if dry_run:
        record = Record(out)
        _would(group, classroom.look_up(group, record, only, regrade), record)
        return 0
    if (warning := classroom.protection(boxed)) is not None:
        print(warning, file=sys.stderr)
    remove_leftovers()
    with classroom.claimed_record(out) as record:
        given = gradebook.by_hand(out, group.assignment)
        for name in sorted({name for name, _ in given} - {same(task.student.student) for task in group.tasks}):
            print(f"{out / gradebook.BY_HAND}: nobody is called {shown(name)!r}", file=sys.stderr)
        todo = classroom.look_up(group, record, only, regrade)
        failed = _mark(group, todo, record, limits, regrade, workers, scheduler, boxed)
        feedback.write(group, out, given)
        gradebook.write(group, out, given)
    for line in [*record.problems, *failed]:
        print(line, file=sys.stderr)
    print(gradebook.summary(group, given))
    print(f"marks: {out / 'gradebook.csv'}; pages for students: {out / 'feedback'}; the class: {out / 'class.png'}")
    return 1 if failed else 0


def _is_code(group: Class, regrade: str) -> None:
    try:
        question = group.assignment.question(regrade)
    except KeyError as error:
        raise CollectError(error.args[0]) from None
    if question.kind != "code":
        raise CollectError(f"{regrade} is a written question: a person marks it, in {gradebook.BY_HAND}")


def _would(group: Class, todo: list[Task], record: Record) -> None:
    for task in group.tasks:
        older = record.last(group.assignment.name, task.student.student)
        what = "no submission" if task.file is None else "marked already"
        if task in todo:
            what = "would be marked again: submission, master or marker changed" if older else "would be marked"
        print(f"{shown(task.student.student)}: {what}")
    print(f"{len(todo)} of {len(group.tasks)} would be marked; nothing was written")


def _mark(
    group: Class, todo: list[Task], record: Record, limits: Limits, regrade: str | None, workers: int,
    scheduler: str | None, boxed: bool | None,
) -> list[str]:  # fmt: skip
    if not todo:
        return []
    with tqdm(total=len(todo), unit="student", desc="marking", disable=None) as bar:
        executor, close = _executor(scheduler)
        try:
            return classroom.mark_all(group, todo, record, limits, regrade, workers, executor, boxed, bar.update)
        except KeyboardInterrupt:
            bar.close()
            print("stopped; what was marked is kept. The same command goes on.", file=sys.stderr)
            raise
        finally:
            close()


def _executor(scheduler: str | None) -> tuple[Executor | None, object]:
    """Where to mark, and how to let go of it: None for this machine, or the executor of a Dask cluster."""
    if scheduler is None:
        return None, lambda: None
    try:
        from distributed import Client
    except ImportError:
        raise CollectError("--scheduler needs Dask: pip install 'ver-lite[cluster]'") from None
    client = Client(scheduler, timeout="10s")
    return client.get_executor(pure=False), client.close
