"""What a strategy's algorithm may import, and the server that runs it (``python3 -m slipway``). Standard library only."""

from .context import Clock, Context, Holdings, Log, PortfolioView, SlotContext, SplitMix64
from .indicators import Indicator, Indicators

__all__ = ["Clock", "Context", "Holdings", "Indicator", "Indicators", "Log", "PortfolioView", "SlotContext", "SplitMix64"]
