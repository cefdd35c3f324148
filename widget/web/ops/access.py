"""Who may see `/ops`: sessions in a cookie, and a token in every form."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from widget.abuse.rate_limits import client_key
from widget.errors import Fault, Rejected
from widget.ops.sessions import PERIOD, Session
from widget.pages.addresses import public
from widget.web import headers
from widget.web.responses import html
from widget.web.service import OpsService, service_of

log = structlog.get_logger("widget.ops")

_MOST_BYTES = 128 * 1024
"""Bytes of a form: a page's ids are less than 4 kB."""
_COOKIE = "widget-ops"


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of somebody who has signed in, with the fields of the form that it brought."""

    request: Request
    session: Session
    form: Mapping[str, Sequence[str]]

    def first(self, name: str) -> str:
        """A field that is there once; empty if it is not."""
        return next(iter(self.form.get(name, ())), "")

    def page(self, name: str, status: int = 200, **values: Any) -> Response:
        """A page of those who have signed in."""
        return page(self.request, name, status, csrf=self.session.csrf, **values)

    def log(self, event: str, **facts: object) -> None:
        """A line that says who it was: a session, for nobody here has a name."""
        log.info(event, by=f"ops {self.session.name}", **facts)


Handler = Callable[[Visit], Awaitable[Response]]


def ops_of(request: Request) -> OpsService:
    """What `/ops` needs. Raises Rejected, as for a page that does not exist, if there is no `OPS_TOKEN`."""
    ops = service_of(request).ops
    if ops is None:
        raise Rejected(Fault("not_found"))
    return ops


def for_operators(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Call `handler` for those who have signed in; a form has to bring its session's token, too."""

    async def guarded(request: Request) -> Response:
        ops = ops_of(request)
        cookie = request.cookies.get(cookie_name(request), "")
        session = ops.sessions.read(cookie)
        if session is None:
            if cookie:
                refused(request, "session_over")
            return signing_page(request, "Your session is over. Sign in again." if cookie else "")
        form = {} if request.method == "GET" else await read_form(request)
        visit = Visit(request, session, form)
        if request.method != "GET" and not ops.sessions.is_genuine(session, visit.first("csrf")):
            refused(request, "csrf")
            text = "This form did not come from your session, so nothing was done. Go back, reload the page, try again."
            return visit.page("message", 403, title="Nothing was done", text=text)
        return await handler(visit)

    return guarded


async def read_form(request: Request) -> Mapping[str, Sequence[str]]:
    """The fields of a form, within bounds. Raises Rejected."""
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
    return html(request, ops_of(request).pages.render(name, **values), status, headers.HEADERS["ops"])


def signing_page(request: Request, problem: str = "", status: int = 401) -> Response:
    """The form to sign in."""
    return page(request, "sign-in", status, title="Sign in", problem=problem)


def too_many(request: Request, what: str) -> Response:
    """Somebody has to wait for a minute."""
    refused(request, "too_many")
    text = f"There were too many {what}. Wait a minute, then try again."
    response = page(request, "message", 429, title="Too many at once", text=text)
    response.headers["Retry-After"] = str(PERIOD)
    return response


def refused(request: Request, reason: str) -> None:
    """A line for what was not let in, with the network address as the proxies tell it: it may be an attack."""
    log.warning("ops.refused", reason=reason, client=client_of(request))


def client_of(request: Request) -> str:
    """Whose attempts are counted together."""
    return client_key(request.client.host if request.client else "")


def is_secure(request: Request) -> bool:
    """Whether browsers come over TLS."""
    url = service_of(request).settings.public_url
    return url.startswith("https://") if url else request.url.scheme == "https"


def cookie_name(request: Request) -> str:
    """Browsers take a cookie with such a prefix over TLS alone. `__Host-` also keeps other hosts of the domain from
    setting it, but it is sent to all of its host: below a path, others of that host must not get it."""
    prefix = "__Secure-" if public("") else "__Host-"
    return f"{prefix}{_COOKIE}" if is_secure(request) else _COOKIE


def set_cookie(request: Request, response: Response, value: str, max_age: float) -> None:
    """Keep the session: where no script can read it, and where no other site's page makes the browser send it."""
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
    """Go on to a page, by GET."""
    return RedirectResponse(public(path), 303, headers.HEADERS["ops"])
