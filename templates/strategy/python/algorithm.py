"""Holds an instrument while its price is above its average of the last `length` prices."""


class {{className}}:
    """One instance runs per strategy; it is told of one event at a time."""

    def initialize(self, params, context):
        """Called once; returns the channels it wants."""
        self.length = int(params.get("length", 12))
        self.prices = {}
        return ["quotes"]

    def warm(self, data, context):
        """Called with the prices from before the first live one: it trades nothing."""
        self._average(data)

    def event(self, data, context):
        """Called with each quote, for example {'sid': 'GOOG', 'quote': '345'}."""
        average = self._average(data)
        if average is None:
            return None
        held = context.portfolio.positions.get(data["sid"], "0")
        above = float(data["quote"]) > average
        if above and float(held) == 0:
            return {"sid": data["sid"], "side": "buy"}
        if not above and float(held) > 0:
            return {"sid": data["sid"], "side": "sell", "quantity": held}
        return None

    def _average(self, data):
        prices = self.prices.setdefault(data["sid"], [])
        prices.append(float(data["quote"]))
        del prices[: -self.length]
        if len(prices) < self.length:
            return None
        return sum(prices) / len(prices)
