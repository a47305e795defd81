"""Sizing and guard of a strategy's own: files beside the algorithm that ``spec.portfolio`` names."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any, Callable, Dict, List, Mapping, Optional

from .context import Context, SlotContext
from .frozen import FrozenDict
from .loading import LoadError, method, takes
from .plain import encode_plain

# What a slot's code must have.
METHODS = {"sizing": "optimize", "guard": "check"}


class Slot:
    """The code of one slot, its context, and the file that it stands in."""

    def __init__(self, name: str, file: str, module: ModuleType, context: Context) -> None:
        self.file = file
        self._name = name
        self._instance = _find(name, file, module)
        self.context = SlotContext(context)
        self.call("initialize", context.params)

    def call(self, name: str, *arguments: Any) -> Any:
        """What a method answers, with the context as its last argument; None without such a method."""
        found = method(self._instance, name)
        return None if found is None else found(*arguments, self.context)

    @property
    def hook(self) -> Any:
        """What it is there for."""
        return method(self._instance, METHODS[self._name])

    def save(self) -> Dict[str, Any]:
        """Its state and its indicators."""
        hook = method(self._instance, "snapshot")
        saved: Dict[str, Any] = {"state": None if hook is None else hook()}
        encode_plain(saved["state"], f"snapshot() of {self.file}", hook)
        indicators = self.context.indicators.save()
        return saved if indicators is None else {**saved, "indicators": indicators}

    def load(self, saved: Any, writer: Mapping[str, Any]) -> None:
        """What ``save`` answered, of another version only where ``restore`` takes who wrote it."""
        kept = saved if isinstance(saved, dict) else {}
        self.context.indicators.load(kept.get("indicators"))
        hook = method(self._instance, "restore")
        mine = writer["same"] or takes(self._instance, "restore", 2)
        if hook is not None and mine and kept.get("state") is not None:
            hook(kept["state"], writer)


class Slots:
    """All slots of a strategy. Decimals are strings; what they answer is judged by the executor."""

    def __init__(self, files: Mapping[str, str], load: Callable[[str], ModuleType], context: Context) -> None:
        self._slots = {name: Slot(name, files[name], load(files[name]), context) for name in METHODS if name in files}
        if "sizing" in self._slots:
            context.portfolio.size_with(self.optimize)

    def observe(self, data: Any) -> None:
        """Shows an event, live or from before, to those that look."""
        for slot in self._slots.values():
            slot.call("observe", data)

    def optimize(self, wager: Mapping[str, str]) -> Any:
        """How much cash a signal to buy bets."""
        return self._ask("sizing", wager)

    def check(self, order: Mapping[str, str]) -> Any:
        """What is to become of an order: None lets it go as it is."""
        return self._ask("guard", order)

    def save(self) -> Optional[Dict[str, Any]]:
        """For the snapshot; None without slots."""
        return {name: slot.save() for name, slot in self._slots.items()} or None

    def load(self, saved: Any, writer: Mapping[str, Any]) -> None:
        """What ``save`` answered."""
        for name, slot in self._slots.items():
            slot.load(saved.get(name) if isinstance(saved, dict) else None, writer)

    def hook(self, name: str) -> Any:
        """The function of a slot that is there."""
        slot = self._slots.get(name)
        return None if slot is None else slot.hook

    def _ask(self, name: str, subject: Mapping[str, str]) -> Any:
        slot = self._slots.get(name)
        if slot is None:
            raise LoadError(f"there is no {name} of the strategy's own")
        return slot.call(METHODS[name], FrozenDict(subject))


def _find(name: str, file: str, module: ModuleType) -> Any:
    """The module's one class with the slot's method, made; of several the one called ``Sizing`` or ``Guard``."""
    wanted = METHODS[name]
    classes: List[type] = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and value.__module__ == module.__name__ and callable(getattr(value, wanted, None))
    ]
    named = [found for found in classes if found.__name__ == name.capitalize()]
    chosen = named or classes
    if len(chosen) != 1:
        names = ", ".join(sorted(found.__name__ for found in classes)) or "none"
        raise LoadError(f"expected one class with {wanted}() in {file}, found {names}")
    return chosen[0]()
