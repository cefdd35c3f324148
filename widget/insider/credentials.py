"""The client credentials grant (RFC 6749, section 4.4)."""

import asyncio
import time
from collections.abc import AsyncGenerator

import httpx

from widget.config.settings import Account
from widget.insider.answers import Answer, read, token_failure
from widget.insider.outcomes import Misconfigured, NotProcessed
from widget.telemetry.counters import Key, counters

REFRESH_EARLY = 60.0
"""Seconds before a token expires from which on it is no longer used."""


class Stopped(Exception):
    """The outcome is known before the request itself is made."""

    def __init__(self, outcome: NotProcessed | Misconfigured) -> None:
        self.outcome = outcome


class ClientCredentials(httpx.Auth):
    """The client credentials grant (RFC 6749, section 4.4) for one account.

    However many requests wait, only one of them asks for the token. It is renewed `REFRESH_EARLY` seconds before it
    expires, and once after a 401.
    """

    def __init__(self, token_url: httpx.URL, account: Account) -> None:
        self.token_url = token_url
        self._account = account
        self.lock = asyncio.Lock()
        self._token: str | None = None
        self._use_until = 0.0

    @property
    def has_token(self) -> bool:
        """Whether there is a token that is still valid."""
        return self._token is not None and time.monotonic() < self._use_until

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send `request` with a token. If the token is not accepted, get a new one and send the request once more."""
        async with self.lock:
            if not self.has_token:
                self.keep(await read((yield self.token_request())))
        used = self._token
        request.headers["Authorization"] = f"Bearer {used}"
        response = yield request
        if response.status_code == 401:
            async with self.lock:
                if self._token in (None, used):
                    self._token = None
                    self.keep(await read((yield self.token_request())))
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request

    def token_request(self) -> httpx.Request:
        """The request for a token."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self._account.client_id,
            "client_secret": self._account.client_secret.get_secret_value(),
        }
        return httpx.Request("POST", self.token_url, data=form, headers={"Accept": "application/json"})

    def keep(self, answer: Answer) -> None:
        """Store the token from the endpoint's answer. The caller holds `lock`."""
        counters.add(Key("token", detail="given" if answer.status == 200 else "refused"))
        token, lifetime = answer.member("access_token"), answer.member("expires_in")
        if answer.status != 200:
            raise Stopped(token_failure(answer))
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
            raise Stopped(NotProcessed("the token endpoint's answer holds no token"))
        if type(lifetime) not in (int, float) or not 0 < lifetime < 10**9:
            lifetime = 0.0
        self._token = token
        # A token with a lifetime below twice the margin is used for half of that lifetime.
        self._use_until = time.monotonic() + max(lifetime - REFRESH_EARLY, lifetime / 2)
