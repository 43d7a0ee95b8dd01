"""A web server on this machine that can misbehave as real ones do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """What a server gives out, and what it was asked.

    Attributes:
        content: Of the one file that every path leads to.
        cut_after: Bytes after which each connection breaks, counted within that connection.
        ranges: Whether requests for a range are honoured.
        status: Answered instead of the file; 0 is none.
        wait: Held before every answer until it is set.
        asked: The Range header of every request, None without one.
    """

    content: bytes
    cut_after: int | None = None
    ranges: bool = True
    status: int = 0
    url: str = ""
    wait: threading.Event = field(default_factory=threading.Event)
    asked: list[str | None] = field(default_factory=list)


@contextmanager
def serving(content: bytes, **execution) -> Iterator[Served]:
    """Serve a file for as long as the block runs."""
    served = Served(content, **execution)
    served.wait.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            served.asked.append(wanted)
            served.wait.wait(30)
            if served.status:
                self.send_error(served.status)
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and served.ranges else 0
            size = len(served.content)
            if start >= size and start:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{size}")
                self.end_headers()
                return
            self.send_response(206 if wanted and served.ranges else 200)
            if wanted and served.ranges:
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            self.send_header("Content-Length", str(size - start))
            self.end_headers()
            end = size if served.cut_after is None else start + served.cut_after
            self.wfile.write(served.content[start:end])

        def log_message(self, *args) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}/file.bin"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.wait.set()
        server.shutdown()
        server.server_close()
