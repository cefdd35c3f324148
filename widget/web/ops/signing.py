"""POST /ops/sign-in and /ops/sign-out."""

from starlette.requests import Request
from starlette.responses import Response

from widget.web.operator_token import client_of, judge, refused
from widget.web.ops.access import (
    Visit,
    for_operators,
    go_to,
    log,
    ops_of,
    read_form,
    set_cookie,
    signing_page,
    too_many,
)
from widget.web.service import service_of


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
    visit.log("ops.signed_out")
    response = go_to("/ops")
    set_cookie(visit.request, response, "", 0)
    return response


sign_out = for_operators(_sign_out)
