"""POST /ops/sign-in and /ops/sign-out."""

from starlette.requests import Request
from starlette.responses import Response

from widget.errors import OutboxUnavailable
from widget.outbox.signed_out import SignedOut
from widget.web.operator_token import client_of, judge, refused
from widget.web.ops.access import (
    Visit,
    for_operators,
    go_to,
    log,
    ops_of,
    page,
    read_form,
    set_cookie,
    signing_page,
    too_many,
)
from widget.web.service import service_of

_ONLY_HERE = (
    "The database cannot be used, so a copy of the session's cookie, if there is one, is valid until its time is over. "
    "Another OPS_TOKEN ends all sessions."
)


async def sign_in(request: Request) -> Response:
    """Begin a session for whoever knows `OPS_TOKEN`."""
    ops = ops_of(request)
    form = await read_form(request)
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        refused(request, "other_site")
        return signing_page(request, "Another site's page sent this form. Sign in here.", 403)
    verdict = await judge(request, is_right=ops.sessions.is_token(form.get("token", [""])[0]))
    if verdict == "too_many":
        return too_many(request, "wrong tokens from your address")
    if verdict == "wrong":
        return signing_page(request, "This is not the operator's token, which is the value of OPS_TOKEN.")
    cookie = ops.sessions.begin()
    session = ops.sessions.read(cookie)
    log.info("ops.signed_in", by=f"ops {session.name}" if session else None, client=client_of(request))
    response = go_to("/ops")
    set_cookie(request, response, cookie, service_of(request).settings.ops_session)
    return response


async def _sign_out(visit: Visit) -> Response:
    service = service_of(visit.request)
    try:
        service.outbox.check_open()
        await SignedOut(service.outbox.backend).note(visit.session.id, service.settings.ops_session)
        visit.log("ops.signed_out")
        response = go_to("/ops")
    except OutboxUnavailable:
        visit.log("ops.signed_out", only="this browser")
        response = page(visit.request, "message", 503, title="Signed out in this browser", text=_ONLY_HERE)
    set_cookie(visit.request, response, "", 0)
    return response


sign_out = for_operators(_sign_out, shows_rows=False)
