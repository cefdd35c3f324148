"""The room on the disk for the files that a process is receiving, so that uploads take nothing from what is accepted.

Whoever has no genuine form token yet shares a small part of it. A form sends its token first, so only strangers and
programs ever need that part. But a token costs nothing, so those who have one share the room, too: each may hold as
much as is left for others (dynamic thresholds: Choudhury and Hahne, IEEE/ACM Transactions on Networking, 1998). A
single sender gets half of the room, two get a third each.
"""

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from widget.errors import OutboxFull, OutboxUnavailable
from widget.intake.multipart import Limits
from widget.ops.alerts import nearly_full

LEAST_FREE = 64 * 1024 * 1024
"""Bytes of the disk that uploads leave free: four times what the outbox leaves for delivery (`outbox.sqlite.SPARE`), so
that others can still be stored when no upload is."""
_EARLY = Limits().request_size
"""Bytes that all requests without a token may hold together: one request of the largest size. Every sender may hold as
much, if it is there."""


class Room:
    """Counts the bytes that requests hold on the disk. All of them together may hold `most`, or one request if that is
    more; `limit` is the setting with that limit."""

    def __init__(self, most: int, limit: str) -> None:
        self._most = max(most, _EARLY)
        self._limit = limit
        self.held = 0
        """Bytes that all requests hold."""
        self._early = 0
        self._senders: Counter[str] = Counter()

    def share(self, sender: str) -> "Share":
        """What a new request of a sender holds: nothing yet."""
        return Share(self, sender)

    def _change(self, sender: str, size: int, early: int) -> None:
        left = self._most - self.held - size
        if size > 0 and (left < 0 or self._senders[sender] + size > max(_EARLY, left)):
            raise OutboxFull("too many files are being received", self._limit)
        if early > 0 and self._early + early > _EARLY:
            raise OutboxFull("too many files are being received without a token", self._limit)
        self.held += size
        self._early += early
        self._senders[sender] += size
        if not self._senders[sender]:
            del self._senders[sender]


class Share:
    """The room that one request holds."""

    def __init__(self, room: Room, sender: str) -> None:
        self._room = room
        self._sender = sender
        self._size = 0
        self._is_early = True

    def take(self, size: int) -> None:
        """Hold so many bytes more. Raises OutboxFull."""
        self._room._change(self._sender, size, size if self._is_early else 0)
        self._size += size

    def trust(self) -> None:
        """The request has a genuine token."""
        if self._is_early:
            self._room._change(self._sender, 0, -self._size)
            self._is_early = False

    def give_back(self) -> None:
        """Hold nothing any more."""
        self._room._change(self._sender, -self._size, -self._size if self._is_early else 0)
        self._size = 0


def check_disk(folder: Path) -> None:
    """Raises OutboxUnavailable if the disk of `folder` has too little space for uploads, OSError if nobody knows."""
    disk = os.statvfs(folder)
    if disk.f_bavail * disk.f_frsize < LEAST_FREE:
        raise OutboxUnavailable("the disk has too little space for uploads")


def files_trouble(spool: Path) -> str | None:
    """Why no submission with files can be stored now, although one without may: their folder or its disk. `spool` is
    the folder for uploads; the folder around it keeps what is accepted."""
    try:
        check_disk(spool)
    except OutboxUnavailable as error:
        return str(error)
    except OSError as error:
        return f"{spool} cannot be used: {error.strerror}"
    for folder in (spool, spool.parent):
        if not os.access(folder, os.W_OK | os.X_OK):
            return f"{folder} cannot be written"
    return None


def not_accepted(trouble: str | None, spool: Path, pending: Mapping[str, float], limit: float) -> list[str]:
    """Sentences for the operator about what cannot be stored now. `trouble` is why nothing can; `pending` are the bytes
    of waiting attachments by product, of which `limit` may wait."""
    if trouble:
        return [f"Nothing can be accepted: {trouble}."]
    if why := files_trouble(spool):
        return [f"Nothing with files can be accepted: {why}."]
    words = nearly_full(pending, limit)
    return [words] if words else []
