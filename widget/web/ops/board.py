"""GET /ops, the board, and GET /ops/live, which its script polls to keep it up to date."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from widget.errors import OutboxUnavailable
from widget.intake.room import not_accepted
from widget.ops import board as boards
from widget.ops.board import Board, Range
from widget.ops.words import size
from widget.outbox.accounts import Accounts
from widget.outbox.events import channel_of
from widget.outbox.notices import Notices
from widget.outbox.outage import answers_within
from widget.outbox.tally import Tally
from widget.web import headers
from widget.web.ops.access import Visit, for_operators, ops_of
from widget.web.service import service_of

_SECTIONS = ("verdict", "accounts", "states", "events", "charts")
_PATIENCE = 5.0
"""Seconds for the figures in the database."""


async def _show(visit: Visit) -> Response:
    return visit.page("board", title="Overview", place="board", **await _values(visit.request))


async def _live(visit: Visit) -> Response:
    values = await _values(visit.request)
    render = ops_of(visit.request).render
    sections = {name: render(f"_{name}", **values) for name in _SECTIONS}
    live = {"at": values["at"], "verdict": values["board"].verdict, "sections": sections}
    return JSONResponse(live, headers=headers.HEADERS["data"])


async def _values(request: Request) -> Mapping[str, Any]:
    over = request.query_params.get("over", "day")
    over = over if over in boards.RANGES else "day"
    free = service_of(request).outbox.backend.free
    return {
        "over": over,
        "board": await _board(request, cast(Range, over)),
        "disk": None if free is None else size(free),
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
    }


async def _board(request: Request, over: Range) -> Board:
    """What the database knows. While it is unavailable: what it knew last, and that it is unavailable."""
    service, now = service_of(request), time.time()
    backend, products = service.outbox.backend, list(service.settings.products)
    _, number, step = boards.RANGES[over]
    try:
        service.outbox.check_open()
        accounts = Accounts(backend)
        async with answers_within(_PATIENCE):
            overview, piles = await accounts.overview(products), await accounts.piles()
            counts = await Tally(backend).read(number * step, boards.EVENTS)
            waiting, pending = await Notices(backend).waiting(), await service.outbox.pending_bytes()
    except OutboxUnavailable as error:
        known = boards.board(products, service.health.overview, (), (), {}, over, now)
        known.problems[:0] = [f"The database cannot be used: {error}. Nothing can be accepted. Figures are missing."]
        return known
    event_webhooks = {
        slug: (product.events.url, waiting.get(channel_of(slug)))
        for slug, product in service.settings.products.items()
        if product.events
    }
    known = boards.board(products, overview, piles, counts, event_webhooks, over, now)
    looked_at = service.outbox.trouble, backend.spool, pending, service.settings.pending_bytes
    known.problems[:0] = await asyncio.to_thread(not_accepted, *looked_at)  # a disk may hang
    return known


show, live = for_operators(_show, shows_rows=False), for_operators(_live, shows_rows=False)
