"""Parses Content-Security-Policy, and tells what it allows, as far as loading a script or a frame goes.

https://www.w3.org/TR/CSP3/, sections 2.2 and 6.7. Pure functions; what is asked for is left to others.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

FRAME = ("frame-src", "child-src", "default-src")
SCRIPT = ("script-src-elem", "script-src", "default-src")
STYLE = ("style-src-elem", "style-src", "default-src")
CONNECT = ("connect-src", "default-src")
"""The directives that apply; the first one present counts."""

_NONCE = re.compile(r"'nonce-([A-Za-z0-9+/_=-]+)'", re.IGNORECASE)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_HOST = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?(?P<host>\*|(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?)"
    r"(?::(?P<port>[0-9]+|\*))?(?P<path>/[^?#]*)?",
    re.IGNORECASE,
)
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443, "ftp": 21}
_UPGRADES = {"http": {"https"}, "ws": {"wss", "http", "https"}, "wss": {"https"}}
_NETWORK = ("http", "https", "ws", "wss", "ftp")


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy. `enforced` is false of one that only reports."""

    directives: Mapping[str, tuple[str, ...]]
    enforced: bool = True

    def ruling(self, names: Iterable[str]) -> str | None:
        """The first of these directives that it has."""
        return next((name for name in names if name in self.directives), None)

    def allows(self, names: tuple[str, ...], url: str, page: str, nonce: str = "", *, parsed: bool = True) -> bool:
        """Whether the page at `page` may fetch `url`. `nonce` is the script tag's; `parsed`: it stands in the HTML."""
        ruling = self.ruling(names)
        if ruling is None:
            return True
        sources = self.directives[ruling]
        if names is SCRIPT:
            if nonce and nonce in _nonces(sources):
                return True
            if "'strict-dynamic'" in map(str.lower, sources):
                return not parsed
        return any(matches(source, url, page) for source in sources)

    def line(self, names: Iterable[str], origin: str) -> str:
        """The whole directive to write so that `origin` is allowed, too.

        One that stands beside `default-src` takes its place for what it rules, so it repeats what is allowed there.
        """
        names = tuple(names)
        ruling = self.ruling(names) or names[0]
        name = ruling if ruling != "default-src" else names[-2] if len(names) > 2 and names != FRAME else names[0]
        kept = [source for source in self.directives.get(ruling, ()) if source.lower() != "'none'"]
        return " ".join(dict.fromkeys((name, *kept, origin)))

    def unknown(self) -> Iterator[str]:
        """Sources that are invalid, and so do not mean what was intended."""
        for name in (*FRAME, *SCRIPT, *CONNECT):
            for source in self.directives.get(name, ()):
                if not _is_keyword(source) and not _SCHEME.fullmatch(source) and not _HOST.fullmatch(source):
                    yield source


def parse(text: str, *, enforced: bool = True) -> tuple[Policy, ...]:
    """The policies of a header, or of the content of a meta tag. Of a directive named twice, the first one counts."""
    policies = []
    for part in text.split(","):
        directives: dict[str, tuple[str, ...]] = {}
        for directive in part.split(";"):
            name, *sources = directive.split() or [""]
            if name:
                directives.setdefault(name.lower(), tuple(sources))
        if directives:
            policies.append(Policy(directives, enforced))
    return tuple(policies)


def matches(source: str, url: str, page: str) -> bool:
    """Whether a source expression, in the policy of the page at `page`, allows `url`."""
    target, here = _split(url), _split(page)
    if target is None or here is None:
        return False
    if source.lower() == "'self'":
        return _is_self(target, here)
    if _is_keyword(source):
        return False
    if source == "*":
        return target.scheme in _NETWORK or target.scheme == here.scheme
    if scheme := _SCHEME.fullmatch(source):
        return _scheme_matches(scheme[1].lower(), target.scheme)
    host = _HOST.fullmatch(source)
    return host is not None and _host_matches(host, target, here)


def origin_matches(sources: Iterable[str], ancestor: str, framed: str) -> bool:
    """Whether `frame-ancestors` with these sources lets the page at `ancestor` frame the one at `framed`.

    Only origins are compared; 'self' is the framed page's own.
    """
    parts = _split(ancestor)
    if parts is None:
        return False
    return any(matches(source, f"{parts.scheme}://{parts.netloc}/", framed) for source in sources)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_keyword(source: str) -> bool:
    return source.startswith("'") and source.endswith("'")


def _nonces(sources: Iterable[str]) -> set[str]:
    return {match[1] for source in sources if (match := _NONCE.fullmatch(source))}


def _is_self(target: SplitResult, here: SplitResult) -> bool:
    """Section 6.7.2.8, step 4: the same host; the same scheme and port, or their secure counterparts."""
    if (target.hostname or "") != (here.hostname or "") or not target.hostname:
        return False
    same_port = _port(target) == _port(here)
    defaults = _port(target) == _PORTS.get(target.scheme) and _port(here) == _PORTS.get(here.scheme)
    return _scheme_matches(here.scheme, target.scheme) and (same_port or defaults)


def _port(parts: SplitResult) -> int | None:
    return parts.port or _PORTS.get(parts.scheme)


def _scheme_matches(wanted: str, given: str) -> bool:
    return wanted == given or given in _UPGRADES.get(wanted, ())


def _host_matches(source: "re.Match[str]", target: SplitResult, here: SplitResult) -> bool:
    scheme = source["scheme"]
    if not _scheme_matches((scheme or here.scheme).lower(), target.scheme):
        return False
    return (
        _name_matches(source["host"].lower(), (target.hostname or "").lower())
        and _port_matches(source["port"], (scheme or "").lower(), target)
        and _path_matches(source["path"], target.path)
    )


def _name_matches(pattern: str, host: str) -> bool:
    if pattern == "*":
        return bool(host)
    if pattern.startswith("*."):
        return host.endswith(pattern[1:])
    return pattern.strip("[]") == host


def _port_matches(port: str | None, scheme: str, target: SplitResult) -> bool:
    if port == "*":
        return True
    given = _port(target)
    if port is None:
        return given == _PORTS.get(target.scheme)
    return int(port) == given or (int(port) == 80 and given == 443 and scheme in ("", "http", "ws"))


def _path_matches(pattern: str | None, path: str) -> bool:
    if pattern in (None, "", "/"):
        return True
    wanted, given = unquote(pattern or ""), unquote(path or "/")
    return given.startswith(wanted) if wanted.endswith("/") else given == wanted
