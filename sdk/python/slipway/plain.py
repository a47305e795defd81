"""State as JSON that comes back as it was."""

from __future__ import annotations

import json
import math
from typing import Any, Optional

# What JSON keeps no deeper than this; a value that holds itself is deeper.
DEPTH_MAX = 200
SNAPSHOT_BYTES_MAX = 1024 * 1024


class NotPlain(Exception):
    """What a function answered is not what it must, with the function if it is known."""

    def __init__(self, message: str, function: Any = None) -> None:
        super().__init__(message)
        self.function = function


def check_plain(value: Any, at: str, function: Any = None) -> None:
    """Refuses what JSON would change without a word (a key that is no string) or cannot keep (a set, NaN). A tuple comes back as a list.

    :param at: what the value is called, for example ``snapshot()``
    """
    why = _why_not(value, at, 0)
    if why is not None:
        raise NotPlain(why, function)


def encode_plain(value: Any, at: str, function: Any = None) -> str:
    """Its JSON, of at most 1 MiB."""
    check_plain(value, at, function)
    text = json.dumps(value, allow_nan=False)
    if len(text) > SNAPSHOT_BYTES_MAX:
        raise NotPlain(f"{at} answered {len(text)} bytes; at most {SNAPSHOT_BYTES_MAX}", function)
    return text


def _why_not(value: Any, at: str, depth: int) -> Optional[str]:
    shown = at[:200]
    if value is None or isinstance(value, (str, bool, int)):
        return None
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{shown} is {value}, which JSON cannot keep"
    if not isinstance(value, (list, tuple, dict)):
        return f"{shown} is a {type(value).__name__}, which JSON cannot keep"
    if depth > DEPTH_MAX:
        return f"{shown} is more than {DEPTH_MAX} levels deep, or holds itself"
    if not isinstance(value, dict):
        return _first(enumerate(value), lambda key: f"{at}[{key}]", depth)
    for key in value:
        if not isinstance(key, str):
            return f"{shown} has the key {str(key)[:40]} of type {type(key).__name__}, and JSON's keys are strings"
    return _first(value.items(), lambda key: f"{at}.{key}", depth)


def _first(items: Any, name: Any, depth: int) -> Optional[str]:
    for key, item in items:
        why = _why_not(item, name(key), depth + 1)
        if why is not None:
            return why
    return None
