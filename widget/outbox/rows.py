"""Turns submissions into rows and rows into what others read, encrypted on the one side and decrypted on the other."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Row

from widget.outbox.model import BLOCKED, Pending, StoredAttachment, SubmissionStatus, Transition, Work, known_id
from widget.outbox.sealing import Keyring
from widget.outbox.tables import TEST
from widget.submissions.model import Feedback, Submission
from widget.telemetry import tracing
from widget.telemetry.tracing import Origin

DAMAGED = "?"
"""Shown in a receipt for what cannot be decrypted."""
Found = Row[*tuple[Any, ...]]
"""A row of the database."""
Seal = Callable[[str, str | None], str | None]
"""Encrypts the value of a column, or of a part of one, if there is a key."""


def new(submission: Submission, keyring: Keyring) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A new row and its attachments, encrypted if there is a key."""
    seal = partial(keyring.seal, keyring.newest, submission.id)
    origin = tracing.origin()
    row = {
        "id": submission.id,
        "product": submission.product,
        "description": seal("description", submission.feedback.description),
        "email": seal("email", submission.feedback.email),
        "rating": submission.feedback.rating,
        "consent": submission.feedback.consent,
        "consent_version": submission.consent_version,
        "context": seal("context", submission.context),
        "content_mac": submission.content_mac,
        "data_key": keyring.newest,
        "identity_used": submission.identity_used,
        "locale": submission.locale,
        "files": len(submission.attachments),
        "request_id": origin.request_id,
        "traceparent": origin.traceparent,
    }
    files = [
        {
            "submission_id": submission.id,
            "position": position,
            "name": seal(f"name {position}", file.name),
            "media_type": file.media_type,
            "size": file.size,
            "note": file.note,
        }
        for position, file in enumerate(submission.attachments)
    ]
    return row, files


def outcome(work: Work, transition: Transition, lease: float, seal: Seal) -> dict[str, Any]:
    """What a transition changes in the row."""
    goes_on = transition.state == "sending"
    return {
        "an_id": work.id,
        "held": work.claim,
        "new_state": transition.state,
        "kept_claim": work.claim if goes_on else None,
        "next_intent": "attach" if goes_on else None,
        "delay": lease if goes_on else transition.delay,
        "error": seal("last_error", transition.error),
        "words": seal("told", transition.public_message),
        "why": transition.cause,
        "kept_id": transition.feedback_id,
        "one_by_one": transition.separately,
        "maybe_twice": transition.possible_duplicate,
        "given_back": 0 if transition.attempt_spent else 1,
        "over": transition.is_over,
        "delivered": transition.state == "delivered",
    }


def outcomes_of_files(work: Work, transition: Transition, seal: Seal) -> list[dict[str, Any]]:
    """What a transition changes in the row's attachments."""
    return [
        {
            "an_id": work.id,
            "at": position,
            "new_status": status,
            "why": seal(f"message {position}", message),
            "found": transition.notes.get(position),
        }
        for position, (status, message) in transition.attachments.items()
    ]


def status(row: Found, files: Sequence[Found], keyring: Keyring) -> SubmissionStatus:
    """What a receipt shows. What cannot be decrypted is shown as `DAMAGED`."""
    opened = partial(keyring.opened_or, DAMAGED, row.data_key, row.id)
    return SubmissionStatus(
        row.id,
        row.product,
        row.state,
        row.accepted_at,
        row.ended_at,
        known_id(row.feedback_id),
        opened("told", row.told),
        tuple(_stored(file, opened) for file in files),
        row.content_mac,
        test=row.held_for == TEST,
        erased=row.erased or row.state == "delivered",  # in the RETURNING of that change, SQLite sees the old value
        in_doubt=row.possible_duplicate or row.feedback_id is not None,
    )


def _stored(file: Found, opened: Callable[[str, str | None], str | None]) -> StoredAttachment:
    name = opened(f"name {file.position}", file.name) or DAMAGED
    return StoredAttachment(name, file.status, opened(f"message {file.position}", file.message), file.note)


def work_of_new(new: Submission, claim: str, blobs: Sequence[str], data_key: str | None) -> Work:
    """A submission that was claimed when it was stored, without a query."""
    return Work(
        id=new.id,
        product=new.product,
        claim=claim,
        age=0.0,
        attempts=1,
        feedback=new.feedback,
        feedback_id=None,
        pending=tuple(
            Pending(position, file.name, file.media_type, file.size, blob, data_key is not None)
            for position, (file, blob) in enumerate(zip(new.attachments, blobs, strict=True))
        ),
        separately=False,
        possible_duplicate=False,
        data_key=data_key,
        origin=tracing.origin(),
        has_files=bool(new.attachments),
    )


def work(row: Found, files: Sequence[Found], keyring: Keyring) -> Work:
    """A claimed row. Raises RowUnreadable."""
    opened = partial(keyring.open, row.data_key, row.id)
    sealed = row.data_key is not None
    return Work(
        id=row.id,
        product=row.product,
        claim=row.claim,
        age=row.age,
        attempts=row.attempts,
        feedback=Feedback(opened("description", row.description), opened("email", row.email), row.rating, row.consent),
        feedback_id=row.feedback_id,
        pending=tuple(
            Pending(
                file.position, opened(f"name {file.position}", file.name), file.media_type, file.size, file.blob, sealed
            )
            for file in files
        ),
        separately=row.separately,
        possible_duplicate=row.possible_duplicate,
        data_key=row.data_key,
        origin=Origin(row.request_id, row.traceparent),
        has_files=row.files != 0,
        blocked=row.cause == BLOCKED,
    )
