"""What is measured beside the widget: a fast stand-in for Insider Connect, and the ceilings.

python -m bench.servers insider PORT [DELAY]     Insider Connect, answering after so many seconds
python -m bench.servers bare PORT ANSWER         uvicorn, answering everything with the content of that file
python -m bench.servers sink PORT                uvicorn, reading and dropping bodies
python -m bench.servers post PORT COUNT AT_ONCE  a loop of httpx posts to a stand-in; prints its start and seconds
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httptools
import httpx
import uvicorn
import uvloop

from bench.requests import FIELDS

FEEDBACKS = "/api/client/feedbacks"
FEEDBACK = {**FIELDS, "sentimentRating": True, "contactConsent": True}
_TOKEN = b'{"access_token":"t","token_type":"Bearer","expires_in":3599,"scope":"feedback.read feedback.write"}'
_DONE = b'{"isSuccess":true,"data":32,"errors":null,"requestId":"982e7534-2f5b-4b41-a35b-0112ba17be14"}'


class Insider(asyncio.Protocol):
    """Insider Connect at its fastest: reads a request to its end, and answers with the documented success.

    In addition to the API, `/counts` returns the number of requests of each kind and the processor time used, `/times`
    when each feedback was created (`time.monotonic`), and `/reset` forgets all that.
    """

    delay = 0.0
    counts: Counter[str] = Counter()
    created: list[float] = []

    def connection_made(self, transport: Any) -> None:
        """Start a parser."""
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        """Parse the next bytes."""
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        """The parser found the beginning of a request."""
        self._url = b""

    def on_url(self, url: bytes) -> None:
        """The parser found the address."""
        self._url += url

    def on_message_complete(self) -> None:
        """The parser found the end of a request."""
        path = self._url.decode()
        answer = self._api(path) if self._parser.get_method() == b"POST" else (200, self._reported(path))
        text = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        message = text % (answer[0], len(answer[1]), answer[1])
        if self.delay and path.startswith(FEEDBACKS):
            asyncio.get_running_loop().call_later(self.delay, self._transport.write, message)
        else:
            self._transport.write(message)

    def _api(self, path: str) -> tuple[int, bytes]:
        if path == "/connect/token":
            self.counts["token"] += 1
            return 200, _TOKEN
        if path == FEEDBACKS:
            self.counts["create"] += 1
            self.created.append(time.monotonic())
            return 201, _DONE
        if path.endswith("/attachments"):
            self.counts["attach"] += 1
            return 200, _DONE
        return 404, b"{}"

    def _reported(self, path: str) -> bytes:
        if path == "/reset":
            self.counts.clear()
            self.created.clear()
        answer = self.created if path == "/times" else {**self.counts, "cpu": time.process_time()}
        return json.dumps(answer).encode()


Application = Callable[[Any, Any, Any], Any]


def bare(answer: bytes) -> Application:
    """An ASGI application that answers everything with `answer`: header lines, a blank line, and a body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    headers = [tuple(line.split(b": ", 1)) for line in head.split(b"\r\n")]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


async def sink(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application that reads and drops a body."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 201, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


async def _insider(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Insider, "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


async def _post(port: int, count: int, at_once: int) -> dict[str, float]:
    left = iter(range(count))
    limits = httpx.Limits(max_connections=at_once)
    headers = {"Authorization": "Bearer t"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", limits=limits, trust_env=False) as client:

        async def loop() -> None:
            for _ in left:
                (await client.post(FEEDBACKS, json=FEEDBACK, headers=headers)).raise_for_status()

        began = time.monotonic()
        await asyncio.gather(*(loop() for _ in range(at_once)))
        return {"began": began, "seconds": time.monotonic() - began}


def _uvicorn(app: Application, port: int) -> None:
    """Run it as the widget does, without the deadlines."""
    uvicorn.run(
        app,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="critical",
        server_header=False,
        proxy_headers=False,
        backlog=2048,
    )


def main() -> None:
    """Run what the command line asks for."""
    kind, port, *more = sys.argv[1:]
    uvloop.install()
    match kind:
        case "insider":
            Insider.delay = float(more[0])
            asyncio.run(_insider(int(port)))
        case "bare":
            _uvicorn(bare(Path(more[0]).read_bytes()), int(port))
        case "sink":
            _uvicorn(sink, int(port))
        case "post":
            json.dump(asyncio.run(_post(int(port), int(more[0]), int(more[1]))), sys.stdout)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
