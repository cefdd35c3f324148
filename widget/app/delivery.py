"""Delivery and what goes with it, in a web process or in a worker: alerts, retention, health."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import structlog

from widget import __version__
from widget.config import inventory
from widget.config.settings import Settings
from widget.delivery.delivery import Delivery
from widget.delivery.dispatch import Dispatcher, NoDispatcher
from widget.delivery.health import Health
from widget.delivery.heartbeat import Heartbeat
from widget.delivery.policy import Policy
from widget.files.clamav import Scanner
from widget.insider.client import Insider
from widget.ops.alerts import Bounds
from widget.ops.courier import Courier, Destinations, EventWebhook, telling
from widget.ops.flushing import Flusher, flushing
from widget.outbox.notices import Notices
from widget.outbox.opening import opened
from widget.outbox.outbox import Outbox
from widget.outbox.retention import Retention
from widget.outbox.tally import Tally
from widget.submissions import identity
from widget.submissions.tokens import CLOCK_SKEW, Tokens
from widget.telemetry import logs
from widget.telemetry.tracing import tracing

log = structlog.get_logger("widget.app")

_DAY = 86400.0
"""Seconds."""


@contextlib.asynccontextmanager
async def delivering(
    settings: Settings, outbox: Outbox, flusher: Flusher, *, deliver: bool, address: str | None
) -> AsyncIterator[tuple[Insider, Dispatcher]]:
    """Keep the outbox open and, if `deliver`, deliver its rows, until the context is left. The log names the `address`
    that the process answers on."""
    insider = Insider(
        settings.insider_url, settings.accounts, timeout=settings.delivery_timeout, ca=settings.insider_ca
    )
    delivery = create_delivery(settings, outbox, insider)
    heartbeat = Heartbeat(settings.heartbeat_url)
    dispatcher = create_dispatcher(settings, outbox, delivery, heartbeat, deliver=deliver)

    async def begin() -> None:
        await outbox.open()
        if outbox.backend.alone:
            await delivery.recover(everything=True)
            await Notices(outbox.backend).end_claims()
        dispatcher.start()
        _log_start(settings, address, delivers=deliver)

    try:
        async with tracing(settings.traces, __version__), flushing(flusher):
            async with opened(begin), telling(create_courier(settings, outbox)):
                yield insider, dispatcher
            await dispatcher.stop(settings.shutdown_grace)
    finally:
        await heartbeat.close()
        await insider.close()
        await outbox.close()
        log.info("widget.stopped")
        logs.flush()  # a signal or another program may end this process now


def _log_start(settings: Settings, address: str | None, *, delivers: bool) -> None:
    log.info(
        "widget.started",
        version=__version__,
        products=sorted(settings.products),
        delivers=delivers,
        address=address,
        database=inventory.database(settings),
        insider_connect=settings.insider_url,
    )


@contextlib.asynccontextmanager
async def watching(
    settings: Settings, outbox: Outbox, insider: Insider, dispatcher: Dispatcher
) -> AsyncIterator[Health]:
    """Keep the answer of `/readyz` up to date until the context is left."""
    health = Health(
        outbox,
        insider,
        dispatcher,
        settings.products,
        database_every=settings.health_interval,
        accounts_every=settings.probe_interval,
        scanner=create_scanner(settings),
    )
    task = asyncio.create_task(health.watch(), name="health")
    try:
        yield health
    finally:
        task.cancel()
        await asyncio.wait({task})


def create_delivery(settings: Settings, outbox: Outbox, insider: Insider) -> Delivery:
    """Delivers rows, by the policy of the settings."""
    return Delivery(
        outbox,
        insider,
        settings.products,
        policy_of(settings),
        probe_every=settings.probe_interval,
        scanner=create_scanner(settings),
        scan_timeout=settings.clamd_timeout,
    )


def create_scanner(settings: Settings) -> Scanner | None:
    """The virus scanner, if the settings name one."""
    return Scanner(settings.clamd) if settings.clamd else None


def create_dispatcher(
    settings: Settings, outbox: Outbox, delivery: Delivery, heartbeat: Heartbeat, *, deliver: bool
) -> Dispatcher:
    """Decides when rows are tried: by this process alone, by several, or, without `deliver`, not by this one."""
    retention = create_retention(settings, outbox)
    tally = Tally(outbox.backend)

    async def tidy() -> None:
        await retention.sweep()
        await tally.tidy()
        if not await delivery.is_paused():
            heartbeat.beat()

    options: dict[str, Any] = {
        "concurrency": settings.delivery_concurrency,
        "sweep_every": settings.sweep_interval,
        "tidy": tidy,
    }
    if not deliver:
        return NoDispatcher(outbox, delivery, **options)
    if settings.sqlite_path:
        return Dispatcher(outbox, delivery, **options)
    from widget.delivery.procrastinate import ProcrastinateDispatcher  # its driver is optional

    url = settings.database_direct_url or settings.database_url
    return ProcrastinateDispatcher(outbox, delivery, url=url, name=outbox.backend.name, **options)


def create_retention(settings: Settings, outbox: Outbox) -> Retention:
    """What is erased from the outbox, and when."""
    return Retention(
        outbox.backend,
        kept=settings.retention_days * _DAY,
        receipts=settings.receipt_days * _DAY,
        tokens=settings.token_max_age + 2 * CLOCK_SKEW + identity.LONGEST,  # then no identity is believed twice either
        contexts=settings.context_days * _DAY,
        held_files=settings.held_files_days * _DAY,
        max_quarantine=settings.quarantine_bytes,
    )


def create_courier(settings: Settings, outbox: Outbox) -> Courier:
    """Sends alerts to operators, and events to the products' own systems."""
    event_webhooks = {
        slug: EventWebhook(product.events.url, [each.get_secret_value() for each in settings.event_secrets[slug]])
        for slug, product in settings.products.items()
        if product.events
    }
    to = Destinations(
        webhook=settings.alert_webhook.get_secret_value() if settings.alert_webhook else None,
        shape=settings.alert_format,
        mail_to=settings.alert_email,
        mail_from=settings.alert_from,
        smtp=settings.smtp_url.get_secret_value() if settings.smtp_url else None,
        event_webhooks=event_webhooks,
        receipt=Tokens(settings.keys, settings.token_max_age).receipt,
    )
    bounds = Bounds(
        oldest=settings.alert_oldest,
        account_after=settings.alert_account_after,
        disk=settings.alert_disk,
        pending=settings.pending_bytes,
    )
    return Courier(outbox, settings.products, to, bounds, policy_of(settings), settings.sweep_interval)


def policy_of(settings: Settings) -> Policy:
    """The retry policy that the settings describe."""
    return Policy(
        retry_min=settings.retry_min,
        retry_max=settings.retry_max,
        give_up_after=settings.retry_days * _DAY,
        unknown_hold=settings.unknown_hold if settings.unknown_policy == "retry" else None,
    )
