"""Log lines on standard error: named events with ids and numbers, one per line.

A terminal gets readable lines, anything else gets JSON. Each line says which process wrote it, and lines of a request
say which request. Libraries' lines have the same form. No line contains a secret, a token or what a person wrote: query
strings and receipt paths are not logged, tracebacks show no values, and libraries that log addresses or bytes are
silenced.
"""

import asyncio
import atexit
import json
import logging
import os
import select
import sys
import time
from collections import deque
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict

_SILENT = ("httpx", "httpcore", "python_multipart", "multipart", "sqlalchemy.engine", "limits", "redis")
"""Libraries that log addresses, bodies or statement parameters. The service logs what matters itself."""


log = structlog.get_logger("widget.telemetry.logs")

_SOON = 0.02
"""Seconds that a line without trouble may wait for others."""
_LEVELS = {"warn": "warning", "exception": "error"}
"""The levels of methods that have another name."""


_PIECE = 4000
"""Characters that a pipe with room takes at once, whoever reads it (PIPE_BUF). Lines are ASCII where they go to one."""
_PATIENCE = 0.1
"""Seconds that a reader who was quick may take to make room."""


class _Patient:
    """A stream that drops lines instead of raising or waiting: neither a full disk nor a reader that hangs, such as a
    container's log driver, must hold up what is logged. Writes nothing before `flush`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: deque[str] = deque()
        self._dropped = 0
        self._is_cut = False
        self._room = _room_of(stream)

    def write(self, text: str) -> None:
        self._waiting.append(text)

    def flush(self) -> None:
        piece = ""
        while self._waiting:
            with suppress(IndexError):  # another thread was faster
                text = self._waiting.popleft()
                if len(piece) + len(text) > _PIECE:
                    self._send(piece)
                    piece = ""
                piece += text
        self._send(piece)

    def _send(self, text: str) -> None:
        for at in range(0, len(text), _PIECE):
            if not self._has_room():
                self._dropped += text.count("\n", at)
                self._is_cut = self._is_cut or at > 0
                return
            begin, self._is_cut = "\n" if self._is_cut else "", False
            with suppress(OSError):
                self._stream.write(begin + text[at : at + _PIECE])
                self._stream.flush()
        if self._dropped and text:
            dropped, self._dropped = self._dropped, 0
            log.warning("log.lines_dropped", lines=dropped)

    def _has_room(self) -> bool:
        return self._room is None or bool(self._room.poll(0 if self._dropped else _PATIENCE * 1000))


def _room_of(stream: TextIO) -> "select.poll | None":
    """Tells whether a pipe or a socket has room; None for a terminal, and for what is no file."""
    try:
        room = select.poll()
        room.register(stream.fileno(), select.POLLOUT)
    except (AttributeError, OSError):
        return None
    return None if stream.isatty() else room


class _Lines:
    """Writes lines for structlog.

    What tells of trouble leaves at once. Other lines of an event loop leave together, within `soon` seconds: waking
    whoever reads the log costs as much as making a line. If the process is killed, the lines of its last moment are
    lost; what they tell of is in the database.
    """

    def __init__(self, stream: _Patient, soon: float) -> None:
        self._stream = stream
        self._soon = soon
        self._due_in: asyncio.AbstractEventLoop | None = None

    def error(self, line: str) -> None:
        """Write a line, and those that wait, now."""
        self._stream.write(line + "\n")
        self._stream.flush()

    warning = critical = error

    def info(self, line: str) -> None:
        """Write a line soon; now, without an event loop."""
        loop = asyncio._get_running_loop() if self._soon else None
        if loop is None:
            self.error(line)
            return
        self._stream.write(line + "\n")
        if self._due_in is not loop:
            self._due_in = loop
            loop.call_later(self._soon, self._leave)

    debug = info

    def _leave(self) -> None:
        self._due_in = None
        self._stream.flush()


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


_stream: _Patient | None = None
"""That of this process, once it is configured."""


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
    global _stream
    _stream = stream = _Patient(sys.stderr)
    atexit.register(stream.flush)
    gathers = role != "command" and not terminal and number > logging.DEBUG
    lines = _Lines(stream, _SOON if gathers else 0)
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=True,
    )
    _configure_libraries(max(number, logging.WARNING), cast(TextIO, stream), processors, renderer)


def flush() -> None:
    """Write the lines that wait."""
    if _stream:
        _stream.flush()


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
