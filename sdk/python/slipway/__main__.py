"""The algorithm process of docs/runtime.md: reads its environment and serves until it is told to stop."""

import os
import signal
import sys

# Before the rest is loaded: the first process of a container is ended by no signal that it does not take.
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: os._exit(0))

from .server import main  # noqa: E402

sys.exit(main(os.environ))
