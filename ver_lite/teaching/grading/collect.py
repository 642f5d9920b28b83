"""Find the submissions in a folder, or in the zip that an LMS exports, and say whose they are. File names are not
trusted."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
import stat
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ver_lite.course.questions import LARGEST_SEED, VARIANTS, OwnNumbers, own_numbers
from ver_lite.system.files import read_text
from ver_lite.teaching.grading.submission import LARGEST

MOST_FILES = 20_000
MOST_BYTES = 4 * 2**30
RATIO = 200  # a zip entry that unpacks to more than this many times its size is refused
COLUMNS = ("student", "name", "email", "id", "canvas_id", "seed", "variant")
MOODLE = re.compile(r"^(?P<name>.+?)_(?P<number>\d+)_assignsubmission_file_?")
CANVAS = re.compile(r"^(?P<name>[^\W_]+)_(?:LATE_)?(?P<number>\d+)_(?P<file>\d+)_")


class CollectError(ValueError):
    """Submissions or a roster that cannot be used. The message says which and why."""


@dataclass(frozen=True)
class Student:
    """A student of the roster, or somebody who handed in and is not on it."""

    student: str
    name: str = ""
    email: str = ""
    id: str = ""
    canvas_id: str = ""
    seed: int = 0
    variant: int = 0
    listed: bool = True

    @property
    def numbers(self) -> OwnNumbers:
        return own_numbers(self.student, self.seed, self.variant)


@dataclass(frozen=True)
class HandedIn:
    """One file: its place, its bytes or the reason why there are none, and when it was last changed."""

    place: str
    data: bytes = b""
    problem: str | None = None
    when: float = 0.0


def files(source: Path) -> Iterator[HandedIn]:
    """Every file in a folder or zip that could be a submission. Raises CollectError when there is no such place."""
    if source.is_dir():
        yield from _in_folder(source)
    elif source.is_file() and zipfile.is_zipfile(source):
        yield from _in_zip(source)
    elif source.is_file() and source.suffix == ".ipynb":
        yield _read(source, source.name)
    elif source.exists():
        raise CollectError(f"{source}: neither a folder nor a zip of notebooks")
    else:
        raise CollectError(f"{source}: no such folder or zip")


def _in_folder(folder: Path) -> Iterator[HandedIn]:
    seen = size = 0
    for above, folders, names in os.walk(folder, followlinks=False):
        for name in [n for n in folders if (Path(above) / n).is_symlink()]:
            yield HandedIn(str((Path(above) / name).relative_to(folder)), problem="is a link; links are not followed")
        folders[:] = sorted(n for n in folders if n != ".ipynb_checkpoints")
        for name in sorted(names):
            seen += 1
            if seen > MOST_FILES:
                raise CollectError(f"{folder}: more than {MOST_FILES:,} files")
            path = Path(above) / name
            if wanted(name) or path.is_symlink():
                file = _read(path, str(path.relative_to(folder)))
                size += len(file.data)
                if size > MOST_BYTES:
                    raise CollectError(f"{folder}: more than {MOST_BYTES / 2**30:.0f} GiB")
                yield file


def wanted(name: str) -> bool:
    return not name.startswith(".") and not name.startswith("__MACOSX")


def _read(path: Path, place: str) -> HandedIn:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        why = "is a link; links are not followed" if path.is_symlink() else error.strerror
        return HandedIn(place, problem=why)
    with os.fdopen(handle, "rb") as file:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            return HandedIn(place, problem="is no plain file")
        if about.st_size > LARGEST:
            return HandedIn(place, problem=_too_large(about.st_size), when=about.st_mtime)
        return HandedIn(place, file.read(LARGEST + 1), when=about.st_mtime)


def _too_large(size: int) -> str:
    return f"the file has {size / 2**20:,.0f} MiB, more than {LARGEST // 2**20}"


def _in_zip(path: Path) -> Iterator[HandedIn]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > MOST_BYTES:
                raise CollectError(
                    f"{path}: more than {MOST_FILES:,} files, or than {MOST_BYTES / 2**30:.0f} GiB unpacked"
                )
            for entry in entries:
                parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
                if wanted(parts[-1] if parts else "") and not any(
                    p in ("__MACOSX", ".ipynb_checkpoints") for p in parts
                ):
                    yield _unpack(archive, entry)
    except zipfile.BadZipFile as error:
        raise CollectError(f"{path}: a damaged zip ({error})") from None


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> HandedIn:
    """One entry of a zip, unpacked in memory. Nothing is ever written to the place that the zip names."""
    place = entry.filename
    if stat.S_ISLNK(entry.external_attr >> 16):
        return HandedIn(place, problem="is a link; links are not followed")
    if entry.file_size > LARGEST:
        return HandedIn(place, problem=_too_large(entry.file_size))
    if entry.file_size > RATIO * max(entry.compress_size, 1) and entry.file_size > 2**20:
        return HandedIn(place, problem=f"unpacks to more than {RATIO} times its size")
    try:
        with archive.open(entry) as file:
            data = file.read(LARGEST + 1)
    except Exception as error:  # zipfile raises many kinds for a damaged or encrypted entry
        return HandedIn(place, problem=f"cannot be unpacked ({type(error).__name__})")
    when = (entry.date_time[0] - 1970) * 366 * 86400.0 + sum(
        n * s for n, s in zip(entry.date_time[1:], (31 * 86400, 86400, 3600, 60, 1), strict=True)
    )
    return HandedIn(place, data, None if len(data) <= LARGEST else _too_large(len(data)), when)


def whose(place: str) -> list[str]:
    """The names that a place gives a submission, the best first. It knows the forms of Moodle, Canvas and nbgrader."""
    parts = [part for part in re.split(r"[/\\]", place) if part not in ("", ".", "..")] or ["?"]
    for part in parts:
        if found := MOODLE.match(part):
            return [found["name"], found["number"]]
    if found := CANVAS.match(parts[-1]):
        return [found["number"], found["name"]]
    stem = parts[-1].rsplit(".", 1)[0] or parts[-1]
    if len(parts) > 1 and stem.startswith("assignment-"):
        return [part for part in reversed(parts[:-1]) if not part.startswith("assignment-")][:1] or [stem]
    return [stem, parts[-1]]


def same(name: str) -> str:
    """A name in the form in which `own_numbers` reads it, without case, kinds of spaces and encodings of accents."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def roster(path: Path) -> list[Student]:
    """The students of a CSV file with the column `student` and, if wanted, name, email, id, canvas_id, seed, variant.

    Raises CollectError that names the line when a student has no name or is listed twice, or a number is wrong.
    """
    rows = csv.DictReader(io.StringIO(read_text(path).removeprefix("\ufeff")))
    unknown = set(rows.fieldnames or ()) - set(COLUMNS)
    if "student" not in (rows.fieldnames or ()) or unknown:
        odd = f"; not {', '.join(sorted(map(str, unknown)))}" if unknown else ""
        raise CollectError(f"{path}, line 1: the columns are student and, if wanted, {', '.join(COLUMNS[1:])}{odd}")
    students: dict[str, Student] = {}
    for row in rows:
        where = f"{path}, line {rows.line_num}"
        about = {name: (row.get(name) or "").strip() for name in COLUMNS}
        if not about["student"]:
            raise CollectError(f"{where}: no student")
        if same(about["student"]) in students:
            raise CollectError(f"{where}: {about['student']} is listed twice")
        try:
            numbers = {name: int(about.pop(name) or 0) for name in ("seed", "variant")}
            own_numbers(about["student"], **numbers)
        except ValueError:
            raise CollectError(f"{where}: seed is 0 to {LARGEST_SEED} and variant 0 to {VARIANTS}") from None
        students[same(about["student"])] = Student(**about, **numbers)
    return list(students.values())


def assign(found: list[HandedIn], listed: list[Student]) -> tuple[dict[str, tuple[Student, list[HandedIn]]], list[str]]:
    """Each student's files, the newest last, by `same(student)`; and a line about each file that belongs to nobody."""
    known: dict[str, Student] = {}
    for student in listed:
        for name in (student.student, student.name, student.email, student.id, student.canvas_id):
            if name:
                known.setdefault(same(name), student)
                known.setdefault(same(name).replace(" ", ""), student)
    taken: dict[str, tuple[Student, list[HandedIn]]] = {same(s.student): (s, []) for s in listed}
    lines = []
    for file in found:
        names = whose(file.place)
        student = next((known[same(name)] for name in names if same(name) in known), None)
        if student is None:
            if not file.place.lower().endswith(".ipynb"):
                lines.append(f"{shown(file.place)}: not a notebook; left alone")
                continue
            student = Student(clean(names[0]), listed=not listed)
        elif not file.place.lower().endswith(".ipynb"):
            lines.append(f"{shown(file.place)}: not a notebook; left alone")
            continue
        taken.setdefault(same(student.student), (student, []))[1].append(file)
    for _, handed_in in taken.values():
        handed_in.sort(key=lambda one: (one.problem is None, one.when, one.place))
    return taken, lines


def clean(name: str) -> str:
    """A name from outside as one line of printable characters, at most 200 of them."""
    text = "".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFKC", name))
    return " ".join(text.split())[:200] or "nameless"


def shown(text: str) -> str:
    """A place or name in a form that fits one line of a terminal: shortened, without control characters."""
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= 100 else f"{text[:60]}…{text[-30:]}"


def slug(name: str) -> str:
    """A file name for a student: readable, always the same, and different for different names."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode())
    plain = plain.strip("-.")[:60]
    return plain if plain == name else f"{plain or 'student'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
