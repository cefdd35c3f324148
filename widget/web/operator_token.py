"""`OPS_TOKEN`, wherever a request brings it. Whoever guesses has to wait, and leaves lines in the log."""

import hmac

import structlog
from starlette.requests import Request

from widget.abuse.rate_limits import sender_key
from widget.ops.sessions import Verdict
from widget.telemetry.recurring import Recurring
from widget.web.service import service_of

log = structlog.get_logger("widget.ops")
_refusals = Recurring("ops.refused", made_up="client")


async def judge_bearer(request: Request) -> Verdict | None:
    """What to make of the request's bearer token (RFC 6750). None if it brings none, or if there is no `OPS_TOKEN`."""
    wanted = service_of(request).settings.ops_token
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    token = given.encode("latin-1").strip()  # the bytes as they came; a blank of latin-1 may be a part of a letter
    if wanted is None or scheme.lower() != "bearer" or not token:
        return None
    is_right = hmac.compare_digest(token, wanted.get_secret_value().encode())
    return await judge(request, is_right=is_right)


async def judge(request: Request, *, is_right: bool) -> Verdict:
    """What to make of a token, which is right or wrong, given how often the client was wrong."""
    verdict = await service_of(request).throttle.judge(f"token {client_of(request)}", is_right=is_right)
    if verdict != "right":
        refused(request, "wrong_token" if verdict == "wrong" else verdict)
    return verdict


def refused(request: Request, reason: str) -> None:
    """Log a refused request with the client's address as the trusted proxies report it: it may be an attack."""
    _refusals.note(log.warning, reason=reason, client=client_of(request))


def client_of(request: Request) -> str:
    """The key under which a client's attempts are counted."""
    return sender_key(request.client.host if request.client else "")
