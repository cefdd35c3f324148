"""Log lines on standard error: named events with ids and numbers, one per line.

A terminal gets readable lines, anything else gets JSON. Each line says which process wrote it, and lines of a request
say which request. Libraries' lines have the same form. No line contains a secret, a token or what a person wrote: query
strings and receipt paths are not logged, tracebacks show no values, and libraries that log addresses or bytes are
silenced.
"""

import contextlib
import logging
import os
import sys
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict

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


def configure(level: str, role: str = "command") -> None:
    """Configure this process's log. `level` is debug, info, warning or error; `role` is web, worker or command."""
    number = logging.getLevelNamesMapping()[level.upper()]
    terminal = sys.stderr.isatty()

    def add_process(_: Any, __: str, line: EventDict) -> EventDict:
        """Asked for each line: a web process is forked after this."""
        line["role"], line["pid"] = role, os.getpid()
        return line

    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        *([] if terminal else [add_process, structlog.processors.format_exc_info]),
    ]
    renderer: Any = structlog.processors.JSONRenderer()
    if terminal:
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    stream = cast(TextIO, _Patient(sys.stderr))
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
    _configure_libraries(max(number, logging.WARNING), stream, processors, renderer)


def _configure_libraries(level: int, stream: TextIO, processors: list[Any], renderer: Any) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *processors],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in _SILENT:
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
