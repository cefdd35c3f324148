"""Request bodies over a real socket: the answers, and the files that are left on disk."""

import asyncio
import hashlib
import json
import os
import re
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse

from widget.errors import Fault, OutboxFull, OutboxUnavailable, Rejected
from widget.files.threads import run_uncancellable
from widget.intake import body as intake
from widget.intake import room
from widget.outbox.sqlite import SPARE

BOUNDARY = "form7MA4YWxk"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
END = f"--{BOUNDARY}--\r\n".encode()
PNG = b"\x89PNG\r\n\x1a\n"
MIB = 1024 * 1024


def text(name, value):
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def file(name, content):
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n"


def picture(size):
    return PNG + os.urandom(size - len(PNG))


class Server:
    """An application that only takes in a request and returns what it read."""

    def __init__(self, spool):
        self.spool = spool
        self.room = intake.Room(1024 * MIB, "PENDING_BYTES")
        self.limits = intake.Limits()
        self.disconnects = 0
        self.spooled_while_open = []
        self.tokens = []
        self.refused_token = None
        self.host, self.port, self.url = "", 0, ""

    async def __call__(self, scope, receive, send):
        request = Request(scope, receive, send)
        try:
            async with intake.receive(
                request, spool=self.spool, limits=self.limits, turns=intake.Turns(), room=self.room
            ) as incoming:
                response = await self.answer(incoming)
        except intake.ClientDisconnect:
            self.disconnects += 1
            return
        await response(scope, receive, send)

    async def answer(self, incoming):
        try:
            token = await incoming.token()
            self.tokens.append(token)
            if self.refused_token and token == self.refused_token:
                incoming.refuse(Rejected(Fault("token_invalid", "token")))
            raw = await incoming.form()
        except Rejected as rejected:
            headers = {} if incoming.whole else {"connection": "close"}
            faults = [[fault.field, fault.code, fault.position] for fault in rejected.faults]
            content = {"faults": faults, "fields": dict(incoming.fields), "close": not incoming.whole}
            return JSONResponse(content, status_code=rejected.status, headers=headers)
        except OutboxUnavailable:
            return JSONResponse({"fields": dict(incoming.fields), "close": not incoming.whole}, status_code=503)
        self.spooled_while_open = self.spooled
        files = [self.describe(file) for file in raw.files]
        return JSONResponse({"fields": raw.fields, "token": token, "files": files})

    def describe(self, file):
        content = file.content.read_bytes()
        assert len(content) == file.size
        return [
            file.name,
            file.media_type,
            hashlib.sha256(content).hexdigest(),
            oct(file.content.path.stat().st_mode & 0o777),
        ]

    @property
    def spooled(self):
        return list(self.spool.iterdir())

    def wait_until(self, condition):
        deadline = time.monotonic() + 30
        while not condition(self):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def post(self, *parts, end=END, **headers):
        headers = {"content-type": CONTENT_TYPE, **headers}
        return httpx.post(self.url, content=b"".join(parts) + end, headers=headers, timeout=10)

    @contextmanager
    def connection(self, length, *headers, begin=b""):
        """A socket that has sent the request's head, and along with it how its body begins."""
        head = [
            "POST / HTTP/1.1",
            "Host: x",
            f"Content-Type: {CONTENT_TYPE}",
            *([f"Content-Length: {length}"] if length else []),
            *headers,
        ]
        with socket.create_connection((self.host, self.port), timeout=10) as connection:
            connection.sendall("\r\n".join([*head, "", ""]).encode() + begin)
            yield connection


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    spool = tmp_path / "spool"
    spool.mkdir()
    app = Server(spool)
    config = uvicorn.Config(
        app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False, timeout_keep_alive=1
    )
    runner = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        app.host, app.port = listener.getsockname()
        app.url = f"http://{app.host}:{app.port}/"
        thread = threading.Thread(target=runner.run, kwargs={"sockets": [listener]})
        thread.start()
        app.wait_until(lambda _: runner.started)
        yield app
        runner.should_exit = True
        thread.join()
    assert app.spooled == []


def answer(connection):
    """Everything the server sent until it closed the connection."""
    received = b""
    with suppress(ConnectionResetError):
        while data := connection.recv(65536):
            received += data
            head, blank, rest = received.partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            if blank and length and len(rest) >= int(length[1]):
                break
    head, _, content = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(content)


def test_a_form_with_text_and_five_whole_files_comes_through(server):
    contents = [picture(4 * MIB) for _ in range(5)]
    response = server.post(
        text("token", "abc"), text("description", "Grüße\r\n😀"), *[file("写真.png", content) for content in contents]
    )
    assert response.json() == {
        "fields": {"description": "Grüße\r\n😀"},
        "token": "abc",
        "files": [["写真.png", "image/png", hashlib.sha256(content).hexdigest(), "0o600"] for content in contents],
    }
    assert len(server.spooled_while_open) == 5
    assert server.spooled == []


def test_what_a_browser_sends_without_files_has_none(server):
    response = server.post(text("token", "abc"), text("submittedByEmail", "mara@northwind.example"), file("", b""))
    assert response.json()["files"] == []
    assert server.spooled_while_open == []


@pytest.mark.parametrize(
    ("content_type", "status", "code"),
    [
        ("application/json", 415, "media_type"),
        ("application/x-www-form-urlencoded", 415, "media_type"),
        ("multipart/form-data", 400, "malformed"),
        ("multipart/form-data; boundary=", 400, "malformed"),
        (f"multipart/form-data; boundary={'x' * 71}", 400, "malformed"),
    ],
)
def test_what_is_no_form_is_refused(server, content_type, status, code):
    response = server.post(text("description", "x"), **{"content-type": content_type})
    assert (response.status_code, response.json()["faults"]) == (status, [["", code, None]])


def test_a_body_without_its_closing_boundary_is_malformed_and_leaves_nothing(server):
    response = server.post(text("description", "kept"), file("a.png", picture(MIB)), end=b"")
    assert response.status_code == 400
    assert response.json() == {"faults": [["", "malformed", None]], "fields": {"description": "kept"}, "close": False}


def test_a_chunked_body_that_ends_early_is_malformed(server):
    response = httpx.post(server.url, content=iter([text("description", "x")]), headers={"content-type": CONTENT_TYPE})
    assert response.json()["faults"] == [["", "malformed", None]]


def test_text_that_is_not_utf8_is_malformed(server):
    response = server.post(text("description", "é").replace("é".encode(), b"\xe9"))
    assert response.json()["faults"] == [["", "malformed", None]]


def test_a_line_feed_in_a_file_name_reaches_nobody(server):
    response = server.post(file('a\nContent-Type: text/html"; x="\x00.png', picture(20)))
    assert [name for name, *_ in response.json()["files"]] == ["html.png"]


def test_a_client_that_goes_away_leaves_nothing(server):
    sent = file("a.png", picture(MIB))
    with server.connection(2 * MIB) as connection:
        connection.sendall(sent)
        server.wait_until(lambda server: server.spooled)
    server.wait_until(lambda server: server.disconnects)
    assert server.spooled == []


def test_a_client_that_stops_sending_is_answered_after_the_read_timeout(server):
    server.limits = replace(server.limits, read_timeout=0.2)
    begin = text("description", "kept") + file("a.png", picture(MIB // 16))
    with server.connection(2 * MIB, begin=begin) as connection:
        status, said = answer(connection)
    assert status == 400
    assert said == {"faults": [["", "malformed", None]], "fields": {"description": "kept"}, "close": True}


def test_a_client_that_dribbles_is_answered_after_the_whole_timeout(server):
    server.limits = replace(server.limits, read_timeout=5, total_timeout=0.3)
    with server.connection(10_000) as connection:
        started = time.monotonic()
        for byte in text("description", "x" * 1000):
            with suppress(OSError):
                connection.sendall(bytes([byte]))
            time.sleep(0.01)
            if time.monotonic() - started > 0.5:
                break
        status, said = answer(connection)
    assert (status, said["faults"], said["close"]) == (400, [["", "malformed", None]], True)


def test_a_file_that_is_too_large_is_named_beside_every_other_and_later_text_is_read(server):
    response = server.post(
        file("a.png", picture(4 * MIB + 1)),
        file("b.txt", b"plain text"),
        file("c.png", b""),
        file("d.png", picture(4 * MIB)),
        text("description", "kept"),
    )
    assert response.status_code == 413
    assert response.json() == {
        "faults": [["files", "file_too_large", 0], ["files", "file_type", 1], ["files", "file_type", 2]],
        "fields": {"description": "kept"},
        "close": False,
    }


def test_a_sixth_file_is_one_too_many(server):
    response = server.post(*[file("a.png", picture(20))] * 6)
    assert (response.status_code, response.json()["faults"]) == (413, [["files", "too_many_files", None]])


def test_after_the_first_fault_nothing_stays_on_the_disk_while_the_rest_is_read(server):
    first, second = file("a.png", picture(MIB)), file("b.png", b"no picture at all" * 100)
    rest = file("c.png", picture(MIB)) + text("description", "kept") + END
    with server.connection(len(first + second + rest)) as connection:
        connection.sendall(first)
        server.wait_until(lambda server: server.spooled)
        connection.sendall(second)
        server.wait_until(lambda server: not server.spooled)
        connection.sendall(rest)
        status, said = answer(connection)
    assert (status, said["fields"]) == (415, {"description": "kept"})


def test_a_refused_token_is_known_before_the_files_come_and_none_is_stored(server):
    server.refused_token = "forged"
    beginning, rest = text("token", "forged"), text("description", "kept") + file("a.png", picture(MIB))
    with server.connection(len(beginning + rest + END)) as connection:
        connection.sendall(
            beginning + rest[: len(BOUNDARY) + 4]
        )  # a field is complete only when the next line is not part of it
        server.wait_until(lambda server: server.tokens)
        connection.sendall(rest[len(BOUNDARY) + 4 :])
        time.sleep(0.1)
        assert server.spooled == []
        connection.sendall(END)
        status, said = answer(connection)
    assert status == 403
    assert said == {"faults": [["token", "token_invalid", None]], "fields": {"description": "kept"}, "close": False}


def test_a_request_that_is_too_large_is_answered_after_the_client_has_sent_it_all(server):
    server.limits = replace(server.limits, request_size=MIB, drain_size=8 * MIB)
    response = server.post(text("description", "kept"), file("a.png", picture(4 * MIB)))
    assert response.status_code == 413
    assert response.json() == {
        "faults": [["", "request_too_large", None]],
        "fields": {"description": "kept"},
        "close": False,
    }


def test_a_request_that_is_too_large_without_saying_so_is_counted(server):
    server.limits = replace(server.limits, request_size=MIB, drain_size=8 * MIB)
    sent = [text("description", "kept"), file("a.png", picture(2 * MIB)), END]
    response = httpx.post(server.url, content=iter(sent), headers={"content-type": CONTENT_TYPE})
    assert (response.status_code, response.json()["faults"]) == (413, [["", "request_too_large", None]])


def test_a_length_beyond_what_is_ever_read_is_answered_at_once(server):
    with server.connection(10**12) as connection:
        status, said = answer(connection)
    assert status == 413
    assert said == {"faults": [["", "request_too_large", None]], "fields": {}, "close": True}


def test_a_client_that_sends_on_without_end_is_answered_at_the_drain_limit(server):
    server.limits = replace(server.limits, request_size=MIB, drain_size=2 * MIB)
    with server.connection(0, "Transfer-Encoding: chunked") as connection:
        piece = text("description", "kept") + file("a.png", picture(2 * MIB))
        connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        status, said = answer(connection)
    assert status == 413
    assert said == {"faults": [["", "request_too_large", None]], "fields": {"description": "kept"}, "close": True}


def test_a_client_that_asks_first_gets_its_answer_before_it_sends(server):
    with server.connection(10**9, "Expect: 100-continue") as connection:
        status, said = answer(connection)
    assert (status, said["faults"], said["close"]) == (413, [["", "request_too_large", None]], True)


@contextmanager
def no_file_larger_than(size):
    """The kernel refuses the write, as on a full disk. Python ignores the signal that comes with it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_reported_as_such_with_the_text_given_back_and_nothing_left(server):
    with no_file_larger_than(500_000):
        response = server.post(file("a.png", picture(2 * MIB)), text("description", "kept"))
    assert response.status_code == 503
    assert response.json() == {"fields": {"description": "kept"}, "close": False}


def test_a_missing_directory_is_reported_as_unavailable(server):
    server.spool.rmdir()
    assert server.post(file("a.png", picture(20))).status_code == 503
    server.spool.mkdir()


def test_128_uploads_at_once_all_come_through(server):
    contents = [picture(256 * 1024) for _ in range(8)]

    async def upload(client, content):
        sent = text("token", "genuine") + file("a.png", content) + END
        return await client.post(server.url, content=sent, headers={"content-type": CONTENT_TYPE})

    async def upload_all():
        async with httpx.AsyncClient(limits=httpx.Limits(max_connections=128), timeout=30) as client:
            return await asyncio.gather(*(upload(client, contents[i % 8]) for i in range(128)))

    for i, response in enumerate(asyncio.run(upload_all())):
        assert response.json()["files"][0][2] == hashlib.sha256(contents[i % 8]).hexdigest()


@contextmanager
def sending(server, count, *parts):
    """So many clients, each at an address of its own, that have sent these parts and are silent."""
    body = b"".join(parts)
    with ExitStack() as stack:
        addresses = [f"X-Forwarded-For: 192.0.2.{number}" for number in range(count)]  # uvicorn believes a test
        connections = [stack.enter_context(server.connection(len(body) + MIB, address)) for address in addresses]
        for connection in connections:
            connection.sendall(body)
        yield connections


def on_disk(server):
    sizes = []
    for path in server.spooled:
        with suppress(FileNotFoundError):
            sizes.append(path.stat().st_size)
    return sum(sizes)


def test_who_sends_files_without_a_token_takes_nothing_from_those_who_have_one(server):
    whole = file("a.png", picture(4 * MIB)) * 3  # of which one request fits into the room without a token, not two
    with sending(server, 5, whole):
        server.wait_until(lambda server: len(server.spooled) == 3 and on_disk(server) > 12 * MIB - 131072)
        assert server.post(whole).status_code == 503
        person = server.post(text("token", "genuine"), *[file("a.png", picture(4 * MIB))] * 5)
        assert (person.status_code, len(person.json()["files"])) == (200, 5)
        assert on_disk(server) <= 21 * MIB
    server.wait_until(lambda server: not server.room.held)
    assert server.post(*[file("a.png", picture(4 * MIB))] * 5).status_code == 200


def test_all_requests_together_hold_no_more_than_the_room_and_leave_it_as_it_was(server):
    server.room = intake.Room(30 * MIB, "PENDING_BYTES")
    with sending(server, 2, text("token", "genuine"), *[file("a.png", picture(4 * MIB))] * 3):
        server.wait_until(lambda server: on_disk(server) > 24 * MIB - 131072)
        sent = [text("token", "genuine"), *[file("a.png", picture(4 * MIB))] * 2, text("description", "kept")]
        response = server.post(*sent)
        assert (response.status_code, response.json()["fields"]) == (503, {"description": "kept"})
        assert server.post(text("token", "genuine"), file("a.png", picture(MIB))).status_code == 200
    server.wait_until(lambda server: not server.room.held)
    assert server.post(text("token", "genuine"), *[file("a.png", picture(4 * MIB))] * 5).status_code == 200


def test_a_sender_gets_half_of_the_room_and_several_leave_some_for_the_next():
    shared = room.Room(120 * MIB, "PENDING_BYTES")

    def holds(sender):
        """How many MiB it can hold, however many requests it makes."""
        share, before = shared.share(sender), shared.held
        share.trust()
        with suppress(OutboxFull):
            while shared.held < 200 * MIB:
                share.take(MIB)
        return (shared.held - before) // MIB

    assert [holds("a"), holds("a")] == [60, 0]
    assert [holds("b"), holds("c")] == [30, 21]  # what one request may have is not cut down to less
    assert shared.held == 111 * MIB
    for_one = room.Room(1, "PENDING_BYTES").share("a")
    for_one.trust()
    for_one.take(21 * MIB)
    for_one.give_back()
    for_one.take(21 * MIB)


def test_uploads_stop_while_the_disk_has_space_for_what_was_accepted(server, monkeypatch):
    sent = [text("token", "genuine"), file("a.png", picture(MIB)), text("description", "kept")]
    monkeypatch.setattr(room, "LEAST_FREE", 1 << 62)
    response = server.post(*sent)
    assert (response.status_code, response.json()["fields"]) == (503, {"description": "kept"})
    assert server.spooled == []
    assert server.post(text("description", "a text")).status_code == 200
    monkeypatch.undo()
    assert server.post(*sent).status_code == 200
    assert room.LEAST_FREE >= 4 * SPARE


class Counting(room.Room):
    """Counts what was ever taken: in all, and without a token."""

    taken = (0, 0)

    def _change(self, sender: str, size: int, early: int) -> None:
        super()._change(sender, size, early)
        self.taken = self.taken[0] + max(size, 0), self.taken[1] + max(early, 0)


def test_files_behind_the_token_wait_until_it_is_known_to_be_genuine(server):
    server.refused_token = "forged"
    server.room, picture_part = Counting(1024 * MIB, "PENDING_BYTES"), file("a.png", picture(50_000))
    assert server.post(text("token", "forged"), picture_part).status_code == 403  # in one chunk
    assert server.room.taken == (0, 0)
    assert server.post(text("token", "genuine"), picture_part).status_code == 200
    assert server.room.taken == (50_000, 0)


# Without a server: cases that no client can cause.


def taking_in(messages, spool, limits=intake.Limits(), turns=None, room=None, sealed=False):  # noqa: B008 - it is frozen
    """The intake of a request whose body comes from a queue of ASGI messages."""
    headers = [(b"content-type", CONTENT_TYPE.encode())]
    request = Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, messages.get)
    turns, room = turns or intake.Turns(), room or intake.Room(1024 * MIB, "PENDING_BYTES")
    return intake.receive(request, spool=spool, limits=limits, turns=turns, room=room, sealed=sealed)


async def test_a_cancelled_request_leaves_nothing(tmp_path):
    messages: asyncio.Queue[Any] = asyncio.Queue()
    messages.put_nowait({"type": "http.request", "body": file("a.png", picture(MIB)), "more_body": True})

    async def take_in():
        async with taking_in(messages, tmp_path) as incoming:
            await incoming.form()
            pytest.fail("the body is not whole")

    task = asyncio.create_task(take_in())
    while not list(tmp_path.iterdir()):  # noqa: ASYNC110 - the thread that writes the file tells nobody
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(tmp_path.iterdir()) == []


async def test_a_text_gets_through_while_pictures_wait_for_their_turn(tmp_path):
    turns = intake.Turns(at_once=0)

    async def take_in(body):
        messages: asyncio.Queue[Any] = asyncio.Queue()
        messages.put_nowait({"type": "http.request", "body": body, "more_body": False})
        async with taking_in(messages, tmp_path, turns=turns) as incoming:
            return len((await incoming.form()).files)

    pictures = asyncio.create_task(take_in(file("a.png", picture(MIB)) + END))
    async with asyncio.timeout(30):
        assert await take_in(text("description", "x") + END) == 0
    assert not pictures.done()
    turns.free.release()
    assert await pictures == 1


async def test_what_came_before_a_client_paused_does_not_wait_in_memory(tmp_path):
    messages: asyncio.Queue[Any] = asyncio.Queue()
    messages.put_nowait({"type": "http.request", "body": file("a.png", picture(MIB // 2)), "more_body": True})

    async def take_in():
        async with taking_in(messages, tmp_path) as incoming:
            await incoming.form()

    task = asyncio.create_task(take_in())
    while sum(path.stat().st_size for path in tmp_path.iterdir()) < MIB // 2:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_the_caller_leaves_nothing_but_what_was_moved_away(tmp_path):
    messages: asyncio.Queue[Any] = asyncio.Queue()
    body = file("a.png", picture(20)) + file("b.png", picture(20)) + END
    messages.put_nowait({"type": "http.request", "body": body, "more_body": False})

    async def fail_half_way():
        async with taking_in(messages, tmp_path) as incoming:
            raw = await incoming.form()
            raw.files[1].content.path.rename(tmp_path / "moved")
            raise LookupError

    with pytest.raises(LookupError):
        await fail_half_way()
    assert [path.name for path in tmp_path.iterdir()] == ["moved"]


async def test_a_sealed_file_is_whole_to_us_and_unreadable_on_the_disk(tmp_path):
    """In one write or in many, and after the checked copy replaced it."""
    messages: asyncio.Queue[Any] = asyncio.Queue()
    sent, other = picture(3 * MIB + 5), picture(100_000)
    body = file("a.png", sent) + file("b.png", sent[:300]) + END
    pieces = [body[start : start + 100_003] for start in range(0, len(body), 100_003)]
    for piece in pieces:
        messages.put_nowait({"type": "http.request", "body": piece, "more_body": piece is not pieces[-1]})
    async with taking_in(messages, tmp_path, sealed=True) as incoming:
        first, second = (raw.content for raw in (await incoming.form()).files)
        assert (first.read_bytes(), second.read_bytes()) == (sent, sent[:300])
        kept = [content.path.read_bytes() for content in (first, second)]
        assert [len(each) for each in kept] == [len(sent), 300]
        assert all(sent[start : start + 16] not in kept[0] for start in range(0, len(sent), 65_536))
        assert kept[0][:300] != kept[1], "each has a key of its own"
        first.write_bytes(other)
        assert first.read_bytes() == other
        assert other[:16] not in first.path.read_bytes()
        assert first.path.stat().st_mode & 0o777 == 0o600


async def test_a_client_that_never_lets_us_wait_meets_the_whole_timeout_too(tmp_path):
    messages: asyncio.Queue[Any] = asyncio.Queue()
    messages.put_nowait({"type": "http.request", "body": text("description", "x") + END, "more_body": False})
    async with taking_in(messages, tmp_path, intake.Limits(total_timeout=0)) as incoming:
        with pytest.raises(Rejected) as caught:
            await incoming.form()
        assert (caught.value.status, incoming.whole) == (400, False)


async def test_cancelling_waits_for_the_write_that_is_under_way():
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def write():
        begun.set()
        may_end.wait(5)
        ended.set()

    task = asyncio.create_task(run_uncancellable(write))
    await asyncio.to_thread(begun.wait, 5)
    task.cancel()
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.sleep(0.01)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
