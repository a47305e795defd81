"""Simple indicators, computed value by value.

The arithmetic is that of ``src/executor/indicators.ts``, operation by operation, so that both languages get the same doubles.
"""

from __future__ import annotations

import math
from typing import Any, Dict, List, Optional

# In all, so that a snapshot with all of them stays small.
WINDOWS_MAX = 20_000
MAGNITUDE_MAX = 1e100
KINDS = ("sma", "ema", "stdev", "returns")


class Indicator:
    """A stream of values and what it has come to; ``None`` until there are enough."""

    def update(self, value: float) -> Optional[float]:
        """Takes the next value and answers what the indicator is now. ``ValueError`` for what is no finite number."""
        raise NotImplementedError

    @property
    def value(self) -> Optional[float]:
        """What it is now."""
        raise NotImplementedError

    @property
    def warm(self) -> bool:
        """Whether it has seen as many values as it needs."""
        raise NotImplementedError

    def save(self) -> Dict[str, Any]:
        """For the server: its part of the snapshot."""
        raise NotImplementedError

    def load(self, saved: Dict[str, Any]) -> None:
        """For the server: continues from what ``save`` answered."""
        raise NotImplementedError


class Window(Indicator):
    """The last ``length`` values, oldest first from ``at`` on, with their sum."""

    def __init__(self, kind: str, length: int) -> None:
        self._kind = kind
        # A return over `length` values needs the one before them.
        self._size = length + 1 if kind == "returns" else length
        self._values: List[float] = []
        self._at = 0
        self._sum = 0.0

    def update(self, value: float) -> Optional[float]:
        """See ``Indicator``."""
        number = _finite(value)
        if len(self._values) < self._size:
            self._values.append(number)
        else:
            self._sum -= self._values[self._at]
            self._values[self._at] = number
            self._at += 1
        self._sum += number
        if self._at == self._size:
            self._at = 0
            # What adding and subtracting has lost is made good once a round. Not sum(), which rounds otherwise.
            self._sum = 0.0
            for item in self._values:
                self._sum += item
        return self.value

    @property
    def warm(self) -> bool:
        """See ``Indicator``."""
        return len(self._values) == self._size

    @property
    def value(self) -> Optional[float]:
        """See ``Indicator``."""
        if not self.warm:
            return None
        if self._kind == "sma":
            return self._sum / self._size
        return self._deviation() if self._kind == "stdev" else self._return()

    def _deviation(self) -> float:
        """Of a sample: divided by one less than there are."""
        mean = self._sum / self._size
        squares = 0.0
        for item in self._values:
            squares += (item - mean) * (item - mean)
        return math.sqrt(squares / (self._size - 1))

    def _return(self) -> Optional[float]:
        oldest = self._values[self._at]
        newest = self._values[(self._at + self._size - 1) % self._size]
        if oldest == 0:
            return None
        change = newest / oldest - 1
        return change if math.isfinite(change) else None

    def save(self) -> Dict[str, Any]:
        """See ``Indicator``."""
        return {"values": list(self._values), "at": self._at, "sum": self._sum}

    def load(self, saved: Dict[str, Any]) -> None:
        """See ``Indicator``."""
        self._values = [float(item) for item in saved["values"]]
        self._at = int(saved["at"])
        self._sum = float(saved["sum"])


class Exponential(Indicator):
    """Each value weighs 2 / (length + 1), all before it the rest; the first one is where it starts."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._weight = 2 / (length + 1)
        self._average = 0.0
        self._seen = 0

    def update(self, value: float) -> Optional[float]:
        """See ``Indicator``."""
        number = _finite(value)
        self._average = number if self._seen == 0 else self._average + self._weight * (number - self._average)
        if self._seen < self._length:
            self._seen += 1
        return self.value

    @property
    def warm(self) -> bool:
        """See ``Indicator``."""
        return self._seen >= self._length

    @property
    def value(self) -> Optional[float]:
        """See ``Indicator``."""
        return self._average if self.warm else None

    def save(self) -> Dict[str, Any]:
        """See ``Indicator``."""
        return {"average": self._average, "seen": self._seen}

    def load(self, saved: Dict[str, Any]) -> None:
        """See ``Indicator``."""
        self._average = float(saved["average"])
        self._seen = int(saved["seen"])


class Indicators:
    """The indicators of one algorithm.

    Asked for by kind, name and length, each is made once; they are part of the snapshot without the algorithm's doing.
    """

    def __init__(self) -> None:
        self._made: Dict[str, Indicator] = {}
        self._windows = 0

    def sma(self, name: str, length: int) -> Indicator:
        """The mean of the last ``length`` values."""
        return self._get("sma", name, length)

    def ema(self, name: str, length: int) -> Indicator:
        """The exponential moving average: each value weighs 2 / (length + 1)."""
        return self._get("ema", name, length)

    def stdev(self, name: str, length: int) -> Indicator:
        """The sample standard deviation of the last ``length`` values, at least two."""
        return self._get("stdev", name, length)

    def returns(self, name: str, length: int) -> Indicator:
        """What the last value is above the one ``length`` values ago, as a fraction of that one."""
        return self._get("returns", name, length)

    def save(self) -> Optional[List[Dict[str, Any]]]:
        """For the server: without any there is nothing to keep."""
        if not self._made:
            return None
        return [{"key": key, **indicator.save()} for key, indicator in self._made.items()]

    def load(self, saved: Any) -> None:
        """For the server: the objects that the algorithm holds already stay the same ones."""
        if not isinstance(saved, list):
            return
        for item in saved:
            kind, length, name = str(item["key"]).split(":", 2)
            if kind not in KINDS:
                raise ValueError(f"no indicator is called {kind}")
            self._get(kind, name, int(length)).load(item)

    def _get(self, kind: str, name: str, length: int) -> Indicator:
        key = f"{kind}:{length}:{name}"
        known = self._made.get(key)
        if known is not None:
            return known
        least = 2 if kind == "stdev" else 1
        if not isinstance(length, int) or isinstance(length, bool) or length < least:
            raise ValueError(f"{kind} takes a whole number of values from {least} up, not {length}")
        if not isinstance(name, str) or len(name) > 100:
            raise ValueError("an indicator's name is a short text")
        # A few numbers are kept beside the window itself.
        size = (0 if kind == "ema" else length) + 4
        if self._windows + size > WINDOWS_MAX:
            raise ValueError(f"indicators may keep {WINDOWS_MAX} values in all; {kind}({length}) would be more")
        self._windows += size
        made: Indicator = Exponential(length) if kind == "ema" else Window(kind, length)
        self._made[key] = made
        return made


def _finite(value: float) -> float:
    number = float(value)
    if not abs(number) <= MAGNITUDE_MAX:
        raise ValueError(f"an indicator takes finite numbers, not {value}")
    return number
