"""Finds settings that work but weaken a defence. They are logged at the start, and reported by `check`."""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from widget.config.settings import Settings
from widget.config.validators import goes_out_plain
from widget.errors import Problem

_NARROW_V4, _NARROW_V6 = 8, 32
"""The shortest prefixes of a network of proxies, in bits. 10.0.0.0/8 is the largest private network."""


def weaknesses(settings: Settings) -> Iterator[Problem]:
    """Each with the setting that it comes from."""
    if goes_out_plain(settings.insider_url):
        yield Problem("INSIDER_ALLOW_HTTP", "the client secret and people's words go out without TLS")
    for network in _broad(settings.trusted_proxies):
        yield Problem(
            "TRUSTED_PROXIES",
            f"{network} is trusted, so anybody there may claim any address and evade every limit for a client. "
            "Name your own proxies",
        )


def _broad(entries: tuple[str, ...]) -> Iterator[IPv4Network | IPv6Network]:
    """The networks that are too large to be one's own. Adjacent networks count as one."""
    networks = [ip_network(entry) for entry in entries]
    fours = [network for network in networks if isinstance(network, IPv4Network)]
    sixes = [network for network in networks if isinstance(network, IPv6Network)]
    yield from (network for network in collapse_addresses(fours) if network.prefixlen < _NARROW_V4)
    yield from (network for network in collapse_addresses(sixes) if network.prefixlen < _NARROW_V6)
