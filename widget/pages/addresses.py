"""Addresses in what the service says, below the path under which browsers reach it.

Inside, every address begins at `/`. Browsers may see the service below a path, such as `/feedback` of
`PUBLIC_URL=https://www.example.com/feedback`; `web/mounted` says so for each request.
"""

from contextvars import ContextVar

root: ContextVar[str] = ContextVar("root", default="")
"""The path of the request in progress, without a slash at its end; empty where the service has a host of its own."""


def public(path: str) -> str:
    """The address of `path` as browsers have to ask for it."""
    return root.get() + path
