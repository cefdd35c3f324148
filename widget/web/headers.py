"""The headers of every kind of answer, in one table.

A form may be framed by its product's pages only, and no other answer by anybody. Scripts that host pages load, and
frames in isolated host pages, need both COEP and CORP; modules that they import need CORS as well. `Hardened` adds the
headers of `data` to answers that chose none from the table, and HSTS to those over TLS.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Kind = Literal["form", "page", "ops", "data", "static", "loader"]

_REFUSED_FEATURES = (
    "accelerometer", "autoplay", "browsing-topics", "camera", "encrypted-media", "geolocation",
    "gyroscope", "hid", "idle-detection", "local-fonts", "magnetometer", "microphone", "midi",
    "payment", "publickey-credentials-get", "screen-wake-lock", "serial", "storage-access", "usb",
    "window-management", "xr-spatial-tracking",
)  # fmt: skip
_PERMISSIONS = ", ".join([*(f"{feature}=()" for feature in _REFUSED_FEATURES), "display-capture=(self)"])
"""`clipboard-write` copies a receipt's address; `display-capture` takes screenshots."""

_EVERY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": _PERMISSIONS,
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
_DOCUMENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; "
    "require-trusted-types-for 'script'; trusted-types feedback-worker feedback-proof feedback-editor"
)
"""Each Trusted Types policy returns one address, that of its worker (`form/pictures.js`, `form/proof.js` and
`editor/painter.js` in `static/`)."""
_OPS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types feedback-ops"
)
"""The one policy takes parts of the page that this service rendered (`ops.js`)."""
_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"

HEADERS: Mapping[Kind, Mapping[str, str]] = {
    "form": {
        **_EVERY,
        "Cache-Control": "no-store",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Resource-Policy": "cross-origin",
    },
    "page": {
        **_EVERY,
        "Cache-Control": "no-store",
        "Content-Security-Policy": f"{_DOCUMENT_POLICY}; frame-ancestors 'none'",
        "Cross-Origin-Opener-Policy": "same-origin",
    },
    "ops": {
        **_EVERY,
        "Cache-Control": "no-store",
        "Content-Security-Policy": _OPS_POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
    },
    "data": {**_EVERY, "Cache-Control": "no-store", "Content-Security-Policy": _DATA_POLICY},
    "static": {
        **_EVERY,
        "Access-Control-Allow-Origin": "*",
        "Content-Security-Policy": _DATA_POLICY,
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Resource-Policy": "cross-origin",
    },
    "loader": {
        **_EVERY,
        "Access-Control-Allow-Origin": "*",
        "Cache-Control": "public, max-age=300",
        "Content-Security-Policy": _DATA_POLICY,
        "Cross-Origin-Resource-Policy": "cross-origin",
    },
}
FRAMING: Mapping[str, str] = {
    **HEADERS["page"],
    "Content-Security-Policy": f"{_DOCUMENT_POLICY}; frame-ancestors 'self'; frame-src 'self'",
}
"""Of a page that shows others of ours in frames, or is shown in one."""


def of_form(origins: Iterable[str]) -> dict[str, str]:
    """The headers of a page that may be framed by pages of `origins` and by our own."""
    ancestors = " ".join(["'self'", *origins])
    policy = f"{_DOCUMENT_POLICY}; frame-ancestors {ancestors}"
    return {**HEADERS["form"], "Content-Security-Policy": policy}


def raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers in ASGI's format."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def hsts(seconds: int) -> Mapping[str, str]:
    """The header by which browsers use only TLS for so long."""
    return {"Strict-Transport-Security": f"max-age={seconds}"} if seconds else {}


class Hardened:
    """Makes sure that no answer lacks headers. `seconds` are those of HSTS. `tls`: browsers always use TLS."""

    def __init__(self, app: ASGIApp, *, seconds: int, tls: bool) -> None:
        self._app = app
        self._hsts = raw(hsts(seconds))
        self._tls = tls
        self._least = raw(HEADERS["data"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and add the missing headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = [name for name, _ in message["headers"]]
                missing = [pair for pair in self._least if pair[0] not in given]
                over_tls = self._tls or scope["scheme"] == "https"
                message["headers"] = [*message["headers"], *missing, *(self._hsts if over_tls else ())]
            await send(message)

        await self._app(scope, receive, complete)
