"""Counts refused requests, and logs each kind once and then once a minute.

Without a line, a proxy that drops `Host` would refuse everybody unnoticed.
"""

import re
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request

from widget.errors import Rejected
from widget.telemetry.counters import Counters, Key, counters
from widget.telemetry.recurring import Recurring

log = structlog.get_logger("widget.web.refusals")

_HOST = re.compile(r"[a-z0-9.:_-]{1,100}")
_ORDINARY = (404, 405, 409, 422)
"""Statuses that people and robots cause every day."""


class Refusals:
    """Counts refusals by product, code, status, the setting that was reached, and the origin's host."""

    def __init__(self, counted: Counters = counters) -> None:
        self._counted = counted
        self._lines = Recurring("request.refused", made_up="origin")

    def note(self, code: str, status: int, *, product: str = "", origin: str = "", limit: str = "") -> None:
        """Count one more refused request. Called in the event loop."""
        self._counted.add(Key("rejected", product, detail=code))
        if limit:
            self._counted.add(Key("limited", product, detail=limit))
        write = log.info if status in _ORDINARY else log.warning
        more = {"limit": limit} if limit else {}
        self._lines.note(write, code=code, status=status, product=product, origin=_host(origin), **more)


def note(request: Request, rejected: Rejected, product: str = "") -> None:
    """A request is refused. Errors of our own are logged where they happen; a full outbox is not one."""
    if rejected.status < 500 or rejected.limit:
        origin = request.headers.get("origin", "")
        code = rejected.faults[0].code
        refusals.note(code, rejected.status, product=product, origin=origin, limit=rejected.limit)


refusals = Refusals()
"""Those of this process, which has one log."""


def _host(origin: str) -> str:
    """The host of an origin. Anything that is not an origin is not repeated."""
    if origin in ("", "null"):
        return origin
    try:
        host = urlsplit(origin).netloc.rpartition("@")[2].lower()
    except ValueError:
        host = ""
    return host if _HOST.fullmatch(host) else "unreadable"
