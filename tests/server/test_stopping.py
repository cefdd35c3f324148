"""Stopping: no request is dropped, and the process ends whatever is unavailable."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from bed import START, Process, Sandbox, Widget, adjusted, submission_id_of, until
from postgres import Postgres

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
AN_END = 15.0
"""Seconds within which a process with a grace of one has ended: its own margin, and that of a busy machine."""


def connect(widget: Widget) -> socket.socket:
    return socket.create_connection(("127.0.0.1", widget.port), timeout=30)


def answer(connection: socket.socket) -> str:
    """One answer: headers and a JSON body."""
    received = b""
    while not received.endswith(b"}"):
        piece = connection.recv(65536)
        assert piece, f"closed after {received!r}"
        received += piece
    return received.decode()


def is_answered_once(widget: Widget) -> bool:
    """Whether a new connection is, and not kept alive."""
    answer = httpx.get(f"{widget.url}/healthz", trust_env=False)
    return bool(answer.headers.get("connection") == "close")


# --- who is being served ----------------------------------------------------------------------------------------


def test_an_upload_that_is_cut_off_is_asked_to_come_again_and_logged(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(SHUTDOWN_GRACE="0.2")
    with connect(widget) as connection:
        connection.sendall(
            f"POST /form/demo HTTP/1.1\r\nHost: 127.0.0.1:{widget.port}\r\nAccept: application/json\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 90000\r\n\r\n--b\r\n".encode()
        )
        assert widget.client.get("/healthz").status_code == 200  # before the request has begun
        os.kill(widget.pid, signal.SIGTERM)
        head, _, body = answer(connection).partition("\r\n\r\n")
        assert connection.recv(1) == b""
    assert head.startswith("HTTP/1.1 503 ")
    fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:])
    assert fields["content-type"] == "application/problem+json"
    assert fields["connection"] == "close"
    problem = json.loads(body)
    assert problem["errors"][0]["code"] == "unavailable"
    assert f"{fields['retry-after']} seconds" in problem["detail"]
    widget.stop()
    (line,) = widget.lines("request.cut_off")
    assert line["path"] == "form"


def test_connections_that_are_kept_alive_are_answered_once_more(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(KEEP_ALIVE="30")
    with contextlib.ExitStack() as stack:
        kept = [stack.enter_context(connect(widget)) for _ in range(10)]
        for connection in kept[:8]:
            connection.sendall(GET)
            assert "200 OK" in answer(connection)
        os.kill(widget.pid, signal.SIGTERM)
        until(lambda: not widget.accepts())
        for connection in kept:
            connection.sendall(GET)
            response = answer(connection)
            assert "200 OK" in response
            assert "connection: close" in response.lower()
            assert connection.recv(1) == b""
    widget.stop()


def test_connections_that_stay_silent_do_not_keep_it(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(KEEP_ALIVE="1", HEADER_TIMEOUT="600")
    with connect(widget) as used, connect(widget):
        used.sendall(GET)
        assert "200 OK" in answer(used)
        os.kill(widget.pid, signal.SIGTERM)
        widget.process.popen.wait(AN_END)
    assert "process.cut_off" not in widget.log()


def test_a_balancer_sees_the_end_before_anybody_is_turned_away(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(SHUTDOWN_DELAY="600")
    os.kill(widget.pid, signal.SIGTERM)
    until(lambda: widget.client.get("/readyz").status_code == 503)
    assert widget.client.get("/readyz").json() == {"status": "unavailable"}
    assert widget.client.get("/healthz").status_code == 200
    assert widget.accepts()
    assert widget.submit("the last one").status_code == 201
    widget.client.close()
    os.kill(widget.pid, signal.SIGINT)  # whoever asks again does not want to wait
    widget.process.popen.wait(AN_END)
    assert insider.descriptions() == ["the last one"]


def test_a_socket_that_is_passed_loses_nobody_while_the_service_restarts(insider: Sandbox, tmp_path: Path) -> None:
    widget = Widget(tmp_path, insider.url)
    with socket.create_server(("127.0.0.1", widget.port)) as passed, connect(widget) as early:
        early.sendall(GET)
        shell = f'export LISTEN_PID=$$ LISTEN_FDS=1; exec "{sys.executable}" -m widget serve 3<&{passed.fileno()}'
        log = (tmp_path / "log").open("wb")
        process = subprocess.Popen(
            ["bash", "-c", shell], cwd=tmp_path, env=widget.environ, stderr=log, pass_fds=[passed.fileno()]
        )
        try:
            assert "200 OK" in answer(early)
            process.terminate()
            until(lambda: is_answered_once(widget))  # nobody waits for `early`
            early.close()
            process.wait(AN_END)
            assert widget.accepts()  # the kernel queues new connections for the next process
        finally:
            process.kill()
            log.close()
    widget.client.close()


def test_several_processes_turn_nobody_away_in_silence(
    start_widget: Callable[..., Widget], postgres: Postgres, tmp_path: Path, insider: Sandbox
) -> None:
    url = postgres.database()
    Widget(tmp_path, insider.url, DATABASE_URL=url).migrate()
    widget = start_widget(DATABASE_URL=url, WEB_CONCURRENCY="2", SHUTDOWN_GRACE="600", KEEP_ALIVE="600")
    with connect(widget) as kept:
        kept.sendall(GET)
        assert "200 OK" in answer(kept)
        os.kill(widget.pid, signal.SIGTERM)
        until(lambda: not widget.accepts())  # although one of them runs on for a while
        kept.sendall(GET)
        assert "200 OK" in answer(kept)
    assert widget.stop() == 0


# --- an end -----------------------------------------------------------------------------------------------------


class Relay:
    """Connections to PostgreSQL that can fall silent, as if a cable had been pulled."""

    def __init__(self, port: int) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._to = port
        self._is_silent = False
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def fall_silent(self) -> None:
        """Stop passing data on."""
        self._is_silent = True

    def close(self) -> None:
        """Close everything."""
        for each in (self._server, *self._open):
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                self._open += [client, server]
                threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        other = {client: server, server: client}
        with contextlib.suppress(OSError, ValueError):
            while True:
                ready, _, _ = select.select([client, server], [], [])
                if self._is_silent:
                    return
                for each in ready:
                    if not (piece := each.recv(65536)):
                        other[each].shutdown(socket.SHUT_WR)
                        return
                    other[each].sendall(piece)


@pytest.fixture
def relay(postgres: Postgres) -> Iterator[Relay]:
    relay = Relay(postgres.port)
    yield relay
    relay.close()


def running(widget: Widget, command: str) -> Process:
    """A process that listens for rows."""
    process = widget.run(command)
    until(lambda: "engine.listening" in process.log(), START)
    return process


@pytest.mark.parametrize(("command", "noticed"), [("serve", False), ("worker", True)])
def test_a_database_that_is_stopped_keeps_nobody(
    insider: Sandbox, postgres: Postgres, tmp_path: Path, command: str, noticed: bool
) -> None:
    soon = adjusted("widget.delivery.procrastinate._PATIENCE=0.2")
    settings = {"DATABASE_URL": postgres.database(), "SHUTDOWN_GRACE": "1", "SWEEP_INTERVAL": "0.2"}
    widget = Widget(tmp_path, insider.url, command=soon, **settings)
    widget.migrate()
    process = running(widget, command)
    try:
        postgres.stop()
        if noticed:
            until(lambda: "engine.lost" in process.log())
            until(lambda: "outbox.unavailable" in process.log())
        process.popen.send_signal(signal.SIGTERM)
        process.popen.wait(AN_END)
        assert "process.cut_off" not in process.log()  # it ends by itself
    finally:
        process.kill()
        postgres.start()


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_database_that_falls_silent_keeps_nobody_for_longer_than_the_grace(
    insider: Sandbox, postgres: Postgres, relay: Relay, tmp_path: Path, command: str
) -> None:
    url = postgres.database().replace(f":{postgres.port}/", f":{relay.port}/")
    widget = Widget(tmp_path, insider.url, DATABASE_URL=url, SHUTDOWN_GRACE="0.5", HEALTH_INTERVAL="0.1")
    widget.migrate()
    process = running(widget, command)
    try:
        relay.fall_silent()
        if command == "serve":
            until(lambda: httpx.get(f"{widget.url}/readyz", trust_env=False).status_code == 503)
        process.popen.send_signal(signal.SIGTERM)
        process.popen.wait(AN_END)
    finally:
        process.kill()


def test_what_is_cut_off_while_nobody_can_write_it_down_is_named(
    insider: Sandbox, postgres: Postgres, relay: Relay, tmp_path: Path, start_widget: Callable[..., Widget]
) -> None:
    url = postgres.database().replace(f":{postgres.port}/", f":{relay.port}/")
    Widget(tmp_path, insider.url, DATABASE_URL=url).migrate()
    widget = start_widget(DATABASE_URL=url, SHUTDOWN_GRACE="0.5", DELIVERY_WAIT="0")
    until(lambda: "engine.listening" in widget.log())
    insider.slow(60, "create")
    token = widget.token()
    assert widget.submit(token=token).status_code == 202
    until(lambda: insider.counts()["create"] == 1)
    relay.fall_silent()
    widget.client.close()
    os.kill(widget.pid, signal.SIGTERM)
    widget.process.popen.wait(AN_END)
    lines = [json.loads(line) for line in widget.log().splitlines() if "cut_off" in line]
    named = [*lines[0].get("submissions", []), *lines[0].get("sending", [])]  # the delivery, or else the process
    assert named == [submission_id_of(token)]
    insider.recover()
