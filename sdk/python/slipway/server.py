"""Serves one algorithm over JSON-RPC lines on a unix socket (docs/rpc.md), with a health page in a thread of its own."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import sys
import threading
import traceback
from typing import Any, BinaryIO, Callable, Dict, List, Mapping, Optional, Sequence

from .context import Context
from .health import CappedWriter, Health, end_with, start_health, start_watchdog
from .loading import LoadError, find_algorithm, load_module, method
from .plain import NotPlain, encode_plain
from .slots import Slots
from .wire import (
    ALGORITHM_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    LINE_BYTES_MAX,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    RpcError,
    error_line,
    needed,
)

# How long the executor has to say goodbye.
STOP_SECONDS_MAX = 6.0
# Of docs/rpc.md.
PROTOCOL = 3
DESCRIPTION_BYTES_MAX = 64 * 1024
HOOKS = ("warm", "on_order", "on_timer", "on_command", "snapshot", "restore", "stop")

class Server:
    """One algorithm, one connection at a time, one request in flight."""

    def __init__(self, bundle: str, entry: str, health: Health, writers: Sequence[CappedWriter] = ()) -> None:
        self._writers = writers
        self._bundle = bundle
        self._entry = entry
        self._health = health
        self._algorithm: Any = None
        self._context = Context({}, "paper", 0)
        self._slots: Optional[Slots] = None
        # Loaded, and not initialized yet.
        self._fresh = False
        self._connected = False
        self._stopping = False
        self._methods: Dict[str, Callable[[Mapping[str, Any]], Any]] = {
            "hello": self._hello,
            "initialize": self._initialize,
            "warm": self._warm,
            "event": self._event,
            "order": self._order,
            "timer": self._timer,
            "command": self._command,
            "optimize": self._optimize,
            "check": self._check,
            "snapshot": self._snapshot,
            "restore": self._restore,
            "stop": self._stop,
        }

    def serve(self, path: str) -> None:
        """Listens until the process ends. A new connection starts with a new ``initialize``."""
        make_way(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(path)
            listener.listen(1)
            while True:
                connection, _ = listener.accept()
                self._connected = True
                self._fresh = False
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
            handler = self._methods.get(request["method"])
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
        message = str(thrown) if isinstance(thrown, NotPlain) else f"{type(thrown).__name__}: {thrown}"
        return RpcError(ALGORITHM_ERROR, message, data)

    def _hello(self, params: Mapping[str, Any]) -> Any:
        """Loads the algorithm; ``initialize`` then has it already."""
        self._algorithm = self._load()
        asked = params.get("protocol")
        hello = {"protocol": min(asked, PROTOCOL) if isinstance(asked, int) else PROTOCOL, "language": "python"}
        describe = method(self._algorithm, "describe")
        if describe is None:
            return hello
        description = describe()
        size = len(json.dumps(description, allow_nan=False).encode())
        if size > DESCRIPTION_BYTES_MAX:
            raise LoadError(f"describe() answered {size} bytes; at most {DESCRIPTION_BYTES_MAX}")
        return {**hello, "description": description}

    def _load(self) -> Any:
        self._fresh = True
        return find_algorithm(load_module(self._bundle, self._entry))

    def _initialize(self, params: Mapping[str, Any]) -> Any:
        given, mode, seed = params.get("params"), params.get("mode"), params.get("seed")
        if not isinstance(given, dict) or not isinstance(mode, str) or not isinstance(seed, int):
            raise RpcError(INVALID_PARAMS, "initialize needs params, mode and seed")
        self._context = Context(given, mode, seed)
        # A second one on the same connection starts anew.
        if not self._fresh:
            self._algorithm = self._load()
        self._fresh = False
        channels = _required(self._algorithm, "initialize")(self._context.params, self._context)
        if not isinstance(channels, (list, tuple)) or not all(isinstance(channel, str) for channel in channels):
            raise LoadError("initialize() must return the channels it wants, a list of strings")
        hooks = [hook for hook in HOOKS if method(self._algorithm, hook) is not None]
        timers = self._context.end_timers()
        self._slots = self._open_slots(params.get("slots"))
        return {"channels": list(channels), "hooks": hooks, "timers": timers, "digest": _digest(self._bundle)}

    def _open_slots(self, files: Any) -> Optional[Slots]:
        if files is None:
            return None
        if not isinstance(files, dict) or not all(isinstance(file, str) for file in files.values()):
            raise RpcError(INVALID_PARAMS, "slots must name files")
        return Slots(files, lambda file: load_module(self._bundle, file), self._context)

    def _warm(self, params: Mapping[str, Any]) -> Any:
        data = needed(params, "data")
        self._context.turn(needed(params, "now"), params.get("portfolio"))
        if self._slots is not None:
            self._slots.observe(data)
        hook = method(self._algorithm, "warm") or _required(self._algorithm, "event")
        hook(data, self._context)
        self._context.log.take()
        return None

    def _event(self, params: Mapping[str, Any]) -> Any:
        event = _required(self._algorithm, "event")
        data = needed(params, "data")
        if self._slots is not None:
            self._context.turn(needed(params, "now"), needed(params, "portfolio"))
            self._slots.observe(data)
        return self._decide(event, data, params)

    def _order(self, params: Mapping[str, Any]) -> Any:
        return self._decide(self._optional("on_order"), needed(params, "event"), params)

    def _timer(self, params: Mapping[str, Any]) -> Any:
        return self._decide(self._optional("on_timer"), needed(params, "timer"), params)

    def _command(self, params: Mapping[str, Any]) -> Any:
        return self._decide(self._optional("on_command"), needed(params, "command"), params)

    def _optimize(self, params: Mapping[str, Any]) -> Any:
        slots = self._turn_slots(params)
        return {"bet": slots.optimize(needed(params, "wager")), **self._said()}

    def _check(self, params: Mapping[str, Any]) -> Any:
        slots = self._turn_slots(params)
        return {"verdict": slots.check(needed(params, "order")), **self._said()}

    def _turn_slots(self, params: Mapping[str, Any]) -> Slots:
        if self._slots is None:
            raise RpcError(INVALID_REQUEST, "initialize named no files for the portfolio")
        self._context.turn(needed(params, "now"), needed(params, "portfolio"))
        return self._slots

    def _optional(self, name: str) -> Callable[..., Any]:
        return method(self._algorithm, name) or (lambda *_: None)

    def _decide(self, hook: Callable[..., Any], subject: Any, params: Mapping[str, Any]) -> Any:
        self._context.turn(needed(params, "now"), needed(params, "portfolio"))
        decided = hook(subject, self._context)
        decisions: List[Any] = []
        if isinstance(decided, (list, tuple)):
            decisions = list(decided)
        elif decided is not None:
            decisions = [decided]
        return {"decisions": decisions, **self._said()}

    def _said(self) -> Dict[str, Any]:
        """What was logged in the call that ends now."""
        dropped = self._context.log.dropped + sum(writer.take_dropped() for writer in self._writers)
        logs = {"logs": self._context.log.take()}
        return {**logs, "dropped": dropped} if dropped else logs

    def _snapshot(self, params: Mapping[str, Any]) -> Any:
        hook = method(self._algorithm, "snapshot")
        state = hook() if hook is not None else None
        indicators = self._context.indicators.save()
        saved = {"state": state, "random": format(self._context.generator.state, "x")}
        slots = self._slots.save() if self._slots is not None else None
        kept = saved if indicators is None else {**saved, "indicators": indicators}
        encode_plain(state, "snapshot()")
        # As a text: the executor has other numbers, and would write 1.0 as 1 and long integers with other digits.
        return {"text": json.dumps(kept if slots is None else {**kept, "slots": slots}, allow_nan=False)}

    def _restore(self, params: Mapping[str, Any]) -> Any:
        saved = needed(params, "state")
        if isinstance(saved, dict) and isinstance(saved.get("text"), str):
            saved = json.loads(saved["text"])
        if not isinstance(saved, dict):
            raise RpcError(INVALID_PARAMS, "state is not what snapshot answered")
        if isinstance(saved.get("random"), str):
            self._context.generator.state = int(saved["random"], 16)
        self._context.indicators.load(saved.get("indicators"))
        if self._slots is not None:
            self._slots.load(saved.get("slots"))
        hook = method(self._algorithm, "restore")
        if hook is not None and saved.get("state") is not None:
            hook(saved["state"])
        return None

    def _stop(self, params: Mapping[str, Any]) -> Any:
        hook = method(self._algorithm, "stop")
        if hook is not None:
            hook(needed(params, "reason"), self._context)
        return {"logs": self._context.log.take()}


def _required(algorithm: Any, name: str) -> Callable[..., Any]:
    if algorithm is None:
        raise RpcError(INVALID_REQUEST, "initialize comes first")
    found = method(algorithm, name)
    if found is None:
        raise LoadError(f"the algorithm has no {name}()")
    return found


def _digest(bundle: str) -> Optional[str]:
    """The content digest of the archive; a folder has none."""
    if os.path.isdir(bundle):
        return None
    with open(bundle, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


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
