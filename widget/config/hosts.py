"""Whether an address's host is one that requests can be sent to."""

import re

import httpx

_NAME = re.compile(r"[A-Za-z0-9._-]+")


def is_reachable(address: str) -> bool:
    """Whether the host of an address is an IP address, or a name that can be looked up."""
    try:
        url = httpx.URL(address)
        _ = url.host  # fails, as each request would, if it is no punycode
        host = url.raw_host.decode("ascii")
        return ":" in host or bool(_NAME.fullmatch(host) and host.encode("idna"))
    except (httpx.InvalidURL, ValueError):  # the latter for a name that has empty or long parts
        return False
