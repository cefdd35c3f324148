"""What tests stand on: real processes on free ports, real files, and waits for facts.

End-to-end tests are plain functions: servers run as processes of their own, and Playwright's synchronous API owns the
thread's event loop while its browser is open, so no `async` test may share a module with it.
"""

import contextlib
import json
import os
import random
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self, TypeVar

import children
import httpx

from widget.submissions.tokens import Tokens

T = TypeVar("T")
TOKEN = re.compile(r"[0-9a-f]{32}\.[a-z]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}")
"""A form token in a page."""
ROOT = Path(__file__).parent.parent
CLIENT_ID, CLIENT_SECRET = "test-client", "test-client-secret"
EMAIL = "ada@example.com"
"""The person's, wherever a test names no other; it must never be in a log."""
SECRET_KEY = "tests-only-tests-only-tests-only-0"
DAY = 86_400.0
START, STOP, FACT = 60.0, 30.0, 30.0
"""Seconds that a process may take to answer and to end, and a fact to come true, on a machine that is busy."""

File = tuple[str, bytes, str]
"""Name, content and media type, as a browser would send them."""


def until(fact: Callable[[], T], timeout: float = FACT, pause: float = 0.02) -> T:
    """Wait until `fact` is true and return it; fail with the last thing seen once `timeout` seconds are over."""
    deadline = time.monotonic() + timeout
    while True:
        seen = fact()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s; last seen: {seen!r}")
        time.sleep(pause)


def proc_state(task: Path) -> str:
    """What a process or a thread does, by its folder below /proc: `T` where a signal stopped it, `X` where it is gone
    (proc_pid_stat(5)), which may happen while we look."""
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def until_kept(url: str, headers: Sequence[tuple[str, str]] = ()) -> None:
    """Wait until the form at `url` comes from the cache: its token then stands in the packed page as it is."""
    headers = [("Accept-Encoding", "gzip"), *headers]

    def is_kept() -> bool:
        with httpx.stream("GET", url, trust_env=False, headers=headers, verify=NO_TLS) as answer:
            return TOKEN.search(b"".join(answer.iter_raw()).decode("latin-1")) is not None

    until(is_kept)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, nor is about to: other tests are not given it for a while.

    It is below those that systems give to outgoing connections: a server that is down for a while, as many here are,
    finds its port still free, and nobody who calls it meanwhile is connected to himself.
    """
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port := random.randrange(11_000, 32_000)))
            _reserve(port)
            return port


_reserved: deque[socket.socket] = deque()
"""What tells all processes that run tests which ports were given away last."""


def _reserve(port: int) -> None:
    """Raises OSError if some test may be about to use it. A name of Linux's own goes with the process that has it."""
    if sys.platform == "linux":
        _reserved.append(socket.socket(socket.AF_UNIX))
        _reserved[-1].bind(f"\0feedback widget's tests: {port}")
    if len(_reserved) > 200:
        _reserved.popleft().close()


def submission_id_of(token: str, product: str = "demo") -> str:
    """The id that a form token gives to its submission."""
    return Tokens([SECRET_KEY], 365 * 86_400).read_form(token, product, time.time()).submission_id


NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that speak plain HTTP: reading all authorities takes longer than most tests' requests."""


def aged_token(seconds: float, product: str = "demo") -> str:
    """A genuine form token that was handed out so long ago."""
    tokens = Tokens([SECRET_KEY], 86_400)
    tokens._forms.get_timestamp = lambda: int(time.time() - seconds)  # type: ignore[method-assign]
    return tokens.form(product)


class Process:
    """A child process whose output is kept, and which is ended by its id."""

    def __init__(self, arguments: Sequence[str], log: Path, environ: Mapping[str, str], folder: Path) -> None:
        self._log = log
        self._output: IO[bytes] = log.open("ab")
        self.popen = children.start(arguments, folder, environ, stdout=self._output)

    def until_answers(self, url: str) -> None:
        """Wait until `url` is answered 200; fail with the output when the process ends before."""

        def answers() -> bool:
            if (status := self.popen.poll()) is not None:
                raise AssertionError(f"ended with {status}:\n{self.log()}")
            try:
                return httpx.get(url, timeout=5, trust_env=False, verify=NO_TLS).status_code == 200
            except httpx.TransportError:
                return False

        until(answers, START)

    def log(self) -> str:
        """All that it wrote, on either stream."""
        return self._log.read_text("utf-8", errors="replace")

    def lines(self, event: str) -> list[dict[str, Any]]:
        """What it logged of an event."""
        lines = (json.loads(line) for line in self.log().splitlines() if f'"{event}"' in line)
        return [line for line in lines if line["event"] == event]

    def children(self) -> set[int]:
        """The ids of the processes that it started."""
        listed = subprocess.run(["ps", "--ppid", str(self.popen.pid), "-o", "pid="], capture_output=True, text=True)
        return set(map(int, listed.stdout.split()))

    def stop(self, meanwhile: Callable[[], None] = lambda: None) -> int:
        """Ask it to end, and wait; what does not end in time is killed and fails the test. `meanwhile` is done once it
        has been asked."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
        try:
            meanwhile()
            return self.popen.wait(STOP)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"did not end within {STOP} s of SIGTERM:\n{self.log()}") from None
        finally:
            self.kill()

    def kill(self) -> None:
        """SIGKILL: as if the power were cut."""
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        self._output.close()


def adjusted(*changes: str) -> tuple[str, ...]:
    """The widget's command with constants or a clock of a test's own: see `adjusted.py`."""
    return (sys.executable, str(Path(__file__).parent / "adjusted.py"), *changes, "--")


def plain_environ(**more: str) -> dict[str, str]:
    """An environment that holds nothing of the developer's but the way to programs and the home."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "SYSTEMROOT") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more}


_LIMITS = httpx.Limits(keepalive_expiry=1)
"""A connection that the server is about to close, after five seconds, is not used again."""


class Sandbox:
    """Insider Connect as a process. Faults: see `widget/sandbox/faults.py`."""

    def __init__(self, folder: Path, accounts: Mapping[str, str] | None = None, token_lifetime: float = 3599) -> None:
        self.port, self.control_port = free_port(), free_port()
        self.url, self.control_url = (f"http://127.0.0.1:{port}" for port in (self.port, self.control_port))
        arguments = {
            "port": self.port,
            "control_port": self.control_port,
            "accounts": dict(accounts or {CLIENT_ID: CLIENT_SECRET}),
            "token_lifetime": token_lifetime,
        }
        code = f"from widget.sandbox import serve; serve(**{arguments!r})"
        self._process = Process([sys.executable, "-c", code], folder / "sandbox.log", plain_environ(), folder)
        self._control = httpx.Client(base_url=self.control_url, trust_env=False, verify=NO_TLS, limits=_LIMITS)

    def __enter__(self) -> Self:
        try:
            self._process.until_answers(f"{self.control_url}/_sandbox/version")
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        self._process.stop()

    def misbehave(self, mode: str, target: str = "all", **more: Any) -> None:
        """Put one fault in force, in place of any other."""
        self.put_faults({"mode": mode, "target": target, **more})

    def put_faults(self, *faults: Mapping[str, Any]) -> None:
        """Put several faults in force, in place of any other."""
        answer = self._control.put("/_sandbox/faults", json=faults)
        assert answer.status_code == 204, answer.text

    def fail_with(self, status: int, target: str = "all", **more: Any) -> None:
        """Answer with a status; `times`, `skip`, `retry_after`, `headers` and `body` as the fault has them."""
        self.misbehave("status", target, status=status, **more)

    def down(self) -> None:
        """Refuse connections until `recover`."""
        self.misbehave("down")

    def slow(self, seconds: float, target: str = "all", **more: Any) -> None:
        """Process at once, answer so many seconds later, or at `recover`."""
        self.misbehave("slow", target, seconds=seconds, **more)

    def recover(self) -> None:
        """Behave again, and answer what waits for its answer."""
        assert self._control.delete("/_sandbox/faults").status_code == 204

    def clear(self) -> None:
        """Forget what was received."""
        assert self._control.delete("/_sandbox/record").status_code == 204

    def record(self) -> dict[str, Any]:
        """Everything received: `counts`, `feedbacks`, `requests`."""
        record: dict[str, Any] = self._control.get("/_sandbox/record").raise_for_status().json()
        return record

    def feedbacks(self) -> list[dict[str, Any]]:
        """The feedbacks held, oldest first, each with its `attachments`."""
        feedbacks: list[dict[str, Any]] = self.record()["feedbacks"]
        return feedbacks

    def descriptions(self) -> list[str]:
        """The texts of the feedbacks held, oldest first."""
        return [feedback["body"].get("description", "") for feedback in self.feedbacks()]

    def counts(self) -> dict[str, int]:
        """Requests received: `token`, `create`, `attach`."""
        counts: dict[str, int] = self.record()["counts"]
        return counts

    def requests(self, kind: str) -> list[dict[str, Any]]:
        """The requests of one kind, oldest first."""
        return [request for request in self.record()["requests"] if request["kind"] == kind]

    def file(self, number: int) -> bytes:
        """The bytes of an attachment."""
        return self._control.get(f"/_sandbox/files/{number}").raise_for_status().content

    def log(self) -> str:
        """All that it wrote."""
        return self._process.log()


COMMAND = (sys.executable, "-m", "widget")
FROM_SHELL = (str(Path(sys.executable).with_name("widget")),)
"""The installed command, as a person types it: never forked."""
IN_ENGLISH = adjusted("language=en")
"""The command, whose `check` looks at a nineteenth of the pages: for tests of all else that it does."""

WIDGET_TOML = """\
[products.demo]
name = "Northwind"
origins = ["http://localhost:*", "http://127.0.0.1:*"]
"""
TWO_PRODUCTS = """\
[products.demo]
name = "Northwind"
origins = ["https://app.example.com"]

[products.other]
name = "Other"
origins = ["https://other.example.com"]
"""


class Widget:
    """`widget serve` as a process, with an SQLite outbox in `folder` unless the environment says otherwise."""

    def __init__(
        self,
        folder: Path,
        insider_url: str,
        *,
        config: str = WIDGET_TOML,
        command: Sequence[str] = COMMAND,
        **environ: str,
    ) -> None:
        self.folder = folder
        self.command = tuple(command)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "widget.toml").write_text(config, "utf-8")
        self.environ = plain_environ(
            **{
                "INSIDER_URL": insider_url,
                "INSIDER_CLIENT_ID": CLIENT_ID,
                "INSIDER_CLIENT_SECRET": CLIENT_SECRET,
                "SECRET_KEY": SECRET_KEY,
                "DATABASE_URL": f"sqlite:///{folder / 'widget.db'}",
                "WIDGET_CONFIG": str(folder / "widget.toml"),
                "PORT": str(self.port),
                "MIN_FILL_TIME": "0",
                "RATE_LIMIT": "off",
                "CONNECTIONS_PER_CLIENT": "0",
                "FILE_CHECKERS": "1",  # to start a second one takes longer than to check a test's second file
                "LOG_LEVEL": "debug",
                "DELIVERY_WAIT": "15",  # a busy machine may need it; what fails is answered at once
                **environ,
            }
        )
        self.client = httpx.Client(
            base_url=self.url,
            timeout=25,
            trust_env=False,
            verify=NO_TLS,
            limits=_LIMITS,
            event_hooks={"response": [self._watch]},
        )
        self._process: Process | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.client.close()
        if self._process is not None:
            print(self.log())  # noqa: T201 - pytest shows it where a test fails
            self._process.stop()
            spilt = [secret for secret in (*self._secrets(), EMAIL) if secret in self.log()]
            assert not spilt, "the log holds what it must not"

    def _secrets(self) -> list[str]:
        named = (text for name, text in self.environ.items() if "SECRET" in name)
        return [secret for text in named for secret in text.split(",") if secret]

    def _watch(self, answer: httpx.Response) -> None:
        """No answer of the whole test session may hold a secret."""
        answer.read()
        for secret in self._secrets():
            assert secret not in answer.text, f"{answer.request.url} tells a secret"
            assert secret not in str(answer.headers), f"{answer.request.url} tells a secret"

    def start(self) -> Self:
        """Start it, and wait until it is alive."""
        self._process = self.run("serve")
        try:
            self._process.until_answers(f"{self.url}/healthz")
            until(lambda: not self._is_opening())
        except BaseException:
            self._process.kill()
            raise
        return self

    def _is_opening(self) -> bool:
        """Whether it went on without its database, which has neither been opened nor refused yet."""
        log = self.log()
        known = ('"widget.started"', '"next_try_in"', '"outbox.unusable"')
        return log.rfind('"outbox.opening"') > max(log.rfind(each) for each in known)

    def run(self, *arguments: str) -> Process:
        """Run a command of the widget in the same environment; the caller ends it."""
        return Process([*self.command, *arguments], self.folder / "widget.log", self.environ, self.folder)

    def refuses(self, command: str = "serve") -> str:
        """Start it where it must not start, and return its log. However slow the machine is, the start waits for what
        the database says: a second later it would go on, and try again."""
        patient = adjusted("widget.outbox.opening.FIRST_LOOK=60")
        process = Process([*patient, command], self.folder / "widget.log", self.environ, self.folder)
        try:
            assert process.popen.wait(START) == 1, process.log()
            assert "Traceback" not in process.log()
            return process.log()
        finally:
            process.kill()

    def migrate(self) -> None:
        """Create the database, or bring it up to date."""
        process = self.run("migrate")
        try:
            assert process.popen.wait(START) == 0, process.log()
        finally:
            process.kill()

    def operate(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run `widget outbox …` to its end, in the same environment."""
        return children.run([*self.command, "outbox", *arguments], self.folder, self.environ, typed=typed)

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """What `widget outbox list` tells of every row that is not asked away by `arguments`."""
        listed = self.operate("list", "--all", "--limit", "100000", "--json", *arguments)
        assert listed.returncode == 0, listed.stderr
        return [json.loads(line) for line in listed.stdout.splitlines()]

    def row(self) -> dict[str, Any]:
        """What it tells of the one row that there is."""
        (row,) = self.rows()
        return row

    def files(self) -> list[Path]:
        """Files of submissions, and remains of uploads."""
        return [path for path in (self.folder / "widget.db-files").rglob("*") if path.is_file()]

    def stored(self) -> int:
        """The number of rows, in any state, and of files."""
        with sqlite3.connect(self.folder / "widget.db") as database:
            (rows,) = database.execute("SELECT count(*) FROM submission").fetchone()
        return int(rows) + len(self.files())

    def settle(self, insider: Sandbox) -> None:
        """Let what is still on its way arrive, or it would turn up in the record of the next test."""
        insider.recover()
        until(lambda: not self._on_its_way())

    def _on_its_way(self) -> list[str]:
        waiting = "SELECT id FROM submission WHERE state IN ('queued', 'sending') AND held_for IS NULL"
        with sqlite3.connect(self.folder / "widget.db") as database:
            return [found for (found,) in database.execute(waiting)]

    @property
    def process(self) -> Process:
        """The web process."""
        assert self._process is not None, "not started"
        return self._process

    @property
    def pid(self) -> int:
        """The web process's id."""
        return self.process.popen.pid

    def stop(self, meanwhile: Callable[[], None] = lambda: None) -> int:
        """SIGTERM, and wait, doing `meanwhile`; answers the exit status."""
        self._hang_up()
        return self.process.stop(meanwhile)

    def accepts(self) -> bool:
        """Whether somebody new is let in."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _hang_up(self) -> None:
        """Close the connections that are kept alive: a service that stops would wait for one more request on each."""
        self.client._transport.close()

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()

    def restart(self) -> None:
        """Stop unless it is dead already, and start again on the same outbox and port."""
        self.stop()
        self.start()

    def log(self) -> str:
        """All that it wrote, through every restart."""
        return self.process.log()

    def lines(self, event: str) -> list[dict[str, Any]]:
        """What it logged of an event, through every restart."""
        return self.process.lines(event)

    def token(self, product: str = "demo") -> str:
        """A fresh form token."""
        return str(self.client.get(f"/form/{product}/token").raise_for_status().json()["token"])

    def submit(
        self,
        description: str | None = "Good",
        email: str | None = EMAIL,
        files: Iterable[File] = (),
        *,
        rating: str | None = None,
        consent: str | None = None,
        token: str | None = None,
        product: str = "demo",
        accept: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a form as a browser would. A field that is None is left out; without `token` a fresh one is fetched."""
        fields = {
            "token": self.token(product) if token is None else token,
            "description": description,
            "submittedByEmail": email,
            "sentimentRating": rating,
            "contactConsent": consent,
        }
        given = {name: value for name, value in fields.items() if value is not None}
        return self.post(given, files, f"/form/{product}", {"Accept": accept, **(headers or {})})

    def post(
        self,
        fields: Mapping[str, str],
        files: Iterable[File] = (),
        path: str = "/form/demo",
        headers: Mapping[str, str] = {"Accept": "application/json"},
    ) -> httpx.Response:
        """Send these fields and no others."""
        parts: list[tuple[str, Any]] = [(name, (None, value)) for name, value in fields.items()]
        parts += [("files", file) for file in files]
        return self.client.post(path, files=parts, headers=headers)

    def receipt(self, answer: httpx.Response) -> dict[str, Any]:
        """Where a submission stands, by the answer that it was given."""
        url = answer.json()["receipt_url"]
        shown = self.client.get(url, headers={"Accept": "application/json"}).raise_for_status()
        receipt: dict[str, Any] = shown.json()
        return receipt

    def until_delivered(self, answer: httpx.Response, timeout: float = FACT) -> dict[str, Any]:
        """Wait until a submission has arrived."""
        until(lambda: self.receipt(answer)["status"] == "delivered", timeout, pause=0.05)
        return self.receipt(answer)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the web process in whatever it is doing, except writing: others must still be able to write."""
        tasks = Path(f"/proc/{self.pid}/task")
        with contextlib.closing(sqlite3.connect(self.folder / "widget.db", isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            os.kill(self.pid, signal.SIGSTOP)
            until(lambda: {proc_state(task) for task in tasks.iterdir()} == {"T"})
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)
