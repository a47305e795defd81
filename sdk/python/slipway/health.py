"""What the process tells about itself: a health page in a thread of its own, and output that is capped."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Optional, TextIO

# A call that takes longer means that the algorithm never answers.
CALL_SECONDS_MAX = 5.0
LINES_PER_SECOND_MAX = 50


class CappedWriter:
    """Standard output for the algorithm: at most so many lines a second, the rest is counted."""

    def __init__(self, target: TextIO) -> None:
        self._target = target
        self._second = 0
        self._lines = 0
        self._dropped = 0
        self._untold = 0

    def take_dropped(self) -> int:
        """How many lines were dropped since the last time this was asked."""
        dropped, self._untold = self._untold, 0
        return dropped

    def write(self, text: str) -> int:
        """Passes the text on, or drops it whole."""
        second = int(time.monotonic())
        if second != self._second:
            self._second = second
            self._lines = 0
            if self._dropped:
                self._target.write(f"{self._dropped} lines dropped, more than allowed in a second\n")
                self._dropped = 0
        if self._lines >= LINES_PER_SECOND_MAX:
            self._dropped += text.count("\n")
            self._untold += text.count("\n")
            return len(text)
        self._lines += text.count("\n")
        self._target.write(text[:4000])
        return len(text)

    def flush(self) -> None:
        """Flushes what passed."""
        self._target.flush()

    def isatty(self) -> bool:
        """It is a log."""
        return False


class Health:
    """What the health page tells; written by the serving thread, read by the page's."""

    def __init__(self) -> None:
        self._call: Optional[str] = None
        self._since = 0.0

    def begin(self, call: str) -> None:
        """A call to the algorithm starts."""
        self._since = time.monotonic()
        self._call = call

    def end(self) -> None:
        """It returned."""
        self._call = None

    def complaint(self) -> Optional[str]:
        """None is good; otherwise why not."""
        call = self._call
        seconds = time.monotonic() - self._since
        # Starting may take its time; the executor has a deadline of its own for it.
        allowed = CALL_SECONDS_MAX if call in ("event", "order", "timer", "command", "optimize", "check", "snapshot") else 30.0
        if call is None or seconds <= allowed:
            return None
        return f"{call} has not answered for {seconds:.0f} s"


def start_health(host: str, port: int, health: Health) -> HTTPServer:
    """Answers ``/live`` on that address from a thread: it goes on while the algorithm computes, and says when that takes too long."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 (the name is the base class's)
            complaint = health.complaint()
            body = f"{complaint or 'ok'}\n".encode()
            self.send_response(200 if complaint is None else 503)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """A probe each second is not worth a line."""

    server = HTTPServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
