"""Has ClamAV scan files, by its daemon's INSTREAM command (clamd(8)).

A file is clean only if the daemon says so explicitly. `delivery` decides what follows from an answer, or from none.
"""

import asyncio
import re
import struct
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from widget.errors import WidgetError

_ANSWER_SIZE = 4096
_FOUND = re.compile(r"stream: ([^\r\n]{1,200}) FOUND\0")
_LENGTH = struct.Struct(">I")


class ScannerUnavailable(WidgetError):
    """The daemon did not say whether a file is clean: it is unavailable, too slow, or has a lower limit than ours."""


class Scanner:
    """The daemon at `address`, `unix:///PATH` or `tcp://HOST:PORT`."""

    def __init__(self, address: str) -> None:
        self._address = urlsplit(address)

    async def scan(self, chunks: AsyncIterator[bytes]) -> str | None:
        """The name of the virus, or None for a clean file. Raises ScannerUnavailable. Sets no deadline."""
        answer = await self._ask(b"zINSTREAM\0", chunks)
        if answer == "stream: OK\0":  # a truncated answer might have continued
            return None
        if found := _FOUND.fullmatch(answer):
            return _printable(found[1])
        raise ScannerUnavailable(f"the virus scanner answered {_printable(answer[:200])!r}")

    async def ping(self) -> None:
        """Raises ScannerUnavailable unless the daemon answers."""
        answer = await self._ask(b"zPING\0", None)
        if answer != "PONG\0":
            raise ScannerUnavailable(f"the virus scanner answered {_printable(answer[:200])!r}")

    async def _ask(self, command: bytes, chunks: AsyncIterator[bytes] | None) -> str:
        try:
            reader, writer = await self._connect()
            try:
                await _send(writer, command)
                if chunks is not None:
                    await _stream(writer, chunks)
                answer = await reader.read(_ANSWER_SIZE)
                while answer and not answer.endswith(b"\0") and len(answer) < _ANSWER_SIZE:
                    more = await reader.read(_ANSWER_SIZE - len(answer))
                    if not more:
                        break
                    answer += more
            finally:
                writer.close()
        except OSError as error:
            raise ScannerUnavailable(f"the virus scanner cannot be reached: {error.strerror or error}") from error
        return answer.decode("utf-8", "replace")

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._address.scheme == "unix":
            return await asyncio.open_unix_connection(self._address.path)
        return await asyncio.open_connection(self._address.hostname, self._address.port)


async def _stream(writer: asyncio.StreamWriter, chunks: AsyncIterator[bytes]) -> None:
    """Each chunk after its length, then an empty one. A daemon that hangs up has already said why."""
    try:
        async for chunk in chunks:
            if chunk:
                await _send(writer, _LENGTH.pack(len(chunk)) + chunk)
        await _send(writer, _LENGTH.pack(0))
    except _HungUp:
        pass


class _HungUp(ConnectionError):
    """The daemon closed the connection while it was being sent something."""


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Send, and wait until more can be sent. Raises _HungUp.

    On a closed connection, uvloop's transport raises RuntimeError; asyncio's own drops the data.
    """
    if writer.is_closing():
        raise _HungUp("it hung up")
    writer.write(data)
    try:
        await writer.drain()
    except ConnectionError as error:
        raise _HungUp(str(error)) from error


def _printable(text: str) -> str:
    """Without characters that could forge a line of a log."""
    return "".join(character if character.isprintable() else "?" for character in text)
