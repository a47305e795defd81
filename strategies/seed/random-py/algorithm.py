"""The smallest strategy that trades, in Python: a coin toss at each quote."""


class RandomAlgo:
    """Buys, or sells what it holds, at random."""

    @staticmethod
    def describe():
        """What it takes; the spec's params are held to it."""
        description = "how seldom it trades: 0 at each quote, 1 never"
        return {"params": {"threshold": {"type": "number", "default": 0.5, "min": 0, "max": 1, "description": description}}}

    def initialize(self, params, context):
        """Called once; returns the channels it wants."""
        self.threshold = float(params["threshold"])
        return ["quotes"]

    def event(self, data, context):
        """Called with each quote, for example {'sid': 'GOOG', 'quote': '345'}."""
        if context.random() <= self.threshold:
            return None
        holds = float(context.portfolio.positions.get(data["sid"], "0")) > 0
        side = "sell" if holds and context.random() < 0.5 else "buy"
        return {"sid": data["sid"], "side": side}
