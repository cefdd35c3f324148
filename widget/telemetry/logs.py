"""Log lines on standard error: named events with ids and numbers, one per line.

A terminal gets readable lines, anything else gets JSON. No line contains a secret, a token or what a person wrote:
query strings and receipt paths are not logged, tracebacks show no values, and libraries that log addresses or bytes are
silenced.
"""

import contextlib
import logging
import sys
from typing import TextIO, cast

import structlog

_SILENT = ("httpx", "httpcore", "python_multipart", "multipart", "sqlalchemy.engine", "limits", "redis")
"""Libraries that log addresses, bodies or statement parameters. The service logs what matters itself."""


class _Patient:
    """A stream that drops a line instead of raising: a full disk must not make the logged operation fail."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


def configure(level: str) -> None:
    """Configure this process's log. `level` is debug, info, warning or error."""
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
