"""The peer of orders-slipway.ts: NautilusTrader takes quotes, a strategy answers each with a market order, its risk engine judges it, its exchange fills it and
its portfolio books it. In memory: nothing is written down and nothing travels as text. Prints {"orders", "cpuMs"} of the run."""

import json
import sys
import time

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig
from nautilus_trader.model import Money, Quantity, QuoteTick, TraderId, Venue
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy


class Buyer(Strategy):
    def __init__(self, instrument):
        super().__init__()
        self.instrument = instrument
        self.side = OrderSide.SELL
        self.size = Quantity.from_int(1)
        self.fills = 0

    def on_start(self):
        self.subscribe_quote_ticks(self.instrument.id)

    def on_quote_tick(self, tick):
        self.side = OrderSide.BUY if self.side == OrderSide.SELL else OrderSide.SELL
        self.submit_order(self.order_factory.market(self.instrument.id, self.side, self.size))

    def on_order_filled(self, event):
        self.fills += 1


quotes = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
engine = BacktestEngine(
    BacktestEngineConfig(
        trader_id=TraderId("BENCH-001"),
        logging=LoggingConfig(bypass_logging=True),
        # Its default lets 100 orders a second through.
        risk_engine=RiskEngineConfig(max_order_submit_rate="1000000/00:00:01"),
    )
)
money = Money(1_000_000, USD)
engine.add_venue(
    venue=Venue("XNAS"), oms_type=OmsType.NETTING, account_type=AccountType.CASH, base_currency=USD, starting_balances=[money]
)
instrument = TestInstrumentProvider.equity(symbol="AAPL", venue="XNAS")
engine.add_instrument(instrument)
size = Quantity.from_int(1_000)
price = instrument.make_price
engine.add_data(
    [
        QuoteTick(instrument.id, price(100 + (n % 7) / 100), price(100.01 + (n % 7) / 100), size, size, at, at)
        for n in range(quotes)
        for at in [1_000_000_000 + n * 500_000]
    ]
)
strategy = Buyer(instrument)
engine.add_strategy(strategy)
before = time.process_time()
engine.run()
print(json.dumps({"orders": strategy.fills, "cpuMs": (time.process_time() - before) * 1000}))
