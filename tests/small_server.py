"""A local HTTP server that can misbehave in the ways that real ones do."""

import http.server


class Server(http.server.ThreadingHTTPServer):
    """Serves ``files``; ``stop_after`` closes the connection after so many bytes of an answer."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.stop_after: int | None = None
        self.ranges = True
        self.mark = '"one"'
        self.length: int | None = None  # what is announced; None: the truth, 0: nothing
        self.seen: list[str | None] = []  # the Range header of each request
        self.extra: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        body = self.server.files.get(self.path.lstrip("/"))
        asked = self.headers.get("Range")
        self.server.seen.append(asked)
        if body is None:
            return self.send_error(404)
        start = 0
        same = self.headers.get("If-Range", self.server.mark) == self.server.mark
        if asked and self.server.ranges and same:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(body)}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        if self.server.length != 0:
            self.send_header("Content-Length", str(self.server.length or len(body) - start))
        if self.server.mark:
            self.send_header("ETag", self.server.mark)
        for name, value in self.server.extra.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[start:][: self.server.stop_after])

    def log_message(self, *_):
        pass
