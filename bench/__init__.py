"""Benchmarks: how fast and small the widget is, compared with rivals and with what the machine allows.

`python -m bench` (`make bench`) measures every row of `rows` and writes `docs/performance.md`. Everything runs on this
machine's loopback. Each server, the load generator and the stand-in for Insider Connect are separate processes.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "tests"))  # for the PostgreSQL server that the tests start
