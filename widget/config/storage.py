"""The outbox: where submissions lie, how much may wait, and for how long anything is kept."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from widget.config import validators
from widget.config.topic import Topic


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
            description="PostgreSQL's own address, where `DATABASE_URL` is that of a pooler: waking up on a notice "
            "needs a connection of one's own. Without it, `DATABASE_URL`.",
        ),
    ] = None
    database_connections: Annotated[
        int, Field(ge=1, le=100, description="Connections to PostgreSQL that a process uses at once, and three more.")
    ] = 8
    pending_bytes: Annotated[
        int,
        Field(
            ge=0,
            description="Bytes of attachments that may wait for delivery. Beyond that a submission with files is "
            "answered 503; one without is stored all the same. While others wait, one product gets half.",
        ),
    ] = 1024**3
    quarantine_bytes: Annotated[
        int,
        Field(
            ge=0,
            description="Bytes of attachments kept for the operator: of held, refused and parked submissions. "
            "They take nothing of `PENDING_BYTES`. Beyond that a held submission with files is answered 503.",
        ),
    ] = 256 * 1024**2
    held_files_days: Annotated[
        float,
        Field(gt=0, le=90, description="Days that a held submission keeps its files unless it is released."),
    ] = 2
    spool: Annotated[
        Path | None,
        Field(
            description="The folder for uploads that are coming in, with PostgreSQL; without it, one in the system's "
            "folder for temporary files. SQLite has its own, beside the database."
        ),
    ] = None
    receipt_days: Annotated[
        int, Field(ge=1, le=3650, description="Days that a receipt can be looked at after its end.")
    ] = 30
    retention_days: Annotated[
        int,
        Field(
            ge=1,
            le=3650,
            description="Days that a submission which was refused, discarded or left to the operator keeps its text, "
            "e-mail and files; then they are erased.",
        ),
    ] = 30
    context_days: Annotated[
        int,
        Field(
            ge=0,
            le=3650,
            description="Days that a delivered submission keeps what the host page told about itself, for products "
            'with `context = "store"`; with 0 it is erased on delivery, as all else is.',
        ),
    ] = 0
