"""A raw-socket server misbehaves towards the running widget: it loses and repeats nothing, and its memory is
bounded."""

import asyncio
import gzip
import re
import socket
import ssl
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import children
import pytest
import trustme
import wire
from bed import IN_ENGLISH, Widget, submission_id_of, until
from samples import png
from structlog.testing import capture_logs
from wire import Wire

from widget.delivery.heartbeat import Heartbeat
from widget.insider import transport
from widget.ops.mailing import Mailer
from widget.ops.posting import NotTaken, Poster

SETTINGS = {
    "RETRY_MIN": "0.1",
    "RETRY_MAX": "0.3",
    "PROBE_INTERVAL": "0.3",
    "SWEEP_INTERVAL": "0.3",
    "UNKNOWN_POLICY": "park",
    "DELIVERY_TIMEOUT": "1",
    "DELIVERY_WAIT": "3",
}
FILES = [("a.png", png(), "image/png")]


@pytest.fixture(scope="module")
def server() -> Iterator[Wire]:
    with Wire() as server:
        yield server


@pytest.fixture(scope="module")
def shared(server: Wire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Widget]:
    with Widget(tmp_path_factory.mktemp("widget"), server.url, **SETTINGS) as widget:
        yield widget


@pytest.fixture
def widget(shared: Widget, server: Wire) -> Widget:
    """One widget for all tests: it survives each of them."""
    server.behave()
    server.counts.clear()
    return shared


def seen(widget: Widget, token: str) -> dict[str, Any]:
    """A submission as the operator sees it."""
    (row,) = [row for row in widget.rows() if row["id"] == submission_id_of(token)]
    return row


def memory(widget: Widget) -> int:
    """The process's peak memory, in bytes."""
    lines = Path(f"/proc/{widget.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def packed_twice(connection: socket.socket) -> None:
    """Half a gigabyte in a few hundred bytes."""
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    megabyte = packing.compress(bytes(1_000_000)) + packing.flush(zlib.Z_FULL_FLUSH)  # blocks that can be repeated
    bomb = gzip.compress(wire.GZIP_HEAD + 500 * megabyte)
    head = b"Content-Encoding: gzip, gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    wire.answering(wire.HEAD + head + bomb)(connection)


ODD = {
    "a head that drips": (wire.drip, "no answer in time"),
    "nothing at all": (wire.silent, "no answer in time"),
    "a reset within the head": (wire.reset, "the connection broke before the answer came"),
    "a head without end": (wire.endless_head, "no complete HTTP answer came"),
    "two lengths": (
        wire.answering(wire.HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x"),
        "no complete HTTP answer came",
    ),
    "no status at all": (wire.answering(b"\0\xff\r\n\r\n"), "no complete HTTP answer came"),
}


UNREADABLE = {
    "a body without end": wire.endless,
    "a body packed twice": packed_twice,
    "a body longer than it says": wire.too_long,
    "a body that ends early": wire.too_short,
    "a body that never comes": wire.bodiless,
}
"""Answers with status 201 and an unreadable body."""


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_feedback_whose_id_cannot_be_read_is_created_and_never_again(widget: Widget, server: Wire, name: str) -> None:
    server.behaviours["create"] = UNREADABLE[name]
    before = memory(widget)
    answer = widget.submit()
    assert (answer.status_code, answer.json()["feedback_id"]) == (201, None)
    with_files = widget.token()
    assert widget.submit(token=with_files, files=FILES).status_code == 202
    assert memory(widget) - before < 30_000_000
    row = seen(widget, with_files)
    assert (row["state"], row["due_in"], row["feedback_id"]) == ("unknown", None, None)
    assert "the files cannot be attached" in row["last_error"]
    server.behave()
    widget.operate("retry", row["id"])
    until(lambda: seen(widget, with_files)["state"] == "delivered")
    assert (server.counts["create"], server.counts["attach"]) == (2, 0)


@pytest.mark.parametrize("name", ODD)
def test_whatever_comes_back_for_a_create_it_is_unknown_within_the_time_and_the_memory(
    widget: Widget, server: Wire, name: str
) -> None:
    behaviour, reason = ODD[name]
    server.behaviours["create"] = behaviour
    token, before = widget.token(), memory(widget)
    answer = widget.submit(token=token)
    assert answer.status_code == 202
    assert memory(widget) - before < 30_000_000
    row = seen(widget, token)
    assert (row["state"], row["last_error"], row["due_in"]) == ("unknown", reason, None)
    assert (server.counts["create"], server.counts["attach"]) == (1, 0)
    server.behave()
    assert widget.submit("the next one").status_code == 201


@pytest.mark.parametrize("name", ["a head that drips", "a reset within the head", "a head without end"])
def test_whatever_comes_back_for_files_the_create_is_not_repeated(widget: Widget, server: Wire, name: str) -> None:
    server.behaviours["attach"], _ = ODD[name]
    token = widget.token()
    answer = widget.submit(token=token, files=FILES)
    row = seen(widget, token)
    assert (row["state"], row["feedback_id"]) == ("unknown", 32)
    server.behave()
    widget.operate("retry", row["id"])
    widget.until_delivered(answer)
    assert (server.counts["create"], server.counts["attach"]) == (1, 2)


@pytest.mark.parametrize("name", ["a head that drips", "a reset within the head", "a head without end"])
def test_without_a_token_nothing_was_sent_so_it_is_simply_repeated(
    server: Wire, widget: Widget, tmp_path: Path, name: str
) -> None:
    server.behaviours["token"], _ = ODD[name]
    with Widget(tmp_path, server.url, **SETTINGS) as fresh:
        answer = fresh.submit()
        assert (answer.status_code, server.counts["create"]) == (202, 0)
        server.behave()
        fresh.until_delivered(answer)
        assert server.counts["create"] == 1
        assert not fresh.row()["possible_duplicate"]


def test_an_answer_before_the_files_were_read_is_taken_for_what_it_says(widget: Widget, server: Wire) -> None:
    refusal = {"isSuccess": False, "data": None, "errors": ["Not these."], "requestId": "x"}
    server.behaviours["attach"] = wire.answering(wire.whole(refusal, 400))
    answer = widget.submit(files=FILES)
    assert widget.until_delivered(answer)["attachments"] == [
        {"name": "a.png", "status": "refused", "message": "Not these."}
    ]


# --- TLS --------------------------------------------------------------------------------------------------------


@pytest.fixture
def over_tls(tmp_path: Path) -> Iterator[Callable[..., tuple[Widget, Wire]]]:
    """Starts a widget that trusts one authority, and a server with a certificate of that authority or of another."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    opened: list[Any] = []

    def start(name: str, signed_by: trustme.CA = authority, **environ: str) -> tuple[Widget, Wire]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        signed_by.issue_cert(name).configure_cert(context)
        server = Wire(context).__enter__()
        opened.append(server)
        given = {**SETTINGS, "DELIVERY_WAIT": "1", "INSIDER_CA": str(tmp_path / "authority.pem"), **environ}
        widget = Widget(tmp_path, server.url, **given).__enter__()
        opened.append(widget)
        return widget, server

    yield start
    for each in reversed(opened):
        each.__exit__(None, None, None)


def test_a_certificate_that_is_right_is_spoken_to(over_tls: Callable[..., tuple[Widget, Wire]]) -> None:
    widget, _ = over_tls("localhost")
    assert widget.submit(files=FILES).status_code == 201


def test_what_decrypts_the_connection_is_written_down_nowhere(
    over_tls: Callable[..., tuple[Widget, Wire]], tmp_path: Path
) -> None:
    keys = tmp_path / "keys.log"
    widget, _ = over_tls("localhost", SSLKEYLOGFILE=str(keys))
    assert widget.submit(files=FILES).status_code == 201
    assert not keys.exists()


async def test_what_decrypts_alerts_mails_and_heartbeats_is_written_down_nowhere_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    transport.tls.cache_clear()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    with Wire(context) as server, capture_logs() as log:
        with pytest.raises(NotTaken, match="certificate"):
            await Poster().post(server.url, b"{}", {})
        with pytest.raises(NotTaken, match="certificate"):
            await Mailer("ops@northwind.example", None, f"smtps://localhost:{server.port}").check()
        heartbeat = Heartbeat(server.url)
        heartbeat.beat()
        await asyncio.wait([task for task in asyncio.all_tasks() if task.get_name() == "heartbeat"])
        await heartbeat.close()
    assert "certificate" in log[0]["reason"]
    assert not keys.exists()


@pytest.mark.parametrize("wrong", ["name", "authority"])
def test_a_server_with_a_wrong_certificate_is_sent_nothing_and_the_row_waits(
    over_tls: Callable[..., tuple[Widget, Wire]], tmp_path: Path, wrong: str
) -> None:
    widget, server = over_tls("elsewhere.example") if wrong == "name" else over_tls("localhost", trustme.CA())
    assert widget.submit(files=FILES).status_code == 202
    until(lambda: "delivery.paused" in widget.log())
    row = widget.row()
    assert row["state"] == "queued"
    assert re.match(r"the certificate of localhost:\d+ is not trusted: .*(localhost|issuer|self)", row["last_error"])
    assert not server.counts
    checked = children.run([*IN_ENGLISH, "check"], tmp_path, widget.environ)
    assert checked.returncode == 1
    assert "in INSIDER_CA" in checked.stdout
