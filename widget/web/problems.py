"""Errors of every address, in one shape: a problem document (RFC 9457), or a page that says the same."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from widget.config.products import Product
from widget.errors import Fault, FilesBusy, OutboxFull, OutboxUnavailable, Rejected
from widget.i18n.messages import Words
from widget.pages.state import Looks
from widget.telemetry.recurring import Recurring
from widget.web import headers, refusals
from widget.web.responses import html
from widget.web.service import looks_of, service_of, wants_json, words_of

log = structlog.get_logger("widget.web")
_left = Recurring("request.left", made_up="path")

_RETRY_UNAVAILABLE = 20.0
"""Seconds after which a full or unavailable outbox is worth another request."""


def unavailable(error: OutboxUnavailable, product: Product | None = None) -> Rejected:
    """The refusal if something cannot be stored or read now. The log has the reason; limits are logged only so
    often."""
    if not isinstance(error, OutboxFull | FilesBusy):
        log.error("outbox.unavailable", reason=str(error), **({"product": product.slug} if product else {}))
    if isinstance(error, OutboxFull):
        return _later("files", limit=error.limit)
    return _later(limit="FILE_CHECKERS" if isinstance(error, FilesBusy) else "")


def _later(variant: str = "", *, limit: str = "") -> Rejected:
    """Not now. The words and the header name the same time."""
    fault = Fault("unavailable", variant=variant, params={"n": math.ceil(_RETRY_UNAVAILABLE)})
    return Rejected(fault, retry_after=_RETRY_UNAVAILABLE, limit=limit)


def as_json(
    rejected: Rejected,
    words: Words,
    product: Product | None,
    fields: Mapping[str, str],
    more: Mapping[str, str] | None = None,
) -> Response:
    """The problem document. `errors` has every fault; `position` counts the files from 0, if one is at fault.

    `fields` are headers, `more` are further members of the document.
    """
    words = words.of(product) if product else words
    note = words.note(rejected.faults[0], product)
    content = {
        "type": "about:blank",
        "title": note.title or HTTPStatus(rejected.status).phrase,
        "status": rejected.status,
        "detail": note.text,
        "errors": [_error(fault, words, product) for fault in rejected.faults],
        **(more or {}),
    }
    return JSONResponse(
        content,
        status_code=rejected.status,
        headers={**fields, **retry_after(rejected)},
        media_type="application/problem+json",
    )


def _error(fault: Fault, words: Words, product: Product | None) -> dict[str, Any]:
    error: dict[str, Any] = {"field": fault.field, "code": fault.code, "message": words.fault(fault, product)}
    if fault.position is not None:
        error["position"] = fault.position
    if fault.code == "identity_invalid":
        error["reason"] = fault.variant
    return error


def retry_after(rejected: Rejected) -> dict[str, str]:
    """The header, if it is known when to try again."""
    return {} if rejected.retry_after is None else {"Retry-After": str(math.ceil(rejected.retry_after))}


async def on_rejected(request: Request, error: Exception) -> Response:
    """A request that no product's form can answer."""
    assert isinstance(error, Rejected)  # noqa: S101
    return _answer(request, error)


async def on_http_error(request: Request, error: Exception) -> Response:
    """A request that the router refuses."""
    assert isinstance(error, HTTPException)  # noqa: S101
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "malformed")
    response = _answer(request, Rejected(Fault(code)))
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    if error.status_code == 405:
        response.headers["Allow"] = ", ".join(sorted(_methods(request)))
    return response


def _methods(request: Request) -> set[str]:
    """The methods of all routes of the address. The error has those of the first route only (RFC 9110, 15.5.6)."""
    routes = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return {method for route in routes for method in route.methods}


async def on_unavailable(request: Request, error: Exception) -> Response:
    """The outbox cannot be read."""
    assert isinstance(error, OutboxUnavailable)  # noqa: S101
    return _answer(request, unavailable(error))


async def on_left(request: Request, error: Exception) -> Response:
    """The client disconnected before the body was complete, so nobody reads this answer."""
    _left.note(log.info, path=_first_part(request))
    return Response(status_code=400, headers=headers.HEADERS["data"])


async def on_bug(request: Request, error: Exception) -> Response:
    """An error of ours. The log has it."""
    log.error("request.failed", path=_first_part(request), exc_info=error)
    return _answer(request, Rejected(Fault("internal")))


def _answer(request: Request, rejected: Rejected) -> Response:
    refusals.note(request, rejected)
    words = words_of(request)
    if wants_json(request) or request.url.path.startswith(("/static/", "/embed.js")):
        return as_json(rejected, words, None, headers.HEADERS["data"])
    if request.url.path.endswith("/theme.css"):  # any page may see that there is no such product
        public = {"Access-Control-Allow-Origin": "*"}
        return as_json(rejected, words, None, {**headers.HEADERS["data"], **public})
    page = service_of(request).pages.problem(words, rejected.faults[0], looks=Looks(looks_of(request).theme))
    return html(request, page, rejected.status, {**headers.HEADERS["page"], **retry_after(rejected)})


def _first_part(request: Request) -> str:
    """The part of the path that may be logged. The rest may be a secret."""
    return request.url.path.split("/")[1]


class CutOff:
    """Answers requests that are cut off when a shutdown's grace period ends: try again, in words and with a time.

    The server cancels their tasks then. A client that is still sending learns that nothing was stored.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, whatever happens to the application's own answer."""
        has_begun = False

        async def noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except asyncio.CancelledError:
            if scope["type"] != "http":
                raise
            request = Request(scope)
            log.warning("request.cut_off", path=_first_part(request), method=request.method, answered=not has_begun)
            if has_begun:
                raise
            response = _answer(request, _later())
            response.headers["Connection"] = "close"
            await response(scope, receive, send)


Handler = Callable[[Request, Exception], Awaitable[Response]]
ERROR_HANDLERS: Mapping[int | type[Exception], Handler] = {
    Rejected: on_rejected,
    HTTPException: on_http_error,
    OutboxUnavailable: on_unavailable,
    ClientDisconnect: on_left,
    Exception: on_bug,
}
