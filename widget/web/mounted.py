"""The service below a path of a host that it shares, such as `https://www.example.com/feedback`.

The proxy in front may pass the path on or strip it. Both work.
"""

from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from widget.pages import addresses


class Mounted:
    """A layer around `app`, which does not know of the path.

    `root` is the path of `PUBLIC_URL`. If it is None, the server's `root_path` counts, which comes from a trusted
    proxy's `X-Forwarded-Prefix`. `names` are the first segments of our own addresses.
    """

    def __init__(self, app: ASGIApp, root: str | None, names: Collection[str]) -> None:
        self._app = app
        self._root = root
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for an address below the path, or for one from which the proxy stripped it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        root = scope.get("root_path", "") if self._root is None else self._root
        inside = {**scope, "root_path": "", "path": self._inside(scope["path"], root)}
        before = addresses.root.set(root)
        try:
            await self._app(inside, receive, send)
        finally:
            addresses.root.reset(before)

    def _inside(self, path: str, root: str) -> str:
        """The path inside the service. What follows `root` has to be ours, because the root itself may be `/form`."""
        rest = path.removeprefix(root)
        return rest if rest[:1] == "/" and rest.split("/")[1] in self._names else path
