"""Who sent which files of late. The outbox does not store it, but has to share its room between senders."""

from collections import OrderedDict

_MOST = 10_000
"""Submissions that are remembered, about 250 bytes each. To push out one's own, one would have to send as many."""


class Senders:
    """Remembers the latest submissions with files, as far as this process accepted them."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._by_id: OrderedDict[str, str] = OrderedDict()

    def note(self, submission_id: str, sender: str) -> tuple[str, ...]:
        """A sender is about to store a submission. Returns the ids of its others."""
        others = tuple(each for each, whose in self._by_id.items() if whose == sender and each != submission_id)
        self._by_id[submission_id] = sender
        if len(self._by_id) > self._most:
            self._by_id.popitem(last=False)
        return others
