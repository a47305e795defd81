"""What the process tells about itself: a health page in a thread of its own, and output that is capped."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Callable, Optional, TextIO

# A call that takes longer means that the algorithm never answers; the executor has the same deadlines (docs/rpc.md).
CALL_SECONDS_MAX = 5.0
START_SECONDS_MAX = 30.0
# This process knows where the algorithm is, so it speaks just before the executor does.
AHEAD_SECONDS = 0.25
LOOK_SECONDS = 1.0
LINES_PER_SECOND_MAX = 50
METHODS = {"order": "on_order", "timer": "on_timer", "command": "on_command"}
QUICK = ("event", "order", "timer", "command", "optimize", "check", "snapshot")


class CappedWriter:
    """Standard output for the algorithm: at most so many lines a second, and what nobody reads is not waited for; the rest is counted."""

    def __init__(self, target: TextIO) -> None:
        target.flush()
        self._file = target.fileno()
        os.set_blocking(self._file, False)
        # The end of a text of which a full pipe took the beginning.
        self._rest = b""
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
                told = f"{self._dropped} lines dropped, more than allowed in a second or than were read\n"
                if self._put(told):
                    self._dropped = 0
        if self._lines >= LINES_PER_SECOND_MAX or not self._put(text[:4000]):
            self._dropped += text.count("\n")
            self._untold += text.count("\n")
            return len(text)
        self._lines += text.count("\n")
        return len(text)

    def _put(self, text: str) -> bool:
        """Whether it will be read: all of it is in the pipe, or its beginning and the end comes next."""
        data = self._rest + text.encode("utf-8", "backslashreplace")
        try:
            taken = os.write(self._file, data)
        except BlockingIOError:
            taken = 0
        except OSError:
            # The reader has gone; that is no reason for the algorithm to fail.
            self._rest = b""
            return False
        if taken < len(self._rest) or taken == 0:
            self._rest = self._rest[taken:]
            return text == ""
        self._rest = data[taken:]
        return True

    def flush(self) -> None:
        """Sends the end of what a full pipe took by half."""
        if self._rest:
            self._put("")

    def isatty(self) -> bool:
        """It is a log."""
        return False


class Call:
    """One call to the algorithm."""

    __slots__ = ("name", "since")

    def __init__(self, name: str, since: float) -> None:
        self.name = name
        self.since = since

    @property
    def what(self) -> str:
        """What the algorithm's author calls it."""
        if self.name == "hello":
            return "the file's own code, or describe(),"
        return f"{METHODS.get(self.name, self.name)}()"

    @property
    def allowed(self) -> float:
        """How many seconds it may take."""
        return CALL_SECONDS_MAX if self.name in QUICK else START_SECONDS_MAX

    def seconds(self) -> float:
        """How many it has taken."""
        return time.monotonic() - self.since


class Health:
    """What the health page tells; written by the serving thread, read by the page's."""

    def __init__(self) -> None:
        # One value, so that nobody reads a call with another one's time.
        self._now: Optional[Call] = None

    def begin(self, call: str) -> None:
        """A call to the algorithm starts."""
        self._now = Call(call, time.monotonic())

    def end(self) -> None:
        """It returned."""
        self._now = None

    @property
    def now(self) -> Optional[Call]:
        """The call that is under way."""
        return self._now

    def complaint(self) -> Optional[str]:
        """None is good; otherwise why not."""
        now = self._now
        if now is None or now.seconds() <= now.allowed:
            return None
        return f"{now.what} has not returned for {now.seconds():.0f} s"


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


def start_watchdog(health: Health, bundle: str, end: Callable[[str], None]) -> None:
    """
    Ends the process when a call never returns, with the line that it is at. In a thread of its own, which a call into C that holds the interpreter
    keeps from running: then the executor's deadline and the health page remain.
    """
    main = threading.get_ident()

    def watch() -> None:
        while True:
            call = health.now
            left = LOOK_SECONDS if call is None else call.allowed - AHEAD_SECONDS - call.seconds()
            if call is None or left > 0:
                # Not longer than a look: the next call may have to answer sooner.
                time.sleep(min(left, LOOK_SECONDS))
            elif health.now is call:
                end(f"{call.what} did not return for {call.allowed:.0f} s{_place(main, bundle)}")

    threading.Thread(target=watch, daemon=True).start()


def _place(thread: int, bundle: str) -> str:
    """Where the algorithm's own code is in that thread: ``; it is at algorithm.py:12, in event()``."""
    frame = sys._current_frames().get(thread)
    own = [at for at in traceback.extract_stack(frame) if at.filename.startswith(bundle)] if frame is not None else []
    if not own:
        return ""
    at = own[-1]
    inside = "" if at.name.startswith("<") else f", in {at.name}()"
    return f"; it is at {os.path.relpath(at.filename, bundle)}:{at.lineno}{inside}"


def end_with(message: str) -> None:
    """Says it as the last thing, past what the algorithm may have done to the standard streams, and ends the process as a fault."""
    os.write(2, f"{message}\n".encode())
    os._exit(1)
