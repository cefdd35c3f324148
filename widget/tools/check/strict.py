"""What `widget check --strict` requires of a service on the internet: no optional defence is off."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from widget.config import secrets
from widget.config.hosts import is_local
from widget.config.secrets import suffix
from widget.config.settings import Settings
from widget.outbox import private
from widget.tools.findings import Check, Finding

_VARIETY, _LENGTH = 12, 40
"""Different characters, and characters, of a key that nobody has to worry about: `openssl rand -hex 32` has 64, and
fewer than 12 different ones in one case of two million."""


def check(settings: Settings, environ: Mapping[str, str]) -> Check:
    """Modes of files, weak keys, wide origins, missing TLS, a missing scanner, people's words stored plain."""
    findings = (
        *_modes(settings, environ),
        *_keys(settings),
        *_origins(settings),
        *_tls(settings),
        *_scanner(settings),
        *_encryption(settings),
    )
    return Check("strict", findings, "modes, keys, origins, TLS, scanner, encryption")


def _modes(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    for name, path in _private_paths(settings, environ):
        try:
            is_open = private.open_to_others(path)
        except OSError:
            continue
        if is_open:
            wanted = "700" if path.is_dir() else "600"
            yield Finding("strict.mode", f"Others may read {path}.", f"chmod {wanted} {path}", name)


def _private_paths(settings: Settings, environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    """What holds people's words or secrets, each with the setting that names it."""
    if path := settings.sqlite_path:
        for end in ("", "-wal", "-shm", ".lock", "-files"):
            yield "DATABASE_URL", path.with_name(path.name + end)
        yield from (("DATABASE_URL", each) for each in path.with_name(f"{path.name}-files").rglob("*"))
    if settings.spool:
        yield "SPOOL", settings.spool
    names = secrets.names(settings.products)
    for name in names:
        yield from secrets.sources_of(environ, name, names).items()


def _keys(settings: Settings) -> Iterator[Finding]:
    for name, keys in _named_keys(settings):
        if any(len(key) < _LENGTH or len(set(key)) < _VARIETY or secrets.is_guessable(key) for key in keys):
            message = "A key is short, or has few different characters."
            yield Finding("strict.key", message, "Make one with `widget secret`, and put it first.", name)
    token = settings.ops_token.get_secret_value() if settings.ops_token else None
    if token is not None and (len(token) < secrets.MIN_LENGTH or secrets.is_guessable(token)):
        message = f"It has fewer than {secrets.MIN_LENGTH} characters, or few different ones."
        yield Finding("strict.key", message, "Make one with `widget secret`.", "OPS_TOKEN")


def _named_keys(settings: Settings) -> Iterator[tuple[str, Iterable[str]]]:
    yield "SECRET_KEY", settings.keys
    yield "DATA_KEY", settings.data_keys
    for slug, keys in settings.identity_keys.items():
        yield f"IDENTITY_KEY__{suffix(slug)}", [key.get_secret_value() for key in keys]


def _origins(settings: Settings) -> Iterator[Finding]:
    for slug, product in settings.products.items():
        at = f"{settings.widget_config}: products.{slug}.origins"
        for origin in product.origins:
            host = origin.partition("://")[2].partition(":")[0]
            if is_local(host):
                message = f"{origin} lets pages on any visitor's own machine embed the form."
                yield Finding("strict.origin", message, "Remove it in production.", at)
            elif "*" in origin:
                message = f"{origin} lets every page there embed the form, even a forgotten one."
                yield Finding("strict.origin", message, "Name the origins of the product's pages.", at)


def _tls(settings: Settings) -> Iterator[Finding]:
    if urlsplit(settings.public_url or "").scheme != "https":
        message = "It is not set, or is not an https address, so people's words may come without TLS."
        yield Finding("strict.tls", message, "Give the https address that browsers use.", "PUBLIC_URL")
    if urlsplit(settings.insider_url).scheme != "https":
        message = "The client secret and people's words go out without TLS."
        yield Finding("strict.tls", message, "Give an https address.", "INSIDER_URL")
    if not settings.hsts:
        yield Finding("strict.tls", "Browsers are not told to use only TLS.", "Leave it unset.", "HSTS")
    if settings.rate_limit_storage.startswith("redis://") and not _is_near(settings.rate_limit_storage):
        yield Finding("strict.tls", "The counters go to Redis without TLS.", "Use rediss://.", "RATE_LIMIT_STORAGE")
    if (
        settings.sqlite_path is None
        and not _is_near(settings.database_url)
        and not _asks_for_tls(settings.database_url)
    ):
        message = "The connection to PostgreSQL may be without TLS, or to an impostor."
        yield Finding("strict.tls", message, "Add ?sslmode=verify-full to the address.", "DATABASE_URL")


def _is_near(url: str) -> bool:
    """Whether an address stays on this machine: a socket, or the machine itself."""
    parts = urlsplit(url)
    hosts = [urlsplit(f"//{place}").hostname or "" for place in parts.netloc.rpartition("@")[2].split(",")]
    hosts += ",".join(parse_qs(parts.query).get("host", [])).split(",")
    return all(host.startswith(("/", "%2f")) or is_local(host) for host in hosts if host)


def _asks_for_tls(url: str) -> bool:
    return parse_qs(urlsplit(url).query).get("sslmode", [""])[-1] in ("verify-full", "verify-ca")


def _scanner(settings: Settings) -> Iterator[Finding]:
    takes_files = any(product.fields.takes_files for product in settings.products.values())
    if takes_files and not settings.clamd:
        message = "No virus scanner checks the files that strangers send."
        yield Finding("strict.scanner", message, "Run ClamAV's daemon, and set its address.", "CLAMD")
    for name in ("pdf_encrypted", "pdf_active_content"):
        if getattr(settings, name, None) == "pass":
            message = "Such PDFs pass unchecked."
            yield Finding("strict.scanner", message, "Leave it unset.", name.upper())


def _encryption(settings: Settings) -> Iterator[Finding]:
    if not settings.data_key:
        message = "What people said is stored as plain text. Anybody with a dump or a backup can read it."
        yield Finding("strict.encryption", message, "Set it to one that `widget secret` makes.", "DATA_KEY", "notice")
