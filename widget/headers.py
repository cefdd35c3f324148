"""The headers of every kind of answer, in one table.

A form may be framed by its product's pages and by nobody else; all other answers by nobody. Scripts that host pages
load, and frames inside of isolated host pages, need both COEP and CORP; modules that they import need CORS as well.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

Kind = Literal["form", "page", "data", "static", "loader"]

_EVERY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
_DOCUMENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; "
    "require-trusted-types-for 'script'; trusted-types feedback-worker"
)
"""The one Trusted Types policy, in `static/form/pictures.js`, gives out one address: that of the pictures' worker."""
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
        "Cache-Control": "public, max-age=300, stale-while-revalidate=86400",
        "Content-Security-Policy": _DATA_POLICY,
        "Cross-Origin-Resource-Policy": "cross-origin",
    },
}


def of_form(origins: Iterable[str]) -> dict[str, str]:
    """The headers of a page that pages of `origins` may frame, and pages of our own."""
    ancestors = " ".join(["'self'", *origins])
    policy = f"{_DOCUMENT_POLICY}; frame-ancestors {ancestors}"
    return {**HEADERS["form"], "Content-Security-Policy": policy}
