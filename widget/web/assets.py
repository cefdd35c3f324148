"""Scripts, styles and pictures, read once and served from memory.

Pages refer to them below a folder that is the hash of all of them. What lies there never changes, so browsers keep it
for a year; relative imports between modules stay inside it. Without that folder, or below another version's, the files
are served too, but browsers ask for them each time.
"""

import hashlib
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

import structlog
from starlette.requests import Request
from starlette.responses import Response

from widget.config import resources
from widget.pages.addresses import public
from widget.web import compression as encodings
from widget.web import pinned
from widget.web.headers import HEADERS, Kind

log = structlog.get_logger("widget.web.assets")

CSS = "text/css; charset=utf-8"
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": CSS,
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".gif": "image/gif",
    ".woff2": "font/woff2",
}
PRODUCT_FILES = frozenset(_TYPES) - {".js"}
"""The extensions of files that a product may add."""
MAX_PRODUCT_FILE = 2 * 1024 * 1024
"""Bytes."""
_VERSION = re.compile("[0-9a-f]{12}")
FOR_EVER = "public, max-age=31536000, immutable"


class Asset:
    """Content that is the same for everybody, in every coding that saves bytes, each with its own ETag."""

    def __init__(self, content: bytes, media_type: str) -> None:
        self.content = content
        self.media_type = media_type
        self.digest = hashlib.sha256(content).hexdigest()[:20]

    @cached_property
    def packed(self) -> Mapping[str, bytes]:
        """The compressed forms by coding; none for content that is compressed already. They are made at the first use,
        so `pack` is called ahead."""
        is_text = self.media_type.startswith("text/") or self.media_type == "image/svg+xml"
        return encodings.pack(self.content, resources.compressed(self.content)) if is_text else {}

    def respond(self, request: Request, headers: Mapping[str, str]) -> Response:
        """Answers with `headers`: 200, or 304 if the client has it already. `Range` is ignored, which a server may do
        (RFC 9110, section 14.2), because no asset is long enough for it to help."""
        coding = encodings.choose(request.headers.get("accept-encoding", ""), self.packed)
        plain = coding == encodings.AS_IT_IS
        etag = f'"{self.digest}"' if plain else f'"{self.digest}-{coding}"'
        every = {**headers, "ETag": etag, **({"Vary": "Accept-Encoding"} if self.packed else {})}
        if _is_named(etag, request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=every)
        if plain:
            return Response(self.content, headers=every, media_type=self.media_type)
        return Response(self.packed[coding], headers={**every, "Content-Encoding": coding}, media_type=self.media_type)


class StaticFiles:
    """The files below `folder`, and those of products below `products`, which has a folder for each slug.

    With `reload`, changed files are read again, for development.
    """

    def __init__(self, folder: Path, products: Path | None = None, *, reload: bool = False) -> None:
        self._folder = folder
        self._products = products
        self._reload = reload
        self._stamp: object = None
        self._files: Mapping[str, Asset] = {}
        self._pinned = Asset(b"", _TYPES[".js"])
        self.version = ""
        self.left_out: Mapping[str, str] = {}
        """The products' files that are not served, and why."""
        self._read()

    def _read(self) -> None:
        theirs = {f"products/{name}": at for name, at in _changes_of_products(self._products)}
        ours = {name: at for name, at in _changes_below(self._folder) if not name.startswith("products/")}
        stamp = ours | theirs
        if stamp == self._stamp:
            return
        self._stamp = stamp
        paths = {name: self._path(name) for name in sorted(stamp)}
        reasons = {name: _objection(paths[name], self._products) for name in theirs if self._products}
        self.left_out = {name: reason for name, reason in reasons.items() if reason}
        for name, reason in self.left_out.items():
            log.warning("static.left_out", file=name, reason=reason)
            del paths[name]
        self._files = {name: _asset(path) for name, path in paths.items()}
        if "embed.js" in self._files:
            self._pinned = Asset(pinned.copy(self.content("embed.js")), _TYPES[".js"])
        digest = hashlib.sha256()
        for name, file in self._files.items():
            digest.update(f"{name}\0{file.digest}\n".encode())
        self.version = digest.hexdigest()[:12]

    def _path(self, name: str) -> Path:
        if self._products and name.startswith("products/"):
            return self._products / name.removeprefix("products/")
        return self._folder / name

    def url(self, name: str) -> str:
        """The address of a file. Raises KeyError if there is none of that name."""
        if self._reload:
            self._read()
        if name not in self._files:
            raise KeyError(f"there is no static file {name!r}")
        return public(f"/static/{self.version}/{name}")

    def sheet(self, slug: str) -> str | None:
        """The address of a product's own stylesheet, if it has one."""
        name = f"products/{slug}/product.css"
        if self._reload:
            self._read()
        return self.url(name) if name in self._files else None

    def content(self, name: str) -> bytes:
        """The content of a file. Raises KeyError if there is none of that name."""
        return self._files[name].content

    @property
    def assets(self) -> Collection[Asset]:
        """All files."""
        return (*self._files.values(), self._pinned)

    def names(self, folder: str, ending: str) -> tuple[str, ...]:
        """The files below `folder` whose names have that ending."""
        return tuple(name for name in self._files if name.startswith(folder) and name.endswith(ending))

    def respond(self, request: Request, path: str) -> Response | None:
        """The file that `path` (after /static/) names, or None.

        The folder may be another version's, while processes of two versions run, or if a form was opened before an
        update. Then the current file is better than none, but must not be cached under that name.
        """
        if self._reload:
            self._read()
        version, _, name = path.partition("/")
        if version == self.version:
            return self._respond(request, name, "static", {"Cache-Control": FOR_EVER})
        other = _VERSION.fullmatch(version) is not None
        return self._respond(request, name if other else path, "static", {"Cache-Control": "no-cache"})

    def loader(self, request: Request) -> Response | None:
        """The script for host pages. It is cached for minutes, so that a new version reaches pages that never
        change."""
        return self._respond(request, "embed.js", "loader", {})

    def pinned_loader(self, request: Request) -> Response:
        """The script under its version, cached for a year. A page that asks for another version without stating a hash
        gets the current one, which must not be cached under that name."""
        is_current = request.url.path.endswith(pinned.path(self._pinned.content))
        kept = FOR_EVER if is_current else "no-cache"
        return self._pinned.respond(request, {**HEADERS["loader"], "Cache-Control": kept})

    def _respond(self, request: Request, name: str, kind: Kind, extra: Mapping[str, str]) -> Response | None:
        file = self._files.get(name)
        if file is None:
            return None
        return file.respond(request, {**HEADERS[kind], **extra})


def pack(assets: Iterable[Asset]) -> None:
    """Make every compressed form that does not exist yet. In a checkout, that takes half a second."""
    for asset in assets:
        _ = asset.packed
    encodings.give_back()


def _changes_below(folder: Path | str, above: str = "") -> Iterator[tuple[str, int]]:
    """The name of each file, and when it was changed, in nanoseconds; a folder that is served as one file is one.

    While files are edited, this is asked for with every address. So it makes no paths.
    """
    if not os.path.isdir(folder):
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            name = above + entry.name
            if entry.is_file():
                yield name, entry.stat().st_mtime_ns
            elif entry.name.endswith(".css"):
                yield name, max(part.stat().st_mtime_ns for part in os.scandir(entry))
            elif not entry.is_symlink():
                yield from _changes_below(entry.path, name + "/")


def _changes_of_products(folder: Path | None) -> Iterator[tuple[str, int]]:
    """The same for the files that products add, without hidden ones."""
    found = _changes_below(folder) if folder else ()
    return ((name, at) for name, at in found if not any(part.startswith(".") for part in name.split("/")))


def _objection(path: Path, folder: Path) -> str:
    """Why a product's file is not served. Scripts are not, because one origin serves the forms of all products."""
    if path.suffix.lower() not in PRODUCT_FILES:
        return f"only {' '.join(sorted(PRODUCT_FILES))} are served"
    if not path.resolve().is_relative_to(folder.resolve()):
        return "it is a link to outside the folder"
    return f"it has more than {MAX_PRODUCT_FILE} bytes" if path.stat().st_size > MAX_PRODUCT_FILE else ""


def _asset(path: Path) -> Asset:
    return Asset(resources.content(path), _TYPES.get(path.suffix.lower(), "application/octet-stream"))


def _is_named(etag: str, header: str) -> bool:
    """Whether `If-None-Match` contains the tag, by weak comparison."""
    return any(tag.strip().removeprefix("W/") in (etag, "*") for tag in header.split(","))
