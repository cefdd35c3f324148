"""Logs refused requests: the first of a kind at once; the others are counted and logged once a minute.

Without a line, a proxy that drops `Host` would refuse everybody unnoticed. With a
line for each request, anybody could fill the disk.
"""

import asyncio
import re
from collections import Counter
from functools import partial
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request

from widget.errors import Rejected
from widget.telemetry.counters import Counters, Key, counters

log = structlog.get_logger("widget.web.refusals")

PERIOD = 60.0
"""The period of counting, in seconds."""
_MOST_KINDS = 200
"""Kinds that are counted separately in a period. Strangers can make up any number of origins."""
_HOST = re.compile(r"[a-z0-9.:_-]{1,100}")
_ORDINARY = (404, 405, 409, 422)
"""Statuses that people and robots cause every day."""

_Kind = tuple[str, str, int, str, str]


class Refusals:
    """Counts refusals by product, code, status, the setting that was reached, and the origin's host."""

    def __init__(self, counted: Counters = counters) -> None:
        self._counted = counted
        self._counts: Counter[_Kind] = Counter()

    def note(self, code: str, status: int, *, product: str = "", origin: str = "", limit: str = "") -> None:
        """Count one more refused request. Called in the event loop."""
        self._counted.add(Key("rejected", product, detail=code))
        if limit:
            self._counted.add(Key("limited", product, detail=limit))
        kind = (code, product, status, limit, _host(origin))
        if kind not in self._counts and len(self._counts) >= _MOST_KINDS:
            kind = (code, product, status, limit, "others")
        self._counts[kind] += 1
        if self._counts[kind] == 1:
            _say(kind, 1)
            asyncio.get_running_loop().call_later(PERIOD, self._sum_up, kind)

    def _sum_up(self, kind: _Kind) -> None:
        """Log how many more there were, and start again."""
        if more := self._counts.pop(kind) - 1:
            _say(kind, more, seconds=PERIOD)


def note(request: Request, rejected: Rejected, product: str = "") -> None:
    """A request is refused. Errors of our own are logged where they happen; a full outbox is not one."""
    if rejected.status < 500 or rejected.limit:
        origin = request.headers.get("origin", "")
        code = rejected.faults[0].code
        refusals.note(code, rejected.status, product=product, origin=origin, limit=rejected.limit)


refusals = Refusals()
"""Those of this process, which has one log."""


def _say(kind: _Kind, count: int, **more: float) -> None:
    code, product, status, limit, origin = kind
    write = log.info if status in _ORDINARY else log.warning
    if limit:
        write = partial(write, limit=limit)
    write("request.refused", code=code, status=status, product=product, origin=origin, count=count, **more)


def _host(origin: str) -> str:
    """The host of an origin. Anything that is not an origin is not repeated."""
    if origin in ("", "null"):
        return origin
    try:
        host = urlsplit(origin).netloc.rpartition("@")[2].lower()
    except ValueError:
        host = ""
    return host if _HOST.fullmatch(host) else "unreadable"
