"""Delivers submissions from the outbox to Insider Connect.

`Delivery.advance` asks the account's gate, claims a row, makes its calls and records the outcome; `claim_due` and
`carry` do so for many rows, and `begin` for a row that is not stored yet. They rely on the rows alone. A dispatcher
decides who calls them and when; `policy` decides what an outcome means.
"""

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, repeat
from typing import NamedTuple, TypeVar

import structlog

from widget.delivery.account_states import AccountStates
from widget.delivery.gate import Gate
from widget.delivery.policy import Policy, decide, infected, longest_delay, next_files, patience, unscanned
from widget.errors import AttachmentMissing, OutboxUnavailable
from widget.files.clamav import Scanner, ScannerUnavailable
from widget.insider.client import Insider
from widget.insider.multipart import Upload
from widget.insider.outcomes import Attached, Created, Misconfigured, NotProcessed, Outcome, Refused, Unknown
from widget.outbox.accounts import ONLY_FILES, Accounts
from widget.outbox.model import NO_ID, Due, Pending, SubmissionStatus, Transition, Work, known_id
from widget.outbox.outbox import Outbox
from widget.submissions.model import Submission
from widget.telemetry import tracing
from widget.telemetry.counters import Amount, Key, counters
from widget.telemetry.tracing import Attributes

T = TypeVar("T")
log = structlog.get_logger("widget.delivery")


class Turn(NamedTuple):
    """What became of a row: the seconds until its next attempt, None if it is not tried automatically any more; and its
    new status, None if nothing was written."""

    again: float | None = None
    status: SubmissionStatus | None = None


class Delivery:
    """Delivers submissions from the outbox to Insider Connect, one `advance` at a time."""

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
        self._unanswered: dict[str, float] = {}
        """Claims under which a row may have been stored: the commit got no answer. When that was, by the clock."""
        self._accounts = Accounts(outbox.backend)
        self._account_states = AccountStates(self._accounts)

        def gates() -> Mapping[str, Gate]:
            by_account = {insider.account_of(product): Gate(probe_every, clock) for product in products}
            return {product: by_account[insider.account_of(product)] for product in products}

        self.gates = gates()
        self._file_gates = gates()
        """Insider Connect may take feedback while it takes no files. What waits for that must not hold up the rest."""

    def kept_back(self) -> Mapping[str, float]:
        """The products whose rows may not be tried now, each with the seconds until a probe may be."""
        waits = {product: gate.opens_in for product, gate in self.gates.items()}
        return {product: seconds for product, seconds in waits.items() if seconds}

    def takes_new(self, product: str) -> bool:
        """Whether a row of the product that was never tried may be tried now."""
        gate = self.gates[product]
        return not gate.opens_in or gate.wants_another

    async def for_series(self) -> Sequence[Due]:
        """Due rows that were never tried, for gates that want another in a series."""
        wanted = [gate for gate in {*self.gates.values()} if gate.wants_another]
        if not wanted:
            return ()
        others = [product for product, gate in self.gates.items() if gate not in wanted]
        rows = await self._outbox.due(1 + self.suspects, others)
        return [row for row in rows if row.product in self.gates and not self.is_suspect(row)]

    def open_products(self) -> Collection[str]:
        """The products whose rows may be tried without a probe."""
        return [product for product, gate in self.gates.items() if not gate.shut]

    def wants_probe(self) -> bool:
        """Whether a shut gate would let a row pass now, to see whether it may open."""
        return any(gate.shut and not gate.opens_in for gate in self.gates.values())

    def wants_late_probe(self) -> bool:
        """Whether the probe of such a gate should be a row that became due last."""
        return any(gate.shut and not gate.opens_in and gate.wants_late_row for gate in self.gates.values())

    @property
    def suspects(self) -> int:
        """How many rows are poor probes: another is found among one row more."""
        return sum(len(gate.suspects) for gate in {*self.gates.values()})

    async def is_paused(self) -> bool:
        """Whether an account's feedback is held back, or its files are. A gate of files stays shut when no file is left
        that could open it, so the noted state counts, too."""
        if any(gate.shut for gate in self.gates.values()):
            return True
        if not any(gate.shut for gate in self._file_gates.values()):
            return False
        accounts = (await self._accounts.overview(self.gates)).accounts
        return any(account.is_about_files for account in accounts.values())

    def is_suspect(self, row: Due) -> bool:
        """Whether the row is a poor probe: it may be the reason why its gate is shut."""
        gate = self.gates.get(row.product)
        return gate is not None and row.id in gate.suspects

    async def probe_without_row(self, product: str) -> bool:
        """Ask for a token if the gate is shut and no row is due that could be its probe, and open it if there is one:
        an account would else count as failing until the next submission. If it is in doubt, a row that becomes due
        later is the better probe. Returns whether it was opened."""
        gate = self.gates[product]
        others = [other for other, its in self.gates.items() if its is not gate]
        due_in = await self._outbox.next_due_in(others)
        is_left_to_row = due_in is not None and (due_in <= 0 or gate.in_doubt)
        if is_left_to_row or not gate.shut or not gate.admit():
            return False
        if not await self._is_worth_a_row(gate, product):
            return False
        gate.open()
        log.warning("delivery.resumed", product=product, reason=None)
        await self._account_states.write(self._sharing(gate), None)
        return True

    async def recover(self, *, everything: bool = False, running: Collection[str] = ()) -> None:
        """Deal with rows that a process left in the middle of a POST, and with a clock that was set back."""
        hold = self._policy.unknown_hold
        for submission_id in await self._outbox.recover(hold, everything=everything, running=running):
            log.warning("submission.unknown", submission=submission_id, reason="interrupted while sending")
        if hastened := await self._outbox.hasten(longest_delay(self._policy)):
            log.warning("outbox.clock_set_back", rows=hastened)

    async def claim_due(self, limit: int) -> Sequence[Work]:
        """Claim up to so many due rows whose gates are open, for `carry`. If `begin` has left claimed rows, these come
        instead, however many they are."""
        if self._unanswered and (found := await self._find_unanswered()):
            return found
        products = self.open_products()
        return await self._outbox.claim_due(limit, products) if products else ()

    async def _find_unanswered(self) -> Sequence[Work]:
        """The rows whose commit succeeded without an answer. If we left them, they would become `unknown`."""
        since = self._clock() - self._outbox.lease
        asked = dict(self._unanswered)
        works = await self._outbox.claimed([claim for claim, at in asked.items() if at > since])
        self._unanswered = {claim: at for claim, at in self._unanswered.items() if claim not in asked}
        return works

    async def begin(self, new: Submission, stored: "asyncio.Future[bool]") -> Turn:
        """Store a new submission and take it as far as it goes now. `stored` says as soon as it is on stable storage
        whether it is new, or why it cannot be stored.

        While its gate is open, the commit that stores a row claims it as well.
        """
        if self.gates[new.product].shut:
            return await self.advance(new.id, new.product) if await _told(stored, self._outbox.add(new)) else Turn()
        claim = uuid.uuid4().hex
        work = await _told(stored, self._outbox.add_claimed(new, claim))
        if isinstance(stored.exception(), OutboxUnavailable):
            self._unanswered[claim] = self._clock()
            return Turn(again=0.0)
        return await self.carry(work) if work else Turn()

    async def carry(self, work: Work) -> Turn:
        """Take a claimed row as far as it goes now."""
        gate = self.gates[work.product]
        if gate.shut:  # since it was claimed
            transition = Transition("queued", 0.0, gate.reason, attempt_spent=False)
            transition, status = await self._write(work, transition, gate.reason)
            return Turn(transition.delay, status)
        return await self._steps(work, gate)

    async def advance(self, submission_id: str, product: str) -> Turn:
        """Take a due row as far as it goes now: to delivered, to a later attempt, or to a person.

        The gate is asked before the row is claimed, because a claim says that a request may be in progress. A process
        that died with claimed rows behind a shut gate would leave all of them `unknown`.
        """
        gate = self.gates.get(product)
        if gate is None:  # the product was removed from widget.toml while one of its rows waits
            await self._outbox.postpone(submission_id, _NO_PRODUCT_DELAY, "no such product")
            return Turn(_NO_PRODUCT_DELAY)
        is_in_series = gate.wants_another and gate.opens_in > 0
        if not gate.admit(submission_id) or not (is_in_series or await self._is_worth_a_row(gate, product)):
            return Turn(gate.opens_in)
        work = await self._outbox.claim(submission_id)
        if work is None:
            gate.readmit()
            return Turn()
        return await self._steps(work, gate)

    async def _steps(self, work: Work, gate: Gate) -> Turn:
        attributes: Attributes = {
            "feedback.submission": work.id,
            "feedback.product": work.product,
            "attempt": work.attempts,
        }
        with (
            tracing.resumed(work.origin),
            tracing.span("deliver", "consumer", attributes, work.origin.traceparent) as span,
        ):
            transition, status = await self._step(work, gate)
            while transition.state == "sending":
                work = _following(work, transition)
                transition, status = await self._step(work, gate)
            span.note({"state": transition.state})
        return Turn(transition.delay, status)

    async def _is_worth_a_row(self, gate: Gate, product: str) -> bool:
        """Whether the probe of a shut gate may use a row. It gets a new token first, which puts no row at risk."""
        if not gate.shut:
            return True
        failure = await self._insider.check(product, renew=True)
        if failure is not None:
            await self._account_states.note(self._sharing(gate), failure)
        if isinstance(failure, NotProcessed) and failure.busy:
            gate.note(failure, self._pause(gate, failure))
        elif failure is not None:
            gate.stay_shut(failure.reason)
        return failure is None

    async def _step(self, work: Work, gate: Gate) -> tuple[Transition, SubmissionStatus | None]:
        """Make the next call of `work` and record its outcome."""
        files = self._file_gates[work.product]
        attaches = work.feedback_id is not None
        if attaches and not files.admit(work.id, doubtful=work.possible_duplicate):
            gate.readmit()
            return await self._put_off(work, files)
        if (transition := await self._scan(work)) is not None:
            return await self._write(work, transition, transition.error)
        asked: Outcome | None = None
        try:
            began = self._clock()
            outcome = asked = await self._call(work)
            kind = _KINDS[type(outcome)]
            counters.add(Key("attempt", work.product, detail=kind), Amount(1, self._clock() - began))
        except asyncio.CancelledError:
            transition = decide(work, Unknown("stopped while sending"), self._policy, self._chance())
            await asyncio.shield(self._outbox.record(work, transition))
            raise
        except AttachmentMissing as error:
            outcome = Refused((str(error),), None)
        except OutboxUnavailable as error:
            outcome = NotProcessed(str(error))
        asking = files if attaches else gate
        if (judged := asking.suspects.judge(work.id, outcome, blocked=work.blocked)) is not outcome:
            outcome, asked = judged, None  # it says nothing about the account
        elif asked is not None:
            self._learn(work.product, asked, attaches=attaches)
        transition = decide(work, outcome, self._policy, self._chance())
        is_held_back = isinstance(outcome, NotProcessed | Misconfigured) and transition.state == "queued"
        if is_held_back and (asking.shut or gate.shut):
            # The gate holds it back, not its own delay. That of files does so only once the row is claimed.
            delay = asking.opens_in if attaches else 0.0
            transition = Transition("queued", delay, transition.error, attempt_spent=False)
        # Insider Connect's words may repeat what the person wrote, so they stay in the row and out of the log.
        reason = f"answered {outcome.status}" if isinstance(outcome, Refused) and outcome.status else transition.error
        written = await self._write(work, transition, reason)
        if asked is not None and not (isinstance(asked, Created) and files.shut):
            await self._account_states.note(self._sharing(gate), _about_files(asked) if attaches else asked)
        return written

    async def _put_off(self, work: Work, files: Gate) -> tuple[Transition, SubmissionStatus | None]:
        """Let a row whose feedback is created wait until files are taken again. Each waits a little longer, so that not
        all of them come at once."""
        opens_in = files.opens_in or files.opens_for(doubtful=work.possible_duplicate)
        outcome = NotProcessed(files.reason or "files are not taken", opens_in)
        transition = decide(work, outcome, self._policy, self._chance())
        return await self._write(work, transition, transition.error)

    def _learn(self, product: str, outcome: Outcome, *, attaches: bool) -> None:
        """Open or shut the gate that an outcome is about. Files that are taken show that the account is well, too."""
        gate, files = self.gates[product], self._file_gates[product]
        outcome = _about_files(outcome) if attaches else outcome
        concerned = [gate]
        if attaches and not _is_general(outcome):
            concerned = [files, gate] if isinstance(outcome, Attached | Refused) else [files]
        for one in concerned:
            if one.note(outcome, self._pause(one, outcome)):
                log.warning("delivery.paused" if one.shut else "delivery.resumed", product=product, reason=one.reason)

    def _sharing(self, gate: Gate) -> tuple[str, ...]:
        """The products that share the gate's account."""
        return tuple(product for product, its in self.gates.items() if its is gate)

    def _pause(self, gate: Gate, outcome: Outcome) -> float:
        """Seconds for which all rows of a busy account are left alone."""
        wish = outcome.retry_after if isinstance(outcome, NotProcessed) else None
        return patience(gate.pauses + 1, wish, self._policy, self._chance())

    async def _write(
        self, work: Work, transition: Transition, reason: str | None
    ) -> tuple[Transition, SubmissionStatus | None]:
        """Write a transition. Returns what was written."""
        status = await self._record(work, transition)
        if status is None:
            log.warning("submission.claim_lost", submission=work.id)
            return _LOST, None
        _log(work, transition, reason)
        return transition, status

    async def _record(self, work: Work, transition: Transition) -> SubmissionStatus | None:
        """Write the outcome of `work`, and keep trying while the database is unavailable: an outcome that is lost now
        would be `unknown` later. The claim makes a late write harmless."""
        give_up_at = self._clock() + self._outbox.lease
        for pause in _record_pauses():
            try:
                return await self._outbox.record(work, transition)
            except OutboxUnavailable as error:
                if self._clock() + pause > give_up_at:
                    raise
                log.error("outbox.unavailable", submission=work.id, reason=str(error))
            await asyncio.sleep(pause)
        raise AssertionError

    async def _scan(self, work: Work) -> Transition | None:
        """Have the next files scanned, if there is a scanner. None if they may go."""
        if self._scanner is None or work.feedback_id is None:
            return None
        found: dict[int, str] = {}
        try:
            async with asyncio.timeout(self._scan_timeout):
                for file in next_files(work):
                    if name := await self._scanner.scan(self._chunks(file)):
                        found[file.position] = name
        except asyncio.CancelledError:  # nothing has been sent
            transition = Transition("queued", 0.0, "stopped while scanning", attempt_spent=False)
            await asyncio.shield(self._outbox.record(work, transition))
            raise
        except (ScannerUnavailable, OutboxUnavailable, TimeoutError) as error:
            reason = str(error) or f"the virus scanner did not answer within {self._scan_timeout:g} s"
            return unscanned(work, reason, self._policy, self._chance())
        return infected(work, found) if found else None

    async def _call(self, work: Work) -> Outcome:
        if work.feedback_id is None:
            return await self._insider.create(work.product, work.id, work.feedback)
        if work.feedback_id == NO_ID:
            return Refused(("Insider Connect gave no feedback id.",), None)
        uploads = [
            Upload(file.name, file.media_type, file.size, partial(self._chunks, file)) for file in next_files(work)
        ]
        return await self._insider.attach(work.product, work.id, work.feedback_id, uploads)

    def _chunks(self, file: Pending) -> AsyncIterator[bytes]:
        return self._outbox.backend.chunks(file.blob, sealed=file.sealed)


_KINDS: Mapping[type, str] = {
    Created: "created",
    Attached: "attached",
    Refused: "refused",
    NotProcessed: "not_processed",
    Unknown: "unknown",
    Misconfigured: "misconfigured",
}
"""What the outcomes of calls are counted as."""


async def _told(stored: "asyncio.Future[bool]", adding: Awaitable[T]) -> T | None:
    """The result of `adding` a submission. It is told to `stored`, as is the error if there is one."""
    try:
        added = await adding
    except asyncio.CancelledError:
        stored.set_exception(OutboxUnavailable("the service is stopping"))
        raise
    except Exception as error:
        stored.set_exception(error)
        return None
    stored.set_result(bool(added))
    return added


def _about_files(outcome: Outcome) -> Outcome:
    """What attaching files led to, with a reason that says that only files are not taken, unless it is more general."""
    if isinstance(outcome, NotProcessed | Unknown | Misconfigured) and not _is_general(outcome):
        return replace(outcome, reason=f"{ONLY_FILES}{outcome.reason}")
    return outcome


def _is_general(outcome: Outcome) -> bool:
    """Whether a call failed in a way that has nothing to do with what it carried."""
    return (isinstance(outcome, NotProcessed) and outcome.unreachable) or (
        isinstance(outcome, Misconfigured) and outcome.by_token
    )


def _record_pauses() -> Iterator[float]:
    """Seconds between attempts to write an outcome."""
    return chain((0.2, 0.5, 1.0), repeat(2.0))


_NO_PRODUCT_DELAY = 60.0
_LOST = Transition("queued")
"""The result for a row whose claim was lost: another process has it."""


def _following(work: Work, transition: Transition) -> Work:
    """`work` after `transition`, without another query."""
    return replace(
        work,
        feedback_id=work.feedback_id if transition.feedback_id is None else transition.feedback_id,
        pending=tuple(file for file in work.pending if file.position not in transition.attachments),
        separately=work.separately or transition.separately,
    )


def _log(work: Work, transition: Transition, reason: str | None) -> None:
    write = log.info if transition.state in ("sending", "delivered") else log.warning
    write(
        f"submission.{transition.state}",
        submission=work.id,
        product=work.product,
        attempts=work.attempts,
        feedback_id=known_id(_following(work, transition).feedback_id),
        reason=reason,
        delay=transition.delay,
        age=round(work.age, 3),
    )
