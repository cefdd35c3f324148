"""Erases what a person said. The only module that knows every personal column of a row.

The row stays, with its state, so that its receipt and a repeat of its token are still answered.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, select, update

from widget.outbox.tables import attachment, submission

SAID = ("description", "email", "rating", "consent")
"""The columns with what a person said."""
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
    """Drop the files of rows that keep the rest. Returns the blobs, to be removed after the commit."""
    if not ids:
        return ()
    blobs = connection.scalars(_BLOBS, {"ids": list(ids)}).all()
    connection.execute(_DROP_FILES, {"ids": list(ids)})
    return blobs


def erase(connection: Connection, ids: Sequence[str], why: str) -> Sequence[str]:
    """Erase text, e-mail, rating, consent, context, Insider Connect's words, and the files with their names.

    `why` is what the operator sees instead. Returns the blobs, to be removed after the commit.
    """
    if not ids:
        return ()
    blobs = connection.scalars(_BLOBS, {"ids": list(ids)}).all()
    connection.execute(_ERASE_ATTACHMENTS, {"ids": list(ids)})
    connection.execute(_ERASE, {"ids": list(ids), "why": why})
    return blobs
