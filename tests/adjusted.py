"""`widget` with constants, or a clock, of a test's own.

python adjusted.py NAME=VALUE... -- COMMAND...

NAME is a number of a module, as in `widget.outbox.sqlite.SPARE=0`. `clock=FILE` lets the outbox's clock run ahead by
the seconds that the file holds, which may change meanwhile; without the file it is right. `language=TAG` is the only
one that `widget check` looks at.
"""

import importlib
import sys
import time
from pathlib import Path

from widget.cli.main import main
from widget.i18n import messages
from widget.outbox.sqlite import SQLiteBackend


def adjust(name: str, value: str) -> None:
    """Do what one argument says."""
    if name == "clock":
        SQLiteBackend.__init__.__defaults__ = (lambda: time.time() + ahead(Path(value)),)
        return
    if name == "language":
        messages.languages = lambda: (value,)
        return
    module, _, constant = name.rpartition(".")
    assert hasattr(importlib.import_module(module), constant), name
    setattr(sys.modules[module], constant, float(value))


def ahead(file: Path) -> float:
    """By how many seconds the clock runs ahead."""
    try:
        return float(file.read_text() or 0)
    except FileNotFoundError:
        return 0.0


border = sys.argv.index("--")
for argument in sys.argv[1:border]:
    adjust(*argument.split("=", 1))
sys.argv = ["widget", *sys.argv[border + 1 :]]
main()
