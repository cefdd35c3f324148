"""The service below a path of a host that it shares, such as `https://www.example.com/feedback`.

The proxy in front may leave the path in the requests that it hands on, or take it away: either is understood.
"""

from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from widget.pages import addresses


class Mounted:
    """Stands before `app`, which knows nothing of the path.

    `root` is the path of `PUBLIC_URL`. None: the `root_path` that the server read from a trusted proxy's
    `X-Forwarded-Prefix`. `names` are the first parts of our own addresses.
    """

    def __init__(self, app: ASGIApp, root: str | None, names: Collection[str]) -> None:
        self._app = app
        self._root = root
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for an address below the path, or for one from which the proxy took it away."""
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
        """The path within the service. What follows `root` has to be ours: `/form` may be the root, too."""
        rest = path.removeprefix(root)
        return rest if rest[:1] == "/" and rest.split("/")[1] in self._names else path
