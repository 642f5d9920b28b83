"""A stand-in for the Hugging Face hub. It serves the folders of a root as models, as far as the hub's client asks."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

COMMIT = "0" * 39 + "1"


class Hub(BaseHTTPRequestHandler):
    """``/api/models/OWNER/NAME...`` says which files a model has, ``/OWNER/NAME/resolve/REVISION/FILE`` gives one."""

    def __init__(self, root: Path, asked: list[str], *given):
        self.root, self.asked = root, asked
        super().__init__(*given)

    def do_GET(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            return self.about("/".join(parts[2:4]), tree="tree" in parts)
        file = self.root / "/".join(parts[:2]) / "/".join(parts[4:])
        if not file.is_file():
            return self.answer(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        content = file.read_bytes()
        mark = f'"{hashlib.sha256(content).hexdigest()[:40]}"'
        self.answer(200, content, {"ETag": mark, "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"})

    do_HEAD = do_GET

    def about(self, name: str, tree: bool) -> None:
        folder = self.root / name
        if not folder.is_dir():
            return self.answer(404, b'{"error": "Repository not found"}', {"X-Error-Code": "RepoNotFound"})
        files = [{"path": p.name, "size": p.stat().st_size} for p in sorted(folder.iterdir())]
        if tree:
            said = [{"type": "file", "oid": "0" * 40, **file} for file in files]
        else:
            siblings = [{"rfilename": file["path"], "size": file["size"]} for file in files]
            said = {"id": name, "modelId": name, "sha": COMMIT, "siblings": siblings, "private": False, "tags": []}
        self.answer(200, json.dumps(said).encode(), {"Content-Type": "application/json"})

    def answer(self, code: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_) -> None:
        pass


@contextmanager
def hub(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Run a hub on this machine with the models under ``root``; yields its address and the list of requests so far."""
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Hub, root, asked))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
