"""Serves one algorithm over JSON-RPC lines on a unix socket (docs/rpc.md), with a health page in a thread of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
import threading
from typing import Any, BinaryIO, Callable, Mapping, Sequence

from .blame import algorithm_error
from .calls import Calls
from .health import CappedWriter, Health, end_with, start_health, start_watchdog
from .wire import (
    ALGORITHM_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    LINE_BYTES_MAX,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    RpcError,
    error_line,
)

# How long the executor has to say goodbye.
STOP_SECONDS_MAX = 6.0


class Server:
    """One algorithm, one connection at a time, one request in flight."""

    def __init__(self, bundle: str, entry: str, health: Health, writers: Sequence[CappedWriter] = ()) -> None:
        self._bundle = bundle
        self._entry = entry
        self._health = health
        self._calls = Calls(bundle, entry, writers)
        self._connected = False
        self._stopping = False

    def serve(self, path: str) -> None:
        """Listens until the process ends. A new connection starts with a new ``initialize``."""
        make_way(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(path)
            listener.listen(1)
            while True:
                connection, _ = listener.accept()
                self._connected = True
                self._calls.begin()
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
            answer = self.answer(line) if not too_long else error_line(None, RpcError(PARSE_ERROR, "the line is over 4 MiB"))
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
            handler = self._calls.methods.get(request["method"])
            if handler is None:
                raise RpcError(METHOD_NOT_FOUND, f"unknown method {request['method']}")
            params = request.get("params", {})
            if not isinstance(params, dict):
                raise RpcError(INVALID_PARAMS, "params must be an object")
            return self._result(identifier, request["method"], handler, params)
        except RpcError as error:
            return error_line(identifier, error)

    def _result(
        self, identifier: Any, name: str, handler: Callable[[Mapping[str, Any]], Any], params: Mapping[str, Any]
    ) -> bytes:
        self._health.begin(name)
        result: Any = None
        try:
            result = handler(params)
            line = self._encode(name, identifier, result)
        except RpcError:
            raise
        except KeyboardInterrupt:
            raise
        except BaseException as thrown:  # An algorithm that calls sys.exit() has failed like any other.
            raise algorithm_error(thrown, self._bundle, self._entry, self._said(result)) from thrown
        finally:
            self._health.end()
        if len(line) > LINE_BYTES_MAX:
            raise RpcError(ALGORITHM_ERROR, f"{name} answered {len(line)} bytes; at most {LINE_BYTES_MAX}")
        return line

    def _said(self, result: Any) -> Mapping[str, Any]:
        """What was logged in a call that failed; of an answer that cannot be sent it has been taken already."""
        if isinstance(result, dict) and "logs" in result:
            return {name: result[name] for name in ("logs", "dropped") if name in result}
        return self._calls.said()

    def _encode(self, name: str, identifier: Any, result: Any) -> bytes:
        try:
            return json.dumps({"jsonrpc": "2.0", "id": identifier, "result": result}, allow_nan=False).encode() + b"\n"
        except (TypeError, ValueError, RecursionError) as cause:
            self._calls.check_answer(name, result, cause)


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
        start_health(env.get("SLIPWAY_LISTEN_HOST", "127.0.0.1"), int(port), health)
        start_watchdog(health, os.path.abspath(bundle), end_with)
        server.serve(path)
    except OSError as cause:
        print(f"cannot serve: {cause}", file=sys.stderr, flush=True)
        return 1
    return 0


def make_way(path: str) -> None:
    """Removes what stands where the socket goes: an earlier process's, or what an algorithm has put there (a link to nowhere, a folder)."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError:
        shutil.rmtree(path)
