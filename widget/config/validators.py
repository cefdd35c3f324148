"""Checks of single values. Each raises ValueError with the sentence that the operator reads."""

import ipaddress
import re
import ssl
from collections.abc import Collection
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from widget.config import rates
from widget.config.hosts import is_local, is_reachable

_DATABASE = "is not a usable address; give sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"
_HOST = r"(\[[0-9A-Fa-f:.]+\]|[^@/?#:,\[\]\s]*)(:\d*)?"
_POSTGRES = re.compile(
    rf"(?!.*%(?![0-9A-Fa-f]{{2}}))postgresql://([^@/?#\[\]\s]*@)?{_HOST}(,{_HOST})*(/[^@/?#\s]*)?(\?[^#\s]*)?"
)
"""An address as libpq takes it, with one host or several. Where a password breaks it, libpq would take a part of that
for a host, and name it in an error."""
_PORTS = {"http": 80, "https": 443}
_MAIL = re.compile(r"(?:[^\s@,;<>]+@[^\s@,;<>]+|[^@,;<>\r\n]*<[^\s@,;<>]+@[^\s@,;<>]+>)")
_CALL = re.compile(r"/(connect/token|api/client)(/|$)")
ROOT = re.compile(r"(?!.{200})(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)*")
"""A path below which the service may lie; nothing in it needs to be escaped."""


def insider_url(value: str) -> str:
    """Insider Connect's base address, without a trailing slash."""
    advice = "is not a usable address; give one such as https://api.example.com"
    parts = _parts(value, _PORTS, advice)
    if parts.query or parts.fragment:
        raise ValueError(advice)
    if parts.username or parts.password:
        raise ValueError("must not contain a user or password; remove them")
    if _CALL.search(parts.path):
        raise ValueError("is the address of a call; give the part before /connect or /api alone")
    return value.rstrip("/")


def authorities(value: Path | None) -> Path | None:
    """A file with certificates, or none."""
    if value is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(value)
        except ssl.SSLError:
            raise ValueError("has no certificate in PEM format") from None
        except OSError as error:
            raise ValueError(f"cannot be read: {error.strerror}") from None
    return value


def goes_out_plain(url: str) -> bool:
    """Whether an address has neither https nor a host that is this very machine."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_local(parts.hostname)


def web_address(value: str) -> str:
    """An address of anybody's."""
    _parts(value, _PORTS, "is not a usable address; give one such as https://hc-ping.com/UUID")
    return value


def _parts(value: str, schemes: Collection[str], advice: str) -> SplitResult:
    """The parts of an address that can be connected to. Raises ValueError with `advice` for any other."""
    try:
        parts = urlsplit(value)
        is_usable = parts.scheme in schemes and parts.port != 0 and is_reachable(value)
    except ValueError:  # a port that is no number, or half an IPv6 address
        is_usable = False
    if not is_usable:
        raise ValueError(advice)
    return parts


def public_url(value: str) -> str:
    """The address that browsers use, as they write it: in small letters, without a default port or a last slash."""
    advice = "is not a usable address; give one such as https://feedback.example.com or https://example.com/feedback"
    parts = _parts(value.strip(), _PORTS, advice)
    port, host = parts.port, (parts.hostname or "").rstrip(".")
    try:
        host = host if ":" in host else host.encode("idna").decode()
    except ValueError:  # no name that could be looked up
        raise ValueError(advice) from None
    if parts.query or parts.fragment:
        raise ValueError(advice)
    if "@" in parts.netloc:
        raise ValueError("must not contain a user or password; remove them")
    path = parts.path.rstrip("/")
    if not ROOT.fullmatch(path):
        raise ValueError("has a path that cannot be used; it may have letters, digits and -._~ between single slashes")
    place = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{place}" + (f":{port}" if port not in (None, _PORTS[parts.scheme]) else "") + path


def database_url(value: str) -> str:
    """The outbox's address: of PostgreSQL as libpq takes it, of a file as SQLAlchemy does."""
    value = re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql://", value)
    if value.startswith("postgresql://"):
        if not _POSTGRES.fullmatch(value):
            raise ValueError(f"{_DATABASE}, with special characters of the password written as %XX, such as %2F for /")
        return value
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):  # the latter for a port that is no number
        raise ValueError(_DATABASE) from None
    if url.drivername == "sqlite":
        if not url.database or url.database == ":memory:":
            raise ValueError("is in memory, where submissions would be lost; give sqlite:///PATH")
        if url.host or url.username:
            raise ValueError("lacks a slash; write three as in sqlite:///var/widget.db, or four for an absolute path")
        if url.query:
            raise ValueError("has a question mark; options are not supported, so give sqlite:///PATH alone")
        if url.database.endswith("/") or Path(url.database).is_dir():
            raise ValueError("names a folder; give the path of a file in it, such as sqlite:////data/widget.db")
    else:
        raise ValueError(_DATABASE)
    return value


def networks(value: str) -> tuple[str, ...]:
    """Addresses and networks, separated by commas. IPv4 addresses in IPv6's spelling become plain ones: a peer on a
    socket for both is known by its IPv4 address."""
    entries = tuple(entry.strip() for entry in value.split(",") if entry.strip())
    if wrong := [entry for entry in entries if not _is_network(entry)]:
        is_one = len(wrong) == 1
        words = "is neither an IP address nor a network" if is_one else "are neither IP addresses nor networks"
        raise ValueError(f"{', '.join(map(repr, wrong))} {words}; give one such as 10.0.0.0/8")
    return tuple(map(_unmapped, entries))


def _is_network(entry: str) -> bool:
    try:
        ipaddress.ip_network(entry)
    except ValueError:
        return False
    return True


def _unmapped(entry: str) -> str:
    """`::ffff:10.0.0.0/104` as `10.0.0.0/8`; anything else as it is."""
    network = ipaddress.ip_network(entry)
    first = network.network_address
    if not isinstance(first, ipaddress.IPv6Address) or first.ipv4_mapped is None or network.prefixlen < 96:
        return entry
    return f"{first.ipv4_mapped}/{network.prefixlen - 96}"


def rate_limit(value: str) -> str:
    """A rate in the notation of the `limits` library, or `off`."""
    if value.lower() == "off":
        return "off"
    try:
        parsed = rates.parse(value)
    except ValueError:
        raise ValueError("is not a rate; give one such as 20/minute; 200/hour, or off") from None
    if not all(map(all, parsed)):
        raise ValueError("would let nobody through; give one such as 20/minute; 200/hour, or off for no limit")
    return value


def count_storage(value: str) -> str:
    """Where counts are kept."""
    advice = "is not a usable address; give memory:// or redis://HOST:PORT/NUMBER"
    if not re.match(r"(memory|rediss?)://", value):
        raise ValueError(advice)
    if not value.startswith("memory"):
        _parts(value, ("redis", "rediss"), advice)
    return value


def clamd(value: str) -> str:
    """The address of a ClamAV daemon."""
    advice = "is not a usable address; give one such as unix:///run/clamav/clamd.ctl or tcp://scanner:3310"
    if value.startswith("unix:"):
        parts = urlsplit(value)
        is_usable = parts.path.startswith("/") and not parts.netloc
    else:
        parts = _parts(value, ("tcp",), advice)
        is_usable = bool(parts.port) and not (parts.path or parts.username)
    if not is_usable:
        raise ValueError(advice)
    return value


def secret_web_address(value: SecretStr) -> SecretStr:
    """A web address that may hold a secret."""
    web_address(value.get_secret_value())
    return value


def mail_addresses(value: str) -> str:
    """Addresses for mail, each alone or behind a name, separated by commas."""
    if not all(_MAIL.fullmatch(each.strip()) for each in value.split(",")):
        raise ValueError("is not a list of e-mail addresses; give one such as ops@example.com, or several with commas")
    return value


def smtp_url(value: SecretStr) -> SecretStr:
    """The address of a mail server."""
    advice = "is not a mail server; give smtp://USER:PASSWORD@HOST:PORT or smtps://…"
    _parts(value.get_secret_value(), ("smtp", "smtps"), advice)
    return value
