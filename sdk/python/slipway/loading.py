"""Finds the algorithm in its bundle, and its methods whatever arguments they take."""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
import zipimport
from types import ModuleType
from typing import Any, Callable, List, Optional, Tuple


class LoadError(Exception):
    """The bundle holds no algorithm, with what was expected."""


def load_module(bundle: str, entry: str) -> ModuleType:
    """Imports the entry file of a zip or a folder; its siblings can be imported by it."""
    name = os.path.splitext(os.path.basename(entry))[0]
    folder = os.path.dirname(entry)
    root = os.path.join(bundle, folder) if folder else bundle
    # The folder of the entry comes first, as with any script.
    if root not in sys.path:
        sys.path.insert(0, root)
    sys.dont_write_bytecode = True
    if os.path.isdir(bundle):
        spec = importlib.util.spec_from_file_location(name, os.path.join(bundle, entry))
    else:
        spec = zipimport.zipimporter(root).find_spec(name)
    if spec is None or spec.loader is None:
        raise LoadError(f"{entry} is not in the bundle")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def find_algorithm(module: ModuleType) -> Any:
    """The module's class ``Algorithm``, or its one class with ``initialize`` and ``event``, made."""
    found = getattr(module, "Algorithm", None)
    if not _is_algorithm(found):
        candidates: List[type] = [
            value for value in vars(module).values() if _is_algorithm(value) and value.__module__ == module.__name__
        ]
        if len(candidates) != 1:
            names = ", ".join(sorted(candidate.__name__ for candidate in candidates)) or "none"
            raise LoadError(f"expected one class with initialize() and event() in {module.__name__}, found {names}")
        found = candidates[0]
    return found()


def _is_algorithm(value: object) -> bool:
    return inspect.isclass(value) and callable(getattr(value, "initialize", None)) and callable(getattr(value, "event", None))


def method(algorithm: Any, name: str) -> Optional[Callable[..., Any]]:
    """The method as one that takes all arguments we have: those it does not declare, such as ``context``, are left out."""
    found = getattr(algorithm, name, None)
    if not callable(found):
        return None
    target: Callable[..., Any] = found
    count = _positional(target)

    def call(*arguments: Any) -> Any:
        return target(*(arguments if count is None else arguments[:count]))

    # For whoever wants to say where it stands.
    setattr(call, "target", target)
    return call


def takes(algorithm: Any, name: str, arguments: int) -> bool:
    """Whether there is such a method and it declares so many arguments."""
    found = getattr(algorithm, name, None)
    count = _positional(found) if callable(found) else 0
    return count is None or count >= arguments


def declaration(function: Any) -> Optional[Tuple[str, int]]:
    """File and line of a function, of what it wraps, or of a method made by ``method``; None for what is not written in Python."""
    code = getattr(inspect.unwrap(getattr(function, "target", function)), "__code__", None)
    return None if code is None else (code.co_filename, code.co_firstlineno)


def _positional(target: Callable[..., Any]) -> Optional[int]:
    """How many positional arguments it takes; None for any number."""
    count = 0
    for parameter in inspect.signature(target).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            return None
        if parameter.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD):
            count += 1
    return count
