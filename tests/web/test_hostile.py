"""Hostile requests: each gets its status and code, nothing is kept or forwarded, and others are still served.

A case is what is sent and what must be returned. `None` for a status means that the connection ends without an answer.
"""

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from bed import NO_TLS, TWO_PRODUCTS, Sandbox, Widget, until
from hostile import GOOD, HTTP, RAW, SMUGGLED, Case, get, made, post

from widget.errors import STATUS

HEADER_TIMEOUT, READ_TIMEOUT = 1.0, 1.5
"""Seconds."""
MADE = 600


@pytest.fixture(scope="module")
def shared(_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Widget]:
    settings = {"HEADER_TIMEOUT": str(HEADER_TIMEOUT), "READ_TIMEOUT": str(READ_TIMEOUT), "BODY_TIMEOUT": "4"}
    with Widget(
        tmp_path_factory.mktemp("widget"), _sandbox.url, config=TWO_PRODUCTS, LOG_LEVEL="debug", **settings
    ) as widget:
        yield widget


@pytest.fixture
def widget(shared: Widget, insider: Sandbox) -> Iterator[Widget]:
    """One widget for all tests. After each case nothing is stored or forwarded, and nothing has crashed."""
    before, stored_before = len(shared.log()), shared.stored()
    yield shared
    until(lambda: shared.stored() == stored_before)  # once the service has noticed who has gone
    assert insider.counts()["create"] == 0
    log = shared.log()[before:]
    assert "Traceback" not in log
    assert '"level": "error"' not in log


def is_well(widget: Widget) -> None:
    """Serve somebody else, on another connection, while the case is under way."""
    assert httpx.get(f"{widget.url}/healthz", trust_env=False, verify=NO_TLS, timeout=10).status_code == 200


# --- raw sockets ------------------------------------------------------------------------------------------------


def answers(connection: socket.socket) -> list[tuple[int, dict[str, str], bytes]]:
    """All answers until the other side closes."""
    received = b""
    while True:
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            break
        if not piece:
            break
        received += piece
    found = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        status, *fields = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in fields)}
        size = int(headers.get("content-length", 0))
        found.append((int(status.split(" ")[1]), headers, received[:size]))
        received = received[size:]
    return found


@pytest.mark.parametrize("name", RAW)
def test_a_hostile_connection_is_refused_and_ended(widget: Widget, name: str) -> None:
    request, status = RAW[name]
    with socket.create_connection(("127.0.0.1", widget.port), timeout=10) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has read enough
            connection.sendall(request)
        is_well(widget)
        found = answers(connection)
    if status is None:
        assert not found
        return
    ((got, headers, body),) = found
    assert got == status, body
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors" in headers["content-security-policy"]
    assert re.search(rb'"code": ?"(malformed|request_too_large)"', body)


def drip(connection: socket.socket, data: bytes) -> float:
    """Send byte by byte until the other side closes. Returns after how many seconds it did."""
    start = time.monotonic()
    try:
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)
    except (BrokenPipeError, ConnectionResetError):
        return time.monotonic() - start
    raise AssertionError(f"still taking bytes after {time.monotonic() - start:.1f} s")


def test_a_head_that_drips_is_ended_by_its_deadline_not_by_each_byte(widget: Widget) -> None:
    with socket.create_connection(("127.0.0.1", widget.port), timeout=10) as connection:
        assert drip(connection, get(b"X: " + b"a" * 2000)) > HEADER_TIMEOUT / 2
    is_well(widget)


def test_a_body_that_drips_is_ended_by_the_deadline_of_the_whole(widget: Widget) -> None:
    with socket.create_connection(("127.0.0.1", widget.port), timeout=10) as connection:
        connection.sendall(
            post(b"Content-Length: 100000\r\n", b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n')
        )
        connection.settimeout(0.3)
        start, answer = time.monotonic(), b""
        while not answer and time.monotonic() - start < 12:
            try:
                connection.sendall(b"a")
                answer = connection.recv(65536)
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 400 ")
    is_well(widget)


def test_a_body_that_nobody_asked_for_does_not_hold_the_connection(widget: Widget) -> None:
    with socket.create_connection(("127.0.0.1", widget.port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        drip(connection, b"a" * 2000)


def test_a_whole_request_is_answered_before_the_broken_one_behind_it(widget: Widget) -> None:
    with socket.create_connection(("127.0.0.1", widget.port), timeout=10) as connection:
        connection.sendall(get(path=b"/readyz") + b"BROKEN / HTTP/1.1\r\n\r\n")
        found = answers(connection)
    assert [status for status, _, _ in found] == [200]


def test_an_upgrade_is_not_made_and_ends_the_connection(widget: Widget) -> None:
    with socket.create_connection(("127.0.0.1", widget.port), timeout=10) as connection:
        connection.sendall(get(b"Connection: Upgrade", b"Upgrade: websocket", path=b"/healthz") + SMUGGLED)
        found = answers(connection)
    assert [status for status, _, _ in found] == [200]


def test_200_silent_sockets_turn_nobody_away(widget: Widget) -> None:
    silent = [socket.create_connection(("127.0.0.1", widget.port), timeout=10) for _ in range(200)]
    try:
        for connection in silent[::2]:
            connection.sendall(b"POST /form/demo HTTP/1.1\r\nHost: lo")
        for _ in range(5):
            is_well(widget)
        answer = widget.submit(email=None)
        assert answer.status_code == 422
        for connection in silent:
            assert len(answers(connection)) <= 1  # each ends
    finally:
        for connection in silent:
            connection.close()


def test_an_answer_that_nobody_fetches_is_given_up(widget: Widget) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", widget.port))
        connection.settimeout(10)
        connection.sendall(get(path=b"/static/form.css") * 200)
        time.sleep(3 * HEADER_TIMEOUT + 2)
        is_well(widget)
        drip(connection, b"x" * 100)


# --- through HTTP -----------------------------------------------------------------------------------------------


def send(widget: Widget, case: Case) -> httpx.Response:
    headers = {"Accept": "application/json", **case.headers}
    if callable(case.body):
        return widget.client.post(case.path, content=case.body(), headers=headers)
    if case.body is not None:
        return widget.client.post(case.path, content=case.body, headers=headers)
    if case.method != "POST" or case.path != "/form/demo":
        return widget.client.request(case.method, case.path, headers=headers)
    fields = {"token": widget.token() if case.token is None else case.token, **GOOD, **case.fields}
    return widget.post(fields, case.files, case.path, headers)


@pytest.mark.parametrize("name", HTTP)
def test_a_hostile_request_is_refused_with_its_code(widget: Widget, name: str) -> None:
    case = HTTP[name]
    answer = send(widget, case)
    is_well(widget)
    assert answer.status_code == case.status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert case.code in [error["code"] for error in answer.json()["errors"]]
    assert answer.headers["x-content-type-options"] == "nosniff"


# --- made at random, many at once -------------------------------------------------------------------------------


def refusal_of(widget: Widget, request: bytes) -> str | None:
    """Send it on a new connection. Returns the answer's code, or None if it does not have the contract's shape."""
    with socket.create_connection(("127.0.0.1", widget.port), timeout=30) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        found = answers(connection)
    if len(found) != 1 or found[0][1].get("content-type") != "application/problem+json":
        return None
    status, _, body = found[0]
    problem = json.loads(body)
    fault = problem["errors"][0]
    fits = {"type", "title", "status", "detail", "errors"} <= problem.keys() and problem["status"] == status
    said = fault["message"] and fault["field"] is not None
    return fault["code"] if (fits and said and 400 <= status < 500) or status == 505 else None


def test_hundreds_at_once_are_each_answered_in_one_shape_and_others_served_meanwhile(widget: Widget) -> None:
    requests = list(made(MADE, seed=12))
    with ThreadPoolExecutor(32) as threads:
        codes = [threads.submit(refusal_of, widget, request) for request in requests]
        while not all(code.done() for code in codes):
            is_well(widget)
    unfit = [request[:400] for request, code in zip(requests, codes, strict=True) if code.result() not in STATUS]
    assert unfit == []
    assert len({code.result() for code in codes}) >= 5


def test_there_are_enough_of_them() -> None:
    assert len(RAW) + len(HTTP) + MADE >= 400
