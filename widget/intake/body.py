"""Reads a request's body as a stream, within bounds and to its proven end, into the raw parts of a submission.

    async with receive(request, spool=directory, limits=Limits(), turns=Turns(), room=Room(…)) as incoming:
        token = await incoming.token()  # as soon as it is there; if it is not genuine, `incoming.refuse`
        form = await incoming.form()  # form.fields, form.files: the files lie in `directory` until they are moved away

Leaving the context removes every file that was not moved away. A killed process leaves its files behind; the folder
belongs to this service, which empties it at the start.

`turns` reads the body, `multipart` decides what it may hold, `submissions.model` what the fields mean. This module
writes to the disk, and reads on after a refusal, within bounds: a browser that is still sending when the connection
closes shows a network error instead of the answer.
"""

import hashlib
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from starlette.requests import ClientDisconnect, Request

from widget.abuse.rate_limits import sender_key
from widget.errors import Fault, OutboxUnavailable, Rejected
from widget.files import safe_name
from widget.files.threads import run_uncancellable
from widget.intake.model import RawFile, RawForm
from widget.intake.multipart import MALFORMED, TOO_LARGE, Form, Limits, Upload
from widget.intake.room import Room, Share, check_disk
from widget.intake.turns import Body, Turns
from widget.submissions.spooled import SpooledFile
from widget.telemetry.counters import Amount, Key, counters

__all__ = ["ClientDisconnect", "Incoming", "Limits", "RawFile", "RawForm", "Room", "Turns", "receive"]

_PATIENCE = 2.0
"""Seconds without a byte that a body gets whose announced size is refused: the rest of it may never come."""
_WRITE_SIZE = 32 * 1024
"""Bytes of files that each request may keep in memory while it waits for more."""


@asynccontextmanager
async def receive(
    request: Request,
    *,
    spool: Path,
    limits: Limits,
    turns: Turns,
    room: Room,
    refusal: Rejected | None = None,
    sealed: bool = False,
) -> AsyncIterator["Incoming"]:
    """The form in the request, for the caller to read.

    All requests of a process share `turns` and `room`. A request with a `refusal` was refused already; its body is read
    all the same, for its text fields and for the browser's sake. `spool` is the folder for files; `sealed` ones are
    encrypted.
    """
    sender = sender_key(request.client.host if request.client else "")
    files = _Spool(spool, room.share(sender), sealed=sealed)
    incoming = Incoming(request, files, limits, turns, refusal)
    try:
        yield incoming
    finally:
        incoming.close()
        await files.clear()
        counters.add(Key("upload"), Amount(incoming.size))


class Incoming:
    """One request on its way from the connection into a form and onto the disk.

    Its methods raise OutboxUnavailable if there is no room on the disk, and ClientDisconnect.
    """

    def __init__(
        self, request: Request, files: "_Spool", limits: Limits, turns: Turns, refusal: Rejected | None
    ) -> None:
        declared = declared_size(request)
        is_too_large = declared > limits.request_size
        if is_too_large:
            limits = replace(limits, read_timeout=min(limits.read_timeout, _PATIENCE))
        self._form = Form(request.headers.get("content-type", ""), limits, refusal)
        self._files = files
        self._limits = limits
        self.size = 0
        """Bytes that were read."""
        self._given_up = False
        self._failure: OSError | OutboxUnavailable | None = None
        self._is_trusted = False
        self._expects_word = "expect" in request.headers
        self._body = Body(request.receive, declared, limits, turns)
        self.whole = False
        """Whether the body was read to its end."""
        if is_too_large:
            self._form.add_fault(TOO_LARGE)
            # A body that we would never read to its end is answered at once.
            self._given_up = declared > limits.drain_size

    @property
    def fields(self) -> Mapping[str, str]:
        """The text fields that were read so far, except for the token."""
        return self._form.fields

    def refuse(self, rejected: Rejected) -> None:
        """Refuse the form for one more reason; `form` raises it with all others. From now on, no file is kept."""
        self._form.refuse(rejected)

    async def token(self) -> str | None:
        """The field `token`, as soon as it is read: empty if the form has none, None if the form is refused already."""
        await self._read(until_token=True)
        return None if self._form.token is None and self._form.refused else self._form.token or ""

    async def form(self) -> RawForm:
        """The whole form, whose token the caller has found genuine or refused. Raises Rejected with every fault."""
        self._is_trusted = True
        self._files.trust()
        await self._read()
        await self._store(at_least=1)
        self.close()
        if isinstance(self._failure, OutboxUnavailable):
            raise self._failure
        if self._failure is not None:
            raise OutboxUnavailable("an attachment cannot be stored") from self._failure
        if self._form.refused:
            raise Rejected(*self._form.faults, retry_after=self._form.retry_after, limit=self._form.limit)
        return RawForm(self._form.fields, tuple(map(self._raw_file, self._form.uploads)))

    def close(self) -> None:
        """Stop reading, and let others read."""
        self._body.close()

    async def _read(self, *, until_token: bool = False) -> None:
        """Feed the form to its end, as far as the limits allow, or until the token is there."""
        if self._form.refused and self._expects_word and not self.size:
            return  # the client asks first, and has sent nothing yet
        try:
            while not (self.whole or self._given_up or (until_token and self._form.token is not None)):
                await self._read_chunk()
        except TimeoutError:
            self._given_up = True
            if not self._form.refused:
                self._form.add_fault(MALFORMED)

    async def _read_chunk(self) -> None:
        chunk = await self._body.read()
        if chunk is None:
            self.whole = True
            self._form.finish()
            return
        self.size += len(chunk)
        if self.size > self._limits.request_size:
            self._form.add_fault(TOO_LARGE)
        if self.size > self._limits.drain_size:
            self._given_up = True
            return
        self._form.feed(chunk)
        del chunk  # 128 of them, kept during the write, would be half of the allowed memory
        if not self._body.turn_goes_on:
            await self._store(at_least=_WRITE_SIZE)

    async def _store(self, *, at_least: int) -> None:
        """Write the collected bytes if there are enough of them. Keep nothing of a refused form."""
        if self._form.token is not None and not self._is_trusted:
            return  # it is known in a moment whether the token is genuine
        waiting = [upload for upload in self._form.uploads if upload.pending]
        if not self._form.refused and sum(len(upload.pending) for upload in waiting) >= at_least:
            try:
                await self._files.append([(upload.position, upload.take_pending()) for upload in waiting])
            except (OSError, OutboxUnavailable) as error:
                self._failure = error
                self._form.add_fault(Fault("unavailable"))
        if self._form.refused:
            await self._files.clear()

    def _raw_file(self, upload: Upload) -> RawFile:
        if upload.media_type is None:
            raise AssertionError("a file without a type is a fault")
        name = safe_name(upload.name, upload.media_type, upload.position)
        content, digest = self._files.content(upload.position), self._files.digest(upload.position)
        return RawFile(name, content, upload.size, upload.media_type, upload.position, digest)


def declared_size(request: Request) -> int:
    """The size in bytes that a request announces for its body; 0 if it announces none."""
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isascii() and declared.isdigit() else 0


class _Spool:
    """The files of one request on disk, each under a random name."""

    def __init__(self, directory: Path, share: Share, *, sealed: bool) -> None:
        self._directory = directory
        self._share = share
        self._sealed = sealed
        self._contents: dict[int, SpooledFile] = {}
        self._digests: dict[int, hashlib._Hash] = {}

    def content(self, position: int) -> SpooledFile:
        return self._contents[position]

    def digest(self, position: int) -> bytes:
        return self._digests[position].digest()

    def trust(self) -> None:
        """The request has a genuine token, or nothing more of it is kept."""
        self._share.trust()

    async def append(self, pieces: Sequence[tuple[int, bytearray]]) -> None:
        """Add to each file its bytes. Raises OSError and OutboxUnavailable."""
        self._share.take(sum(len(data) for _, data in pieces))
        await run_uncancellable(partial(self._append, pieces))

    async def clear(self) -> None:
        """Remove every file that was not moved away."""
        if self._contents:
            await run_uncancellable(self._clear)
        self._share.give_back()

    def _append(self, pieces: Sequence[tuple[int, bytearray]]) -> None:
        check_disk(self._directory)
        for position, data in pieces:
            if position not in self._contents:
                path = self._directory / f"{secrets.token_hex(16)}.part"
                self._contents[position] = SpooledFile(path, sealed=self._sealed)
                self._digests[position] = hashlib.sha256()
            self._contents[position].append(data)
            self._digests[position].update(data)

    def _clear(self) -> None:
        while self._contents:
            _, content = self._contents.popitem()
            with suppress(OSError):  # a disk that cannot remove a file has bigger problems
                content.path.unlink(missing_ok=True)
