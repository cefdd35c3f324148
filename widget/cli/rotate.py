"""`widget rotate`."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import click

from widget.cli import operating
from widget.cli.operating import rows
from widget.config.settings import Settings
from widget.outbox.entries import Wanted
from widget.outbox.operator import Operator
from widget.outbox.sealing import Keyring

_DAY = 86400.0
"""Seconds."""


@click.command()
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="When the new SECRET_KEY came first in every process (UTC); says whether the old one can go.",
)
def rotate(since: datetime | None) -> None:
    """Say which step of rotating SECRET_KEY and DATA_KEY is safe now. Changes nothing.

    The steps are OLD,NEW in every process, then NEW,OLD in every process, then NEW. With one process, begin with the
    second.
    """
    at = None if since is None else since.replace(tzinfo=UTC).timestamp()

    async def look(operator: Operator, settings: Settings) -> tuple[Settings, Mapping[str | None, int], int]:
        if at is None:
            return settings, await operator.rows_by_key(), 0
        # A refused row outlives its receipt.
        signed = Wanted(older_than=time.time() - at, ended_within=settings.receipt_days * _DAY)
        return settings, await operator.rows_by_key(), await operator.count(signed)

    settings, by_key, older = operating.run(look, all_readable=False)
    operating.write(_signing(settings, at, older))
    operating.write(_encrypting(settings, by_key))


def _signing(settings: Settings, since: float | None, older: int) -> Iterator[str]:
    if len(settings.keys) == 1:
        yield "SECRET_KEY has one key. To rotate it: `widget secret` makes a key; add it after this one."
        return
    yield f"SECRET_KEY has {len(settings.keys)} keys. The first one signs."
    if since is None:
        yield "  If the first is the old one: put the new one before it once every process has this list."
        yield "  If the first is the new one: give the time at which every process had it, with --since."
    elif older:
        wait = f"{settings.receipt_days} days after they have ended"
        yield f"  Not yet: receipts of {rows(older)} may be signed by an old key. They expire {wait}."
    elif time.time() < since + settings.token_max_age:
        until = datetime.fromtimestamp(since + settings.token_max_age, UTC)
        yield f"  Not yet: forms that an old key signed may be sent until {until:%Y-%m-%d %H:%M} UTC."
    else:
        yield "  Safe now: remove the old keys. No receipt that they signed is valid any more."


def _encrypting(settings: Settings, by_key: Mapping[str | None, int]) -> Iterator[str]:
    names = Keyring(settings.data_keys).names
    if not names:
        yield "DATA_KEY is not set: what people said is stored as plain text."
        return
    number = "one key" if len(names) == 1 else f"{len(names)} keys"
    yield f"DATA_KEY has {number}. The first one encrypts; {rows(by_key.get(names[0], 0))}."
    for place, name in enumerate(names[1:], 2):
        needed = by_key.get(name, 0)
        if needed:
            yield f"  Key {place} is needed by {rows(needed)}: keep it."
        else:
            yield f"  No row needs key {place}: remove it, if every process has this list."
    if lost := sum(number for name, number in by_key.items() if name is not None and name not in names):
        yield f"  A key that is not listed is needed by {rows(lost)}: list it again."
