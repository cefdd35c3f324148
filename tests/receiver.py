"""Somebody who takes webhooks: well, badly, not for now, or by sending them elsewhere."""

import json
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

from web_server import Answer, Request, WebServer


class Post(NamedTuple):
    """A request that was received. The names of its headers are in small letters."""

    path: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> dict[str, Any]:
        """The content as JSON."""
        loaded: dict[str, Any] = json.loads(self.content)
        return loaded


class Receiver(WebServer):
    """A server that notes what is posted to it, once it has the whole of it, and answers with a `status` by path.

    The paths in `held` get their answers once they are let go.
    """

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.status: dict[str, int] = {}
        self.held: dict[str, threading.Event] = {}
        super().__init__(self._answer)

    def _answer(self, request: Request) -> Answer:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.posts.append(Post(request.path, headers, request.content))
        if request.path in self.held:
            self.held[request.path].wait(60)
        return Answer(self.status.get(request.path, 200), {"Location": "/elsewhere", "Set-Cookie": "visits=1"})

    def hold(self, path: str) -> None:
        """Answer no more there."""
        self.held[path] = threading.Event()

    def let_go(self) -> None:
        """Answer everywhere."""
        for each in list(self.held.values()):
            each.set()
        self.held.clear()

    def at(self, path: str) -> list[Post]:
        """What was posted there."""
        return [post for post in self.posts if post.path == path]

    def __exit__(self, *_: object) -> None:
        self.let_go()
        super().__exit__()
