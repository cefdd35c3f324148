"""Scripts, styles and pictures, read once and served from memory.

Pages name them below a folder that is the hash of all of them, so that whatever is named so never changes and is kept
for a year; relative imports between modules stay within it. Without that folder they are served too, to be asked for
again each time.
"""

import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from widget.headers import HEADERS, Kind

_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    media_type: str
    etag: str


class StaticFiles:
    """The files below `folder`."""

    def __init__(self, folder: Path) -> None:
        self._files: Mapping[str, _File] = {
            path.relative_to(folder).as_posix(): _read(path) for path in sorted(folder.rglob("*")) if path.is_file()
        }
        digest = hashlib.sha256()
        for name, file in self._files.items():
            digest.update(f"{name}\0{file.etag}\n".encode())
        self.version = digest.hexdigest()[:12]

    def url(self, name: str) -> str:
        """The address of a file. Raises KeyError when there is none of that name."""
        if name not in self._files:
            raise KeyError(f"there is no static file {name!r}")
        return f"/static/{self.version}/{name}"

    def names(self, folder: str, ending: str) -> tuple[str, ...]:
        """The files below `folder` whose names end so."""
        return tuple(name for name in self._files if name.startswith(folder) and name.endswith(ending))

    def respond(self, request: Request, path: str) -> Response | None:
        """The file that `path` (behind /static/) names, or None."""
        version, _, name = path.partition("/")
        if version == self.version:
            return self._respond(request, name, "static", {"Cache-Control": _FOR_EVER})
        return self._respond(request, path, "static", {"Cache-Control": "no-cache"})

    def loader(self, request: Request) -> Response | None:
        """The script for host pages: kept for minutes, so that a new version reaches pages that never change."""
        return self._respond(request, "embed.js", "loader", {})

    def _respond(self, request: Request, name: str, kind: Kind, extra: Mapping[str, str]) -> Response | None:
        file = self._files.get(name)
        if file is None:
            return None
        headers = {**HEADERS[kind], **extra, "ETag": file.etag}
        if file.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(file.content, headers=headers, media_type=file.media_type)


def _read(path: Path) -> _File:
    content = path.read_bytes()
    guessed = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return _File(content, guessed, f'"{hashlib.sha256(content).hexdigest()[:20]}"')
