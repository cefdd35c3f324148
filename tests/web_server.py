"""A web server that answers as a test says."""

import threading
from collections.abc import Callable, Mapping
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self


class Request(NamedTuple):
    """What somebody asks for. `path` is as it was sent, with its query."""

    path: str
    headers: Message
    content: bytes


class Answer(NamedTuple):
    """What somebody gets."""

    status: int = 200
    headers: Mapping[str, str] = {}
    content: bytes = b""


class WebServer:
    """Answers what is asked with GET and POST, several requests at once, until the context is left."""

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                found = answer(Request(self.path, self.headers, content))
                self.send_response(found.status)
                for name, value in {**found.headers, "Content-Length": str(len(found.content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(found.content)

            do_POST = do_GET  # noqa: N815 - as the base class wants it

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
