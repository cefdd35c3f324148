"""Tells a product's own systems that a submission has ended: queued in the transaction that writes the end.

So no crash loses an event, and none is told of an end that was not written. `ops.courier` sends them.
"""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection

from widget.outbox.backend import Backend
from widget.outbox.model import known_id
from widget.outbox.notices import Queueing

ENDS = ("delivered", "refused")
"""The ends of a submission that are told."""
PREFIX = "events "
"""What the channel of a product's events begins with."""
_THUMBS = {True: "up", False: "down", None: None}


def channel_of(product: str) -> str:
    """The channel of a product's events."""
    return f"{PREFIX}{product}"


def product_of(channel: str) -> str | None:
    """The product whose events go by a channel; None if alerts do."""
    return channel.removeprefix(PREFIX) if channel.startswith(PREFIX) else None


class Events:
    """Queues the events of `products` on a `backend`; those of others are not wanted."""

    def __init__(self, backend: Backend, products: Collection[str]) -> None:
        self._products = frozenset(products)
        self._queueing = Queueing(backend)

    def wants(self, product: str, state: str) -> bool:
        """Whether it is told that a submission of `product` is in `state` now."""
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
        """Queue the event of a submission that is in `state` now, if it is wanted. Nothing that the person wrote is in
        it."""
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
