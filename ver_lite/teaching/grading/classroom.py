"""Mark a whole class: find out who has handed in what, and what is marked already; mark the rest in parallel."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ver_lite.system.files import PACKAGE
from ver_lite.teaching import assignments
from ver_lite.teaching.assignments import Assignment
from ver_lite.teaching.grading import collect
from ver_lite.teaching.grading.collect import CollectError, HandedIn, Student, shown
from ver_lite.teaching.grading.record import Record, claimed
from ver_lite.teaching.grading.sandbox import WITHOUT, Limits, why_no_bubblewrap

MARKERS = (  # the code that decides a mark
    "teaching/grading",
    "teaching/master.py",
    "teaching/assignments.py",
    "course/questions.py",
    "course/check.py",
)


@dataclass
class Task:
    """One student: the file that counts, the key of this marking, and the record's row once there is one."""

    student: Student
    file: HandedIn | None
    key: str = ""
    row: dict[str, Any] | None = None
    others: tuple[str, ...] = ()
    problem: str | None = None


@dataclass
class Class:
    """A class and its assignment. `lines` are what the teacher should know, one each."""

    assignment: Assignment
    tasks: list[Task]
    lines: list[str] = field(default_factory=list)


@cache
def marker_version() -> str:
    """A fingerprint of the code that decides a mark. It changes whenever that code does."""
    digest = hashlib.sha256()
    for name in MARKERS:
        place = PACKAGE / name
        for path in sorted(place.glob("*.py")) if place.is_dir() else [place]:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def choose(found: list[HandedIn], name: str | None, folder: Path | None = None) -> Assignment:
    """The assignment called `name`, a master's path, or the one that most submissions say they are.

    `folder`: where the masters are; None looks where `assignments.masters` does. Raises CollectError that lists the
    masters when there is no such one, or none can be told; AssignmentError when there is no master at all.
    """
    if name is not None and Path(name).suffix == ".ipynb":
        return assignments.read(Path(name))
    masters = {path.stem: path for path in assignments.masters(folder)}
    if name is not None:
        fits = [path for stem, path in masters.items() if stem == name or stem.startswith(f"{name}-")]
        if len(fits) != 1:
            raise CollectError(f"no master is called {name!r}; there are: {', '.join(masters)}")
        return assignments.read(fits[0])
    said = Counter(filter(None, (assignments.claimed(file.data) for file in found)))
    known = [stem for stem, _ in said.most_common() if stem in masters]
    if not known:
        raise CollectError(f"which assignment? No submission says; give --assignment: {', '.join(masters)}")
    return assignments.read(masters[known[0]])


def gather(
    source: Path,
    name: str | None = None,
    roster: Path | None = None,
    limits: Limits | None = None,
    boxed: bool | None = None,
    masters: Path | None = None,
) -> Class:
    """The class: every student of the roster, and everybody who handed in. Raises CollectError."""
    found = list(collect.files(source))
    listed = collect.roster(roster) if roster else []
    if not listed and not any(file.place.lower().endswith(".ipynb") for file in found):
        raise CollectError(f"{source}: no notebooks in it")
    assignment = choose(found, name, masters)
    taken, lines = collect.assign(found, listed)
    tasks = []
    for student, files in taken.values():
        file = files[-1] if files else None
        task = Task(student, file, others=tuple(one.place for one in files[:-1]))
        if file is not None:
            task.key = _key(assignment, student, file, limits or Limits(), boxed)
            if file.problem:
                lines.append(f"{shown(file.place)}: {file.problem}")
        if task.others:
            lines.append(f"{shown(student.student)}: {len(files)} files; {shown(file.place)} counts")
        tasks.append(task)
    return Class(assignment, sorted(tasks, key=lambda task: collect.same(task.student.student)), lines)


def _key(assignment: Assignment, student: Student, file: HandedIn, limits: Limits, boxed: bool | None) -> str:
    parts = {
        "submission": hashlib.sha256(file.data).hexdigest(),
        "problem": file.problem,
        "numbers": student.numbers,
        "master": hashlib.sha256(assignments.text_of(assignment.notebook).encode()).hexdigest(),
        "marker": marker_version(),
        "limits": asdict(limits),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def look_up(group: Class, record: Record, only: str | None, regrade: str | None) -> list[Task]:
    """Give each task its row of the record, and return the tasks that are to be marked now.

    `only` names a student. `regrade` names a question, of everybody whose submission has a row, whatever it was marked
    with. Raises CollectError when nobody is called `only`.
    """
    if only is not None and not any(collect.same(only) in _names(task.student) for task in group.tasks):
        raise CollectError(f"no student is called {only!r} in the roster or among the submissions")
    todo = []
    for task in group.tasks:
        name = task.student.student
        task.row = record.last(group.assignment.name, name, task.key) if task.file else None
        older = record.last(group.assignment.name, name) if task.file else None
        if only is not None and collect.same(only) not in _names(task.student):
            task.row = task.row or older
        elif task.file is not None and (task.row is None or regrade):
            same_file = older is not None and older["digest"] == hashlib.sha256(task.file.data).hexdigest()
            task.row = task.row or (older if regrade and same_file else None)
            todo.append(task)
    return todo


def _names(student: Student) -> set[str]:
    return {collect.same(name) for name in (student.student, student.name, student.email, student.id) if name}


def mark_all(
    group: Class,
    todo: list[Task],
    record: Record,
    limits: Limits,
    regrade: str | None = None,
    workers: int = 2,
    executor: Executor | None = None,
    boxed: bool | None = None,
    progress: Callable[[], Any] = lambda: None,
) -> list[str]:
    """Mark every task and record each at once. Returns a line about each that could not be marked."""
    master = assignments.text_of(group.assignment.notebook)
    copy = assignments.text_of(group.assignment.copy)
    pool, failed = executor or ThreadPoolExecutor(workers), []
    try:
        waiting = {}
        for task in todo:
            job = _job(task, master, copy, limits, regrade, boxed)
            waiting[pool.submit(mark_apart, job)] = task
        for future in as_completed(waiting):
            task = waiting[future]
            try:
                result = future.result()
            except Exception as error:
                result = {"failed": f"{type(error).__name__}: {error}"}
            if "failed" in result:
                failed.append(f"{shown(task.student.student)}: could not be marked: {result['failed']}")
            else:
                task.row = _row(group, task, _merged(task, result, regrade))
                record.add(task.row)
            progress()
    finally:
        if executor is None:
            pool.shutdown(wait=True, cancel_futures=True)
    return failed


def _job(task: Task, master: str, copy: str, limits: Limits, regrade: str | None, boxed: bool | None) -> dict[str, Any]:
    file = task.file
    return {
        "student": task.student.student,
        "place": file.place,
        "data": base64.b64encode(file.data).decode("ascii"),
        "problem": file.problem,
        "numbers": list(task.student.numbers),
        "master": master,
        "copy": copy,
        "limits": asdict(limits),
        "only": [regrade] if regrade and task.row else None,
        "boxed": boxed,
    }


def mark_apart(job: dict[str, Any]) -> dict[str, Any]:
    """Mark one student in its own process. Returns the mark, or `{"failed": why}` when the marker failed twice."""
    source = str(PACKAGE.parent)
    environment = os.environ | {"PYTHONPATH": source, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    said = ""
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, "-m", "ver_lite.teaching.grading.one"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
            start_new_session=True,
        ) as process:  # fmt: skip
            try:
                out, errors = process.communicate(json.dumps(job), timeout=job["limits"]["student"] + 300)
            except subprocess.TimeoutExpired:
                process.kill()
                return {"failed": "took far longer than it may"}
            except BaseException:
                process.kill()
                raise
        if process.returncode == 0:
            return json.loads(out)
        said = (errors.strip().splitlines() or [f"exit code {process.returncode}"])[-1]
    return {"failed": said[:300]}


def _merged(task: Task, result: dict[str, Any], regrade: str | None) -> dict[str, Any]:
    """The recorded mark, with the new result of one question in it."""
    if not regrade or not task.row:
        return result
    merged = dict(task.row["mark"])
    for part in ("points", "alone", "helped"):
        kept = {name: value for name, value in merged[part].items() if name != regrade}
        new = {name: value for name, value in result[part].items() if name == regrade}
        merged[part] = kept | new
    return merged


def _row(group: Class, task: Task, mark: dict[str, Any]) -> dict[str, Any]:
    flags = list(mark["flags"])
    if task.others:
        flags.append(f"{len(task.others) + 1} files; the newest counts: {shown(task.file.place)}")
    return {
        "assignment": group.assignment.name,
        "version": group.assignment.version,
        "student": task.student.student,
        "key": task.key,
        "place": shown(task.file.place),
        "digest": hashlib.sha256(task.file.data).hexdigest(),
        "when": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "mark": mark | {"flags": list(dict.fromkeys(flags))},
    }


def protection(boxed: bool | None = None) -> str | None:
    """What is not protected on this machine, in words; None when bubblewrap works."""
    why = why_no_bubblewrap() if boxed is not False else "asked for"
    return None if why is None else WITHOUT.format(why=why)


@contextmanager
def claimed_record(out: Path) -> Iterator[Record]:
    """The record of a folder of marks. The folder is made if it is missing, and other markers are kept out of it."""
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    with claimed(out):
        yield Record(out)
