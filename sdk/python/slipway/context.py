"""What an algorithm sees besides its data: the ``context`` argument."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from .frozen import FrozenDict, frozen
from .indicators import Indicators

MASK = (1 << 64) - 1

# Log lines of one call; more are dropped and counted.
LOGS_MAX = 200
TIMERS_MAX = 10
TIMER_SECONDS_MAX = 31_536_000


class SplitMix64:
    """The generator of both SDKs: SplitMix64, top 53 bits as a float in [0, 1)."""

    def __init__(self, seed: int) -> None:
        self.state = seed & MASK

    def next(self) -> float:
        """The next number."""
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        mixed = self.state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
        mixed ^= mixed >> 31
        return (mixed >> 11) / float(1 << 53)


class Clock:
    """Event time; there is no other clock."""

    def __init__(self) -> None:
        self._now = 0

    def now(self) -> int:
        """Microseconds UTC of the current event."""
        return self._now


class PortfolioView:
    """A read-only view of what the strategy holds. Decimals are strings. It changes on fills only."""

    def __init__(self, starting_cash: str) -> None:
        self._cash = starting_cash
        self._equity = starting_cash
        self._positions: Mapping[str, str] = FrozenDict()
        self._orders: Sequence[Mapping[str, str]] = ()
        self._bet = "0"
        self._sizing: Optional[Callable[[Mapping[str, str]], Any]] = None

    @property
    def cash(self) -> str:
        """Cash in quote currency."""
        return self._cash

    @property
    def equity(self) -> str:
        """Cash and positions at the last quotes."""
        return self._equity

    @property
    def positions(self) -> Mapping[str, str]:
        """Quantity by instrument, without those of which nothing is held."""
        return self._positions

    @property
    def orders(self) -> Sequence[Mapping[str, str]]:
        """Orders that may still be filled, oldest first: clientOrderId, sid, side, quantity, filledQuantity, status if answered."""
        return self._orders

    def optimize(self, data: Any) -> str:
        """How much cash the configured sizing bets on this data now; at most `limits.maxOrderNotional`."""
        if self._sizing is None:
            return self._bet
        known = data if isinstance(data, Mapping) else {}
        texts = {"sid": known.get("sid"), "price": known.get("price", known.get("quote", known.get("close")))}
        wager = {name: text for name, text in texts.items() if isinstance(text, str)}
        bet = self._sizing({**wager, "most": self._bet})
        if not isinstance(bet, str) or not re.fullmatch(r"(0|[1-9][0-9]{0,17})(\.[0-9]{1,8})?", bet):
            raise ValueError(f'optimize() must return a decimal string of at least 0, for example "500.25", not {bet!r}'[:200])
        return _canonical(min(Decimal(bet), Decimal(self._bet)))

    def size_with(self, sizing: Callable[[Mapping[str, str]], Any]) -> None:
        """For the server: a sizing of the strategy's own."""
        self._sizing = sizing

    def update(self, now: Mapping[str, Any]) -> None:
        """For the server: what the executor says before each call."""
        self._cash = str(now["cash"])
        self._equity = str(now["equity"])
        self._positions = FrozenDict(now["positions"])
        self._orders = tuple(FrozenDict(order) for order in now.get("orders", ()))
        self._bet = str(now["bet"])


def _canonical(value: Decimal) -> str:
    """The text that the executor would write: no exponent, no zeros at the end."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


class Log:
    """Lines for people; they travel with the answer and are capped by the executor."""

    def __init__(self) -> None:
        self._lines: List[Dict[str, str]] = []
        self._dropped = 0

    def debug(self, message: object) -> None:
        """What helps when looking closely."""
        self._add("debug", message)

    def info(self, message: object) -> None:
        """What is good to know."""
        self._add("info", message)

    def warn(self, message: object) -> None:
        """What someone should read some day."""
        self._add("warn", message)

    def error(self, message: object) -> None:
        """What someone should read now."""
        self._add("error", message)

    @property
    def dropped(self) -> int:
        """For the server: how many lines of this call were too many."""
        return self._dropped

    def take(self) -> List[Dict[str, str]]:
        """For the server: the lines of this call."""
        lines = self._lines
        if self._dropped:
            lines.append({"level": "warn", "message": f"{self._dropped} more lines of this call dropped"})
        self._lines = []
        self._dropped = 0
        return lines

    def _add(self, level: str, message: object) -> None:
        if len(self._lines) >= LOGS_MAX:
            self._dropped += 1
        else:
            self._lines.append({"level": level, "message": str(message)[:2000]})


class Context:
    """One object for the algorithm's life, whose answers are those of the current call."""

    def __init__(self, params: Mapping[str, Any], mode: str, seed: int) -> None:
        self.clock = Clock()
        self.log = Log()
        self.mode = mode
        self.params: Mapping[str, Any] = frozen(params)
        self.indicators = Indicators()
        self.portfolio = PortfolioView(str(params.get("starting_cash", "0")))
        self._random = SplitMix64(seed)
        self._timers: Optional[List[Dict[str, Any]]] = []

    def every(self, seconds: int, name: Optional[str] = None) -> None:
        """Asks for ``on_timer`` each so many seconds of event time. In ``initialize`` only, for at most 10 timers.

        :param seconds: a whole number from 1 to 31,536,000
        :param name: what ``on_timer`` is told; the seconds if left out
        """
        if self._timers is None:
            raise RuntimeError("timers are asked for in initialize()")
        if not isinstance(seconds, int) or isinstance(seconds, bool) or not 1 <= seconds <= TIMER_SECONDS_MAX:
            raise ValueError(f"every() takes whole seconds from 1 to {TIMER_SECONDS_MAX}, not {seconds}")
        called = str(seconds) if name is None else name
        if not isinstance(called, str) or not re.fullmatch("[A-Za-z0-9][A-Za-z0-9._-]{0,39}", called):
            raise ValueError("a timer's name is 1 to 40 letters, digits, dots, underscores and hyphens")
        if any(timer["name"] == called for timer in self._timers):
            raise ValueError(f"there is a timer called {called} already")
        if len(self._timers) >= TIMERS_MAX:
            raise ValueError(f"an algorithm has at most {TIMERS_MAX} timers")
        self._timers.append({"name": called, "everySeconds": seconds})

    def end_timers(self) -> List[Dict[str, Any]]:
        """For the server: those that ``initialize`` asked for; from here on there are no more."""
        timers, self._timers = self._timers or [], None
        return timers

    def random(self) -> float:
        """A number in [0, 1), seeded per strategy: the same events give the same numbers."""
        return self._random.next()

    def turn(self, now: int, portfolio: Optional[Mapping[str, Any]]) -> None:
        """For the server: what the next call is about."""
        self.clock._now = now
        if portfolio is not None:
            self.portfolio.update(portfolio)

    @property
    def generator(self) -> SplitMix64:
        """For the server: the generator, whose state is part of the snapshot."""
        return self._random


class Holdings:
    """What a sizing or a guard sees of the portfolio: all but ``optimize``, which it is part of."""

    def __init__(self, portfolio: PortfolioView) -> None:
        self._portfolio = portfolio

    @property
    def cash(self) -> str:
        """Cash in quote currency."""
        return self._portfolio.cash

    @property
    def equity(self) -> str:
        """Cash and positions at the last quotes."""
        return self._portfolio.equity

    @property
    def positions(self) -> Mapping[str, str]:
        """Quantity by instrument, without those of which nothing is held."""
        return self._portfolio.positions

    @property
    def orders(self) -> Sequence[Mapping[str, str]]:
        """Orders that may still be filled, oldest first."""
        return self._portfolio.orders


class SlotContext:
    """The context of a sizing or a guard: that of the algorithm, with indicators of its own and without timers."""

    def __init__(self, context: Context) -> None:
        self.clock = context.clock
        self.log = context.log
        self.mode = context.mode
        self.params = context.params
        self.random = context.random
        self.portfolio = Holdings(context.portfolio)
        self.indicators = Indicators()
