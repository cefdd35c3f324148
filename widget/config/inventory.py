"""Lists every setting in force, with its source. Shows no secrets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from widget.config import secrets
from widget.config.settings import VARIABLES, Settings

_MASK = "********"


@dataclass(frozen=True, slots=True)
class InForce:
    """A setting: the name of its variable, its value as it may be shown, and its source."""

    name: str
    value: str
    source: str


def in_force(environ: Mapping[str, str], settings: Settings) -> Iterator[InForce]:
    """The settings in the order of docs/settings.md, then the products' own credentials and keys."""
    wanted = secrets.names(settings.products)
    for name in map(str.upper, VARIABLES):
        value = getattr(settings, name.lower())
        shown = _MASK if name == "HEARTBEAT_URL" and value else _shown(value)
        yield InForce(name, shown, _source(environ, name, wanted))
    for suffix in map(secrets.suffix, settings.products):
        for name in (f"INSIDER_CLIENT_ID__{suffix}", *(prefix + suffix for prefix in secrets.OF_PRODUCTS)):
            if (source := _source(environ, name, wanted)) != "default":
                yield InForce(name, environ[name] if name not in wanted else _MASK, source)


def database(settings: Settings) -> str:
    """Where the outbox lies, without a password: a file's whole path, or an address."""
    if settings.sqlite_path:
        return str(settings.sqlite_path.absolute())
    return without_password(settings.database_url)


def _source(environ: Mapping[str, str], name: str, wanted: tuple[str, ...]) -> str:
    if environ.get(name):
        return "environment"
    if name == "RATE_LIMIT" or not name.startswith(("RATE_LIMIT_", "PROOF_SURGE")):
        files = secrets.sources_of(environ, name, wanted) if name in wanted else {}
        return next((f"{by}: {path}" for by, path in files.items()), "default")
    return "RATE_LIMIT" if environ.get("RATE_LIMIT") == "off" else "default"


def _shown(value: Any) -> str:
    match value:
        case None | () | "":
            return "-"
        case SecretStr():
            return _MASK
        case (SecretStr(), *_):
            return ", ".join(_MASK for _ in value)
        case tuple():
            return ", ".join(map(str, value))
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case str() if "://" in value:
            return without_password(value)
    return str(value)


def without_password(address: str) -> str:
    """An address without the password before its host, and without its query, which may hold one, too."""
    parts = urlsplit(address)
    user = f"{parts.username or ''}:{_MASK}@" if parts.password else f"{parts.username}@" if parts.username else ""
    place = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{user}{place}{parts.path}{f'?{_MASK}' if parts.query else ''}"
