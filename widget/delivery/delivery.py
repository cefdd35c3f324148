"""What happens to a submission next, and doing it.

`decide` turns an outcome into a verdict: a pure function. `Delivery.advance` claims a row, makes its calls and writes
what became of it; it works on the row alone, so whoever calls it, and when, is left to a dispatcher. A `Gate` keeps
an account's rows back while Insider Connect cannot be reached, or will not have its credentials.
"""

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, repeat
from typing import assert_never

import structlog

from widget.errors import AttachmentMissing, OutboxUnavailable
from widget.files.clamav import Scanner, ScannerUnavailable
from widget.insider.client import (
    Attached,
    Created,
    Insider,
    Misconfigured,
    NotProcessed,
    Outcome,
    Refused,
    Unknown,
    Upload,
)
from widget.outbox import Outbox, Pending, Verdict, Work

log = structlog.get_logger("widget.delivery.delivery")

FAILURES_TO_OPEN = 5
"""Connection failures in a row after which an account's gate shuts."""
_VALIDATION = (400, 422)
_MAX_TOLD = 600
"""Characters of Insider Connect's words that a person is told."""
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_NOT_FOR_PEOPLE = re.compile(r"[<>{}]|://|\bat [\w.]+\(|exception|traceback|stack trace|bearer|secret", re.IGNORECASE)
_RETRY_AFTER = (1.0, 3600.0)
"""Seconds within which Insider Connect's own wish is obeyed."""


@dataclass(frozen=True, slots=True)
class Policy:
    """When to try again. All periods in seconds; `unknown_hold` is None when such rows are left to the operator."""

    retry_min: float
    retry_max: float
    give_up_after: float
    unknown_hold: float | None


def backoff(attempts: int, policy: Policy, chance: float) -> float:
    """Seconds until the next attempt: exponential with full jitter. `chance` lies in [0, 1)."""
    ceiling = min(policy.retry_max, policy.retry_min * 2.0 ** min(attempts - 1, 30))
    return ceiling * chance


def longest_delay(policy: Policy) -> float:
    """Seconds: no row is ever told to wait for longer."""
    return max(policy.retry_max, _RETRY_AFTER[1], policy.unknown_hold or 0.0) + 60.0


def next_files(work: Work) -> tuple[Pending, ...]:
    """The files of the next request: all of them, or one once all together were refused."""
    return work.pending[:1] if work.separately else work.pending


def decide(work: Work, outcome: Outcome, policy: Policy, chance: float) -> Verdict:
    """What becomes of `work` after `outcome`. `chance` in [0, 1) spreads the retries."""
    match outcome:
        case Created(feedback_id):
            return Verdict("sending" if work.pending else "delivered", feedback_id=feedback_id)
        case Attached():
            sent = next_files(work)
            done = len(sent) == len(work.pending)
            return Verdict(
                "delivered" if done else "sending",
                attachments={file.position: ("attached", None) for file in sent},
            )
        case Refused(reasons, status):
            said = " ".join(reasons)
            return _refused(
                work, fit_to_show(reasons, status), said if status is None else f"answered {status}: {said}"
            )
        case NotProcessed(reason, retry_after):
            if work.age > policy.give_up_after:
                return _given_up(work, reason)
            delay = backoff(work.attempts, policy, chance)
            if retry_after is not None:
                delay = max(delay, min(max(retry_after, _RETRY_AFTER[0]), _RETRY_AFTER[1]))
            return Verdict("queued", delay=delay, error=reason)
        case Unknown(reason):
            hold = None if work.possible_duplicate else policy.unknown_hold
            return Verdict("unknown", delay=hold, error=reason, possible_duplicate=True)
        case Misconfigured(reason):
            return Verdict("queued", delay=0.0, error=reason, attempt_spent=False)
    assert_never(outcome)


def infected(work: Work, found: Mapping[int, str]) -> Verdict:
    """What becomes of `work` when viruses were found in files that were to go next: names by position."""
    rest = [file for file in work.pending if file.position not in found]
    names = ", ".join(f"file {position + 1}: {name}" for position, name in found.items())
    return Verdict(
        "sending" if rest else "delivered",
        error=f"a virus was found: {names}",
        attachments=dict.fromkeys(found, ("refused", None)),
        notes=dict.fromkeys(found, "infected"),
    )


def unscanned(work: Work, reason: str, policy: Policy, chance: float) -> Verdict:
    """What becomes of `work` when nobody can say that its files are clean: they wait."""
    if work.age > policy.give_up_after:
        return _given_up(work, reason)
    return Verdict("queued", delay=backoff(work.attempts, policy, chance), error=reason)


def fit_to_show(reasons: Sequence[str], status: int | None) -> str | None:
    """What may be told to the person of Insider Connect's words: validation messages alone, as one plain line.

    Of any other status the words are about the machine. Markup, addresses and what looks like a stack are no message
    to a person either; the operator finds all of it at the row.
    """
    if status not in _VALIDATION:
        return None
    plain = (" ".join(_INVISIBLE.sub(" ", reason).split()) for reason in reasons)
    return " ".join(reason for reason in plain if not _NOT_FOR_PEOPLE.search(reason))[:_MAX_TOLD].strip() or None


def _refused(work: Work, told: str | None, reason: str) -> Verdict:
    """A create refused is refused for good; of files, the one at fault is looked for, and the rest goes on."""
    if work.feedback_id is None:
        return Verdict("refused", error=reason, told=told)
    sent = next_files(work)
    if len(sent) > 1:
        return Verdict("sending", error=reason, separately=True)
    done = len(sent) == len(work.pending)
    return Verdict(
        "delivered" if done else "sending",
        error=reason,
        attachments={file.position: ("refused", told) for file in sent},
    )


def _given_up(work: Work, reason: str) -> Verdict:
    return Verdict("refused", error=f"given up after {work.age / 86400:.1f} days: {reason}")


class Gate:
    """Keeps an account's rows back while trying is pointless. Times are the `clock`'s, in seconds.

    It shuts after `FAILURES_TO_OPEN` failures to connect in a row, or at once when the account or the address is
    wrong. While it is shut, one row every `probe_every` seconds may try; its success opens the gate.
    """

    def __init__(self, probe_every: float, clock: Callable[[], float]) -> None:
        self._probe_every = probe_every
        self._clock = clock
        self._failures = 0
        self._next_probe = 0.0
        self.reason: str | None = None

    @property
    def shut(self) -> bool:
        """Whether rows are being kept back."""
        return self.reason is not None

    @property
    def opens_in(self) -> float:
        """Seconds until a row may pass: 0 when it may now."""
        return max(0.0, self._next_probe - self._clock()) if self.shut else 0.0

    def admit(self) -> bool:
        """Whether a row may try now. Of a shut gate, the asker is the one probe of the period."""
        if self.opens_in:
            return False
        if self.shut:
            self._next_probe = self._clock() + self._probe_every
        return True

    def note(self, outcome: Outcome) -> bool:
        """Learn from an outcome. True when this changed whether the gate is shut."""
        was = self.shut
        match outcome:
            case Misconfigured(reason):
                self._shut(reason)
            case NotProcessed(reason, _, unreachable=True):
                self._failures += 1
                if self._failures >= FAILURES_TO_OPEN:
                    self._shut(reason)
            case _:
                self._failures = 0
                self.reason = None
        return was != self.shut

    def _shut(self, reason: str) -> None:
        self.reason = reason
        self._next_probe = self._clock() + self._probe_every


class Delivery:
    """Takes submissions from the outbox to Insider Connect, one `advance` at a time."""

    def __init__(
        self,
        outbox: Outbox,
        insider: Insider,
        products: Mapping[str, object],
        policy: Policy,
        *,
        probe_every: float,
        scanner: Scanner | None = None,
        scan_timeout: float = 20.0,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbox = outbox
        self._insider = insider
        self._policy = policy
        self._scanner = scanner
        self._scan_timeout = scan_timeout
        self._chance = chance
        self._clock = clock
        by_account = {insider.account_of(product): Gate(probe_every, clock) for product in products}
        self.gates: Mapping[str, Gate] = {product: by_account[insider.account_of(product)] for product in products}

    def kept_back(self) -> Mapping[str, float]:
        """The products whose rows may not try now, each with the seconds until a probe may."""
        waits = {product: gate.opens_in for product, gate in self.gates.items()}
        return {product: seconds for product, seconds in waits.items() if seconds}

    async def recover(self, *, everything: bool = False, running: Collection[str] = ()) -> None:
        """Deal with what a process left in the middle of a POST, and with a clock that was set back."""
        hold = self._policy.unknown_hold
        for submission_id in await self._outbox.recover(hold, everything=everything, running=running):
            log.warning("submission.unknown", submission=submission_id, reason="interrupted while sending")
        if hastened := await self._outbox.hasten(longest_delay(self._policy)):
            log.warning("outbox.clock_set_back", rows=hastened)

    async def advance(self, submission_id: str) -> float | None:
        """Take a row as far as it goes now: to delivered, to a later attempt, or to a person.

        Answers in how many seconds it should be tried again; None when it is not tried by itself any more.
        """
        work = await self._outbox.claim(submission_id)
        if work is None:
            return None
        gate = self.gates.get(work.product)
        if gate is None:  # the product was taken out of widget.toml while a row of it waits
            return await self._put_back(work, _NO_PRODUCT_DELAY, "no such product")
        if not gate.admit():
            return await self._put_back(work, 0.0, None)
        verdict = Verdict("sending")
        while verdict.state == "sending":
            verdict = await self._step(work, gate)
            work = _following(work, verdict)
        return verdict.delay

    async def _put_back(self, work: Work, delay: float, reason: str | None) -> float:
        await self._record(work, Verdict("queued", delay, reason, attempt_spent=False))
        return delay

    async def _step(self, work: Work, gate: Gate) -> Verdict:
        """Make the next call of `work` and write what became of it."""
        if (verdict := await self._scan(work)) is not None:
            return await self._write(work, verdict, verdict.error)
        try:
            outcome = await self._call(work)
        except asyncio.CancelledError:
            verdict = decide(work, Unknown("stopped while sending"), self._policy, self._chance())
            await asyncio.shield(self._outbox.record(work, verdict))
            raise
        except AttachmentMissing as error:
            outcome = Refused((str(error),), None)
        except OutboxUnavailable as error:
            outcome = NotProcessed(str(error))
        if gate.note(outcome):
            log.warning(
                "delivery.paused" if gate.shut else "delivery.resumed", product=work.product, reason=gate.reason
            )
        verdict = decide(work, outcome, self._policy, self._chance())
        if gate.shut and isinstance(outcome, NotProcessed | Misconfigured) and verdict.state == "queued":
            verdict = Verdict("queued", 0.0, verdict.error, attempt_spent=False)  # the gate holds it, not its own time
        # Insider Connect's words may repeat what the person wrote: they stay with the row.
        reason = f"answered {outcome.status}" if isinstance(outcome, Refused) and outcome.status else verdict.error
        return await self._write(work, verdict, reason)

    async def _write(self, work: Work, verdict: Verdict, reason: str | None) -> Verdict:
        if not await self._record(work, verdict):
            log.warning("submission.claim_lost", submission=work.id)
            return _LOST
        _log(work, verdict, reason)
        return verdict

    async def _record(self, work: Work, verdict: Verdict) -> bool:
        """Write what became of `work`, and go on trying while the database is away: what is known now would have to
        be called unknown later. The claim keeps a late writer from harm."""
        give_up_at = self._clock() + self._outbox.lease
        for pause in _record_pauses():
            try:
                return await self._outbox.record(work, verdict)
            except OutboxUnavailable as error:
                if self._clock() + pause > give_up_at:
                    raise
                log.error("outbox.unavailable", submission=work.id, reason=str(error))
            await asyncio.sleep(pause)
        raise AssertionError

    async def _scan(self, work: Work) -> Verdict | None:
        """Have the files that go next looked at, if there is a scanner; None when nothing speaks against them."""
        if self._scanner is None or work.feedback_id is None:
            return None
        found: dict[int, str] = {}
        try:
            async with asyncio.timeout(self._scan_timeout):
                for file in next_files(work):
                    if name := await self._scanner.scan(self._chunks(file.blob)):
                        found[file.position] = name
        except asyncio.CancelledError:  # nothing was sent
            verdict = Verdict("queued", 0.0, "stopped while scanning", attempt_spent=False)
            await asyncio.shield(self._outbox.record(work, verdict))
            raise
        except (ScannerUnavailable, OutboxUnavailable, TimeoutError) as error:
            reason = str(error) or f"the virus scanner did not answer within {self._scan_timeout:g} s"
            return unscanned(work, reason, self._policy, self._chance())
        return infected(work, found) if found else None

    async def _call(self, work: Work) -> Outcome:
        if work.feedback_id is None:
            return await self._insider.create(work.product, work.id, work.feedback)
        uploads = [
            Upload(file.name, file.media_type, file.size, partial(self._chunks, file.blob)) for file in next_files(work)
        ]
        return await self._insider.attach(work.product, work.id, work.feedback_id, uploads)

    def _chunks(self, blob: str) -> AsyncIterator[bytes]:
        return self._outbox.backend.chunks(blob)


def _record_pauses() -> Iterator[float]:
    """Seconds between two tries to write an outcome."""
    return chain((0.2, 0.5, 1.0), repeat(2.0))


_NO_PRODUCT_DELAY = 60.0
_LOST = Verdict("queued")
"""What is left of a row whose claim was lost: somebody else has it."""


def _following(work: Work, verdict: Verdict) -> Work:
    """What `verdict` leaves of `work`, without asking the database again."""
    return replace(
        work,
        feedback_id=work.feedback_id if verdict.feedback_id is None else verdict.feedback_id,
        pending=tuple(file for file in work.pending if file.position not in verdict.attachments),
        separately=work.separately or verdict.separately,
    )


def _log(work: Work, verdict: Verdict, reason: str | None) -> None:
    told = log.info if verdict.state in ("sending", "delivered") else log.warning
    told(
        f"submission.{verdict.state}",
        submission=work.id,
        product=work.product,
        attempts=work.attempts,
        feedback_id=work.feedback_id if verdict.feedback_id is None else verdict.feedback_id,
        reason=reason,
        delay=verdict.delay,
    )
