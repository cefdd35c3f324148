"""Whether an address's host is one that requests can be sent to, and whether that is this machine."""

import re

import httpx

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_LOCAL = re.compile(r"(.+\.)?localhost|127(\.[0-9]{1,3}){3}|::1")


def is_reachable(address: str) -> bool:
    """Whether the host of an address is an IP address, or a name that can be looked up."""
    try:
        url = httpx.URL(address)
        _ = url.host  # fails, as each request would, if it is no punycode
        host = url.raw_host.decode("ascii")
        return ":" in host or bool(_NAME.fullmatch(host) and host.encode("idna"))
    except (httpx.InvalidURL, ValueError):  # the latter for a name that has empty or long parts
        return False


def is_local(host: str | None) -> bool:
    """Whether a host is this very machine, for which plain http is allowed."""
    return _LOCAL.fullmatch(host or "") is not None
