"""The measured servers, on free ports, each a process that is ended by its id; their memory; runs of load."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import httpx

from bench.load import Plan, Result, result_from
from bench.requests import SECRET_KEY

ROOT = Path(__file__).parent.parent
CACHE = ROOT / "build" / "bench"
"""What is downloaded, and what is written while measuring, so that the database is on the checkout's disk."""
WIDGET_TOML = '[products.demo]\nname = "Northwind"\norigins = ["http://127.0.0.1:*", "http://localhost:*"]\n'
CREDENTIALS = {"INSIDER_CLIENT_ID": "client", "INSIDER_CLIENT_SECRET": "secret"}
_START, _STOP = 60.0, 30.0
"""Seconds."""


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environ(**more: str) -> dict[str, str]:
    """An environment without the developer's own variables, except for PATH and HOME."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder on the checkout's disk."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=CACHE, ignore_cleanup_errors=True) as name:
        yield Path(name)


def until(fact: Callable[[], bool], seconds: float = 120.0, pause: float = 0.005) -> None:
    """Wait until `fact` is true. Raises TimeoutError."""
    give_up_at = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"not within {seconds:g} s")
        time.sleep(pause)


class Server:
    """`python -m MODULE …` on a free port, `PORT` among the arguments. It runs as long as its context."""

    def __init__(self, module: str, *arguments: str, log: Path, **more: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", module, *(str(self.port) if a == "PORT" else a for a in arguments)]
        self._log = log
        self.environ = environ(**more)

    def __enter__(self) -> Self:
        began = time.monotonic()
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(self._command, cwd=ROOT, env=self.environ, stdout=log, stderr=log)
        try:
            until(self._is_ready, _START, pause=0.002)
        except BaseException:
            self.__exit__()
            raise
        self.started_in = time.monotonic() - began
        return self

    def __exit__(self, *_: object) -> None:
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            self._child.wait(_STOP)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._child.pid

    def signal(self, number: int) -> None:
        """Send it a signal. SIGSTOP holds it until SIGCONT."""
        self._child.send_signal(number)

    def _is_ready(self) -> bool:
        if self._child.poll() is not None:
            raise RuntimeError(f"{' '.join(self._command)} ended:\n{self._log.read_text()}")
        return self.answers()

    def answers(self) -> bool:
        """Whether it works."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def until_idle(self) -> None:
        """Wait until it has used no processor time for half a second."""

        def is_idle() -> bool:
            before = self._ticks()
            time.sleep(0.5)
            return self._ticks() == before

        until(is_idle)

    def _ticks(self) -> Sequence[str]:
        """The processor time that it has used, as in proc(5): in user mode, and in the kernel."""
        return Path(f"/proc/{self._child.pid}/stat").read_text().rpartition(")")[2].split()[11:13]

    def resident(self) -> tuple[int, int]:
        """The resident memory in bytes, of the process and of its children."""
        children: set[int] = set()
        for listed in Path(f"/proc/{self._child.pid}/task").glob("*/children"):  # children are listed by thread
            with contextlib.suppress(OSError):
                children |= {int(child) for child in listed.read_text().split()}
        return _resident(self._child.pid), sum(map(_resident, children))


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))
    return 0


class Peak(threading.Thread):
    """The largest memory of a server and its children while the context lasts, checked every 20 ms."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._over = threading.Event()
        self.own = self.all = 0

    def run(self) -> None:
        """Check repeatedly."""
        while not self._over.wait(0.02):
            own, children = self._server.resident()
            self.own, self.all = max(self.own, own), max(self.all, own + children)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()


class Insider(Server):
    """The stand-in for Insider Connect, which answers after `delay` seconds."""

    def __init__(self, place: Path, delay: float = 0.0) -> None:
        super().__init__("bench.servers", "insider", "PORT", str(delay), log=place / "insider.log")
        self._client = httpx.Client(base_url=self.url, trust_env=False)

    def __exit__(self, *_: object) -> None:
        self._client.close()
        super().__exit__()

    def counts(self) -> Mapping[str, float]:
        """The number of `create`, `attach` and `token` requests since the last reset, and processor seconds (`cpu`)."""
        counts: dict[str, float] = {"create": 0, "attach": 0, **self._client.get("/counts").json()}
        return counts

    def times(self) -> Sequence[float]:
        """When each feedback was created since the last reset, by `time.monotonic`."""
        times: list[float] = self._client.get("/times").json()
        return times

    def reset(self) -> None:
        """Start counting at zero."""
        self._client.get("/reset")

    def until(self, kind: str, count: int) -> None:
        """Wait until so many requests of a kind have come."""
        until(lambda: self.counts()[kind] >= count, pause=0.02)


class Widget(Server):
    """`widget serve` with an SQLite database of its own, or a copy of `database`, and default settings except for the
    rates. `more` are settings."""

    def __init__(self, place: Path, insider: Insider, *, database: Path | None = None, **more: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="widget-", dir=place))
        (self.folder / "widget.toml").write_text(WIDGET_TOML)
        self.database = self.folder / "widget.db"
        if database:
            shutil.copy(database, self.database)
        settings = {
            "INSIDER_URL": insider.url,
            **CREDENTIALS,
            "SECRET_KEY": SECRET_KEY,
            "DATABASE_URL": f"sqlite:///{self.database}",
            "WIDGET_CONFIG": str(self.folder / "widget.toml"),
            "MIN_FILL_TIME": "0",
            "RATE_LIMIT": "off",
            "CONNECTIONS_PER_CLIENT": "0",
            "SHUTDOWN_GRACE": "1",
            **more,
        }
        super().__init__("widget", "serve", log=self.folder / "widget.log", **settings)
        self.environ["PORT"] = str(self.port)

    def answers(self) -> bool:
        """Whether it can accept submissions."""
        with contextlib.suppress(httpx.TransportError):
            return super().answers() and httpx.get(f"{self.url}/readyz", trust_env=False).status_code == 200
        return False

    def worker(self) -> "Worker":
        """A `widget worker` with the same settings."""
        return Worker(self)

    def migrate(self) -> Path:
        """Create the database without starting the service. Returns its path."""
        command = [*self._command[:-1], "migrate"]
        subprocess.run(command, cwd=ROOT, env=self.environ, check=True, capture_output=True)
        return self.database


class Worker(Server):
    """`widget worker` on the database of a `web` process. It works once it listens for notices."""

    def __init__(self, web: Widget) -> None:
        super().__init__("widget", "worker", log=web.folder / f"worker-{uuid.uuid4().hex}.log")
        self.environ = web.environ

    def answers(self) -> bool:
        """Whether it listens."""
        return self._log.exists() and "engine.listening" in self._log.read_text("utf-8")


def proxy(place: Path, insider: Insider) -> Server:
    """The plain proxy."""
    more = {"INSIDER_URL": insider.url, **CREDENTIALS}
    return Server("bench.plain_proxy", "PORT", log=place / "proxy.log", **more)


def bare(place: Path, answer: bytes) -> Server:
    """uvicorn that answers everything with this."""
    (place / "answer").write_bytes(answer)
    return Server("bench.servers", "bare", "PORT", str(place / "answer"), log=place / "bare.log")


def sink(place: Path) -> Server:
    """uvicorn that reads and drops bodies."""
    return Server("bench.servers", "sink", "PORT", log=place / "sink.log")


def posts(insider: Insider, count: int, at_once: int) -> float:
    """The number of posts per second in a loop of httpx."""
    command = [sys.executable, "-m", "bench.servers", "post", str(insider.port), str(count), str(at_once)]
    done = subprocess.run(command, cwd=ROOT, env=environ(), check=True, capture_output=True, timeout=_START)
    return count / float(json.loads(done.stdout)["seconds"])


class Loading:
    """A run of the load generator. Raises RuntimeError if an answer is not 2xx."""

    def __init__(self, server: Server, connections: int, **plan: Any) -> None:
        given = json.dumps(asdict(Plan(server.port, connections, **plan)))
        self._child = subprocess.Popen(
            [sys.executable, "-m", "bench.load", given], cwd=ROOT, env=environ(), stdout=subprocess.PIPE
        )

    def stop(self) -> Result:
        """End it early."""
        self._child.send_signal(signal.SIGTERM)
        return self.result()

    def result(self) -> Result:
        """Wait for its end."""
        try:
            output, _ = self._child.communicate(timeout=180)
        finally:
            self._child.kill()
            self._child.wait()
        result = result_from(output.decode())
        if any(not 200 <= status < 300 for status in result.statuses):
            raise RuntimeError(f"not all answers were as expected: {result.statuses}")
        return result


def load(server: Server, connections: int, **plan: Any) -> Result:
    """Send a load and wait for its end."""
    return Loading(server, connections, **plan).result()
