"""Creates and upgrades the schema in numbered steps. Waiting rows are kept.

A step never changes once it was released. A database of any age goes through the steps that it lacks, a new one through
all of them. `tables` shows the result of the last one.

The database records how many steps were taken (`steps`), and which step a release has to know to work with it
(`version`). A step that only adds something raises the first alone. So the previous release continues to work beside
this one, can be restarted, and can be rolled back to. Otherwise an upgrade would have to stop all processes at once.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, inspect, select, text, update

from widget.errors import ConfigurationError, Problem
from widget.outbox import jobs, tally_schema
from widget.outbox.tables import schema_version

_LOCK = 0x1F33DBAC
"""The advisory lock of migrations. On SQLite, a transaction that may write locks the database by itself."""


def migrate(connection: Connection) -> None:
    """Take the missing steps, all in the transaction of `connection`.

    A newer database is left as it is, if this release can work with it. Otherwise, raises ConfigurationError.
    """
    several = _on_postgresql(connection)
    if several:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    version, taken = _found(connection)
    if version > LATEST:
        raise _mismatch(version)
    if taken <= LATEST:
        for step in STEPS[taken:]:
            step(connection)
        connection.execute(update(schema_version).values(version=COMPATIBLE, steps=LATEST))
    if several:
        jobs.upgrade(connection)


def check_not_newer(connection: Connection) -> None:
    """Raises ConfigurationError if this release cannot even `migrate` the schema."""
    version, _ = _found(connection)
    if version > LATEST:
        raise _mismatch(version)


def check(connection: Connection) -> None:
    """Raises ConfigurationError unless this release works with the schema."""
    version, taken = _found(connection)
    if not COMPATIBLE <= version <= LATEST:
        raise _mismatch(version)
    if taken < LATEST:
        raise _mismatch(taken)
    if _on_postgresql(connection) and not jobs.is_current(connection):
        raise ConfigurationError(
            [
                Problem(
                    "DATABASE_URL", "the job tables are not those of the installed Procrastinate: run `widget migrate`"
                )
            ]
        )


def _found(connection: Connection) -> tuple[int, int]:
    """The step that a release has to know, and how many were taken. Older releases wrote one number for both."""
    look = inspect(connection)
    if not look.has_table("schema_version"):
        return 0, 0
    version = connection.scalar(select(schema_version.c.version)) or 0
    if not any(column["name"] == "steps" for column in look.get_columns("schema_version")):
        return version, version
    return version, connection.scalar(select(schema_version.c.steps)) or version


def _mismatch(version: int) -> ConfigurationError:
    if version > LATEST:
        words = f"the outbox has schema {version}, newer than this release's {LATEST}: run the release that made it"
    elif version:
        words = f"the outbox has schema {version}, this release works with {LATEST}: run `widget migrate`"
    else:
        words = "the database has no outbox yet: run `widget migrate`"
    return ConfigurationError([Problem("DATABASE_URL", words)])


def _on_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _run(connection: Connection, *statements: str) -> None:
    for statement in statements:  # as they are: to look for parameters would take longer than to run them
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _outbox(connection: Connection) -> None:
    """1: submissions and their attachments."""
    _run(
        connection,
        """CREATE TABLE schema_version (
            "only" INTEGER NOT NULL PRIMARY KEY,
            version INTEGER NOT NULL,
            CONSTRAINT schema_version_is_one_row CHECK ("only" = 1)
        )""",
        "INSERT INTO schema_version VALUES (1, 0)",
        """CREATE TABLE submission (
            id VARCHAR(32) NOT NULL PRIMARY KEY,
            product VARCHAR(50) NOT NULL,
            state VARCHAR(10) NOT NULL,
            accepted_at DOUBLE PRECISION NOT NULL,
            due_at DOUBLE PRECISION,
            claim VARCHAR(32),
            intent VARCHAR(10),
            attempts INTEGER NOT NULL,
            separately BOOLEAN NOT NULL,
            possible_duplicate BOOLEAN NOT NULL,
            feedback_id BIGINT,
            last_error TEXT,
            told TEXT,
            ended_at DOUBLE PRECISION,
            description TEXT,
            email TEXT,
            rating BOOLEAN,
            consent BOOLEAN,
            CONSTRAINT submission_state
                CHECK (state IN ('queued', 'sending', 'unknown', 'delivered', 'refused', 'discarded')),
            CONSTRAINT submission_intent CHECK (intent IN ('create', 'attach')),
            CONSTRAINT submission_claim CHECK ((state = 'sending') = (claim IS NOT NULL)),
            CONSTRAINT submission_delivered CHECK (state <> 'delivered' OR feedback_id IS NOT NULL)
        )""",
        "CREATE INDEX submission_due ON submission (due_at) WHERE state IN ('queued', 'sending', 'unknown')",
        """CREATE TABLE attachment (
            submission_id VARCHAR(32) NOT NULL REFERENCES submission (id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            name TEXT NOT NULL,
            media_type VARCHAR(40) NOT NULL,
            size INTEGER NOT NULL,
            status VARCHAR(10) NOT NULL,
            message TEXT,
            blob VARCHAR(32),
            PRIMARY KEY (submission_id, position),
            CONSTRAINT attachment_status CHECK (status IN ('waiting', 'attached', 'refused'))
        )""",
    )


def _pending_bytes(connection: Connection) -> None:
    """2: an index that tells how many bytes wait."""
    _run(connection, "CREATE INDEX attachment_kept ON attachment (size) WHERE blob IS NOT NULL")


def _several_machines(connection: Connection) -> None:
    """3: what PostgreSQL holds beside the rows: the attachments' bytes, and the engine's tables.

    The bytes go with the name, whoever takes it from the attachment: in the same transaction, by a trigger.
    """
    _run(connection, "ALTER TABLE schema_version ADD COLUMN engine VARCHAR(100)")
    if _on_postgresql(connection):
        _run(
            connection,
            """CREATE TABLE attachment_chunk (
                blob VARCHAR(32) NOT NULL,
                number INTEGER NOT NULL,
                bytes BYTEA NOT NULL,
                PRIMARY KEY (blob, number)
            )""",
            "ALTER TABLE attachment_chunk ALTER COLUMN bytes SET STORAGE EXTERNAL",  # pictures do not get smaller
            """CREATE FUNCTION attachment_forget_bytes() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                DELETE FROM attachment_chunk WHERE blob = OLD.blob;
                RETURN NULL;
            END $$""",
            """CREATE TRIGGER attachment_unnamed AFTER UPDATE OF blob ON attachment FOR EACH ROW
                WHEN (OLD.blob IS DISTINCT FROM NEW.blob) EXECUTE FUNCTION attachment_forget_bytes()""",
            """CREATE TRIGGER attachment_deleted AFTER DELETE ON attachment FOR EACH ROW
                WHEN (OLD.blob IS NOT NULL) EXECUTE FUNCTION attachment_forget_bytes()""",
        )


def _operator(connection: Connection) -> None:
    """4: what the operator put back, and what retention looks for."""
    _run(
        connection,
        "ALTER TABLE submission ADD COLUMN put_back_at DOUBLE PRECISION",
        "CREATE INDEX submission_delivered_at ON submission (ended_at) WHERE state = 'delivered'",
        "CREATE INDEX submission_left_at ON submission (ended_at) WHERE state IN ('unknown', 'refused', 'discarded')",
    )


def _notes(connection: Connection) -> None:
    """5: what was done to a file."""
    _run(connection, "ALTER TABLE attachment ADD COLUMN note VARCHAR(20)")


def _held_back(connection: Connection) -> None:
    """6: why a submission waits for the operator to release it."""
    _run(connection, "ALTER TABLE submission ADD COLUMN held_for VARCHAR(20)")


def _customised(connection: Connection) -> None:
    """7: the version of the consent's wording, and what the host page told; both may be missing."""
    _run(
        connection,
        "ALTER TABLE submission ADD COLUMN consent_version VARCHAR(40)",
        "ALTER TABLE submission ADD COLUMN context TEXT",
    )


def _context(connection: Connection) -> None:
    """8: the delivered submissions whose context was kept, for its time to be looked after."""
    _run(
        connection,
        "CREATE INDEX submission_context_at ON submission (state, ended_at) WHERE context IS NOT NULL",
    )


def _content(connection: Connection) -> None:
    """9: what tells a repeat from other content; rows from before have none, and count as the same."""
    _run(connection, "ALTER TABLE submission ADD COLUMN content_mac VARCHAR(64)")


def _sealed(connection: Connection) -> None:
    """10: which key seals a row, for a start to see that it has them all."""
    _run(
        connection,
        "ALTER TABLE submission ADD COLUMN data_key VARCHAR(16)",
        "CREATE INDEX submission_data_key ON submission (data_key) WHERE data_key IS NOT NULL",
    )


def _identities(connection: Connection) -> None:
    """11: a signed identity that may be used once is used once, whichever process it comes to."""
    _run(
        connection,
        "ALTER TABLE submission ADD COLUMN identity_used VARCHAR(64)",
        "CREATE UNIQUE INDEX submission_identity_used ON submission (identity_used) WHERE identity_used IS NOT NULL",
    )


def _several_notes(connection: Connection) -> None:
    """12: more than one thing may be taken out of a file. SQLite does not look at a text's length."""
    if connection.dialect.name == "postgresql":
        _run(connection, "ALTER TABLE attachment ALTER COLUMN note TYPE VARCHAR(100)")


def _steps(connection: Connection) -> None:
    """13: how many steps were taken, apart from the one that a release has to know."""
    _run(connection, "ALTER TABLE schema_version ADD COLUMN steps INTEGER")


def _accounts(connection: Connection) -> None:
    """14: how each product's account stands, for all processes to tell the same."""
    _run(
        connection,
        """CREATE TABLE account (
            product VARCHAR(50) NOT NULL PRIMARY KEY,
            reason TEXT,
            since DOUBLE PRECISION NOT NULL,
            last_success DOUBLE PRECISION
        )""",
    )


def _tally(connection: Connection) -> None:
    """15: counts without anything personal, which outlive the rows."""
    _run(connection, *tally_schema.statements(postgresql=_on_postgresql(connection)))


def _processes(connection: Connection) -> None:
    """16: what each process tells of itself, for any of them to tell it of all."""
    _run(
        connection,
        """CREATE TABLE process (
            host VARCHAR(100) NOT NULL,
            pid INTEGER NOT NULL,
            role VARCHAR(10) NOT NULL,
            seen_at DOUBLE PRECISION NOT NULL,
            gauges TEXT NOT NULL,
            PRIMARY KEY (host, pid)
        )""",
    )


def _notices(connection: Connection) -> None:
    """17: what is to be told to others, and which alarms are on."""
    _run(
        connection,
        """CREATE TABLE notice (
            id VARCHAR(32) NOT NULL PRIMARY KEY,
            channel VARCHAR(20) NOT NULL,
            body TEXT NOT NULL,
            made_at DOUBLE PRECISION NOT NULL,
            due_at DOUBLE PRECISION NOT NULL,
            attempts INTEGER NOT NULL
        )""",
        "CREATE INDEX notice_due ON notice (due_at)",
        """CREATE TABLE alarm (
            name VARCHAR(80) NOT NULL PRIMARY KEY,
            words TEXT NOT NULL,
            since DOUBLE PRECISION NOT NULL,
            told_at DOUBLE PRECISION NOT NULL
        )""",
    )


def _events(connection: Connection) -> None:
    """18: notices for a product's own systems, each product's in a channel of its own. SQLite does not look at a
    text's length."""
    if _on_postgresql(connection):
        _run(connection, "ALTER TABLE notice ALTER COLUMN channel TYPE VARCHAR(80)")
    _run(
        connection,
        "ALTER TABLE notice ADD COLUMN reason TEXT",
        "DROP INDEX notice_due",
        "CREATE INDEX notice_channel_due ON notice (channel, due_at)",
    )


def _origin(connection: Connection) -> None:
    """19: the request that a submission came with, and its trace."""
    _run(
        connection,
        "ALTER TABLE submission ADD COLUMN request_id VARCHAR(32)",
        "ALTER TABLE submission ADD COLUMN traceparent VARCHAR(55)",
    )


def _misconfigured(connection: Connection) -> None:
    """20: whether an account fails for a reason that waiting does not end."""
    _run(connection, "ALTER TABLE account ADD COLUMN misconfigured BOOLEAN")


def _signed_out(connection: Connection) -> None:
    """21: the sessions of `/ops` that were ended, for all processes to know."""
    _run(
        connection,
        """CREATE TABLE signed_out (
            session VARCHAR(32) NOT NULL PRIMARY KEY,
            until DOUBLE PRECISION NOT NULL
        )""",
    )


STEPS: Sequence[Callable[[Connection], None]] = (
    _outbox,
    _pending_bytes,
    _several_machines,
    _operator,
    _notes,
    _held_back,
    _customised,
    _context,
    _content,
    _sealed,
    _identities,
    _several_notes,
    _steps,
    _accounts,
    _tally,
    _processes,
    _notices,
    _events,
    _origin,
    _misconfigured,
    _signed_out,
)
LATEST = len(STEPS)
"""The schema that this release makes."""
COMPATIBLE = 12
"""The step that a release has to know to work with this schema: the last one that did more than add what the release
before does not look at. Releases before 13 compare their own number with it."""
