"""Somebody who takes webhooks: well, badly, not for now, or by sending them elsewhere."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


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


class Receiver:
    """A server that notes what is posted to it, once it has the whole of it, and answers with a `status` by path.

    The paths in `held` get their answers once they are let go.
    """

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.status: dict[str, int] = {}
        self.held: dict[str, threading.Event] = {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.posts.append(Post(self.path, headers, content))
                if self.path in receiver.held:
                    receiver.held[self.path].wait(60)
                self.send_response(receiver.status.get(self.path, 200))
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

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


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver until the context is left."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.let_go()
        receiver.server.shutdown()
        thread.join()
        receiver.server.server_close()
