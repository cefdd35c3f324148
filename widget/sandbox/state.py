"""What the endpoints share: accounts, issued tokens, the record, the faults, and the API's port."""

import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from starlette.requests import Request

from widget.sandbox.faults import Faults
from widget.sandbox.record import Record


class Door(Protocol):
    """The API's port, which can be shut while the inbox stays reachable."""

    @property
    def is_open(self) -> bool:
        """Whether connections are accepted."""

    async def shut(self, seconds: float | None) -> None:
        """Refuse connections, for so many seconds or until `open`."""

    async def open(self) -> None:
        """Accept connections again."""


@dataclass
class Token:
    """An access token that was issued."""

    number: int
    account: str
    expires_at: float


class Tokens:
    """The access tokens in use. They expire by the monotonic clock."""

    def __init__(self, accounts: Mapping[str, str], lifetime: float, clock: Callable[[], float]) -> None:
        self._accounts = dict(accounts)
        self._clock = clock
        self._given: dict[str, Token] = {}
        self._count = 0
        self.lifetime = lifetime

    def grant(self, client_id: str, client_secret: str) -> str | None:
        """A new token for an account; None for bad credentials."""
        expected = self._accounts.get(client_id)
        if expected is None or not hmac.compare_digest(expected.encode(), client_secret.encode()):
            return None
        now = self._clock()
        self._given = {text: token for text, token in self._given.items() if token.expires_at > now}
        self._count += 1
        text = ".".join(secrets.token_urlsafe(length) for length in (12, 96, 24))
        self._given[text] = Token(self._count, client_id, now + self.lifetime)
        return text

    def carried(self, request: Request) -> Token | None:
        """The token of a request; None if it is missing, unknown or expired."""
        token = self._given.get(_bearer(request))
        return token if token and token.expires_at > self._clock() else None

    def revoke(self, request: Request) -> None:
        """Let the token of a request expire now."""
        self._given.pop(_bearer(request), None)


def _bearer(request: Request) -> str:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


@dataclass
class State:
    """One sandbox."""

    tokens: Tokens
    record: Record = field(default_factory=Record)
    faults: Faults = field(default_factory=Faults)
    door: Door | None = None

    @classmethod
    def create(cls, accounts: Mapping[str, str], lifetime: float) -> "State":
        """A sandbox with these accounts (client id to client secret)."""
        return cls(Tokens(accounts, lifetime, time.monotonic))
