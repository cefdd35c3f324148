"""Decides what happens to a submission next, in pure functions.

`decide` turns the outcome of a call into a transition of the row. Time and randomness are arguments. `delivery` makes
the calls and writes the transitions.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from widget.insider.outcomes import Attached, Created, Misconfigured, NotProcessed, Outcome, Refused, Unknown
from widget.outbox.model import BLOCKED, NO_ID, Pending, Transition, Work

_VALIDATION = (400, 422)
_MAX_MESSAGE = 600
"""Characters of Insider Connect's words that a person sees."""
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_NOT_FOR_PEOPLE = re.compile(r"[<>{}]|://|\bat [\w.]+\(|exception|traceback|stack trace|bearer|secret", re.IGNORECASE)
_RETRY_AFTER = (1.0, 3600.0)
"""Seconds. A wait that Insider Connect asks for is brought into these bounds."""


_NO_ID_FOR_FILES = "created, but Insider Connect gave no id, so the files cannot be attached"


@dataclass(frozen=True, slots=True)
class Policy:
    """When to try again. All periods are in seconds. `unknown_hold` is None if such rows are left to the operator."""

    retry_min: float
    retry_max: float
    give_up_after: float
    unknown_hold: float | None


def backoff(attempts: int, policy: Policy, chance: float) -> float:
    """Seconds until the next attempt: exponential with full jitter. `chance` lies in [0, 1)."""
    ceiling = min(policy.retry_max, policy.retry_min * 2.0 ** min(attempts - 1, 30))
    return ceiling * chance


def patience(attempts: int, retry_after: float | None, policy: Policy, chance: float) -> float:
    """Seconds until the next attempt, in which a wait that Insider Connect asks for is obeyed within bounds."""
    delay = backoff(attempts, policy, chance)
    return delay if retry_after is None else max(delay, min(max(retry_after, _RETRY_AFTER[0]), _RETRY_AFTER[1]))


def longest_delay(policy: Policy) -> float:
    """The longest delay of any row, in seconds."""
    return max(policy.retry_max, _RETRY_AFTER[1], policy.unknown_hold or 0.0) + 60.0


def next_files(work: Work) -> tuple[Pending, ...]:
    """The files of the next request: all of them, or one at a time after all together were refused."""
    return work.pending[:1] if work.separately else work.pending


def decide(work: Work, outcome: Outcome, policy: Policy, chance: float) -> Transition:
    """The transition of `work` after `outcome`. `chance`, in [0, 1), spreads the retries."""
    match outcome:
        case Created(None):
            if work.pending:
                return Transition("unknown", feedback_id=NO_ID, error=_NO_ID_FOR_FILES, cause="no_id")
            return Transition("delivered", feedback_id=NO_ID)
        case Created(feedback_id):
            return Transition("sending" if work.pending else "delivered", feedback_id=feedback_id)
        case Attached():
            sent = next_files(work)
            done = len(sent) == len(work.pending)
            return Transition(
                "delivered" if done else "sending",
                attachments={file.position: ("attached", None) for file in sent},
            )
        case Refused(reasons, status):
            said = " ".join(reasons)
            said = said if status is None else f"answered {status}: {said}".removesuffix(": ")
            return _refused(work, fit_to_show(reasons, status), said, status)
        case NotProcessed(reason, retry_after):
            if work.age > policy.give_up_after:
                return _given_up(work, reason)
            delay = patience(work.attempts, retry_after, policy, chance)
            return Transition("queued", delay, reason, cause=BLOCKED if outcome.blocked else None)
        case Unknown(reason):
            hold = None if work.possible_duplicate else policy.unknown_hold
            return Transition("unknown", delay=hold, error=reason, cause="no_answer", possible_duplicate=True)
        case Misconfigured(reason):
            return Transition("queued", delay=0.0, error=reason, attempt_spent=False)
    assert_never(outcome)


def infected(work: Work, found: Mapping[int, str]) -> Transition:
    """The transition of `work` if viruses were found in its next files. `found` has the virus's name by position."""
    rest = [file for file in work.pending if file.position not in found]
    names = ", ".join(f"file {position + 1}: {name}" for position, name in found.items())
    return Transition(
        "sending" if rest else "delivered",
        error=f"a virus was found: {names}",
        attachments=dict.fromkeys(found, ("refused", None)),
        notes=dict.fromkeys(found, "infected"),
    )


def unscanned(work: Work, reason: str, policy: Policy, chance: float) -> Transition:
    """The transition of `work` if its files could not be scanned: they wait."""
    if work.age > policy.give_up_after:
        return _given_up(work, reason)
    return Transition("queued", delay=backoff(work.attempts, policy, chance), error=reason)


def fit_to_show(reasons: Sequence[str], status: int | None) -> str | None:
    """What the person may see of Insider Connect's words: validation messages, as one line of plain text.

    With any other status, the words describe the machine. Markup, addresses and stack traces are no message to a person
    either. The operator finds all of it in the row.
    """
    if status not in _VALIDATION:
        return None
    plain = (" ".join(_INVISIBLE.sub(" ", reason).split()) for reason in reasons)
    return " ".join(reason for reason in plain if not _NOT_FOR_PEOPLE.search(reason))[:_MAX_MESSAGE].strip() or None


def _refused(work: Work, public_message: str | None, reason: str, status: int | None) -> Transition:
    """A refused create is final. If files are refused, the one at fault is looked for, and the others go on."""
    if work.feedback_id is None:
        cause = f"answered_{status}" if status else "impossible"
        return Transition("refused", error=reason, cause=cause, public_message=public_message)
    sent = next_files(work)
    if len(sent) > 1:
        return Transition("sending", error=reason, separately=True)
    done = len(sent) == len(work.pending)
    return Transition(
        "delivered" if done else "sending",
        error=reason,
        attachments={file.position: ("refused", public_message) for file in sent},
    )


def _given_up(work: Work, reason: str) -> Transition:
    return Transition("refused", error=f"given up after {work.age / 86400:.1f} days: {reason}", cause="given_up")
