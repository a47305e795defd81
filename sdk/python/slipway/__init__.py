"""What a strategy's algorithm may import, and the server that runs it (``python3 -m slipway``). Standard library only.

The shapes of what it is given (``Quote``, ``OrderEvent``, ``Decisions`` and others, ``slipway/shapes.py``) are loaded when they are asked for first.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .context import Clock, Context, Holdings, Log, PortfolioView, SlotContext, SplitMix64
from .indicators import Indicator as RunningIndicator
from .indicators import Indicators

if TYPE_CHECKING:
    from .shapes import *  # noqa: F403

__all__ = ["Clock", "Context", "Holdings", "Indicators", "Log", "PortfolioView", "RunningIndicator", "SlotContext", "SplitMix64"]


def __getattr__(name: str) -> object:
    shapes = None if name.startswith("_") else import_module(f"{__name__}.shapes")
    if not hasattr(shapes, name):
        raise AttributeError(f"slipway has no {name}")
    return getattr(shapes, name)
