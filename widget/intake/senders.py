"""Who sent which files of late. The outbox does not store it, but has to share its room between senders."""

from collections import defaultdict

_MOST = 10_000
"""Submissions that are remembered, about 250 bytes each. To push out one's own, one would have to send as many."""


class Senders:
    """Remembers the latest submissions with files, as far as this process accepted them."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._sender_of: dict[str, str] = {}
        self._ids: defaultdict[str, set[str]] = defaultdict(set)

    def note(self, submission_id: str, sender: str) -> tuple[str, ...]:
        """A sender is about to store a submission. Returns the ids of its others."""
        self._forget(submission_id)
        others = tuple(self._ids[sender])
        self._ids[sender].add(submission_id)
        self._sender_of[submission_id] = sender
        if len(self._sender_of) > self._most:
            self._forget(next(iter(self._sender_of)))
        return others

    def _forget(self, submission_id: str) -> None:
        if (sender := self._sender_of.pop(submission_id, None)) is not None:
            self._ids[sender].discard(submission_id)
            if not self._ids[sender]:
                del self._ids[sender]
