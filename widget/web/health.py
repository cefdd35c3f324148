"""Health checks for load balancers and monitors."""

import asyncio
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from widget.delivery.health import Health
from widget.intake.room import files_trouble
from widget.web import headers
from widget.web.operator_token import judge_bearer
from widget.web.responses import iso
from widget.web.service import service_of


async def alive(_: Request) -> Response:
    """GET /healthz: the process answers."""
    return JSONResponse({"status": "ok"}, headers=headers.HEADERS["data"])


async def ready(request: Request) -> Response:
    """GET /readyz: able to accept submissions. Only the operator sees why not.

    The database decides the status. Insider Connect does not: while it is unavailable, submissions are still accepted,
    and a load balancer that removed this process would turn people away. Monitors that want to know of that ask
    `?strict`.
    """
    health, outbox = service_of(request).health, service_of(request).outbox
    is_strict, is_operator = "strict" in request.query_params, await judge_bearer(request) == "right"
    files = None
    if is_strict or is_operator:  # in a thread, for a disk may hang; a load balancer's question never waits for it
        files = await asyncio.to_thread(files_trouble, outbox.backend.spool)
    is_well = health.delivers and files is None if is_strict else health.ready
    content: dict[str, object] = {"status": "ready" if is_well else "unavailable"}
    if is_operator:
        content |= {**_parts(health, outbox.backend.free, files), "request": _seen(request)}
    return JSONResponse(content, status_code=200 if is_well else 503, headers=headers.HEADERS["data"])


def _seen(request: Request) -> Mapping[str, object]:
    """This request as the service sees it, for `widget check --proxy`. `forwarded`: a trusted proxy named the
    client."""
    client = request.client
    return {
        "client": client and client.host,
        "forwarded": client is not None and client.port == 0,  # no port comes with X-Forwarded-For
        "x_forwarded_for": request.headers.get("X-Forwarded-For"),
        "host": request.headers.get("Host"),
        "scheme": request.url.scheme,
    }


def _parts(health: Health, free: int | None, files: str | None) -> dict[str, object]:
    overview = health.overview
    return {
        "checks": {
            "database": health.database,
            "files": "ok" if files is None else f"unavailable: {files}",
            "insider_connect": health.insider_connect,
        },
        "accounts": {
            product: {
                "state": "ok" if account.reason is None else account.reason,
                "since": iso(account.since),
                "last_success": iso(account.last_success),
            }
            for product, account in overview.accounts.items()
        },
        "waiting": {
            product: {"count": waiting.count, "oldest_seconds": round(waiting.oldest)}
            for product, waiting in overview.waiting.items()
        },
        "yours": overview.yours,
        "disk_free_bytes": free,
        "scanner": health.scanner,
        "stopping": health.stopping,
    }
