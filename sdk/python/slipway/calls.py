"""What the executor may ask of an algorithm: one method each (docs/rpc.md)."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, Callable, Dict, List, Mapping, NoReturn, Optional, Sequence

from .blame import place_of
from .context import Context
from .frozen import frozen
from .health import METHODS as CALLED
from .health import QUICK, CappedWriter
from .loading import LoadError, find_algorithm, load_module, method, takes
from .plain import NotPlain, check_plain, encode_plain
from .slots import Slots
from .wire import INVALID_PARAMS, INVALID_REQUEST, RpcError, needed

PROTOCOL = 3
DESCRIPTION_BYTES_MAX = 64 * 1024
# Methods that code of the portfolio answers.
SLOT_OF = {"optimize": "sizing", "check": "guard"}
HOOKS = ("warm", "on_order", "on_timer", "on_command", "snapshot", "restore", "stop")


class Calls:
    """One algorithm with its context, sizing and guard, and the calls that reach them."""

    def __init__(self, bundle: str, entry: str, writers: Sequence[CappedWriter] = ()) -> None:
        self._writers = writers
        self._bundle = bundle
        self._entry = entry
        self._algorithm: Any = None
        self._context = Context({}, "paper", 0)
        self._slots: Optional[Slots] = None
        # Loaded, and not initialized yet.
        self._fresh = False
        self.methods: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
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

    def begin(self) -> None:
        """A new connection: whoever it is starts anew."""
        self._fresh = False

    def hook(self, name: str) -> Optional[Callable[..., Any]]:
        """The function of the strategy's code that a method here calls."""
        if name in SLOT_OF:
            return None if self._slots is None else self._slots.hook(SLOT_OF[name])
        return None if self._algorithm is None else method(self._algorithm, CALLED.get(name, name))

    def check_answer(self, name: str, result: Any, cause: Exception) -> NoReturn:
        """Says what keeps an answer from being JSON, and whose it is."""
        hook, called = self.hook(name), f"what {CALLED.get(name, name)}() answers"
        check_plain(result, called, hook)
        raise NotPlain(f"{called} is no JSON: {cause}", hook) from cause

    def _hello(self, params: Mapping[str, Any]) -> Any:
        """Loads the algorithm; ``initialize`` then has it already."""
        self._algorithm = self._load()
        asked = params.get("protocol")
        hello = {"protocol": min(asked, PROTOCOL) if isinstance(asked, int) else PROTOCOL, "language": "python"}
        describe = method(self._algorithm, "describe")
        if describe is None:
            return hello
        description = describe()
        check_plain(description, "describe()", describe)
        size = len(json.dumps(description, allow_nan=False).encode())
        if size > DESCRIPTION_BYTES_MAX:
            raise NotPlain(f"describe() answered {size} bytes; at most {DESCRIPTION_BYTES_MAX}", describe)
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
        initialize = _required(self._algorithm, "initialize")
        channels = initialize(self._context.params, self._context)
        if not isinstance(channels, (list, tuple)) or not all(isinstance(channel, str) for channel in channels):
            raise NotPlain("initialize() must return the channels it wants, a list of strings", initialize)
        hooks = [hook for hook in HOOKS if method(self._algorithm, hook) is not None]
        if takes(self._algorithm, "restore", 2):
            hooks.append("restore_other")
        timers = self._context.end_timers()
        self._slots = self._open_slots(params.get("slots"))
        digest = _digest(self._bundle)
        return {"channels": list(channels), "hooks": hooks, "timers": timers, "digest": digest, "places": self._places()}

    def _places(self) -> Dict[str, str]:
        """Where the functions stand whose answers the executor reads."""
        found = {name: place_of(self.hook(name), self._bundle) for name in (*QUICK, "initialize")}
        return {name: f"{place[0]}:{place[1]}" for name, place in found.items() if place is not None}

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
        return {"bet": slots.optimize(needed(params, "wager")), **self.said()}

    def _check(self, params: Mapping[str, Any]) -> Any:
        slots = self._turn_slots(params)
        return {"verdict": slots.check(needed(params, "order")), **self.said()}

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
        return {"decisions": decisions, **self.said()}

    def said(self) -> Dict[str, Any]:
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
        encode_plain(state, "snapshot()", hook)
        # As a text: the executor has other numbers, and would write 1.0 as 1 and long integers with other digits.
        return {"text": json.dumps(kept if slots is None else {**kept, "slots": slots}, allow_nan=False)}

    def _restore(self, params: Mapping[str, Any]) -> Any:
        saved = needed(params, "state")
        if isinstance(saved, dict) and isinstance(saved.get("text"), str):
            saved = json.loads(saved["text"])
        if not isinstance(saved, dict):
            raise RpcError(INVALID_PARAMS, "state is not what snapshot answered")
        writer = frozen(params.get("writer") or {"params": {}, "same": True})
        if saved.get("state") is None and not writer["same"]:
            return False
        # Random numbers go on where code and params are the same; indicators are known by their name and length.
        if writer["same"] and isinstance(saved.get("random"), str):
            self._context.generator.state = int(saved["random"], 16)
        self._context.indicators.load(saved.get("indicators"))
        if self._slots is not None:
            self._slots.load(saved.get("slots"), writer)
        hook = method(self._algorithm, "restore")
        if hook is not None and saved.get("state") is not None:
            hook(saved["state"], writer)
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
