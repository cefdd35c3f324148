"""Log lines on standard error: named events with ids and numbers, one per line.

A terminal gets readable lines, anything else gets JSON. Each line says which process wrote it, and lines of a request
say which request. Libraries' lines have the same form. No line contains a secret, a token or what a person wrote: query
strings and receipt paths are not logged, tracebacks show no values, and libraries that log addresses or bytes are
silenced.
"""

import json
import logging
import os
import sys
import time
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict

_SILENT = ("httpx", "httpcore", "python_multipart", "multipart", "sqlalchemy.engine", "limits", "redis")
"""Libraries that log addresses, bodies or statement parameters. The service logs what matters itself."""


_LEVELS = {"warn": "warning", "exception": "error"}
"""The levels of methods that have another name."""


class _Patient:
    """A stream that drops a line instead of raising: a full disk must not make the logged operation fail."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        try:  # rather than `suppress`: a line for each submission is a part of what accepting costs
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            pass

    def flush(self) -> None:
        """Nothing is left to flush."""


class _Stamp:
    """Adds the level, the time and, with a `role`, the process: in one step, and with the second's text kept, because
    each step costs a submission some microseconds."""

    def __init__(self, role: str | None) -> None:
        self._role = role
        self._second = (0, "")

    def __call__(self, _: Any, method: str, line: EventDict) -> EventDict:
        now = time.time()
        second, text = self._second
        if second != int(now):
            second = int(now)
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = (second, text)
        line["level"] = _LEVELS.get(method, method)
        line["timestamp"] = f"{text}.{int((now - second) * 1e6):06}Z"
        if self._role:
            line["role"], line["pid"] = self._role, os.getpid()  # a web process is forked after `configure`
        return line


_encode = json.JSONEncoder(default=repr).encode


def _as_json(_: Any, __: str, line: EventDict) -> str:
    return _encode(line)


def configure(level: str, role: str = "command") -> None:
    """Configure this process's log. `level` is debug, info, warning or error; `role` is web, worker or command."""
    number = logging.getLevelNamesMapping()[level.upper()]
    terminal = sys.stderr.isatty()

    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _Stamp(None if terminal else role),
        *([] if terminal else [structlog.processors.format_exc_info]),
    ]
    renderer: Any = _as_json
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
