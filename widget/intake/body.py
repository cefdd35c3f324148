"""A request's body, streamed, bounded and proven whole, as the raw parts of a submission.

    async with receive(request, spool=directory, limits=Limits(), on_token=believe, turns=turns()) as raw:
        ...  # raw.fields, raw.token, raw.files: the files lie in `directory` until they are moved away

Leaving the context, in whatever way, removes every file that is still there. A process that is killed leaves its files
behind: the directory is this service's own and is emptied when it starts.

What a body may hold is decided in `multipart`, what the fields mean in `submission`. This module sees to the deadlines,
to the disk, and to reading on after a refusal, within bounds: a browser that is still sending when the connection
closes shows a network error instead of the answer.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from widget.errors import Fault, OutboxUnavailable, Rejected
from widget.files import safe_name
from widget.files.threads import to_the_end
from widget.intake.multipart import MALFORMED, TOO_LARGE, Form, Limits, Upload

__all__ = ["ClientDisconnect", "Limits", "RawFile", "RawForm", "receive"]

_WRITE_SIZE = 128 * 1024
"""Bytes of files that wait in memory, for each request, before they are written."""
_LARGE = 64 * 1024
"""Bytes from which on a body is one that others wait for."""
_AT_ONCE = 2
_AT_HAND = 0.02
"""Seconds in which the next chunk of such a body is there, or its connection is a slow one."""


def turns() -> asyncio.Semaphore:
    """For the chunks of large bodies: so many are worked on at once. Those of small ones come in between, so a text
    gets through while hundreds of pictures arrive."""
    return asyncio.Semaphore(_AT_ONCE)


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file as it came in: our own safe `name`, the `media_type` of its content, its `size` in bytes, the `path` where
    it lies, and its `position` among the files, from 0."""

    name: str
    path: Path
    size: int
    media_type: str
    position: int


@dataclass(frozen=True, slots=True)
class RawForm:
    """A whole form within its limits. `fields` has the text fields that were sent, but for the token."""

    fields: Mapping[str, str]
    token: str | None
    files: tuple[RawFile, ...]


@asynccontextmanager
async def receive(
    request: Request,
    *,
    spool: Path,
    limits: Limits,
    on_token: Callable[[str], None],
    turns: asyncio.Semaphore,
    refusal: Rejected | None = None,
) -> AsyncIterator[RawForm]:
    """The form that the request carries.

    `on_token` is called as soon as the field `token` is complete; what it raises as Rejected is one more fault.
    `turns` is one for all requests of a process. `refusal` is what was decided before: the body is read all the same,
    for its text fields and for the browser's sake.

    Raises Rejected with all faults and the fields that could be read, OutboxUnavailable if the disk takes no more, and
    ClientDisconnect.
    """
    files = _Spool(spool)
    form = Form(request.headers.get("content-type", ""), limits, on_token, refusal)
    try:
        yield await _Intake(form, files, limits, turns).read(request)
    finally:
        await files.clear()


class _Intake:
    """One request's way from the connection into a form and onto the disk."""

    def __init__(self, form: Form, files: "_Spool", limits: Limits, turns: asyncio.Semaphore) -> None:
        self._form = form
        self._turns = turns
        self._files = files
        self._limits = limits
        self._failure: OSError | None = None

    async def read(self, request: Request) -> RawForm:
        """Read the body to its end, or as far as the limits allow, and answer or raise what came of it."""
        if _declared_size(request) > self._limits.request_size:
            self._form.add_fault(TOO_LARGE)
        if self._form.refused and "expect" in request.headers:  # the client asks first, and has sent nothing yet
            raise self._rejection(close=True)
        whole = await self._read_body(request.receive, _declared_size(request))
        if self._failure is not None:
            raise self._unavailable(close=not whole) from self._failure
        if self._form.refused:
            raise self._rejection(close=not whole)
        return RawForm(self._form.fields, self._form.token, tuple(map(self._raw_file, self._form.uploads)))

    async def _read_body(self, receive: Receive, declared: int) -> bool:
        """Feed the form. Answers whether the body was read to its end."""
        size = 0
        try:
            async with aclosing(_chunks(receive, declared, self._limits, self._turns)) as chunks:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > self._limits.request_size:
                        self._form.add_fault(TOO_LARGE)
                    if size > self._limits.drain_size:
                        return False
                    self._form.feed(chunk)
                    del chunk  # 128 of them, kept while the disk works, would be half of what may be used
                    await self._store(at_least=_WRITE_SIZE)
        except TimeoutError:
            self._form.add_fault(MALFORMED)
            return False
        self._form.finish()
        await self._store(at_least=1)
        return True

    async def _store(self, *, at_least: int) -> None:
        """Put on disk what waits for it, if it is worth a write. Of a form that is refused, nothing is kept."""
        waiting = [upload for upload in self._form.uploads if upload.pending]
        if not self._form.refused and sum(len(upload.pending) for upload in waiting) >= at_least:
            try:
                await self._files.append([(upload.position, upload.take_pending()) for upload in waiting])
            except OSError as error:
                self._failure = error
                self._form.add_fault(Fault("unavailable"))
        if self._form.refused:
            await self._files.clear()

    def _raw_file(self, upload: Upload) -> RawFile:
        if upload.media_type is None:
            raise AssertionError("a file without a type is a fault")
        name = safe_name(upload.name, upload.media_type, upload.position)
        return RawFile(name, self._files.path(upload.position), upload.size, upload.media_type, upload.position)

    def _rejection(self, *, close: bool) -> Rejected:
        form = self._form
        return Rejected(*form.faults, fields=form.fields, retry_after=form.retry_after, close=close)

    def _unavailable(self, *, close: bool) -> OutboxUnavailable:
        return OutboxUnavailable("an attachment cannot be stored", fields=self._form.fields, close=close)


def _declared_size(request: Request) -> int:
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isascii() and declared.isdigit() else 0


async def _chunks(
    receive: Receive, declared: int, limits: Limits, turns: asyncio.Semaphore
) -> AsyncGenerator[bytes, None]:
    """The body as it arrives. Raises TimeoutError when a read, or all of them together, takes too long.

    If it is large, by what is `declared` or has come, it is read when it has a turn, which lasts until the chunk has
    been dealt with; what waits for one stays in the system's buffers. Whose next chunk is not at hand is slow, and goes
    without.
    """
    clock = asyncio.get_running_loop().time
    end = clock() + limits.total_timeout
    size, more = 0, True

    async def next_within(seconds: float) -> Message:
        async with asyncio.timeout_at(min(end, clock() + seconds)):
            return await receive()

    while more:
        if clock() >= end:  # a read that never has to wait never meets its timeout
            raise TimeoutError
        async with AsyncExitStack() as turn:
            message: Message | None = None
            if max(size, declared) > _LARGE:
                await turn.enter_async_context(turns)
                with suppress(TimeoutError):
                    message = await next_within(_AT_HAND)
                if message is None:
                    await turn.aclose()
            if message is None:
                message = await next_within(limits.read_timeout)
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
            yield message.pop("body", b"")  # taken out, so that the chunk lives no longer than it is looked at


class _Spool:
    """The files of one request on disk, each under a name of ours that only this process may read."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._paths: dict[int, Path] = {}

    def path(self, position: int) -> Path:
        return self._paths[position]

    async def append(self, pieces: Sequence[tuple[int, bytearray]]) -> None:
        """Add to each file its bytes. Raises OSError."""
        await to_the_end(partial(self._append, pieces))

    async def clear(self) -> None:
        """Remove every file that was not moved away."""
        if self._paths:
            await to_the_end(self._clear)

    def _append(self, pieces: Sequence[tuple[int, bytearray]]) -> None:
        for position, data in pieces:
            mode = "ab"
            if position not in self._paths:
                self._paths[position] = self._directory / f"{secrets.token_hex(16)}.part"
                mode = "xb"
            # Opened for each write: no descriptor is held while a slow client makes up its mind.
            with open(self._paths[position], mode, opener=_open_private) as file:
                file.write(data)

    def _clear(self) -> None:
        while self._paths:
            _, path = self._paths.popitem()
            with suppress(OSError):  # the disk that cannot remove a file has bigger problems than this one
                path.unlink(missing_ok=True)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)
