"""Decides which alerts are on, in pure functions, and words them. `courier` sends them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from widget.ops.words import duration, moment, one_line, size
from widget.outbox.accounts import Overview
from widget.outbox.notices import Backlog

NEARLY_FULL = 0.9
"""The share of `PENDING_BYTES` above which it counts as nearly full."""
_RUNBOOK = {
    "account": "an-account-is-failing",
    "credentials": "the-credentials-are-refused",
    "waiting": "a-submission-has-waited-for-long",
    "decision": "submissions-need-your-decision",
    "events": "events-are-not-taken",
    "disk": "the-disk-is-nearly-full",
    "room": "the-disk-is-nearly-full",
}
_STATES = {"on": "Alert", "still": "Still", "over": "Over"}


@dataclass(frozen=True, slots=True)
class Bounds:
    """The thresholds of the alerts: ages in seconds, sizes in bytes."""

    oldest: float
    account_after: float
    disk: float
    pending: float


def alarms(
    overview: Overview,
    disk_free: int | None,
    pending: Mapping[str, float],
    events: Mapping[str, Backlog],
    bounds: Bounds,
    now: float,
) -> Iterator[tuple[str, str]]:
    """The alerts that are on at `now` (Unix seconds). Each has a name, which stays the same while it lasts, and a
    sentence.

    `pending` are the bytes of waiting attachments, `events` the waiting events, both by product.
    """
    for product, account in overview.accounts.items():
        if account.reason is not None and now - account.since >= bounds.account_after:
            reason = one_line(account.reason)
            if account.misconfigured:
                what = "files from the account" if account.is_about_files else "the account"
                yield f"credentials {product}", f"Insider Connect does not accept {what} of {product}: {reason}."
            else:
                what = "Files do not go" if account.is_about_files else "Nothing goes"
                yield f"account {product}", f"{what} through to Insider Connect for {product}: {reason}."
    for product, waiting in overview.waiting.items():
        if waiting.oldest > bounds.oldest:
            words = f"The oldest of {waiting.count} waiting submissions of {product} has waited for"
            yield f"waiting {product}", f"{words} {duration(waiting.oldest)}."
    for product, backlog in events.items():
        if backlog.oldest > bounds.oldest:
            words = f"The oldest of {backlog.count} events of {product} has waited for {duration(backlog.oldest)}"
            yield f"events {product}", f"{words}: {one_line(backlog.reason or 'nobody sends them')}."
    left = overview.yours.get("refused", 0) + overview.yours.get("unknown", 0)
    if left:
        yield "decision", f"{left} refused or unknown submissions need your decision."
    if disk_free is not None and disk_free < bounds.disk:
        yield "disk", f"{size(disk_free)} are left on the disk of the outbox."
    if is_full := nearly_full(pending, bounds.pending):
        yield "room", is_full


def nearly_full(pending: Mapping[str, float], limit: float) -> str | None:
    """A sentence if the room for attachments that wait for delivery, `limit` bytes, is nearly used up."""
    used = sum(pending.values())
    if used <= NEARLY_FULL * limit:
        return None
    return f"{size(used)} of attachments wait for delivery; the limit (PENDING_BYTES) is {size(limit)}."


def _heading(alarm: Mapping[str, Any]) -> str:
    return f"{_STATES[alarm['news']]}: {alarm['words']}"


def _details(alarm: Mapping[str, Any]) -> str:
    kind = str(alarm["name"]).split(" ")[0]
    return (
        f"Since {moment(alarm['since'])}. What to do: docs/operations.md#{_RUNBOOK[kind]}; begin with `widget status`."
    )


def _generic(alarm: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**alarm, "text": _heading(alarm), "details": _details(alarm), "service": "feedback-widget"}


def _slack(alarm: Mapping[str, Any]) -> Mapping[str, Any]:
    texts = [{"type": "mrkdwn", "text": text} for text in (f"*{_heading(alarm)}*", _details(alarm))]
    return {"text": _heading(alarm), "blocks": [{"type": "section", "text": text} for text in texts]}


def _teams(alarm: Mapping[str, Any]) -> Mapping[str, Any]:
    colour = "good" if alarm["news"] == "over" else "attention"
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {"type": "TextBlock", "weight": "bolder", "wrap": True, "color": colour, "text": _heading(alarm)},
            {"type": "TextBlock", "wrap": True, "text": _details(alarm)},
        ],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attachment]}


SHAPES: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
    "generic": _generic,
    "slack": _slack,
    "teams": _teams,
}
"""The body of the request, by the receiver's format."""


def mail(alarm: Mapping[str, Any]) -> tuple[str, str]:
    """The subject and the text of a mail."""
    return f"[feedback widget] {_heading(alarm)}", f"{_heading(alarm)}\n\n{_details(alarm)}\n"
