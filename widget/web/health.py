"""What a balancer asks for."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from widget.web import headers
from widget.web.service import is_operator, service_of


async def alive(_: Request) -> Response:
    """GET /healthz: the process answers."""
    return JSONResponse({"status": "ok"}, headers=headers.HEADERS["data"])


async def ready(request: Request) -> Response:
    """GET /readyz: able to accept submissions; why, is for the operator alone.

    The database decides the status. How Insider Connect is does not: while it is away submissions are accepted all the
    same, and a balancer that took us out would turn people away.
    """
    health = service_of(request).health
    content: dict[str, object] = {"status": "ready" if health.ready else "unavailable"}
    if is_operator(request):
        content["checks"] = {"database": health.database, "insider_connect": health.insider_connect}
        if health.stopping:
            content["stopping"] = True
    return JSONResponse(content, status_code=200 if health.ready else 503, headers=headers.HEADERS["data"])
