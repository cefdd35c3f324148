"""The outbox: where submissions are stored, how much may wait, and how long data is kept."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ByteSize, Field

from widget.config import validators
from widget.config.topic import Bytes, Topic


class StorageSettings(Topic):
    """Storage."""

    database_url: Annotated[
        str,
        AfterValidator(validators.database_url),
        Field(repr=False, description="The outbox: `sqlite:///PATH` or `postgresql://…`."),
    ] = "sqlite:///var/widget.db"
    database_direct_url: Annotated[
        Annotated[str, AfterValidator(validators.database_url)] | None,
        Field(
            repr=False,
            description="PostgreSQL's own address if `DATABASE_URL` points to a pooler: listening for notifications "
            "needs a direct connection. Without it, `DATABASE_URL`.",
        ),
    ] = None
    database_connections: Annotated[
        int, Field(ge=1, le=100, description="PostgreSQL connections in a process's pool; it opens three more.")
    ] = 8
    pending_bytes: Annotated[
        Bytes,
        Field(
            description="Bytes of attachments that may wait for delivery. Above it, submissions with files are "
            "answered 503; submissions without files are still stored. One product gets half of it while others wait, "
            "and all but an eighth while it is the only one. One sender (an IPv4 address or an IPv6 /48) gets no more "
            "than is left for others. Each process receives no more than this at once, shared in the same way.",
        ),
    ] = ByteSize(1024**3)
    quarantine_bytes: Annotated[
        Bytes,
        Field(
            description="Bytes of attachments kept for the operator: those of held, refused and parked submissions. "
            "They do not count towards `PENDING_BYTES`, and are shared between senders in the same way. Above it, a "
            "held submission with files is answered 503, and the files of the oldest held and refused submissions are "
            "removed.",
        ),
    ] = ByteSize(256 * 1024**2)
    held_files_days: Annotated[
        float,
        Field(gt=0, le=90, description="Days that a held submission keeps its files unless it is released."),
    ] = 2
    spool: Annotated[
        Path | None,
        Field(
            description="With PostgreSQL, the folder for incoming uploads. Without it, a folder in the system's "
            "temporary directory. SQLite uses a folder beside the database."
        ),
    ] = None
    receipt_days: Annotated[
        int, Field(ge=1, le=3650, description="Days that a receipt stays available once its submission has ended.")
    ] = 30
    retention_days: Annotated[
        int,
        Field(
            ge=1,
            le=3650,
            description="Days that a submission keeps its text, e-mail address and files after it was refused, "
            "discarded or left to the operator. Then they are erased.",
        ),
    ] = 30
    context_days: Annotated[
        int,
        Field(
            ge=0,
            le=3650,
            description="Days that a delivered submission keeps the host page's context, for products with "
            '`context = "store"`. With 0 it is erased on delivery, like everything else.',
        ),
    ] = 0
