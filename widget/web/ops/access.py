"""Access to `/ops`: a session in a cookie, and a token in every form."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from widget.errors import Fault, OutboxUnavailable, Rejected
from widget.intake.body import declared_size
from widget.ops.sessions import PERIOD, Session
from widget.outbox.outage import answers_within
from widget.outbox.signed_out import SignedOut
from widget.pages.addresses import public
from widget.web import headers
from widget.web.operator_token import refused
from widget.web.responses import html
from widget.web.service import OpsService, service_of

log = structlog.get_logger("widget.ops")

_MOST_BYTES = 128 * 1024
"""Bytes of a form. The ids of a page take less than 4 kB."""
_COOKIE = "widget-ops"
_PATIENCE = 1.0
"""Seconds for what the database knows of a session. A page waits for its figures as well."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A request from a signed-in operator, with the fields of its form."""

    request: Request
    session: Session
    form: Mapping[str, Sequence[str]]

    def first(self, name: str) -> str:
        """The first value of a field; empty if there is none."""
        return next(iter(self.form.get(name, ())), "")

    def page(self, name: str, status: int = 200, **values: Any) -> Response:
        """A page for signed-in operators."""
        return page(self.request, name, status, csrf=self.session.csrf, **values)

    def log(self, event: str, **facts: object) -> None:
        """Write a log line that names the session. Sessions have no user names."""
        log.info(event, by=f"ops {self.session.name}", **facts)


Handler = Callable[[Visit], Awaitable[Response]]


def ops_of(request: Request) -> OpsService:
    """What `/ops` needs. Raises Rejected, as for a page that does not exist, if there is no `OPS_TOKEN`."""
    ops = service_of(request).ops
    if ops is None:
        raise Rejected(Fault("not_found"))
    return ops


def for_operators(handler: Handler, *, shows_rows: bool = True) -> Callable[[Request], Awaitable[Response]]:
    """Call `handler` for signed-in operators only. A form must also send its session's token.

    Whether somebody signed out of a session is in the database. What shows no rows goes on without it.
    """

    async def guarded(request: Request) -> Response:
        ops = ops_of(request)
        cookie = request.cookies.get(cookie_name(request), "")
        session = ops.sessions.read(cookie)
        if session is None or await _is_over(request, session, must_tell=shows_rows):
            if cookie:
                refused(request, "session_over")
            return signing_page(request, "Your session is over. Sign in again." if cookie else "")
        reads = request.method in ("GET", "HEAD")  # Starlette answers HEAD with what GET would
        form = {} if reads else await read_form(request)
        visit = Visit(request, session, form)
        if not reads and not ops.sessions.is_genuine(session, visit.first("csrf")):
            refused(request, "csrf")
            text = "This form did not come from your session, so nothing was done. Go back, reload the page, try again."
            return visit.page("message", 403, title="Nothing was done", text=text)
        return await handler(visit)

    return guarded


async def _is_over(request: Request, session: Session, *, must_tell: bool) -> bool:
    """Whether somebody signed out of it. If the database does not tell, raises OutboxUnavailable if it must."""
    outbox = service_of(request).outbox
    try:
        outbox.check_open()
        async with answers_within(_PATIENCE):
            return await SignedOut(outbox.backend).holds(session.id)
    except OutboxUnavailable:
        if must_tell:
            raise
        return False


async def read_form(request: Request) -> Mapping[str, Sequence[str]]:
    """The fields of a form, within bounds. Raises Rejected."""
    if declared_size(request) > _MOST_BYTES:  # it may never come
        raise Rejected(Fault("request_too_large"))
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise Rejected(Fault("request_too_large"))
    try:
        return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=1000)
    except ValueError as error:
        raise Rejected(Fault("malformed")) from error


def page(request: Request, name: str, status: int = 200, **values: Any) -> Response:
    """A page of `/ops`."""
    return html(request, ops_of(request).render(name, **values), status, headers.HEADERS["ops"])


def signing_page(request: Request, problem: str = "", status: int = 401) -> Response:
    """The form to sign in."""
    return page(request, "sign-in", status, title="Sign in", problem=problem)


def too_many(request: Request, what: str) -> Response:
    """The answer to a client that has to wait for a minute."""
    text = f"There were too many {what}. Wait a minute, then try again."
    response = page(request, "message", 429, title="Too many at once", text=text)
    response.headers["Retry-After"] = str(PERIOD)
    return response


def is_secure(request: Request) -> bool:
    """Whether browsers use TLS."""
    url = service_of(request).settings.public_url
    return url.startswith("https://") if url else request.url.scheme == "https"


def cookie_name(request: Request) -> str:
    """The cookie's name. Browsers accept these prefixes only over TLS. `__Host-` also stops other hosts of the domain
    from setting the cookie, but needs the path `/`. Below a path, the cookie must not go to other services of the host,
    so it gets the weaker prefix."""
    prefix = "__Secure-" if public("") else "__Host-"
    return f"{prefix}{_COOKIE}" if is_secure(request) else _COOKIE


def set_cookie(request: Request, response: Response, value: str, max_age: float) -> None:
    """Set the session's cookie. No script can read it, and no request that another site's page makes carries it."""
    name = cookie_name(request)
    response.set_cookie(
        name,
        value,
        max_age=int(max_age),
        path="/" if name.startswith("__Host-") else public("/ops"),
        secure=is_secure(request),
        httponly=True,
        samesite="strict",
    )


def go_to(path: str) -> Response:
    """Redirect to a page, which is fetched with GET."""
    return RedirectResponse(public(path), 303, headers.HEADERS["ops"])
