"""Looks for reasons for alerts, and sends queued alerts and events. It runs beside delivery and never delays it.

Every process that delivers does so. The queue in the database makes sure that only one of them sends each notice.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import structlog

from widget.delivery.policy import Policy
from widget.errors import OutboxUnavailable
from widget.ops import alerts, events
from widget.ops.alerts import SHAPES, Bounds, alarms
from widget.ops.lanes import Channel, Lane
from widget.ops.posting import Poster
from widget.outbox.accounts import Accounts
from widget.outbox.events import channel_of, product_of
from widget.outbox.notices import DAY, Notice, Notices
from widget.outbox.outbox import Outbox
from widget.telemetry.counters import Key, counters

if TYPE_CHECKING:
    from widget.ops.mailing import Mailer

log = structlog.get_logger("widget.ops.courier")

_ALERT_LASTS = 3 * 86_400.0
"""Seconds after which an alert that was never accepted is given up."""


@dataclass(frozen=True, slots=True)
class EventWebhook:
    """The address of a product's events, and the secrets that sign them, newest first."""

    url: str
    secrets: Sequence[str]


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where alerts go; None means nowhere. `smtp` is the address of the mail server.

    `event_webhooks` holds the addresses of products' events. `receipt` makes a receipt from a submission's id and
    product.
    """

    webhook: str | None = None
    shape: str = "generic"
    mail_to: str | None = None
    mail_from: str | None = None
    smtp: str | None = None
    event_webhooks: Mapping[str, EventWebhook] = field(default_factory=dict)
    receipt: Callable[[str, str], str] = lambda submission_id, product: ""


class Courier:
    """Looks every `every` seconds how `products` are, and sends what is queued in the meantime. `policy` says when to
    retry."""

    def __init__(
        self,
        outbox: Outbox,
        products: Collection[str],
        to: Destinations,
        bounds: Bounds,
        policy: Policy,
        every: float,
    ) -> None:
        self._outbox = outbox
        self._products = products
        self._bounds = bounds
        self._policy = policy
        self._every = every
        self._accounts = Accounts(outbox.backend)
        self._notices = Notices(outbox.backend)
        self._poster = Poster()
        channels = self._channels(to)
        self._alert_channels = [each.name for each in channels if each.kind == "alert"]
        lasting = {"alert": replace(policy, give_up_after=_ALERT_LASTS), "event": policy}
        self.lanes = {each.name: Lane(each, outbox, lasting[each.kind], every) for each in channels}

    def _channels(self, to: Destinations) -> Sequence[Channel]:
        channels = []
        if to.webhook:
            channels.append(Channel("webhook", "alert", partial(self._post_alert, to.webhook, to.shape), _about_alert))
        if to.mail_to and to.smtp:
            from widget.ops.mailing import Mailer  # only where alerts go out by mail

            mailer = Mailer(to.mail_to, to.mail_from, to.smtp)
            channels.append(Channel("email", "alert", partial(_mail, mailer), _about_alert))
        for product, webhook in to.event_webhooks.items():
            send, count = partial(self._post_event, webhook, to.receipt), partial(_count, product)
            channels.append(Channel(channel_of(product), "event", send, _about_event, count))
        return channels

    async def forever(self) -> None:
        """Look, and send what is due, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for lane in self.lanes.values():
                tasks.create_task(lane.forever())
            tasks.create_task(self._wake_for_events())
            while True:
                try:
                    self._outbox.check_open()
                    await self.look()
                except OutboxUnavailable:
                    pass  # what is queued stays
                except Exception:
                    log.exception("alert.failed")
                await asyncio.sleep(self._every)

    async def look(self) -> None:
        """Queue new alerts, and remove notices that no channel sends any more."""
        for channel in await self._notices.forget(max(self._policy.give_up_after, _ALERT_LASTS) + DAY):
            log.error("notice.given_up", channel=channel, reason="no setting names this channel any more")
        if not self._alert_channels:
            return
        overview, waiting = await self._accounts.overview(self._products), await self._notices.waiting()
        backlogs = {product: backlog for name, backlog in waiting.items() if (product := product_of(name))}
        pending, free = await self._outbox.pending_bytes(), self._outbox.backend.free
        on = dict(alarms(overview, free, pending, backlogs, self._bounds, time.time()))
        for alarm in await self._notices.settle(on, self._alert_channels):
            log.warning(f"alert.{alarm.news}", alarm=alarm.name, words=alarm.words)
        for name in self._alert_channels:
            self.lanes[name].wake()

    async def close(self) -> None:
        """End all connections."""
        await self._poster.close()

    async def _wake_for_events(self) -> None:
        while True:
            await self._outbox.has_news.wait()
            self._outbox.has_news.clear()
            for name, lane in self.lanes.items():
                if product_of(name):
                    lane.wake()

    async def _post_alert(self, url: str, shape: str, notice: Notice) -> None:
        await self._poster.post(url, json.dumps(SHAPES[shape](notice.body)).encode(), {})

    async def _post_event(self, webhook: EventWebhook, receipt: Callable[[str, str], str], notice: Notice) -> None:
        content = events.content(notice, receipt)
        await self._poster.post(webhook.url, content, events.headers(notice, content, webhook.secrets, time.time()))


async def _mail(mailer: "Mailer", notice: Notice) -> None:
    await mailer.mail(*alerts.mail(notice.body))


def _about_alert(notice: Notice) -> Mapping[str, object]:
    return {"channel": notice.channel, "alarm": notice.body.get("name")}


def _about_event(notice: Notice) -> Mapping[str, object]:
    return {"event_id": notice.id, **{name: notice.body[name] for name in ("product", "submission", "state")}}


def _count(product: str, outcome: str) -> None:
    counters.add(Key("event", product, detail=outcome))


@contextlib.asynccontextmanager
async def telling(courier: Courier) -> AsyncIterator[None]:
    """Look and send until the context is left."""
    task = asyncio.create_task(courier.forever(), name="courier")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        await courier.close()
