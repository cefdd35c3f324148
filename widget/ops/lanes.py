"""Sends the notices of one channel, whatever happens in the others."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from widget.delivery.policy import Policy, backoff
from widget.errors import OutboxUnavailable
from widget.ops.posting import NotTaken
from widget.outbox.notices import Notice, Notices
from widget.outbox.outbox import Outbox

log = structlog.get_logger("widget.ops.courier")

_AT_ONCE = 8
"""Notices that are sent at the same time."""
_SHORTEST = 0.05
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel's way of sending. `send` raises NotTaken. `kind` is the first word of the log events, alert or event,
    and `about` identifies the notice in them. `counted` gets the result of each attempt."""

    name: str
    kind: str
    send: Callable[[Notice], Awaitable[None]]
    about: Callable[[Notice], Mapping[str, Any]]
    counted: Callable[[str], None] = lambda outcome: None


class Lane:
    """Sends the notices of a `channel`, a few at a time, and retries by `policy` those that were not accepted.

    After a failure it pauses, longer each time, and then tries a single notice, so that a receiver that is down does
    not get everything at once.
    """

    def __init__(self, channel: Channel, outbox: Outbox, policy: Policy, every: float) -> None:
        self._channel = channel
        self._outbox = outbox
        self._notices = Notices(outbox.backend)
        self._policy = policy
        self._every = every
        self._failures = 0
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look again: something new may be queued."""
        self._wake.set()

    async def forever(self) -> None:
        """Send what is due, until cancelled."""
        while True:
            self._wake.clear()
            pause = self._every
            try:
                self._outbox.check_open()
                pause = await self.work()
            except OutboxUnavailable:
                pass  # what is queued stays
            except Exception:
                log.exception(f"{self._channel.kind}.failed", channel=self._channel.name)
            if self._failures:
                await asyncio.sleep(pause)
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()

    async def work(self) -> float:
        """Send what is due, until nothing is left or an attempt fails. Returns the seconds until the next look. Raises
        OutboxUnavailable."""
        while notices := await self._notices.claim(self._channel.name, 1 if self._failures else _AT_ONCE):
            taken = await asyncio.gather(*map(self.send, notices))
            self._failures = 0 if all(taken) else self._failures + 1
            if self._failures:
                return max(_SHORTEST, self._pause(self._failures))
        due_in = await self._notices.next_due_in(self._channel.name)
        return self._every if due_in is None else max(_SHORTEST, min(self._every, due_in))

    async def send(self, notice: Notice) -> bool:
        """Try once. If it fails, retry later, up to the policy's limit. Returns whether it was accepted."""
        facts = {**self._channel.about(notice), "attempts": notice.attempts}
        try:
            await self._channel.send(notice)
        except NotTaken as error:
            reason = str(error)
        else:
            await self._notices.done(notice.id)
            log.info(f"{self._channel.kind}.sent", **facts)
            self._channel.counted("taken")
            return True
        if notice.age > self._policy.give_up_after:
            log.error(f"{self._channel.kind}.given_up", reason=reason, **facts)
            self._channel.counted("given_up")
            await self._notices.done(notice.id)
        else:
            log.warning(f"{self._channel.kind}.not_sent", reason=reason, **facts)
            self._channel.counted("not_taken")
            await self._notices.postpone(notice.id, self._pause(notice.attempts), reason)
        return False

    def _pause(self, attempts: int) -> float:
        return backoff(attempts, self._policy, random.random())  # noqa: S311
