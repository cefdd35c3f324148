"""What a proxy in front of the service lets through, and what the service then believes: tried through the proxy.

It sends the largest form that a product takes, without an e-mail address, so that nothing is stored; and a request that
lies about its origin, whose answer tells the operator what the service made of it.
"""

import asyncio
import ipaddress
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx

from widget.config.products import Product
from widget.config.settings import Settings
from widget.insider.reasons import reason_of
from widget.submissions.limits import KINDS, MAX_FILE_SIZE
from widget.tools.findings import Check, Finding

_TITLE = "proxy"
_PATIENCE = 60.0
"""Seconds that an answer may take."""
_SPOOFED = "203.0.113.77"
"""An address that nobody has (RFC 5737)."""
_LINES = {
    "proxy.body": {
        "nginx": "client_max_body_size 24m;",
        "Caddy": "request_body { max_size 24MB }",
    },
    "proxy.host": {
        "nginx": "proxy_set_header Host $host;",
        "Caddy": "header_up Host {host}",
    },
    "proxy.scheme": {
        "nginx": "proxy_set_header X-Forwarded-Proto $scheme;",
        "Caddy": "header_up X-Forwarded-Proto {scheme}",
    },
    "proxy.spoofed": {
        "nginx": "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        "Caddy": "header_up X-Forwarded-For {remote_host}",
    },
}


async def check(settings: Settings, url: str) -> Check:
    """Look through the proxy at `url`, behind which the service with these settings runs."""
    base = url.rstrip("/")
    async with httpx.AsyncClient(trust_env=False, timeout=_PATIENCE) as client:
        try:
            alive = await client.get(f"{base}/healthz")
        except httpx.HTTPError as error:
            return _found(base, Finding("proxy.unreachable", f"No answer: {reason_of(error)}."))
        if alive.status_code != 200:
            message = f"/healthz is answered {alive.status_code}, so the service is not behind this address."
            return _found(base, Finding("proxy.unreachable", message, "Start it, or correct the address."))
        findings = [finding async for finding in _looks(client, settings, base)]
        server = alive.headers.get("Server", "").partition("/")[0].lower()
    return _found(base, *(_with_lines(finding, server) for finding in findings))


async def _looks(client: httpx.AsyncClient, settings: Settings, base: str) -> Any:
    for finding in await _believed(client, settings, base):
        yield finding
    product = max(settings.products.values(), key=lambda each: each.fields.most_files)
    large = await _large(client, settings, base, product) if product.fields.most_files else None
    if large is not None:
        yield large


async def _believed(client: httpx.AsyncClient, settings: Settings, base: str) -> list[Finding]:
    """What the service makes of a request that claims another origin."""
    if settings.ops_token is None:
        message = "Without OPS_TOKEN, the service does not say whom it takes for the client."
        return [Finding("proxy.untold", message, "Set it, and check again.", "OPS_TOKEN", level="notice")]
    headers = {"Authorization": f"Bearer {settings.ops_token.get_secret_value()}", "X-Forwarded-For": _SPOOFED}
    try:
        answer = await client.get(f"{base}/readyz", headers=headers)
        seen = answer.json()["request"]
    except httpx.HTTPError as error:
        return [Finding("proxy.unreachable", f"No answer from /readyz: {reason_of(error)}.")]
    except (ValueError, KeyError, TypeError):
        message = "/readyz does not accept this OPS_TOKEN: it is another service's, or the proxy drops Authorization."
        return [Finding("proxy.untold", message, "Check with the environment of the service.", "OPS_TOKEN")]
    return [*_lies(settings, base, seen)]


def _lies(settings: Settings, base: str, seen: dict[str, Any]) -> Iterator[Finding]:
    """What the service believes wrongly: `seen` is its view of the request."""
    url = urlsplit(base)
    if seen["client"] == _SPOOFED and _is_stranger(seen["x_forwarded_for"] or ""):
        message = f"Anybody may claim any address: this check claimed {_SPOOFED}, and the service believed it."
        yield Finding("proxy.spoofed", message, "Let the proxy replace or append the header, and trust only the proxy.")
    elif not seen["forwarded"]:
        message = f"The service takes {seen['client']} for the client: all people behind it share one client's limits."
        yield Finding("proxy.untrusted", message, f"Add {seen['client']} to TRUSTED_PROXIES.", "TRUSTED_PROXIES")
    if settings.public_url is not None:  # then neither is taken from the request
        return
    if seen["host"] != url.netloc:
        message = f"The service gets the host {seen['host']} rather than {url.netloc}, and refuses all forms."
        yield Finding("proxy.host", message, "Pass the host on, or set PUBLIC_URL.")
    if seen["scheme"] != url.scheme:
        message = f"The service gets {seen['scheme']} rather than {url.scheme}, so its links have the wrong scheme."
        yield Finding("proxy.scheme", message, "Pass the scheme on from a trusted proxy, or set PUBLIC_URL.")


def _is_stranger(header: str) -> bool:
    """Whether the service believed somebody whom it should not: the proxy added no address, or a public one.

    A check that runs beside the proxy has a trusted address itself, and may claim what it likes.
    """
    added = header.rpartition(",")[2].strip()
    try:
        return added == _SPOOFED or ipaddress.ip_address(added).is_global
    except ValueError:
        return True


async def _large(client: httpx.AsyncClient, settings: Settings, base: str, product: Product) -> Finding | None:
    """Whether the largest form passes. Without an address it is refused by the service, which stores nothing."""
    url, number = urlsplit(base), product.fields.most_files
    kind = next(each for each in KINDS.values() if each.media_type in product.fields.media_types)
    content = os.urandom(MAX_FILE_SIZE)
    files: list[tuple[str, Any]] = [
        ("files", (f"{place}{kind.extensions[0]}", content, kind.media_type)) for place in range(number)
    ]
    size = f"{number * MAX_FILE_SIZE // 1024**2} MiB"
    headers = {"Accept": "application/json", "Origin": f"{url.scheme}://{url.netloc}"}
    try:
        given = await client.get(f"{base}/form/{product.slug}/token")
        await asyncio.sleep(settings.min_fill_time)
        fields = {"token": (None, given.json()["token"])}
        answer = await client.post(f"{base}/form/{product.slug}", files=[*fields.items(), *files], headers=headers)
    except (ValueError, KeyError):
        return Finding("proxy.form", f"No form token: answered {given.status_code}.", "Pass all paths on.")
    except httpx.HTTPError as error:
        return Finding("proxy.body", f"A form of {size} does not arrive: {reason_of(error)}.")
    if answer.headers.get("Content-Type", "").partition(";")[0] != "application/problem+json":
        message = f"A form of {size} is answered {answer.status_code} by the proxy, not by the service."
        return Finding("proxy.body", message, "Let bodies of 24 MB pass; the service has limits of its own.")
    codes = {fault.get("code") for fault in answer.json().get("errors", [])}
    if "origin_not_allowed" in codes:
        message = f"Forms sent through {base} are refused: the service does not know that this host is its own."
        return Finding("proxy.host", message, "Pass the host on, or set PUBLIC_URL.")
    return None


def _with_lines(finding: Finding, server: str) -> Finding:
    """The finding with the lines that are missing: those of the proxy that is there, or of both."""
    lines = _LINES.get(finding.code, {})
    fitting = {name: line for name, line in lines.items() if name.lower() == server} or lines
    settings = " ".join(f"{name}: `{line}`" for name, line in fitting.items())
    return Finding(finding.code, finding.message, f"{finding.fix} {settings}".strip(), finding.at, finding.level)


def _found(base: str, *findings: Finding) -> Check:
    once = {finding.code: finding.placed(base) for finding in findings}
    return Check(_TITLE, tuple(once.values()), base)
