"""Addresses as browsers see them, below the path under which they reach the service.

Inside the service, every address begins at `/`. For browsers it may be below a path, such as `/feedback` with
`PUBLIC_URL=https://www.example.com/feedback`. `web/mounted` sets that path for each request.
"""

from contextvars import ContextVar

root: ContextVar[str] = ContextVar("root", default="")
"""The path of the current request, without a slash at its end; empty if the service has a host of its own."""


def public(path: str) -> str:
    """The address of `path` for browsers."""
    return root.get() + path
