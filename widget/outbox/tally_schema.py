"""The table of counts and the triggers that count: step 15 of `migrations`.

The database counts by itself, in the transaction that changes a row. So no change is missed or counted twice, whether
the service makes it, an operator's command, or the previous release during an upgrade.

On PostgreSQL each connection has its own counts (`slot`). Otherwise all transactions would wait for one another at the
row of the current hour.
"""

from collections.abc import Sequence

BOUNDS = (0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 28800, 86400)
"""Upper bounds of the buckets for delivery times, in seconds."""

_TABLE = """CREATE TABLE tally (
    hour BIGINT NOT NULL,
    event VARCHAR(20) NOT NULL,
    product VARCHAR(50) NOT NULL,
    locale VARCHAR(35) NOT NULL,
    rating VARCHAR(4) NOT NULL,
    files BOOLEAN NOT NULL,
    detail VARCHAR(60) NOT NULL,
    slot INTEGER NOT NULL,
    count BIGINT NOT NULL,
    seconds DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (hour, event, product, locale, rating, files, detail, slot)
)"""
_COLUMNS = (
    "ALTER TABLE submission ADD COLUMN locale VARCHAR(35)",
    "ALTER TABLE submission ADD COLUMN files INTEGER",
    "ALTER TABLE submission ADD COLUMN cause VARCHAR(30)",
)
_COUNT = """INSERT INTO tally (hour, event, product, locale, rating, files, detail, slot, count, seconds)
    VALUES ({values})
    ON CONFLICT (hour, event, product, locale, rating, files, detail, slot)
    DO UPDATE SET count = tally.count + 1, seconds = tally.seconds + excluded.seconds;"""
_IS_ACCEPTED = "NEW.product <> '-'"
_ACCEPTED = """{hour_accepted}, 'accepted', NEW.product, COALESCE(NEW.locale, ''),
    CASE NEW.rating WHEN TRUE THEN 'up' WHEN FALSE THEN 'down' ELSE 'none' END, COALESCE(NEW.files, 0) > 0,
    COALESCE(NEW.held_for, ''), {slot}, 1, 0"""
_HAS_ENDED = "NEW.ended_at IS NOT NULL AND (OLD.ended_at IS NULL OR NEW.state <> OLD.state)"
_TOOK = "NEW.ended_at - NEW.accepted_at"
_WITHIN = " ".join(f"WHEN {_TOOK} <= {bound} THEN '{bound}'" for bound in BOUNDS)
_ENDED = f"""{{hour_ended}}, NEW.state, NEW.product, '', '', FALSE,
    CASE NEW.state WHEN 'delivered' THEN CASE {_WITHIN} ELSE 'inf' END
        WHEN 'discarded' THEN '' ELSE COALESCE(NEW.cause, '') END,
    {{slot}}, 1, CASE NEW.state WHEN 'delivered' THEN {_TOOK} ELSE 0 END"""
_ON_SQLITE = {
    "slot": "0",
    "hour_accepted": "CAST(NEW.accepted_at / 3600 AS INTEGER) * 3600",
    "hour_ended": "CAST(NEW.ended_at / 3600 AS INTEGER) * 3600",
}
_ON_POSTGRESQL = {
    "slot": "pg_backend_pid()",
    "hour_accepted": "floor(NEW.accepted_at / 3600) * 3600",
    "hour_ended": "floor(NEW.ended_at / 3600) * 3600",
}


def statements(*, postgresql: bool) -> Sequence[str]:
    """What step 15 executes."""
    accepted, ended = (
        _COUNT.format(values=values.format(**(_ON_POSTGRESQL if postgresql else _ON_SQLITE)))
        for values in (_ACCEPTED, _ENDED)
    )
    triggers = (
        *_trigger("submission_accepted", "INSERT", _IS_ACCEPTED, accepted, postgresql=postgresql),
        *_trigger("submission_ended", "UPDATE OF state", _HAS_ENDED, ended, postgresql=postgresql),
    )
    return (*_COLUMNS, _TABLE, *triggers)


def _trigger(name: str, on: str, when: str, statement: str, *, postgresql: bool) -> Sequence[str]:
    if not postgresql:
        return [f"CREATE TRIGGER {name} AFTER {on} ON submission FOR EACH ROW WHEN {when} BEGIN {statement} END"]
    return [
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {statement} RETURN NULL; END $$",
        f"CREATE TRIGGER {name} AFTER {on} ON submission FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION {name}()",
    ]
