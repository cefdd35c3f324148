"""Fetches pages and answers of the service, within bounds, and returns them as values."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

import httpx

from widget.tools.doctor.csp import Policy, parse
from widget.tools.markup import Element
from widget.tools.markup import parse as parse_html

TIMEOUT = 10.0
"""Seconds for one address, including redirects."""
MAX_BYTES = 2 * 1024 * 1024
MAX_REDIRECTS = 5
USER_AGENT = "Mozilla/5.0 (compatible; insider-feedback-doctor)"


@dataclass(frozen=True)
class Visit:
    """An answer. `url` is where it came from in the end. Headers have small letters, repeated ones joined by commas."""

    url: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    asked: str = ""

    @cached_property
    def root(self) -> Element:
        """Its HTML."""
        return parse_html(self.body)

    @cached_property
    def policies(self) -> tuple[Policy, ...]:
        """Its policies, enforced or not: of the headers, and of its meta tags."""
        header = parse(self.headers.get("content-security-policy", ""))
        reported = parse(self.headers.get("content-security-policy-report-only", ""), enforced=False)
        return (*header, *reported, *self._of_meta())

    def _of_meta(self) -> tuple[Policy, ...]:
        """A meta tag cannot say who may frame the page, nor put it into a sandbox."""
        found = []
        for meta in self.root.all("meta"):
            if meta["http-equiv"].lower() == "content-security-policy":
                for policy in parse(meta["content"]):
                    ignored = ("frame-ancestors", "sandbox", "report-uri")
                    kept = {name: value for name, value in policy.directives.items() if name not in ignored}
                    found.append(Policy(kept))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer came."""

    url: str
    reason: str


def origin_of(url: str) -> str:
    """The origin of an address."""
    return "{0.scheme}://{0.netloc}".format(urlsplit(url))


async def fetch(client: httpx.AsyncClient, url: str, **headers: str) -> Visit | Failure:
    """GET an address, within bounds of time and size."""
    try:
        async with asyncio.timeout(TIMEOUT):
            return await _fetch(client, url, headers)
    except TimeoutError:
        return Failure(url, f"no answer within {TIMEOUT:g} seconds")
    except httpx.TooManyRedirects:
        return Failure(url, f"more than {MAX_REDIRECTS} redirects")
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, ValueError) as error:
        return Failure(url, str(error) or type(error).__name__)


async def _fetch(client: httpx.AsyncClient, url: str, headers: Mapping[str, str]) -> Visit:
    sent = {"Accept": "text/html,*/*;q=0.8", **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with client.stream("GET", url, headers=sent) as answer:
        content = b""
        async for chunk in answer.aiter_bytes():
            content += chunk
            if len(content) > MAX_BYTES:
                break
        joined: dict[str, str] = {}
        for name, value in answer.headers.multi_items():
            key = name.lower()
            joined[key] = f"{joined[key]}, {value}" if key in joined else value
        text = content[:MAX_BYTES].decode(answer.encoding or "utf-8", "replace")
        return Visit(str(answer.url), answer.status_code, joined, text, url)


def client() -> httpx.AsyncClient:
    """A client in place of the browser. It follows redirects and uses the environment's proxies."""
    return httpx.AsyncClient(
        follow_redirects=True, max_redirects=MAX_REDIRECTS, timeout=TIMEOUT, headers={"User-Agent": USER_AGENT}
    )
