"""GET /metrics, for Prometheus."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from widget.errors import Fault, OutboxUnavailable, Rejected
from widget.ops.sessions import PERIOD
from widget.outbox.accounts import Accounts
from widget.outbox.outage import answers_within
from widget.outbox.tally import Tally
from widget.web import headers
from widget.web.operator_token import judge_bearer
from widget.web.refusals import refusals
from widget.web.service import Service, service_of

_PATIENCE = 5.0
"""Seconds for the figures in the database. Prometheus gives up after ten, and would then learn nothing at all."""


async def metrics(request: Request) -> Response:
    """What all processes know, for whoever brings `OPS_TOKEN` as a bearer token."""
    service = service_of(request)
    if service.settings.ops_token is None:
        raise Rejected(Fault("not_found"))
    verdict = await judge_bearer(request)
    if verdict == "too_many":
        return _refused(429, "There were too many wrong tokens from your address.", "Retry-After", str(PERIOD))
    if verdict != "right":
        return _refused(401, "Send OPS_TOKEN as a bearer token.", "WWW-Authenticate", 'Bearer realm="metrics"')
    known = await _known(service)
    content, media_type = await asyncio.to_thread(_exposition, known, request.headers.get("accept", ""))
    return Response(content, headers={**headers.HEADERS["data"], "Content-Type": media_type})


def _refused(status: int, text: str, name: str, value: str) -> Response:
    refusals.note("no_ops_token", status)
    return Response(f"{text}\n", status, {**headers.HEADERS["data"], name: value}, "text/plain")


def _exposition(known: dict[str, Any], accept: str) -> tuple[bytes, str]:
    from widget.ops.metrics import Known, exposition  # its library takes a tenth of a second to load

    return exposition(Known(**known), accept)


async def _known(service: Service) -> dict[str, Any]:
    backend = service.outbox.backend
    try:
        service.outbox.check_open()
        flushing = asyncio.ensure_future(service.flusher.flush())
        async with answers_within(_PATIENCE):
            await asyncio.shield(flushing)  # what is broken off might be written all the same, and counted twice
            accounts = Accounts(backend)
            return {
                "up": service.outbox.trouble is None,
                "totals": await Tally(backend).totals(),
                "overview": await accounts.overview(service.settings.products),
                "piles": await accounts.piles(),
                "processes": await service.flusher.processes(),
                "disk_free": backend.free,
            }
    except OutboxUnavailable:
        nothing: dict[str, Any] = {"totals": {}, "piles": (), "processes": (), "disk_free": backend.free}
        return {"up": False, "overview": service.health.overview, **nothing}
