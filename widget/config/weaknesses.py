"""What works, but weakens a defence, in settings that are each fine by themselves: told at the start and by `check`."""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from widget.config.settings import Settings
from widget.config.validators import goes_out_plain
from widget.errors import Problem

_NARROW_V4, _NARROW_V6 = 8, 32
"""Bits that the addresses of a network of proxies share at least: 10.0.0.0/8 is the largest private one."""


def weaknesses(settings: Settings) -> Iterator[Problem]:
    """Each with the setting that it comes from."""
    if goes_out_plain(settings.insider_url):
        yield Problem("INSIDER_ALLOW_HTTP", "the client secret and people's words go out without TLS")
    for network in _broad(settings.trusted_proxies):
        yield Problem(
            "TRUSTED_PROXIES",
            f"{network} is believed: anybody there may claim any address, and no limit for a client holds. "
            "Name your own proxies",
        )


def _broad(entries: tuple[str, ...]) -> Iterator[IPv4Network | IPv6Network]:
    """The networks that are too large to be one's own; two halves of all addresses are all of them."""
    networks = [ip_network(entry) for entry in entries]
    fours = [network for network in networks if isinstance(network, IPv4Network)]
    sixes = [network for network in networks if isinstance(network, IPv6Network)]
    yield from (network for network in collapse_addresses(fours) if network.prefixlen < _NARROW_V4)
    yield from (network for network in collapse_addresses(sixes) if network.prefixlen < _NARROW_V6)
