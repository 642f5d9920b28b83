"""``ver-lite fetch NAME``: downloads from the canonical places, resumable, checked, never half-written.

pooch keeps the registry and checks the sums. It cannot resume a download, so it is given a downloader that can,
:class:`Resumable`. A file whose checksum nobody publishes is trusted the first time: its sum is recorded in
``checksums.json`` beside it, and later downloads must have the same one; before that, its form is looked at, so that a
web page that a proxy sends instead is not taken for it. Nothing is uploaded, nothing is unpacked.
"""

from __future__ import annotations

import errno
import gzip
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ver_lite.corpora.named import ENTRIES, Remote, sources
from ver_lite.corpora.places import data_folder
from ver_lite.corpora.reading import CUT
from ver_lite.system.files import FileError, write_json

RECORD = "checksums.json"
PIECE = 1 << 16


class FetchError(FileError):
    """A download that did not work: one line saying what happened and what to do."""


def fetch(
    name: str,
    folder: str | Path | None = None,
    *,
    files: Sequence[str] | None = None,
    base_url: str | None = None,
    progress: bool = True,
    say: Callable[[str], None] = print,
    downloads: Mapping[str, Sequence[Remote]] | None = None,
    timeout: float = 30.0,
) -> Path:
    """Download corpus ``name`` into ``data_folder(folder) / name``; returns the path its reader wants.

    ``files`` takes only some of its files, ``base_url`` another server that has them under the same names,
    ``timeout`` is in seconds without an answer. Prints the rights notice first, through ``say``. Raises
    FetchError for no network, a cut connection (what came is kept, the next call resumes), a wrong checksum,
    a full disk. A file gets its final name only when it is whole and checked.
    """
    source = sources().get(name)
    if source is not None and source.by_hand:
        raise FetchError(f"{name} cannot be fetched. {source.by_hand}")
    if downloads is None:
        downloads = {name: source.downloads for name, source in sources().items() if source.downloads}
    if name not in downloads:
        raise FetchError(f"nothing called {name!r} to fetch: there are {', '.join(downloads)}.")
    known = {remote.file: remote for remote in downloads[name]}
    strange = sorted(set(files or ()) - set(known))
    if strange:
        raise FetchError(f"{name} has no file {strange[0]!r}: there are {', '.join(known)}.")
    place = data_folder(folder) / name
    if source is not None:
        say(f"{source.title}: {source.notice}")
    try:
        place.mkdir(parents=True, exist_ok=True)
        for file in files or known:
            url = known[file].url if base_url is None else f"{base_url.rstrip('/')}/{file}"
            _fetch_one(known[file], url, place, progress, say, timeout)
    except OSError as error:
        raise _disk_error(error, place) from error
    for other in ENTRIES[name].beside if name in ENTRIES else ():
        say(f"{name} is read together with {other}. {sources()[other].how(other)}")
    return place / next(iter(known)) if len(known) == 1 else place


def _fetch_one(
    remote: Remote, url: str, place: Path, progress: bool, say: Callable[[str], None], timeout: float
) -> None:
    """One file: download unless the right one is there, check, record its sum where none is known."""
    import pooch

    pooch.get_logger().setLevel("WARNING")
    recorded = _recorded(place)
    target = place / remote.file
    if remote.sha256 is None and target.exists() and (fault := _fault(target, remote.file)):
        say(f"{remote.file} is there, but {fault}: it is removed and downloaded anew.")
        target.unlink()
        if recorded.pop(remote.file, None):
            _record(place, recorded)
    sha256 = remote.sha256 or recorded.get(remote.file, {}).get("sha256")
    downloader = Resumable(target, sha256, remote.size, progress, timeout)
    registry = pooch.create(path=place, base_url="", registry={remote.file: sha256}, urls={remote.file: url})
    try:
        registry.fetch(remote.file, downloader=downloader)
    except ValueError:
        whence = "published" if remote.sha256 else f"recorded in {place / RECORD}"
        raise FetchError(
            f"{remote.file} from {url} has the wrong checksum: sha256 {downloader.sha256}, "
            f"{whence} is {sha256}. "
            "It was removed. Run again; if the sum stays the same, the file behind the address has changed."
        ) from None
    size = target.stat().st_size
    if remote.sha256 is None and remote.file not in recorded:
        sha256 = pooch.file_hash(str(target))
        _record(place, {**recorded, remote.file: {"sha256": sha256, "bytes": size, "url": url}})
        say(f"{remote.file}: no checksum is published; recorded the one seen, sha256 {sha256}, in {RECORD}.")
    how = "downloaded" if downloader.sha256 else "already there"
    say(f"{remote.file}: {how}, {size:,} bytes, checksum as {'published' if remote.sha256 else 'recorded'}.")


class Resumable:
    """A downloader for pooch that continues where an earlier call stopped.

    The bytes received so far are in ``TARGET.part``, the server's version mark (ETag) in ``TARGET.part.json``. A part
    is continued only if the server confirms that the file is still the same (If-Range), or if a known checksum will
    show it.
    """

    def __init__(self, target: Path, known: str | None, size: int | None, progress: bool, timeout: float):
        self.part = target.with_name(target.name + ".part")
        self.marks = target.with_name(target.name + ".part.json")
        self.known, self.size, self.progress, self.timeout = known, size, progress, timeout
        self.sha256: str | None = None  # of what was downloaded

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        import requests
        import urllib3
        from pooch import file_hash

        try:
            self._fill(url)
        except requests.exceptions.HTTPError as error:
            raise FetchError(f"{url}: the server says {error.response.status_code}. {_GONE}") from None
        except (requests.exceptions.ChunkedEncodingError, urllib3.exceptions.HTTPError, _Cut) as error:
            have = self.part.stat().st_size if self.part.exists() else 0
            raise FetchError(
                f"{url}: the connection was cut ({error}); {have:,} bytes kept. Run again to resume."
            ) from None
        except requests.exceptions.RequestException as error:
            kind = "no answer in time from" if isinstance(error, requests.exceptions.Timeout) else "cannot reach"
            raise FetchError(f"{kind} {urlsplit(url).netloc or url}. Check the network and run again.") from None
        if fault := _fault(self.part, self.part.name.removesuffix(".part"), whole=self.known is None):
            self.part.unlink()
            self.marks.unlink(missing_ok=True)
            raise FetchError(f"{url}: what came {fault}. Nothing was saved. {_PROXY}")
        self.sha256 = file_hash(str(self.part))
        os.replace(self.part, output_file)
        self.marks.unlink(missing_ok=True)

    def _fill(self, url: str) -> None:
        """Bring ``part`` to its full length."""
        import requests

        have, headers = self._resume_from(url)
        with requests.get(url, headers=headers, stream=True, timeout=self.timeout) as answer:
            if answer.status_code == 416 and have:  # nothing after our part: whole, or of another file
                if answer.headers.get("Content-Range", "").endswith(f"/{have}"):
                    return
                self.part.unlink()
                return self._fill(url)
            answer.raise_for_status()
            start = answer.headers.get("Content-Range", "").removeprefix("bytes ").split("-")[0]
            if answer.status_code != 206 or start != str(have):
                have = 0
            length = answer.headers.get("Content-Length")
            total = have + int(length) if length else self.size
            free = shutil.disk_usage(self.part.parent).free
            if total and total - have > free:
                raise OSError(errno.ENOSPC, f"{total - have:,} bytes to come, {free:,} free")
            mark = answer.headers.get("ETag", "")
            mark = answer.headers.get("Last-Modified", "") if not mark or mark.startswith("W/") else mark
            self.marks.write_text(json.dumps({"url": url, "mark": mark}))
            self._write(answer, have, total)

    def _resume_from(self, url: str) -> tuple[int, dict[str, str]]:
        """(bytes to keep, headers of the request)."""
        headers = {"Accept-Encoding": "identity"}
        have = self.part.stat().st_size if self.part.exists() else 0
        try:
            marks = json.loads(self.marks.read_text())
        except (OSError, ValueError):
            marks = {}
        mark = marks.get("mark") if marks.get("url") == url else ""
        if not have or not (mark or (self.known and marks.get("url", url) == url)):
            return 0, headers
        headers["Range"] = f"bytes={have}-"
        if mark:
            headers["If-Range"] = mark
        return have, headers

    def _write(self, answer: Any, have: int, total: int | None) -> None:
        from tqdm import tqdm

        bar = tqdm(
            total=total,
            initial=have,
            unit="B",
            unit_scale=True,
            desc=self.part.stem,
            disable=not self.progress,
        )
        with bar, open(self.part, "ab" if have else "wb") as file:
            for piece in answer.raw.stream(PIECE, decode_content=False):
                file.write(piece)
                have += len(piece)
                bar.update(len(piece))
        if total is not None and have != total:
            raise _Cut(f"{have:,} of {total:,} bytes")


class _Cut(Exception):
    """Fewer or more bytes came than were announced."""


_PROXY = "A proxy, a login or an error page may have answered: open the address in a browser, then run again."
_GONE = "The file may have been moved or withdrawn; another server can be given as base_url."


_FORMS = {".gz": "gzip", ".zip": "zip", ".json": "JSON"}
_BEGINS = {"gzip": b"\x1f\x8b", "zip": b"pk", "JSON": (b"{", b"[")}


def _fault(file: Path, name: str, whole: bool = True) -> str | None:
    """What is wrong with the form of a file of this ``name``; None if it is what the name says. ``whole``: read it to
    its end; a known checksum makes that needless."""
    with open(file, "rb") as opened:
        first = opened.read(512).removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    form = _FORMS.get(Path(name).suffix)
    if form is None or first.startswith(_BEGINS[form]):
        try:
            return _read_through(file, form) if whole else None
        except CUT as error:
            return f"is a {form} file that cannot be read to its end ({error})"
    page = first.startswith((b"<!doctype", b"<html", b"<head", b"<?xml"))
    return f"is no {form} file{' but a web page' if page else ''}"


def _read_through(file: Path, form: str | None) -> None:
    """Read a packed file to its end, where its own checksums are compared. Raises one of CUT."""
    if form == "gzip":
        with gzip.open(file) as packed:
            while packed.read(1 << 20):
                pass
    elif form == "zip":
        with zipfile.ZipFile(file) as archive:
            if (damaged := archive.testzip()) is not None:
                raise zipfile.BadZipFile(f"{damaged} is damaged")


def _disk_error(error: OSError, place: Path) -> FetchError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        reason = f"the disk is full ({error.strerror})"
        return FetchError(f"{place}: {reason}. Make room and run again to resume; no file is half-written.")
    return FetchError(f"{place}: cannot write ({error.strerror or error}).")


def _recorded(place: Path) -> dict[str, dict[str, Any]]:
    """What checksums.json says; raises FetchError if it is no longer readable."""
    file = place / RECORD
    if not file.exists():
        return {}
    try:
        recorded = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        raise FetchError(f"{file} is damaged: delete it to record the sums anew.") from None
    return recorded if isinstance(recorded, dict) else {}


def _record(place: Path, recorded: dict[str, dict[str, Any]]) -> None:
    try:
        write_json(place / RECORD, recorded)
    except FileError as error:
        raise FetchError(str(error)) from None
