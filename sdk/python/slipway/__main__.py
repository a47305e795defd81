"""The algorithm process of docs/runtime.md: reads its environment and serves until it is told to stop."""

import os
import sys

from .server import main

sys.exit(main(os.environ))
