"""Formats submissions for the operator: tables for a terminal, JSON for scripts."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from widget.ops import words
from widget.ops.words import duration, moment, one_line
from widget.outbox.entries import Changed, Entry, Erased, Group, Whole
from widget.outbox.tables import TEST
from widget.submissions import addresses
from widget.submissions.model import Feedback

_HEADS = ("ID", "STATE", "PRODUCT", "AGE", "TRIES", "NEXT", "FEEDBACK", "FILES", "LAST ERROR")


def age(value: str) -> float:
    """A period such as 90s, 15m, 12h or 3d, in seconds."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", value)
    if match is None:
        raise click.BadParameter(f"{value!r} is not a valid age; write one such as 90s, 15m, 12h or 3d")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


def table(entries: Sequence[Entry]) -> Iterator[str]:
    """A header line and a line for each entry; nothing without entries."""
    return columns([_HEADS, *map(_cells, entries)] if entries else [])


def summary_table(groups: Sequence[Group]) -> Iterator[str]:
    """A header line and a line for each group; nothing without groups."""
    cells = [
        (str(group.count), group.state, group.product, duration(group.oldest), one_line(why(group) or "-"))
        for group in groups
    ]
    return columns([("COUNT", "STATE", "PRODUCT", "OLDEST", "REASON"), *cells] if cells else [])


def summary_as_json(groups: Sequence[Group]) -> Iterator[str]:
    """A JSON object for each group."""
    for group in groups:
        kind = {"state": group.state, "product": group.product, "reason": why(group)}
        yield words.as_json(kind | {"count": group.count, "oldest_seconds": round(group.oldest)})


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A line for each row, with its cells below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _cells(entry: Entry) -> tuple[str, ...]:
    flag = "*" if entry.possible_duplicate else ""  # it may have arrived before
    return (
        entry.id,
        entry.state + flag,
        entry.product,
        duration(entry.age),
        str(entry.attempts),
        _next(entry),
        "-" if entry.feedback_id is None else str(entry.feedback_id),
        str(entry.files),
        one_line(why(entry) or "-"),
    )


def why(entry: Entry | Group) -> str | None:
    """Why submissions are in their state."""
    if entry.held_for == TEST:
        return "a test: never delivered"
    return f"held back: {entry.held_for}" if entry.held_for else entry.last_error


def _next(entry: Entry) -> str:
    if entry.state in ("delivered", "discarded", "refused"):
        return "-"
    if entry.due_in is None:
        return "yours"
    return "now" if entry.due_in <= 0 else duration(entry.due_in)


def details(whole: Whole) -> Iterator[str]:
    """Everything that is known about a submission, one fact per line."""
    entry = whole.entry
    yield f"id:          {entry.id}"
    yield f"product:     {entry.product}"
    yield f"state:       {entry.state}{' (what was said is erased)' if entry.erased else ''}"
    yield f"accepted:    {moment(entry.accepted_at)} ({duration(entry.age)} ago)"
    if entry.ended_at is not None:
        yield f"ended:       {moment(entry.ended_at)}"
    yield f"next:        {_next(entry)}"
    yield f"attempts:    {entry.attempts}"
    yield f"feedback:    {'-' if entry.feedback_id is None else entry.feedback_id}"
    if entry.possible_duplicate:
        yield "duplicate:   possible; nobody can know whether an earlier attempt arrived"
    if entry.held_for:
        yield f"held back:   {entry.held_for}{' (never delivered)' if entry.held_for == TEST else ''}"
    yield f"last error:  {one_line(entry.last_error or '-')}"
    if entry.public_message:
        yield f"message:     {one_line(entry.public_message)}"
    for file in whole.attachments:
        yield f"file:        {file.name} ({file.media_type}, {file.size} bytes): {file.status}" + (
            f": {one_line(file.message)}" if file.message else ""
        )
    if whole.feedback is not None:
        feedback = whole.feedback
        yield f"e-mail:      {feedback.email}"
        if addresses.mixes_scripts(feedback.email):
            yield "             mixes scripts: it may not be the address that it looks like"
        yield f"rating:      {'-' if feedback.rating is None else 'up' if feedback.rating else 'down'}"
        yield f"consent:     {'given' if feedback.consent else 'not given'} ({whole.consent_version or 'no version'})"
        if whole.context is not None:
            yield f"context:     {one_line(whole.context)}"
        yield "text:"
        yield from ("  " + one_line(line) for line in feedback.description.split("\n"))


def as_json(what: Entry | Changed | Erased | dict[str, Any], whole: Whole | None = None) -> str:
    """A JSON object on one line. `whole` adds the files, and the feedback if `whole` includes it."""
    content = what if isinstance(what, dict) else asdict(what)
    if isinstance(what, Entry):
        content |= {name: written(content[name]) for name in ("accepted_at", "ended_at")}
    if whole is not None:
        content["attachments"] = [_without_blob(asdict(file)) for file in whole.attachments]
        if whole.feedback is not None:
            content["feedback"] = said(whole.feedback)
            content["consent_version"] = whole.consent_version
            content["context"] = None if whole.context is None else json.loads(whole.context)
    return words.as_json(content)


def said(feedback: Feedback) -> dict[str, Any]:
    """The feedback, under the form's field names."""
    return {
        "description": feedback.description,
        "submittedByEmail": feedback.email,
        "sentimentRating": feedback.rating,
        "contactConsent": feedback.consent,
    }


def written(at: float | None) -> str | None:
    """A time as ISO 8601 in UTC."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _without_blob(file: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in file.items() if name not in ("blob", "sealed")}
