"""A load generator: sends prepared requests over a fixed number of connections on this machine's loopback.

    python -m bench.load '{"port": 8000, "connections": 16, "count": 2000}'

It is a separate process, so that its work does not count as the measured server's. It reports its own share of a
processor, so that a figure which it held down is recognised. It prints its result as JSON. SIGTERM ends it early, with
the answers until then.
"""

import asyncio
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

import uvloop

from bench import requests
from bench.requests import Request

_NO_ANSWER = 0
"""The status that is recorded for a missing or unreadable answer."""


@dataclass(frozen=True)
class Plan:
    """What to send to `port`: `count` submissions, with the content of `file` if one is named, or requests for the page
    `path` for `seconds`. `pause` is in seconds, between an answer and the next request on each connection."""

    port: int
    connections: int
    count: int = 0
    file: str = ""
    path: str = ""
    seconds: float = 0.0
    pause: float = 0.0


@dataclass(frozen=True)
class Result:
    """The result. `began` is by the clock that all processes share (`time.monotonic`). Times are in seconds."""

    began: float
    seconds: float
    statuses: dict[int, int]
    latencies: list[float] = field(repr=False)
    cpu_share: float

    @property
    def count(self) -> int:
        """The number of answers."""
        return len(self.latencies)

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.count / self.seconds

    def percentile(self, share: float) -> float:
        """The latency that this share of the requests did not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Connection(asyncio.Protocol):
    """Sends the next request once the last is answered. An answer ends where its Content-Length says."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._buffer = bytearray()
        self._needed = 0
        self._status = _NO_ANSWER
        self._waits = False
        self._began = 0.0

    def connection_made(self, transport: Any) -> None:
        """Send the first request."""
        self._transport = transport
        self._send()

    def _send(self) -> None:
        request = self._load.next()
        if request is None:
            self._transport.close()
            return
        self._waits = True
        self._began = time.perf_counter()
        self._transport.writelines(request)

    def data_received(self, data: bytes) -> None:
        """Collect an answer, record it when it is complete, and continue."""
        self._buffer += data
        if not self._needed:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self._status, length = _read_head(bytes(self._buffer[:end]))
            self._needed = end + 4 + length
        if len(self._buffer) < self._needed:
            return
        self._waits = False
        self._load.note(self._status, time.perf_counter() - self._began)
        self._buffer.clear()
        self._needed = 0
        if self._load.pause:
            asyncio.get_running_loop().call_later(self._load.pause, self._send)
        else:
            self._send()

    def connection_lost(self, _: Exception | None) -> None:
        """Count an answer that will not come any more."""
        if self._waits:
            self._load.note(_NO_ANSWER, time.perf_counter() - self._began)
        self._load.lost()


def _read_head(head: bytes) -> tuple[int, int]:
    """An answer's status, and the length of its body."""
    lines = head.lower().split(b"\r\n")
    lengths = [int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")]
    return (int(lines[0].split()[1]), lengths[0]) if lengths else (_NO_ANSWER, 0)


class Load:
    """One run of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.pause = plan.pause
        file = Path(plan.file).read_bytes() if plan.file else b""
        self._waiting: Iterator[Request] = (
            repeat(requests.get(plan.path)) if plan.path else iter(list(requests.submissions(plan.count, file)))
        )
        self._until = float("inf")
        self._open = plan.connections
        self._statuses: Counter[int] = Counter()
        self._latencies: list[float] = []
        self._done = asyncio.Event()

    def next(self) -> Request | None:
        """The next request; None if there is none left, or time is up."""
        return None if time.monotonic() >= self._until else next(self._waiting, None)

    def note(self, status: int, seconds: float) -> None:
        """Record an answer."""
        self._statuses[status] += 1
        self._latencies.append(seconds)

    def lost(self) -> None:
        """A connection is closed. The last one ends the run."""
        self._open -= 1
        if not self._open:
            self._done.set()

    def stop(self) -> None:
        """Send no more requests."""
        self._until = 0.0

    async def run(self) -> Result:
        """Send everything."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stop)
        began, cpu = time.monotonic(), time.process_time()
        if self._plan.seconds:
            self._until = began + self._plan.seconds
        for _ in range(self._plan.connections):
            await loop.create_connection(lambda: Connection(self), "127.0.0.1", self._plan.port)
        await self._done.wait()
        took = time.monotonic() - began
        share = (time.process_time() - cpu) / took
        return Result(began, took, dict(self._statuses), self._latencies, share)


def result_from(text: str) -> Result:
    """The result that a load generator printed."""
    read = json.loads(text)
    return Result(**{**read, "statuses": {int(status): count for status, count in read["statuses"].items()}})


async def _run(plan: Plan) -> Result:
    return await Load(plan).run()


if __name__ == "__main__":
    uvloop.install()
    json.dump(asdict(asyncio.run(_run(Plan(**json.loads(sys.argv[1]))))), sys.stdout)
