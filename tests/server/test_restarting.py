"""A restart under load fails no request: process by process behind the real nginx, or on a socket that stays open."""

import itertools
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from bed import EMAIL, NO_TLS, STOP, Sandbox, Widget, free_port, until
from caddy import Caddy
from nginx import Nginx
from postgres import Postgres

CROWD = 4
"""People who send one submission after the other."""


class Crowd:
    """People at `url` who open the form, send it, and begin again; with the answers they got, and their failures."""

    def __init__(self, url: str, tls: ssl.SSLContext, clients: int = CROWD) -> None:
        self._url, self._tls = url, tls
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._come, args=(number,)) for number in range(clients)]
        self.thanked: list[str] = []
        self.failed: list[object] = []

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _come(self, who: int) -> None:
        with httpx.Client(base_url=self._url, verify=self._tls, trust_env=False, timeout=30) as client:
            for number in itertools.count():
                if self._over.is_set():
                    return
                try:
                    self._send(client, f"{who}, {number}")
                except httpx.HTTPError as error:
                    self.failed.append(error)

    def _send(self, client: httpx.Client, words: str) -> None:
        token = client.get("/form/demo/token").raise_for_status().json()["token"]
        fields = {"token": token, "description": words, "submittedByEmail": EMAIL}
        parts = {name: (None, value) for name, value in fields.items()}
        client.post("/form/demo", files=parts, headers={"Accept": "application/json"}).raise_for_status()
        self.thanked.append(words)

    def until_some_more(self) -> None:
        """Wait until everybody was served twice more, so that no request of before is still in progress."""
        before = self._served()
        until(lambda: all(self._served()[who] >= before[who] + 2 for who in range(len(self._threads))))

    def _served(self) -> Counter[int]:
        return Counter(int(words.partition(",")[0]) for words in list(self.thanked))


def all_arrived_once(insider: Sandbox, thanked: list[str]) -> None:
    until(lambda: set(thanked) <= set(insider.descriptions()))
    assert max(Counter(insider.descriptions()).values()) == 1


@pytest.fixture
def pair(insider: Sandbox, postgres: Postgres, tmp_path: Path) -> Iterator[tuple[Widget, Widget]]:
    """Two processes on one database."""
    settings = {"DATABASE_URL": postgres.database(), "TRUSTED_PROXIES": "127.0.0.1", "SWEEP_INTERVAL": "1"}
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    one, other = (Widget(folder, insider.url, **settings) for folder in folders)
    one.migrate()
    with one, other:
        yield one, other


def test_no_request_fails_while_one_process_after_the_other_restarts_behind_nginx(
    insider: Sandbox, pair: tuple[Widget, Widget], tmp_path: Path
) -> None:
    ports = pair[0].port, pair[1].port
    with Nginx(tmp_path, "feedback.conf", free_port(), ports) as nginx, Crowd(nginx.origin, nginx.tls) as crowd:
        for widget in pair:
            crowd.until_some_more()
            widget.restart()
        crowd.until_some_more()
    assert crowd.failed == []
    all_arrived_once(insider, crowd.thanked)


def test_no_request_fails_while_a_process_restarts_once_caddy_has_taken_it_out(
    insider: Sandbox, pair: tuple[Widget, Widget], tmp_path: Path
) -> None:
    one, other = pair
    one.stop()
    one.environ["SHUTDOWN_DELAY"] = "3600"
    one.start()
    with Caddy(tmp_path, one.port, other.port) as caddy, Crowd(caddy.url, NO_TLS) as crowd:
        until(lambda: one.log().count("submission.accepted") > 0)
        one.process.popen.send_signal(signal.SIGTERM)
        until(lambda: '"status_code":503' in caddy.log())
        crowd.until_some_more()
        one.process.popen.send_signal(signal.SIGINT)  # the delay has had its effect
        one.environ["SHUTDOWN_DELAY"] = "0"
        one.restart()
        crowd.until_some_more()
    assert crowd.failed == []
    all_arrived_once(insider, crowd.thanked)


@contextmanager
def on_socket(widget: Widget, passed: socket.socket) -> Iterator[subprocess.Popen[bytes]]:
    """`widget serve` on a socket that outlives it, as systemd passes one; stopped as systemd stops it."""
    shell = f'export LISTEN_PID=$$ LISTEN_FDS=1; exec "{sys.executable}" -m widget serve 3<&{passed.fileno()}'
    with (widget.folder / "log").open("ab") as log:
        process = subprocess.Popen(
            ["bash", "-c", shell], cwd=widget.folder, env=widget.environ, stderr=log, pass_fds=[passed.fileno()]
        )
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            assert process.wait(STOP) in (0, -signal.SIGTERM)
        finally:
            process.kill()
            print((widget.folder / "log").read_text())  # noqa: T201 - pytest shows it where a test fails


def test_no_request_fails_while_the_only_process_restarts_on_a_socket_that_stays_open(
    insider: Sandbox, tmp_path: Path
) -> None:
    widget = Widget(tmp_path, insider.url, SWEEP_INTERVAL="1")
    widget.client.close()
    with socket.create_server(("127.0.0.1", widget.port), backlog=128) as passed, Crowd(widget.url, NO_TLS) as crowd:
        with on_socket(widget, passed):
            crowd.until_some_more()
        with on_socket(widget, passed):
            crowd.until_some_more()
            crowd.__exit__()
            all_arrived_once(insider, crowd.thanked)  # including what the first process accepted and left to the next
    assert crowd.failed == []
