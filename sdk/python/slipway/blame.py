"""An algorithm's failure as an answer: where, why, and what was logged before."""

from __future__ import annotations

import os
import traceback
from typing import Any, Dict, Mapping, Optional, Tuple

from .loading import LoadError, declaration
from .plain import NotPlain
from .wire import ALGORITHM_ERROR, RpcError

MESSAGE_MAX = 4_000
STORY_MAX = 60_000


def algorithm_error(thrown: BaseException, bundle: str, entry: str, said: Mapping[str, Any]) -> RpcError:
    """What it threw, or why its answer is none. Without a line that is known only the file: a false line would be looked at.

    :param said: what was logged in the call
    """
    data: Dict[str, Any] = {**said, "file": entry}
    own = [frame for frame in traceback.extract_tb(thrown.__traceback__) if frame.filename.startswith(bundle)]
    ours = isinstance(thrown, (NotPlain, LoadError))
    if own:
        data["file"], data["line"] = os.path.relpath(own[-1].filename, bundle), own[-1].lineno
    elif isinstance(thrown, SyntaxError):
        data["file"], data["line"] = os.path.basename(thrown.filename or entry), thrown.lineno
    elif isinstance(thrown, NotPlain):
        place = place_of(thrown.function, bundle)
        if place is not None:
            data["file"], data["line"] = place
    if own or not ours:
        data["traceback"] = _story(thrown)
    return RpcError(ALGORITHM_ERROR, _readable(thrown, ours), data)


def place_of(function: Any, bundle: str) -> Optional[Tuple[str, int]]:
    """File and line of one of the bundle's functions."""
    place = None if function is None else declaration(function)
    if place is None or not place[0].startswith(bundle):
        return None
    return os.path.relpath(place[0], bundle), place[1]


def _story(thrown: BaseException) -> str:
    """Its traceback, the end of it if it is long."""
    try:
        return "".join(traceback.format_exception(type(thrown), thrown, thrown.__traceback__))[-STORY_MAX:]
    except Exception:  # What an exception is made of is the algorithm's.
        return "a traceback that cannot be written\n"


def _readable(thrown: BaseException, ours: bool) -> str:
    """Type and text, of an exception that may throw when it is asked for it."""
    try:
        text = str(thrown)
    except BaseException:
        text = "(its text cannot be read)"
    return (text if ours else f"{type(thrown).__name__}: {text}")[:MESSAGE_MAX]
