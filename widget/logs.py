"""Log lines: named events with ids and numbers, one a line, on standard error.

A terminal gets them readable, everything else as JSON. None carries a secret, a token or what a person wrote: query
strings and paths of receipts are not logged, tracebacks show no values, and libraries that log addresses or bytes are
kept silent.
"""

import contextlib
import logging
import sys
from typing import TextIO, cast

import structlog

_SILENT = ("httpx", "httpcore", "python_multipart", "multipart", "sqlalchemy.engine", "limits", "redis")
"""Libraries whose lines hold addresses, bytes of bodies or parameters of statements; what matters is logged by us."""


class _Patient:
    """A stream that loses a line rather than raise: a full disk that holds the log must not fail what is logged."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


def configure(level: str) -> None:
    """Set up this process's log. `level` is one of debug, info, warning, error."""
    number = logging.getLevelNamesMapping()[level.upper()]
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *([] if terminal else [structlog.processors.format_exc_info]),
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
            if terminal
            else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, _Patient(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(number, logging.WARNING), format="%(levelname)s %(name)s %(message)s", force=True)
    for noisy in _SILENT:
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
