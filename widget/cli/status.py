"""`widget status`: whether feedback arrives, at one look; for terminals and for cron."""

import sys
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import click

from widget.cli import common
from widget.cli.shown import age, written
from widget.config.settings import Settings
from widget.errors import OutboxUnavailable
from widget.intake.room import not_accepted
from widget.ops.board import problems as problems_of
from widget.ops.words import as_json, duration, one_line, size
from widget.outbox.accounts import Accounts, Overview
from widget.outbox.events import product_of
from widget.outbox.notices import Backlog, Notices
from widget.outbox.outbox import Outbox
from widget.telemetry import logs

NOT_ARRIVING = 3
"""The exit code if feedback does not arrive."""
_LEFT = {
    "held": "held back: they look automated, or come from a backup",
    "unknown": "unknown: nobody can know whether they arrived",
    "refused": "refused by Insider Connect, or given up",
}


@click.command()
@click.option("--json", "in_json", is_flag=True, help="Print a JSON object.")
@click.option(
    "--oldest", type=age, default="1h", show_default=True, help="How long a submission may wait before it is a problem."
)
def status(in_json: bool, oldest: float) -> None:
    """Show whether feedback arrives: each product's account, what waits, and what needs your decision.

    Queries only the database. Exit codes: 0 all is well; 1 the configuration or the database cannot be used; 2 the
    command line is wrong; 3 feedback does not arrive: nothing, or nothing with files, can be stored, an account is
    failing, or a submission has waited too long.
    """
    settings = common.settings()
    logs.configure("error")
    overview, free, events, troubles = common.with_outbox(settings, partial(_look, settings))
    problems = [*troubles, *problems_of(overview, oldest)]
    facts = _facts(settings, overview, free, events, problems)
    for line in [as_json(facts)] if in_json else _lines(facts):
        click.echo(line)
    sys.exit(NOT_ARRIVING if problems else 0)


async def _look(settings: Settings, outbox: Outbox) -> tuple[Overview, int | None, Mapping[str, Backlog], list[str]]:
    """The accounts and what waits, the free space, the events that wait, and sentences about what cannot be stored."""
    waiting = await Notices(outbox.backend).waiting()
    events = {product: backlog for channel, backlog in waiting.items() if (product := product_of(channel))}
    overview = await Accounts(outbox.backend).overview(settings.products)
    return overview, outbox.backend.free, events, await _troubles(outbox, settings.pending_bytes)


async def _troubles(outbox: Outbox, limit: float) -> list[str]:
    trouble = None
    try:
        await outbox.check_answers()
    except OutboxUnavailable as error:
        trouble = str(error)
    return not_accepted(trouble, outbox.backend.spool, await outbox.pending_bytes(), limit)


def _facts(
    settings: Settings, overview: Overview, free: int | None, events: Mapping[str, Backlog], problems: list[str]
) -> Mapping[str, Any]:
    products = {}
    for product in {**settings.products, **overview.accounts, **overview.waiting}:
        account, waiting = overview.accounts.get(product), overview.waiting.get(product)
        products[product] = {
            "state": "not tried yet" if account is None else account.reason or "ok",
            "since": account and written(account.since),
            "last_success": account and written(account.last_success),
            "waiting": waiting.count if waiting else 0,
            "oldest_seconds": round(waiting.oldest) if waiting else None,
        }
    return {
        "ok": not problems,
        "problems": problems,
        "products": products,
        "yours": {kind: overview.yours.get(kind, 0) for kind in _LEFT},
        "events": {
            product: {"waiting": each.count, "oldest_seconds": round(each.oldest), "reason": each.reason}
            for product, each in events.items()
        },
        "disk_free_bytes": free,
    }


def _lines(facts: Mapping[str, Any]) -> Iterator[str]:
    yield "Feedback arrives." if facts["ok"] else "Feedback does not arrive."
    for product, its in facts["products"].items():
        waits = f"{its['waiting']} waiting" + (f", oldest {duration(its['oldest_seconds'])}" if its["waiting"] else "")
        success = f", last success {its['last_success']}" if its["last_success"] else ""
        yield f"  {product}: {one_line(its['state'])}{success}; {waits}"
    for kind, count in facts["yours"].items():
        if count:
            yield f"  {count} {_LEFT[kind]} (widget outbox list)"
    for product, its in facts["events"].items():
        why = f": {one_line(its['reason'])}" if its["reason"] else ""
        yield f"  {its['waiting']} events of {product} wait, oldest {duration(its['oldest_seconds'])}{why}"
    if facts["disk_free_bytes"] is not None:
        yield f"  {size(facts['disk_free_bytes'])} free on the disk of the outbox"
    for problem in facts["problems"]:
        yield f"! {problem}"
