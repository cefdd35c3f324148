"""What a balancer asks for."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from widget.errors import OutboxUnavailable
from widget.web import headers
from widget.web.service import service_of


async def alive(_: Request) -> Response:
    """GET /healthz: the process answers."""
    return JSONResponse({"status": "ok"}, headers=headers.HEADERS["data"])


async def ready(request: Request) -> Response:
    """GET /readyz: able to accept submissions.

    The database decides the status. Whether a token can be had is named beside it and does not: while Insider Connect
    is away submissions are accepted all the same, and a balancer that took us out would turn people away.
    """
    service = service_of(request)
    try:
        await service.outbox.check_writable()
        database = "ok"
    except OutboxUnavailable as error:
        database = f"unavailable: {error}"
    outcomes = {product: await service.insider.check(product) for product in service.settings.products}
    insider = {product: "ok" if failure is None else failure.reason for product, failure in outcomes.items()}
    is_ready = database == "ok"
    content = {
        "status": "ready" if is_ready else "unavailable",
        "checks": {"database": database, "insider_connect": insider},
    }
    return JSONResponse(content, status_code=200 if is_ready else 503, headers=headers.HEADERS["data"])
