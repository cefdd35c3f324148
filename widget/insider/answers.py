"""Reads Insider Connect's answers, up to a limit, and turns every failure into an outcome."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from widget.insider.outcomes import Misconfigured, NotProcessed, Outcome, Refused, Unknown
from widget.insider.transport import MAX_ANSWER
from widget.submissions.model import clean_text

MAX_REASON = 300
"""Characters of one of Insider Connect's sentences that are kept."""
_BUSY = (429, 503)
"""Statuses that concern the account rather than this request."""
_ABSURD = 1e9
"""Seconds. A longer wait is a mistake."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read up to the limit. `content` is None unless the body is a JSON object."""

    status: int
    retry_after: float | None
    content: dict[str, Any] | None

    def member(self, name: str) -> Any:
        """A member of the JSON object, or None."""
        return self.content.get(name) if self.content else None

    @property
    def succeeded(self) -> bool:
        """Whether it is the documented success."""
        return self.status in (200, 201) and self.member("isSuccess") is True

    @property
    def reasons(self) -> tuple[str, ...]:
        """What Insider Connect says is wrong, in its own sentences, without what no database can store."""
        errors = self.member("errors")
        if not isinstance(errors, list):
            return ()
        sentences = (clean_text(error).strip()[:MAX_REASON] for error in errors[:10] if isinstance(error, str))
        return tuple(filter(None, sentences))


async def read(response: httpx.Response) -> Answer:
    raw = await response.aread()
    content: Any = None
    if len(raw) <= MAX_ANSWER:
        try:
            content = json.loads(raw)
        except (ValueError, RecursionError):
            content = None
    return Answer(
        response.status_code,
        retry_after(response.headers),
        content if isinstance(content, dict) else None,
    )


def retry_after(headers: httpx.Headers) -> float | None:
    """`Retry-After` in seconds (RFC 9110, section 10.2.3).

    A date is compared with the answer's own `Date`, so the two machines' clocks need not agree, or with our clock if it
    has none. A wait is not bounded here, but for what is absurd; `policy` does that.
    """
    wish = headers.get("Retry-After", "").strip()
    if wish.isascii() and wish.isdigit():
        return min(float(wish), _ABSURD)
    until, now = _moment(wish), _moment(headers.get("Date", "")) or datetime.now(UTC)
    if until is None:
        return None
    return min(max(0.0, (until - now).total_seconds()), _ABSURD)


def _moment(date: str) -> datetime | None:
    """A date in any of HTTP's forms, which are all in UTC; None if it is none."""
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def failure(answer: Answer) -> Outcome:
    """The outcome that an answer stands for if it is not the documented success."""
    status = answer.status
    if 200 <= status < 300:
        if answer.member("isSuccess") is False:
            return Refused(answer.reasons, status)
        return Unknown(f"{status} without the documented content")
    if status in (408, 425, 429, 503):
        return NotProcessed(f"answered {status}", answer.retry_after, busy=status in _BUSY)
    if status in (401, 403, 404, 405) or 300 <= status < 400:
        return Misconfigured(f"answered {status}")
    if 400 <= status < 500:
        return Refused(answer.reasons, status)
    return Unknown(f"answered {status}")


def token_failure(answer: Answer) -> NotProcessed | Misconfigured:
    """The outcome if the token endpoint gives no token. At that point nothing has been sent."""
    status = answer.status
    if status in (408, 425, 429) or status >= 500:
        return NotProcessed(f"the token endpoint answered {status}", answer.retry_after, busy=status in _BUSY)
    if answer.member("error") == "invalid_client":
        return Misconfigured("the credentials are refused (invalid_client)", by_token=True)
    return Misconfigured(f"the token endpoint answered {status}", by_token=True)
