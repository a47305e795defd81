"""The shapes of what an algorithm is given and what it answers, for type checkers and readers; at run time they are dictionaries.

Decimals are strings, as on the wire: do your own mathematics with ``float(data["quote"])``. Times are microseconds UTC. A class is an algorithm by its
methods, and has no base class: ``initialize(params, context) -> list of channels`` and ``event(data, context) -> Decisions``, and whichever it likes of
``describe() -> Description``, ``warm(data, context)``, ``on_order(event, context) -> Decisions``, ``on_timer(timer, context) -> Decisions``,
``on_command(command, context) -> Decisions``, ``snapshot() -> JSON``, ``restore(state, writer)`` and ``stop(reason, context)``.
"""

from __future__ import annotations

from typing import Any, Dict, List, Literal, Sequence, TypedDict, Union

Side = Literal["buy", "sell"]
OrderStatus = Literal[
    "pending-new", "new", "partially-filled", "filled", "pending-cancel", "canceled", "rejected", "expired", "denied", "unknown"
]


class _Numbered(TypedDict):
    ts: int
    session: str
    seq: int


class Quote(_Numbered):
    """A price of one instrument."""

    type: Literal["quote"]
    sid: str
    venue: str
    quote: str


class Bar(_Numbered):
    """Open, high, low, close and volume of one interval."""

    type: Literal["bar"]
    sid: str
    venue: str
    interval: str
    open: str
    high: str
    low: str
    close: str
    volume: str


class _Trade(_Numbered):
    type: Literal["trade"]
    sid: str
    venue: str
    price: str
    quantity: str


class Trade(_Trade, total=False):
    """A trade that happened at a venue. ``side``: who took; absent where the venue does not say."""

    side: Side


class Indicator(_Numbered):
    """A value computed from market data; ``warm``: whether it has seen as many events as it needs."""

    type: Literal["indicator"]
    sid: str
    venue: str
    name: str
    args: List[str]
    value: float
    warm: bool


class Signal(TypedDict):
    """An opinion: buy or sell this instrument. The portfolio decides how much."""

    sid: str
    side: Side


class Order(Signal):
    """An opinion with a size of its own: shares, at most 4 decimals. The gateway's limits hold all the same."""

    quantity: str


class SharedSignal(Signal, _Numbered):
    """What another strategy, ``<team>/<name>``, concluded."""

    type: Literal["signal"]
    strategy: str
    id: str
    cause: str


Data = Union[Quote, Bar, Trade, Indicator, SharedSignal]
Decision = Union[Signal, Order]
Decisions = Union[None, Decision, Sequence[Decision]]


class Reason(TypedDict):
    """Why an order was refused."""

    code: str
    message: str


class _OrderEvent(TypedDict):
    clientOrderId: str
    status: OrderStatus
    sid: str
    venue: str
    side: Side
    quantity: str
    filledQuantity: str
    seq: int
    ts: int


class OrderEvent(_OrderEvent, total=False):
    """What became of an order. Amounts are of the whole order so far: the average ``price``, what was paid in all, the fee in quote currency."""

    price: str
    notional: str
    fee: str
    reason: Reason


class Timer(TypedDict):
    """A timer's turn: ``time`` is a multiple of its interval. Of several that passed at once the last one."""

    name: str
    time: int


class Command(TypedDict):
    """What an operator asks of the algorithm."""

    id: str
    verb: str
    arguments: Dict[str, Any]


class _OpenOrder(TypedDict):
    clientOrderId: str
    sid: str
    side: Side
    quantity: str
    filledQuantity: str


class OpenOrder(_OpenOrder, total=False):
    """An order without a final answer. ``status``: the last answer; absent while there is none."""

    status: OrderStatus


class _Parameter(TypedDict):
    type: Literal["integer", "number", "string", "boolean", "list", "object"]


class Parameter(_Parameter, total=False):
    """What an algorithm says of one of its parameters. One without a ``default`` must be given."""

    default: Any
    min: float
    max: float
    choices: List[str]
    description: str


class _Description(TypedDict):
    params: Dict[str, Parameter]


class Description(_Description, total=False):
    """What an algorithm says of itself: ``slipway check`` holds the spec's params and channels to it."""

    name: str
    version: str
    description: str
    channels: List[str]
    commands: Dict[str, str]


class _Wager(TypedDict):
    most: str


class Wager(_Wager, total=False):
    """A signal to buy, as a sizing's ``optimize(wager, context) -> str`` is asked about it; ``most`` may be bet."""

    sid: str
    price: str


class _ProposedOrder(TypedDict):
    sid: str
    side: Side
    quantity: str


class ProposedOrder(_ProposedOrder, total=False):
    """An order before the gateway is asked, as a guard's ``check(order, context)`` is asked about it."""

    price: str


class _Verdict(TypedDict):
    reason: str


class Verdict(_Verdict, total=False):
    """Why an order does not go as it is; ``quantity`` is what is left of it, without it nothing is."""

    quantity: str


class _Writer(TypedDict):
    params: Dict[str, Any]
    same: bool


class Writer(_Writer, total=False):
    """Who wrote a state: ``version`` is SHA-256 of its bundle, absent where it is not known; ``params`` the spec's of then; ``same`` whether both are those of now."""

    version: str
