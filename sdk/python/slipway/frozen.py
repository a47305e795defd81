"""Data that an algorithm may read and not change, all the way down. It is a dict and a list to everything else: ``json.dumps`` takes it."""

from __future__ import annotations

from typing import Any, NoReturn


def _refused(self: Any, *_: Any, **__: Any) -> NoReturn:
    raise TypeError(f"this {type(self).__base__.__name__} is read-only; change a copy of it: copy.deepcopy(it)")


class FrozenDict(dict):  # type: ignore[type-arg]
    """A dict that stays as it is; a copy of it is a plain one."""

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refused  # type: ignore[assignment]

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


class FrozenList(list):  # type: ignore[type-arg]
    """A list that stays as it is; a copy of it is a plain one."""

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refused  # type: ignore[assignment]
    append = clear = extend = insert = pop = remove = reverse = sort = _refused  # type: ignore[assignment]

    def __reduce__(self) -> Any:
        return list, (list(self),)


def frozen(value: Any) -> Any:
    """A read-only copy of JSON."""
    if isinstance(value, dict):
        return FrozenDict((name, frozen(item)) for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return FrozenList(frozen(item) for item in value)
    return value
