"""What a strategy's algorithm may import, and the server that runs it (``python3 -m slipway``). Standard library only."""

from .context import Clock, Context, Log, PortfolioView, SplitMix64
from .indicators import Indicator, Indicators

__all__ = ["Clock", "Context", "Indicator", "Indicators", "Log", "PortfolioView", "SplitMix64"]
