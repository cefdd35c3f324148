"""Watches for what needs a person, and sends what is queued, beside the delivery and never in its way.

Every process that delivers does so. The queue in the database sees to it that one of them tells each piece of news.
"""

import asyncio
import contextlib
import smtplib
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import structlog

from widget.errors import OutboxUnavailable
from widget.ops.alerts import SHAPES, Bounds, alarms, mail
from widget.outbox.accounts import Accounts
from widget.outbox.notices import Notice, Notices
from widget.outbox.outbox import Outbox

log = structlog.get_logger("widget.ops.courier")

_PATIENCE = 10.0
"""Seconds that the other side may take. It is less than the claim lasts."""
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 900.0
"""Seconds before an attempt that failed is repeated: the first time, doubled each time, at most."""
_GIVE_UP_AFTER = 3 * 86_400.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where alerts go: nowhere, where an address is None. `smtp` is the address of the mail server."""

    webhook: str | None = None
    shape: str = "generic"
    mail_to: str | None = None
    mail_from: str | None = None
    smtp: str | None = None

    @property
    def channels(self) -> list[str]:
        """The ways by which each alert goes."""
        return [*(["webhook"] if self.webhook else []), *(["email"] if self.mail_to and self.smtp else [])]


class Courier:
    """Looks every `every` seconds."""

    def __init__(self, outbox: Outbox, to: Destinations, bounds: Bounds, every: float) -> None:
        self._outbox = outbox
        self._to = to
        self._bounds = bounds
        self._every = every
        self._accounts = Accounts(outbox.backend)
        self._notices = Notices(outbox.backend)
        self._client: httpx.AsyncClient | None = None

    async def forever(self) -> None:
        """Look, and send what is due, until cancelled."""
        while self._to.channels:
            try:
                self._outbox.check_open()
                await self.look()
                while (notice := await self._notices.claim()) is not None:
                    await self.send(notice)
            except OutboxUnavailable:
                pass  # what is queued stays
            except Exception:
                log.exception("alert.failed")
            await asyncio.sleep(self._every)

    async def look(self) -> None:
        """Queue what is news."""
        overview = await self._accounts.overview()
        pending = await self._outbox.pending_bytes()
        on = dict(alarms(overview, self._outbox.backend.free, pending, self._bounds, time.time()))
        for alarm in await self._notices.settle(on, self._to.channels):
            log.warning(f"alert.{alarm.news}", alarm=alarm.name, words=alarm.words)

    async def send(self, notice: Notice) -> None:
        """Try once; later again if it fails, and not for ever."""
        reason = await self._attempt(notice)
        if reason is None:
            await self._notices.done(notice.id)
        elif notice.age > _GIVE_UP_AFTER:
            log.error("alert.given_up", channel=notice.channel, alarm=notice.body.get("name"), reason=reason)
            await self._notices.done(notice.id)
        else:
            log.warning("alert.not_sent", channel=notice.channel, attempts=notice.attempts, reason=reason)
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(notice.attempts - 1, 30))
            await self._notices.postpone(notice.id, pause)

    async def close(self) -> None:
        """End all connections."""
        if self._client:
            await self._client.aclose()

    async def _attempt(self, notice: Notice) -> str | None:
        """Why it was not taken; None if it was. No reason holds an address, which may be a secret."""
        try:
            async with asyncio.timeout(_PATIENCE):
                if notice.channel == "email":
                    return await asyncio.to_thread(self._mail, notice.body)
                return await self._post(notice.body)
        except (httpx.HTTPError, TimeoutError, OSError, smtplib.SMTPException) as error:
            return type(error).__name__

    async def _post(self, body: Mapping[str, Any]) -> str | None:
        self._client = self._client or httpx.AsyncClient(timeout=_PATIENCE, trust_env=False, follow_redirects=False)
        async with self._client.stream("POST", self._to.webhook or "", json=SHAPES[self._to.shape](body)) as answer:
            return None if answer.is_success else f"answered {answer.status_code}"

    def _mail(self, body: Mapping[str, Any]) -> None:
        message = EmailMessage()
        message["Subject"], text = mail(body)
        message["To"] = self._to.mail_to
        message["From"] = self._to.mail_from or (self._to.mail_to or "").split(",")[0]
        message.set_content(text)
        server = urlsplit(self._to.smtp or "")
        secure = ssl.create_default_context()
        with (
            smtplib.SMTP_SSL(server.hostname or "", server.port or 465, timeout=_PATIENCE, context=secure)
            if server.scheme == "smtps"
            else smtplib.SMTP(server.hostname or "", server.port or 587, timeout=_PATIENCE)
        ) as session:
            session.ehlo()
            if server.scheme == "smtp" and session.has_extn("starttls"):
                session.starttls(context=secure)
            if server.username:
                session.login(unquote(server.username), unquote(server.password or ""))
            session.send_message(message)


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
