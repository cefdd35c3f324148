"""Queues an event for a product's own systems in the transaction that ends a submission.

So a crash loses no event, and none reports an end that was not written. `ops.courier` sends them.
"""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection

from widget.outbox.backend import Backend
from widget.outbox.model import known_id
from widget.outbox.notices import Queueing

ENDS = ("delivered", "refused")
"""The states that end a submission and are reported."""
PREFIX = "events "
"""The beginning of the channel's name of a product's events."""
_THUMBS = {True: "up", False: "down", None: None}


def channel_of(product: str) -> str:
    """The channel of a product's events."""
    return f"{PREFIX}{product}"


def product_of(channel: str) -> str | None:
    """The product whose events a channel carries; None for a channel of alerts."""
    return channel.removeprefix(PREFIX) if channel.startswith(PREFIX) else None


class Events:
    """Queues the events of `products` on a `backend`; other products have none."""

    def __init__(self, backend: Backend, products: Collection[str]) -> None:
        self._products = frozenset(products)
        self._queueing = Queueing(backend)

    def wants(self, product: str, state: str) -> bool:
        """Whether a submission of `product` that is now in `state` is reported."""
        return state in ENDS and product in self._products

    def put(
        self,
        connection: Connection,
        submission_id: str,
        product: str,
        state: str,
        feedback_id: int | None,
        rating: bool | None,
    ) -> None:
        """Queue the event of a submission that is now in `state`, if it is reported. It holds nothing that the person
        wrote."""
        if not self.wants(product, state):
            return
        body: Mapping[str, Any] = {
            "submission": submission_id,
            "product": product,
            "state": state,
            "feedback_id": known_id(feedback_id),
            "thumb": _THUMBS[rating],
        }
        self._queueing.put(connection, channel_of(product), body)
