"""Downloads from a real local server: whole, cut, resumed, wrong, on a full disk, and with nobody there."""

import gzip
import hashlib
import io
import json
import os
import socket
import subprocess
import sys
import threading
import zipfile
from functools import partial
from pathlib import Path

import pytest

from small_server import Server
from ver_lite.corpora.core import CorpusError
from ver_lite.corpora.fetch import RECORD, FetchError, fetch
from ver_lite.corpora.named import ENTRIES, Remote, sources
from ver_lite.corpora.places import VARIABLE, data_folder, locate

BODY = bytes(range(256)) * 2000  # 512,000 bytes
SUM = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def server():
    made = Server()
    made.files["thing.bin"] = BODY
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def get(server, tmp_path):
    """Fetch thing.bin; ``sha256`` None: nobody publishes one. Collects what is said in ``get.said``."""

    def call(sha256: str | None = SUM, size: int | None = None, **options) -> Path:
        call.said.clear()
        downloads = {"thing": (Remote("thing.bin", f"{server.url}/thing.bin", size, sha256),)}
        options = {"folder": tmp_path, "progress": False, "downloads": downloads, "timeout": 5.0} | options
        return fetch("thing", say=call.said.append, **options)

    call.said = []
    return call


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in (folder / "thing").iterdir())


def error_of(call) -> str:
    with pytest.raises(FetchError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_arrives_whole_and_is_not_fetched_twice(get, server, tmp_path):
    path = get()
    assert path == tmp_path / "thing" / "thing.bin" and path.read_bytes() == BODY
    assert names(tmp_path) == ["thing.bin"]
    assert get.said == ["thing.bin: downloaded, 512,000 bytes, checksum as published."]
    assert get() == path and len(server.seen) == 1
    assert "already there" in get.said[0]


def test_a_cut_connection_keeps_its_part_and_the_next_call_resumes(get, server, tmp_path):
    server.stop_after = 200_000
    message = error_of(get)
    assert "the connection was cut" in message and "200,000 bytes kept" in message and "Run again to resume" in message
    assert names(tmp_path) == ["thing.bin.part", "thing.bin.part.json"]
    server.stop_after = 250_000
    assert "450,000 bytes kept" in error_of(get)
    server.stop_after = None
    assert get().read_bytes() == BODY
    assert server.seen == [None, "bytes=200000-", "bytes=450000-"]
    assert names(tmp_path) == ["thing.bin"]


def test_a_cut_is_noticed_where_the_server_announces_no_length(get, server, tmp_path):
    server.length, server.stop_after = 0, 200_000
    assert "200,000 of 512,000 bytes" in error_of(lambda: get(size=len(BODY)))
    assert names(tmp_path) == ["thing.bin.part", "thing.bin.part.json"]


def test_a_part_that_is_whole_already_is_taken_as_it_is(get, server, tmp_path):
    server.stop_after = 0
    error_of(get)
    (tmp_path / "thing" / "thing.bin.part").write_bytes(BODY)
    assert get().read_bytes() == BODY
    assert server.seen[-1] == "bytes=512000-"


def test_a_part_longer_than_the_file_is_thrown_away(get, server, tmp_path):
    server.stop_after = 0
    error_of(get)
    server.stop_after = None
    (tmp_path / "thing" / "thing.bin.part").write_bytes(BODY + b"x")
    assert get().read_bytes() == BODY
    assert server.seen[-2:] == ["bytes=512001-", None]


def test_a_server_without_ranges_starts_over(get, server):
    server.stop_after, server.ranges = 200_000, False
    error_of(get)
    server.stop_after = None
    assert get().read_bytes() == BODY


def test_a_part_of_an_older_version_is_not_continued(get, server):
    server.stop_after = 200_000
    error_of(lambda: get(None))
    server.stop_after = None
    server.files["thing.bin"] = other = BODY[::-1]
    server.mark = '"two"'
    assert get(None).read_bytes() == other


def test_without_mark_and_checksum_a_part_cannot_be_trusted(get, server):
    server.mark, server.stop_after = "", 200_000
    error_of(lambda: get(None))
    server.stop_after = None
    assert get(None).read_bytes() == BODY
    assert server.seen == [None, None]


def test_a_wrong_checksum_leaves_nothing_and_names_both_sums(get, tmp_path):
    wanted = "0" * 64
    message = error_of(lambda: get(wanted))
    assert SUM in message and wanted in message and "wrong checksum" in message
    assert names(tmp_path) == []


def test_a_wrong_checksum_does_not_touch_the_good_file_that_was_there(get, server, tmp_path):
    get(None)
    (tmp_path / "thing" / "thing.bin").write_bytes(b"damaged")
    server.files["thing.bin"] = b"changed"
    message = error_of(lambda: get(None))
    assert SUM in message and hashlib.sha256(b"changed").hexdigest() in message and RECORD in message
    assert (tmp_path / "thing" / "thing.bin").read_bytes() == b"damaged"
    server.files["thing.bin"] = BODY
    assert get(None).read_bytes() == BODY


def test_an_unpublished_checksum_is_recorded_and_then_demanded(get, server, tmp_path):
    path = get(None)
    assert any("no checksum is published" in line and SUM in line for line in get.said)
    record = json.loads((tmp_path / "thing" / RECORD).read_text())
    assert record == {"thing.bin": {"sha256": SUM, "bytes": 512000, "url": f"{server.url}/thing.bin"}}
    get(None)
    assert get.said == ["thing.bin: already there, 512,000 bytes, checksum as recorded."]
    path.unlink()
    server.files["thing.bin"] = b"changed"
    assert f"recorded in {tmp_path / 'thing' / RECORD}" in error_of(lambda: get(None))
    assert not path.exists()
    (tmp_path / "thing" / RECORD).write_text("{")
    assert "delete it" in error_of(lambda: get(None))


PAGE = b"\n<!DOCTYPE html><html><body>Sign in to the network</body></html>"
GOOD = {"a.tar.gz": gzip.compress(BODY), "a.zip": None, "a.json": b'{"x": []}\n'}


def zipped() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("v.txt", BODY)
    return made.getvalue()


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("sha256", [None, SUM])
def test_what_a_proxy_answers_instead_is_not_taken_for_the_file(server, tmp_path, name, sha256):
    body = GOOD[name] or zipped()
    form = {"a.tar.gz": "gzip", "a.zip": "zip", "a.json": "JSON"}[name]
    sha256 = sha256 and hashlib.sha256(body).hexdigest()
    remote = {"thing": (Remote(name, f"{server.url}/{name}", None, sha256),)}
    said: list[str] = []
    get = partial(fetch, "thing", tmp_path, progress=False, say=said.append, downloads=remote, timeout=5.0)
    for answer in (PAGE, b"busy", b""):
        server.files[name] = answer
        message = error_of(get)
        assert f"what came is no {form} file" in message and "Nothing was saved" in message and "proxy" in message
        assert ("but a web page" in message) == (answer == PAGE)
        assert names(tmp_path) == [] and not said
    server.files[name] = body
    assert get().read_bytes() == body
    assert names(tmp_path) == [name] if sha256 else sorted([name, RECORD])


def test_a_file_without_published_checksum_is_read_to_its_end(server, tmp_path):
    server.files["a.tar.gz"], server.length = GOOD["a.tar.gz"][:-9], 0  # no length announced, and the end is cut off
    remote = {"thing": (Remote("a.tar.gz", f"{server.url}/a.tar.gz"),)}
    message = error_of(lambda: fetch("thing", tmp_path, progress=False, say=print, downloads=remote))
    assert "a gzip file that cannot be read to its end" in message and names(tmp_path) == []


def test_a_web_page_that_was_taken_for_the_file_once_is_replaced(server, tmp_path):
    """As an older version left it: saved, and its checksum recorded."""
    server.files["a.tar.gz"] = GOOD["a.tar.gz"]
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "a.tar.gz").write_bytes(PAGE)
    record = {"a.tar.gz": {"sha256": hashlib.sha256(PAGE).hexdigest(), "bytes": len(PAGE), "url": "x"}}
    (tmp_path / "thing" / RECORD).write_text(json.dumps(record))
    remote, said = {"thing": (Remote("a.tar.gz", f"{server.url}/a.tar.gz"),)}, []
    path = fetch("thing", tmp_path, progress=False, say=said.append, downloads=remote)
    assert "is no gzip file but a web page: it is removed" in said[0]
    assert path.read_bytes() == GOOD["a.tar.gz"]
    recorded = json.loads((tmp_path / "thing" / RECORD).read_text())
    assert recorded["a.tar.gz"]["sha256"] == hashlib.sha256(GOOD["a.tar.gz"]).hexdigest()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, a device that is always full")
def test_a_full_disk_leaves_nothing_under_the_final_name(get, tmp_path):
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "thing.bin.part").symlink_to("/dev/full")
    message = error_of(get)
    assert "the disk is full" in message and "run again to resume" in message
    assert "thing.bin" not in names(tmp_path)


def test_a_file_larger_than_the_disk_is_refused_before_it_comes(get, server, tmp_path):
    server.length = 10**18
    message = error_of(get)
    assert "the disk is full (1,000,000,000,000,000,000 bytes to come" in message
    assert names(tmp_path) == []


def test_nobody_answers(tmp_path, get):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    message = error_of(lambda: get(base_url=f"http://127.0.0.1:{port}"))
    assert message == f"cannot reach 127.0.0.1:{port}. Check the network and run again."
    assert names(tmp_path) == []
    assert "cannot reach" in error_of(lambda: get(base_url="http://no-such-host.invalid"))


def test_a_server_that_falls_silent(tmp_path, get):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        message = error_of(lambda: get(base_url=f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2))
    assert "no answer in time from 127.0.0.1" in message


def test_a_file_that_is_gone(get, server):
    del server.files["thing.bin"]
    message = error_of(get)
    assert "the server says 404" in message and "withdrawn" in message and "base_url" in message


def test_a_gzip_file_is_stored_as_it_comes(get, server):
    packed = gzip.compress(BODY)
    server.files["thing.bin"] = packed
    server.extra = {"Content-Encoding": "gzip"}
    assert get(hashlib.sha256(packed).hexdigest()).read_bytes() == packed


def test_a_folder_that_cannot_be_written(tmp_path, get):
    (tmp_path / "file").write_text("not a folder")
    assert "cannot write" in error_of(lambda: get(folder=tmp_path / "file"))


def test_the_notice_is_printed_and_another_server_may_be_named(server, tmp_path):
    packed = gzip.compress(b"x")
    server.files |= {"annotations.json": b"{}", "reviews.aspect0.train.txt.gz": packed}
    said: list[str] = []
    only = ["reviews.aspect0.train.txt.gz"]
    path = fetch("beer", tmp_path, files=only, base_url=server.url, progress=False, say=said.append)
    assert path == tmp_path / "beer" and (path / only[0]).read_bytes() == packed
    assert "withdrawn" in said[0] and "research purposes only" in said[0]
    wrong = error_of(lambda: fetch("beer", tmp_path, base_url=server.url, progress=False, say=said.append))
    assert "annotations.json" in wrong and sources()["beer"].downloads[0].sha256 in wrong


def test_wrong_names_list_the_right_ones(tmp_path):
    assert "movies, multirc, fever, beer, hotel, imdb, glove" in error_of(lambda: fetch("bear", tmp_path))
    assert "annotations.json" in error_of(lambda: fetch("beer", tmp_path, files=["annotation.json"]))
    message = error_of(lambda: fetch("tweets", tmp_path))
    assert "Kaggle" in message and VARIABLE in message


def test_the_registry_is_complete():
    downloads = {name: source.downloads for name, source in sources().items() if not source.by_hand}
    assert set(downloads) == {"movies", "multirc", "fever", "beer", "hotel", "imdb", "glove"}
    assert set(sources()) == {*downloads, "tweets"} == {*ENTRIES, "glove"} - {"reviews"}
    for name, files in downloads.items():
        assert files and sources()[name].notice and len({remote.file for remote in files}) == len(files)
        for remote in files:
            assert remote.url.endswith(remote.file) and remote.sha256 in (None, (remote.sha256 or "").lower())
            assert remote.sha256 is None or len(bytes.fromhex(remote.sha256)) == 32
    beer = downloads["beer"]
    assert [r.file for r in beer if r.sha256 is None] == [r.file for r in beer[1:]]


def test_where_corpora_are_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "there"))
    assert data_folder() == tmp_path / "there" and data_folder("here") == Path("here")
    with pytest.raises(CorpusError, match="movies is not in the data folder. Run: ver-lite fetch movies"):
        locate("movies")
    with pytest.raises(CorpusError, match="Kaggle"):
        locate("tweets")
    with pytest.raises(CorpusError, match="There are movies"):
        locate("bears")
    for name in (
        "movies/movies.tar.gz",
        "eraser/multirc.tar.gz",
        "fever/fever/test.jsonl",
        "beer/annotations.json",
        "hotel/data/oracle/hotel_Location.train",
        "imdb/aclImdb_v1.tar.gz",
        "tweets/train.csv.gz",
        "glove/glove.6B.zip",
        "glove/glove.6B.50d.txt",
        "glove/glove.6B.100d.txt.part",
    ):
        (tmp_path / "there" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "there" / name).write_text("x")
    found = {name: locate(name).relative_to(tmp_path / "there").as_posix() for name in sources()}
    assert found == {
        "movies": "movies/movies.tar.gz",
        "multirc": "eraser/multirc.tar.gz",
        "fever": "fever/fever",
        "beer": "beer",
        "hotel": "hotel",
        "imdb": "imdb/aclImdb_v1.tar.gz",
        "tweets": "tweets/train.csv.gz",
        "glove": "glove/glove.6B.zip",
    }
    assert locate("glove", dimension=50).name == "glove.6B.50d.txt"
    file = tmp_path / "there" / "tweets" / "train.csv.gz"
    assert locate("tweets", file) == file


def test_without_the_variable_the_cache_of_the_system_is_used(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert data_folder().name == "ver-lite"


def test_importing_the_downloader_does_not_import_pooch():
    code = "import sys, ver_lite.corpora.fetch; print('pooch' in sys.modules, 'requests' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"
