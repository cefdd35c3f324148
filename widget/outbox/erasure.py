"""Erasing what a person said: the one place that knows everything of theirs in a row.

The row itself stays, with its state, so that its receipt and a repeat of its token are still answered.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, select, update

from widget.outbox.tables import attachment, submission

SAID = ("description", "email", "rating", "consent")
"""The columns of what a person said."""
_BLOBS = select(attachment.c.blob).where(
    attachment.c.submission_id.in_(bindparam("ids", expanding=True)), attachment.c.blob.is_not(None)
)
_ERASE = (
    update(submission)
    .where(submission.c.id.in_(bindparam("ids", expanding=True)))
    .values(
        {**dict.fromkeys((*SAID, "consent_version", "context", "told", "data_key")), "last_error": bindparam("why")}
    )
)
_ERASE_ATTACHMENTS = delete(attachment).where(attachment.c.submission_id.in_(bindparam("ids", expanding=True)))


_DROP_FILES = (
    update(attachment)
    .where(attachment.c.submission_id.in_(bindparam("ids", expanding=True)), attachment.c.status == "waiting")
    .values(blob=None, status="refused")
)


def drop_files(connection: Connection, ids: Sequence[str]) -> Sequence[str]:
    """Take the files from rows that keep the rest. Answers the blobs, to be removed once this is committed."""
    if not ids:
        return ()
    blobs = connection.scalars(_BLOBS, {"ids": list(ids)}).all()
    connection.execute(_DROP_FILES, {"ids": list(ids)})
    return blobs


def erase(connection: Connection, ids: Sequence[str], why: str) -> Sequence[str]:
    """Erase text, e-mail, rating, consent, what the host page told, Insider Connect's words, and the files with their
    names.

    `why` is what the operator sees instead. Answers the blobs, to be removed once this is committed.
    """
    if not ids:
        return ()
    blobs = connection.scalars(_BLOBS, {"ids": list(ids)}).all()
    connection.execute(_ERASE_ATTACHMENTS, {"ids": list(ids)})
    connection.execute(_ERASE, {"ids": list(ids), "why": why})
    return blobs
