"""ClamAV scans each file before it is forwarded.

A stand-in speaks the daemon's protocol and misbehaves on request. Assumptions about the protocol are checked against
the real daemon, whose virus database has one entry: EICAR's test string.
"""

import asyncio
import io
import os
import re
import shutil
import socket
import socketserver
import sqlite3
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pikepdf
import pytest
import uvloop
from bed import FACT, START, Process, Sandbox, plain_environ, until
from samples import png, screenshot

from widget.files.clamav import Scanner, ScannerUnavailable

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def _infected() -> bytes:
    """A PDF with the test virus in a picture, because the scanned copy drops whatever follows a PDF's end."""
    with pikepdf.new() as document:
        document.add_blank_page()
        document.pages[0].Resources = pikepdf.Dictionary(
            Shown=document.make_stream(EICAR, Filter=pikepdf.Name.JPXDecode)
        )
        target = io.BytesIO()
        document.save(target)
    return target.getvalue()


TEST_FILE = _infected()


class Clamd:
    """A daemon on a socket. `limit` is its StreamMaxLength in bytes; `answer` replaces its answer to everything."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.limit = 25 << 20
        self.answer: bytes | None = None
        self.asked = threading.Event()
        """Set once it has the whole of a file."""
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.hangs_up: str | None = None
        """When it closes the connection without an answer: "at once", "after the command", "within a file"."""
        self.hung_up = threading.Event()
        self.scanned: list[bytes] = []
        self.port = server.server_address[1]
        server.clamd = self


class _HangUp(Exception):
    """The connection was closed without an answer."""


class _Session(socketserver.StreamRequestHandler):
    server: Any

    def handle(self) -> None:
        clamd: Clamd = self.server.clamd
        try:
            self._serve(clamd)
        except _HangUp:
            self.request.close()  # with unread data: a reset
            clamd.hung_up.set()

    def _serve(self, clamd: Clamd) -> None:
        def step(name: str) -> None:
            if clamd.hangs_up == name:
                raise _HangUp

        step("at once")
        command = b""
        while not command.endswith(b"\0"):
            command += self.rfile.read(1)
        if command == b"zPING\0":
            self.wfile.write(b"PONG\0")
            return
        assert command == b"zINSTREAM\0"
        step("after the command")
        content = b""
        while length := struct.unpack(">I", self.rfile.read(4))[0]:
            content += self.rfile.read(length)
            step("within a file")
            if len(content) > clamd.limit:
                self.wfile.write(b"INSTREAM size limit exceeded. ERROR\0")
                return
        clamd.asked.set()
        clamd.may_answer.wait(60)
        clamd.scanned.append(content)
        found = b"stream: Eicar-Test-Signature FOUND\0" if EICAR in content else b"stream: OK\0"
        self.wfile.write(found if clamd.answer is None else clamd.answer)


class _UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def serving(address: str) -> Iterator[Clamd]:
    """A stand-in at that path, or at `127.0.0.1:PORT`."""
    host, _, port = address.partition(":")
    server = _TcpServer((host, int(port)), _Session) if port else _UnixServer(address, _Session)
    clamd = Clamd(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield clamd
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        Path(address).unlink(missing_ok=True)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "clamd.ctl")


@pytest.fixture
def clamd(path: str) -> Iterator[Clamd]:
    with serving(path) as clamd:
        yield clamd


async def chunks(data: bytes, size: int = 70_000):
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def test_a_clean_file_is_clean_and_was_seen_whole(clamd, path):
    data = png(size=1 << 20)
    assert await Scanner(f"unix://{path}").scan(chunks(data)) is None
    assert clamd.scanned == [data]


async def test_a_virus_is_named(clamd, path):
    assert await Scanner(f"unix://{path}").scan(chunks(TEST_FILE, 10)) == "Eicar-Test-Signature"


async def test_it_is_reached_by_tcp_too():
    with serving("127.0.0.1:0") as clamd:
        scanner = Scanner(f"tcp://127.0.0.1:{clamd.port}")
        await scanner.ping()
        assert await scanner.scan(chunks(TEST_FILE)) == "Eicar-Test-Signature"


@pytest.mark.parametrize(
    "answer",
    [b"", b"stream: OK", b"stream: OK\nstream: X FOUND\0", b"stream: lstat() failed. ERROR\0", b"OK\0", b"\xff" * 9000],
)
async def test_only_the_whole_word_counts_as_clean(clamd, path, answer):
    clamd.answer = answer
    with pytest.raises(ScannerUnavailable):
        await Scanner(f"unix://{path}").scan(chunks(png()))


async def test_a_limit_of_the_daemon_is_no_clean_file(clamd, path):
    clamd.limit = 1000
    with pytest.raises(ScannerUnavailable, match=r"size limit exceeded|cannot be reached"):
        await Scanner(f"unix://{path}").scan(chunks(png(size=1 << 20)))


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("when", ["at once", "after the command", "within a file"])
def test_a_daemon_that_hangs_up_says_nothing_about_a_file(clamd, path, when, loop):
    clamd.hangs_up = when

    async def file():
        yield png()
        await asyncio.to_thread(clamd.hung_up.wait, FACT)
        for _ in range(100):  # while the event loop notices
            await asyncio.sleep(0)
            yield png()

    async def scan():
        with pytest.raises(ScannerUnavailable):
            await Scanner(f"unix://{path}").scan(file())

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scan())


async def test_a_daemon_that_is_away_says_nothing_about_a_file(path):
    with pytest.raises(ScannerUnavailable, match="cannot be reached"):
        await Scanner(f"unix://{path}").scan(chunks(png()))
    with pytest.raises(ScannerUnavailable):
        await Scanner(f"unix://{path}").ping()


# --- the daemon itself -------------------------------------------------------------------------------------------


def listens(path: Path) -> bool:
    """Whether somebody accepts connections there: the file comes first."""
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(str(path)) == 0


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of ClamAV's own daemon."""
    folder = tmp_path_factory.mktemp("clamd")
    (folder / "database").mkdir()
    (folder / "database" / "test.ndb").write_text(f"Eicar-Test:0:*:{EICAR.hex()}\n")
    (folder / "clamd.conf").write_text(
        f"LocalSocket {folder}/clamd.ctl\nDatabaseDirectory {folder}/database\nForeground yes\nStreamMaxLength 5M\n"
    )
    program = shutil.which("clamd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    assert program is not None, "clamd is not installed"
    process = Process([program, "-c", str(folder / "clamd.conf")], folder / "log", plain_environ(), folder)
    try:
        until(lambda: listens(folder / "clamd.ctl"), START)
        yield f"unix://{folder}/clamd.ctl"
    finally:
        process.kill()


async def test_the_daemon_itself_understands_and_is_understood(daemon):
    scanner = Scanner(daemon)
    await scanner.ping()
    assert await scanner.scan(chunks(png(size=4 << 20))) is None
    assert await scanner.scan(chunks(TEST_FILE, 10)) == "Eicar-Test.UNOFFICIAL"
    with pytest.raises(ScannerUnavailable):
        await scanner.scan(chunks(bytes(6 << 20)))


def test_what_the_daemon_itself_finds_is_not_forwarded(start_widget, insider: Sandbox, daemon) -> None:
    widget = start_widget(CLAMD=daemon)
    files = [("a.png", png(), "image/png"), ("order.pdf", TEST_FILE, "application/pdf")]
    attachments = widget.submit("hello", files=files).json()["attachments"]
    assert [(file["name"], file["status"]) for file in attachments] == [("a.png", "attached"), ("order.pdf", "refused")]
    assert [file["name"] for file in insider.feedbacks()[0]["attachments"]] == ["a.png"]


# --- on the way to Insider Connect ------------------------------------------------------------------------------


def test_a_clean_file_is_forwarded(start_widget, insider: Sandbox, clamd, path):
    answer = start_widget(CLAMD=f"unix://{path}").submit(files=[("a.png", png(), "image/png")])
    assert answer.json()["attachments"] == [{"name": "a.png", "status": "attached"}]
    assert clamd.scanned == [png()]


def test_a_virus_is_not_forwarded_the_rest_is_and_the_receipt_says_why(
    start_widget, insider: Sandbox, clamd, path
) -> None:
    widget = start_widget(CLAMD=f"unix://{path}")
    files = [("a.png", screenshot(), "image/png"), ("order.pdf", TEST_FILE, "application/pdf")]
    answer = widget.submit("hello", files=files)
    assert answer.status_code == 201
    assert [file["name"] for file in insider.feedbacks()[0]["attachments"]] == ["a.png"]
    attachments = widget.receipt(answer)["attachments"]
    assert [(file["name"], file["status"], file.get("note")) for file in attachments] == [
        ("a.png", "attached", "location_removed"),
        ("order.pdf", "refused", None),
    ]
    assert attachments[1]["message"] == "A virus was found in this file, so it was not passed on."
    page = widget.client.get(answer.json()["receipt_url"] + "?lang=de").text
    assert "ein Virus gefunden" in page
    assert "Standortdaten entfernt" in page
    assert "Eicar-Test-Signature" in widget.log()
    assert not widget.files()


def test_a_file_alone_that_is_a_virus_leaves_the_words_delivered(start_widget, insider: Sandbox, clamd, path) -> None:
    widget = start_widget(CLAMD=f"unix://{path}")
    receipt = widget.until_delivered(widget.submit(files=[("order.pdf", TEST_FILE, "application/pdf")]))
    assert [file["status"] for file in receipt["attachments"]] == ["refused"]
    assert insider.descriptions() == ["Good"]
    assert insider.counts()["attach"] == 0


def test_while_the_scanner_is_away_a_submission_is_accepted_and_its_file_waits(
    start_widget, insider: Sandbox, path
) -> None:
    widget = start_widget(CLAMD=f"unix://{path}", RETRY_MIN="0.2", RETRY_MAX="0.4", SWEEP_INTERVAL="0.2")
    answer = widget.submit("hello", files=[("a.png", png(), "image/png")])
    assert answer.status_code == 202
    until(lambda: "virus scanner cannot be reached" in widget.log())
    assert insider.descriptions() == ["hello"]
    assert insider.counts()["attach"] == 0
    assert widget.submit("words alone").status_code == 201
    receipt = widget.receipt(answer)
    assert (receipt["status"], receipt["attachments"][0]["status"]) == ("accepted", "waiting")
    with serving(path) as clamd:
        assert widget.until_delivered(answer)["attachments"][0]["status"] == "attached"
        assert len(clamd.scanned) == 1
    assert insider.counts()["create"] == 2


@pytest.mark.parametrize("when", ["at once", "after the command", "within a file"])
def test_a_scanner_that_hangs_up_keeps_a_file_waiting(start_widget, insider: Sandbox, clamd, path, when) -> None:
    clamd.hangs_up = when
    widget = start_widget(CLAMD=f"unix://{path}", RETRY_MIN="0.2", RETRY_MAX="0.4", SWEEP_INTERVAL="0.2")
    answer = widget.submit("hello", files=[("a.png", png(size=4 << 20), "image/png")])
    assert answer.status_code == 202
    until(lambda: '"reason": "the virus scanner' in widget.log())
    clamd.hangs_up = None
    widget.until_delivered(answer)
    assert insider.counts()["create"] == insider.counts()["attach"] == 1
    assert "delivery.failed" not in widget.log()


def test_a_scanner_that_is_slow_keeps_a_file_waiting(start_widget, insider: Sandbox, clamd, path) -> None:
    clamd.may_answer.clear()
    widget = start_widget(CLAMD=f"unix://{path}", CLAMD_TIMEOUT="0.3", RETRY_MIN="0.2", RETRY_MAX="0.4")
    answer = widget.submit("hello", files=[("a.png", png(), "image/png")])
    assert answer.status_code == 202
    until(lambda: re.search(r"did not answer within 0.3 s", widget.log()))
    assert insider.counts()["attach"] == 0
    clamd.may_answer.set()
    widget.until_delivered(answer)


def test_a_stop_while_a_file_is_scanned_leaves_no_doubt_about_it(start_widget, insider: Sandbox, clamd, path) -> None:
    clamd.may_answer.clear()
    widget = start_widget(CLAMD=f"unix://{path}", DELIVERY_WAIT="0", SHUTDOWN_GRACE="0")
    answer = widget.submit("hello", files=[("a.png", png(), "image/png")])
    assert clamd.asked.wait(FACT)
    widget.stop()
    with sqlite3.connect(widget.folder / "widget.db") as database:
        assert database.execute("SELECT state, last_error FROM submission").fetchall() == [
            ("queued", "stopped while scanning")
        ]
    clamd.may_answer.set()
    widget.start()
    widget.until_delivered(answer)
    assert insider.counts()["create"] == insider.counts()["attach"] == 1
