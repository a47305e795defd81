"""Keeps an account of its own by what on_order() hears; sells half of what it bought."""


class Algorithm:
    """The same as algorithm.ts."""

    def __init__(self):
        self.filled = {}

    def initialize(self, params, context):
        """Wants quotes."""
        return ["quotes"]

    def event(self, data, context):
        """Buys at every second quote."""
        return {"sid": data["sid"], "side": "buy", "quantity": "2"} if data["seq"] % 2 == 0 else None

    def on_order(self, event, context):
        """Notes what is filled."""
        if event["filledQuantity"] != "0":
            self.filled[event["clientOrderId"]] = event["filledQuantity"]
        if event["status"] == "filled" and event["side"] == "buy":
            return {"sid": event["sid"], "side": "sell", "quantity": "1"}
        return None

    def snapshot(self):
        """What it would lose."""
        return {"filled": self.filled}

    def restore(self, state):
        """Goes on from a snapshot."""
        self.filled = dict(state["filled"])
