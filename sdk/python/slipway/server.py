"""Serves one algorithm over JSON-RPC lines on a unix socket (docs/rpc.md), with a health page in a thread of its own."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, BinaryIO, Callable, Dict, List, Mapping, Optional, Sequence, TextIO

from .context import Context
from .loading import LoadError, find_algorithm, load_module, method

LINE_BYTES_MAX = 1024 * 1024
# A call that takes longer means that the algorithm never answers.
CALL_SECONDS_MAX = 5.0
LINES_PER_SECOND_MAX = 50
# How long the executor has to say goodbye.
STOP_SECONDS_MAX = 6.0
HOOKS = ("warm", "on_order", "snapshot", "restore", "stop")

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
ALGORITHM_ERROR = -32000


class RpcError(Exception):
    """An answer that is an error, with its code."""

    def __init__(self, code: int, message: str, data: Optional[Mapping[str, Any]] = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


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
        allowed = CALL_SECONDS_MAX if call in ("event", "order", "snapshot") else 30.0
        if call is None or seconds <= allowed:
            return None
        return f"{call} has not answered for {seconds:.0f} s"


class Server:
    """One algorithm, one connection at a time, one request in flight."""

    def __init__(self, bundle: str, entry: str, health: Health, writers: Sequence[CappedWriter] = ()) -> None:
        self._writers = writers
        self._bundle = bundle
        self._entry = entry
        self._health = health
        self._algorithm: Any = None
        self._context = Context({}, "paper", 0)
        self._connected = False
        self._stopping = False
        self._methods: Dict[str, Callable[[Mapping[str, Any]], Any]] = {
            "initialize": self._initialize,
            "warm": self._warm,
            "event": self._event,
            "order": self._order,
            "snapshot": self._snapshot,
            "restore": self._restore,
            "stop": self._stop,
        }

    def serve(self, path: str) -> None:
        """Listens until the process ends. A new connection starts with a new ``initialize``."""
        if os.path.exists(path):
            os.unlink(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(path)
            listener.listen(1)
            while True:
                connection, _ = listener.accept()
                self._connected = True
                with connection, connection.makefile("rb") as lines:
                    try:
                        self._converse(connection, lines)
                    except (BrokenPipeError, ConnectionResetError):
                        print("the executor went away", file=sys.stderr, flush=True)
                self._connected = False
                if self._stopping:
                    return

    def terminate(self) -> None:
        """Both containers of a pod are told to end at once; the executor's ``stop`` and ``snapshot`` are still to come."""
        self._stopping = True
        if not self._connected:
            os._exit(0)
        timer = threading.Timer(STOP_SECONDS_MAX, lambda: os._exit(0))
        timer.daemon = True
        timer.start()

    def _converse(self, connection: socket.socket, lines: BinaryIO) -> None:
        while True:
            line = lines.readline(LINE_BYTES_MAX + 1)
            if not line:
                return
            too_long = not line.endswith(b"\n")
            answer = self.answer(line) if not too_long else _error(None, RpcError(PARSE_ERROR, "the line is over 1 MiB"))
            connection.sendall(answer)
            if too_long:
                return

    def answer(self, line: bytes) -> bytes:
        """The answer to one line, as a line."""
        identifier: Any = None
        try:
            try:
                request = json.loads(line)
            except ValueError as cause:
                raise RpcError(PARSE_ERROR, f"not JSON: {cause}") from cause
            if not isinstance(request, dict) or not isinstance(request.get("method"), str):
                raise RpcError(INVALID_REQUEST, "not a request")
            identifier = request.get("id")
            handler = self._methods.get(request["method"])
            if handler is None:
                raise RpcError(METHOD_NOT_FOUND, f"unknown method {request['method']}")
            params = request.get("params", {})
            if not isinstance(params, dict):
                raise RpcError(INVALID_PARAMS, "params must be an object")
            return self._result(identifier, request["method"], handler, params)
        except RpcError as error:
            return _error(identifier, error)

    def _result(
        self, identifier: Any, name: str, handler: Callable[[Mapping[str, Any]], Any], params: Mapping[str, Any]
    ) -> bytes:
        self._health.begin(name)
        try:
            result = handler(params)
            line = json.dumps({"jsonrpc": "2.0", "id": identifier, "result": result}, allow_nan=False).encode() + b"\n"
        except RpcError:
            raise
        except KeyboardInterrupt:
            raise
        except BaseException as thrown:  # An algorithm that calls sys.exit() has failed like any other.
            self._context.log.take()
            raise self._algorithm_error(thrown) from thrown
        finally:
            self._health.end()
        if len(line) > LINE_BYTES_MAX:
            raise RpcError(ALGORITHM_ERROR, f"{name} answered {len(line)} bytes; at most {LINE_BYTES_MAX}")
        return line

    def _algorithm_error(self, thrown: BaseException) -> RpcError:
        frames = traceback.extract_tb(thrown.__traceback__)
        own = [frame for frame in frames if frame.filename.startswith(self._bundle)]
        data: Dict[str, Any] = {"traceback": "".join(traceback.format_exception(type(thrown), thrown, thrown.__traceback__))}
        if own:
            data["file"] = os.path.relpath(own[-1].filename, self._bundle)
            data["line"] = own[-1].lineno
        elif isinstance(thrown, SyntaxError):
            data["file"] = os.path.basename(thrown.filename or self._entry)
            data["line"] = thrown.lineno
        else:
            data["file"] = self._entry
            data["line"] = 1
        return RpcError(ALGORITHM_ERROR, f"{type(thrown).__name__}: {thrown}", data)

    def _initialize(self, params: Mapping[str, Any]) -> Any:
        given, mode, seed = params.get("params"), params.get("mode"), params.get("seed")
        if not isinstance(given, dict) or not isinstance(mode, str) or not isinstance(seed, int):
            raise RpcError(INVALID_PARAMS, "initialize needs params, mode and seed")
        self._context = Context(given, mode, seed)
        self._algorithm = find_algorithm(load_module(self._bundle, self._entry))
        channels = _required(self._algorithm, "initialize")(self._context.params, self._context)
        if not isinstance(channels, (list, tuple)) or not all(isinstance(channel, str) for channel in channels):
            raise LoadError("initialize() must return the channels it wants, a list of strings")
        hooks = [hook for hook in HOOKS if method(self._algorithm, hook) is not None]
        return {"channels": list(channels), "hooks": hooks, "digest": _digest(self._bundle)}

    def _warm(self, params: Mapping[str, Any]) -> Any:
        data = _needed(params, "data")
        self._context.turn(_needed(params, "now"), params.get("portfolio"))
        hook = method(self._algorithm, "warm") or _required(self._algorithm, "event")
        hook(data, self._context)
        self._context.log.take()
        return None

    def _event(self, params: Mapping[str, Any]) -> Any:
        return self._decide(_required(self._algorithm, "event"), _needed(params, "data"), params)

    def _order(self, params: Mapping[str, Any]) -> Any:
        hook = method(self._algorithm, "on_order")
        return self._decide(hook or (lambda *_: None), _needed(params, "event"), params)

    def _decide(self, hook: Callable[..., Any], subject: Any, params: Mapping[str, Any]) -> Any:
        self._context.turn(_needed(params, "now"), _needed(params, "portfolio"))
        decided = hook(subject, self._context)
        decisions: List[Any] = []
        if isinstance(decided, (list, tuple)):
            decisions = list(decided)
        elif decided is not None:
            decisions = [decided]
        dropped = self._context.log.dropped + sum(writer.take_dropped() for writer in self._writers)
        answer: Dict[str, Any] = {"decisions": decisions, "logs": self._context.log.take()}
        return {**answer, "dropped": dropped} if dropped else answer

    def _snapshot(self, params: Mapping[str, Any]) -> Any:
        hook = method(self._algorithm, "snapshot")
        state = hook() if hook is not None else None
        return {"state": state, "random": format(self._context.generator.state, "x")}

    def _restore(self, params: Mapping[str, Any]) -> Any:
        saved = _needed(params, "state")
        if not isinstance(saved, dict):
            raise RpcError(INVALID_PARAMS, "state is not what snapshot answered")
        if isinstance(saved.get("random"), str):
            self._context.generator.state = int(saved["random"], 16)
        hook = method(self._algorithm, "restore")
        if hook is not None and saved.get("state") is not None:
            hook(saved["state"])
        return None

    def _stop(self, params: Mapping[str, Any]) -> Any:
        hook = method(self._algorithm, "stop")
        if hook is not None:
            hook(_needed(params, "reason"), self._context)
        return None


def _needed(params: Mapping[str, Any], name: str) -> Any:
    if name not in params:
        raise RpcError(INVALID_PARAMS, f"{name} is missing")
    return params[name]


def _required(algorithm: Any, name: str) -> Callable[..., Any]:
    if algorithm is None:
        raise RpcError(INVALID_REQUEST, "initialize comes first")
    found = method(algorithm, name)
    if found is None:
        raise LoadError(f"the algorithm has no {name}()")
    return found


def _error(identifier: Any, error: RpcError) -> bytes:
    body: Dict[str, Any] = {"code": error.code, "message": str(error)}
    if error.data is not None:
        body["data"] = error.data
    return json.dumps({"jsonrpc": "2.0", "id": identifier, "error": body}).encode() + b"\n"


def _digest(bundle: str) -> Optional[str]:
    """The content digest of the archive; a folder has none."""
    if os.path.isdir(bundle):
        return None
    with open(bundle, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def start_health(port: int, health: Health) -> HTTPServer:
    """Answers ``/live`` on 127.0.0.1 from a thread: it goes on while the algorithm computes, and says when that takes too long."""

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

    server = HTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main(env: Mapping[str, str]) -> int:
    """Exit codes: 0 asked to stop, 1 fault, 2 refused."""
    names = ("SLIPWAY_ALGORITHM_BUNDLE", "SLIPWAY_ALGORITHM_ENTRY", "SLIPWAY_RPC_SOCKET", "SLIPWAY_PORT_HEALTH")
    missing = [name for name in names if not env.get(name)]
    if missing:
        print(f"not set: {', '.join(missing)}", file=sys.stderr)
        return 1
    bundle, entry, path, port = (env[name] for name in names)
    writers = (CappedWriter(sys.stdout), CappedWriter(sys.stderr))
    sys.stdout, sys.stderr = writers  # type: ignore[assignment]
    health = Health()
    server = Server(os.path.abspath(bundle), entry, health, writers)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    signal.signal(signal.SIGINT, lambda *_: server.terminate())
    try:
        start_health(int(port), health)
        server.serve(path)
    except OSError as cause:
        print(f"cannot serve: {cause}", file=sys.stderr, flush=True)
        return 1
    return 0
