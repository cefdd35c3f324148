"""With `DATA_KEY`, the database's files reveal nothing that people said, and everything else works as without it."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from bed import Sandbox, Widget, until
from postgres import Postgres
from samples import pdf, png

from widget.app.outbox import create_outbox
from widget.config.loading import load
from widget.tools.check import service

PLANTED, EMAIL = "planted-words-of-a-person", "planted.address@example.com"
PICTURE = ("planted-name.png", png(size=600_000), "image/png")
FILES = [PICTURE, ("b.pdf", pdf(), "application/pdf")]
PIXELS = PICTURE[1][300_000:300_064]
NEEDLES = (PLANTED.encode(), EMAIL.encode(), b"planted-name", PIXELS)
KEY, NEXT = "data-key-of-tests-0123456789abcdefghij", "next-key-of-tests-0123456789abcdefghij"
WAITING = {"DELIVERY_WAIT": "0", "RETRY_MIN": "0.1", "RETRY_MAX": "0.2", "SWEEP_INTERVAL": "0.3"}


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """An empty database of either kind: its address, and the folder that holds all of its files."""
    if request.param == "sqlite":
        (tmp_path / "data").mkdir()
        return f"sqlite:///{tmp_path / 'data' / 'widget.db'}", tmp_path / "data"
    server: Postgres = request.getfixturevalue("postgres")
    return server.database(), server.folder


def holding(folder: Path, needles: Sequence[bytes] = NEEDLES) -> Iterator[str]:
    """The files that contain any of `needles`, whether in rows, logs or remains of either."""
    for path in folder.rglob("*"):
        try:
            content = path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:
            continue
        if any(needle in content for needle in needles):
            yield path.name


@pytest.fixture
def waiting(insider: Sandbox, place: tuple[str, Path], tmp_path: Path) -> Iterator[Widget]:
    """A widget that holds one submission, which Insider Connect does not accept yet."""
    insider.fail_with(503, "create")
    widget = Widget(tmp_path, insider.url, DATABASE_URL=place[0], DATA_KEY=KEY, **WAITING)
    widget.migrate()
    with widget:
        answer = widget.submit(f"{PLANTED} " * 20, EMAIL, files=FILES)
        assert answer.status_code == 202, answer.text
        yield widget


def test_no_file_of_the_database_holds_anything_readable(waiting: Widget, place: tuple[str, Path]) -> None:
    until(lambda: waiting.row()["last_error"], pause=0.2)
    assert list(holding(place[1])) == []
    waiting.stop()
    assert list(holding(place[1])) == []


def test_without_the_key_they_do(insider: Sandbox, place: tuple[str, Path], tmp_path: Path) -> None:
    insider.fail_with(503, "create")
    widget = Widget(tmp_path, insider.url, DATABASE_URL=place[0], **WAITING)
    widget.migrate()
    with widget:
        widget.submit("what anybody can read")
        assert list(holding(place[1], [b"what anybody can read"]))


def test_it_is_delivered_as_it_was_said(waiting: Widget, insider: Sandbox) -> None:
    insider.recover()
    until(lambda: waiting.row()["state"] == "delivered", pause=0.2)
    (feedback,) = insider.feedbacks()
    assert feedback["body"]["description"] == f"{PLANTED} " * 20
    assert feedback["body"]["submittedByEmail"] == EMAIL
    assert [attachment["name"] for attachment in feedback["attachments"]] == ["planted-name.png", "b.pdf"]
    assert PIXELS in insider.file(feedback["attachments"][0]["number"])


def test_the_operator_s_commands_read_it(waiting: Widget) -> None:
    row = waiting.row()
    shown = waiting.operate("show", row["id"], "--with-text", "--json")
    assert EMAIL in shown.stdout
    exported = json.loads(waiting.operate("export").stdout)
    assert exported["feedback"]["description"].startswith(PLANTED)
    assert exported["attachments"][0]["name"] == "planted-name.png"
    erased = waiting.operate("erase", "--email", "-", "--yes", typed=EMAIL.upper())
    assert "Erased 1 submission" in erased.stdout, erased.stderr
    assert waiting.row()["erased"]


def test_a_key_is_rotated_without_losing_a_row(waiting: Widget, insider: Sandbox) -> None:
    waiting.environ["DATA_KEY"] = f"{NEXT},{KEY}"
    waiting.restart()
    waiting.submit("with the next key")
    insider.recover()
    until(lambda: {row["state"] for row in waiting.rows()} == {"delivered"}, pause=0.2)
    assert len(insider.descriptions()) == 2


def checked(widget: Widget) -> str:
    """What `widget check` finds wrong with the database."""
    settings = load(widget.environ)
    (finding,) = asyncio.run(service.check_database(settings, create_outbox(settings))).findings
    assert finding.at == "DATA_KEY"
    return finding.message


def test_a_start_without_the_key_is_refused_and_says_how_many(
    waiting: Widget, insider: Sandbox, subtests: pytest.Subtests
) -> None:
    waiting.stop()
    for times, key in enumerate(("", NEXT), 1):
        with subtests.test("start", key=key):
            waiting.environ["DATA_KEY"] = key
            log = waiting.refuses()
            assert log.count("DATA_KEY: 1 submission is encrypted with a key that is not listed") == times
            assert "1 submission is encrypted with a key that is not listed" in checked(waiting)
            listed = waiting.operate("list")
            assert listed.returncode == 1
            assert "DATA_KEY" in listed.stderr
    waiting.environ["DATA_KEY"] = KEY
    insider.recover()
    waiting.start()
    until(lambda: waiting.row()["state"] == "delivered", pause=0.2)


def test_what_is_lost_with_a_key_is_given_up_by_name(waiting: Widget) -> None:
    waiting.stop()
    waiting.environ["DATA_KEY"] = NEXT
    erased = waiting.operate("erase", "--unreadable", "--yes")
    assert "Erased 1 submission" in erased.stdout, erased.stderr
    waiting.start()
    assert waiting.row()["state"] == "discarded"


def test_a_damaged_row_holds_up_nobody_and_is_named(insider: Sandbox, tmp_path: Path) -> None:
    insider.fail_with(503, "create")
    path = tmp_path / "widget.db"
    with Widget(tmp_path, insider.url, DATA_KEY=KEY, **WAITING) as widget:
        widget.submit(PLANTED, EMAIL)
        broken = widget.row()["id"]
        with sqlite3.connect(path, timeout=30) as database:
            database.execute("UPDATE submission SET description = substr(description, 1, 60)")
        widget.submit("the next person's", "next@example.com")
        insider.recover()
        until(lambda: insider.descriptions() == ["the next person's"])
        until(lambda: {row["state"] for row in widget.rows()} == {"refused", "delivered"}, pause=0.2)
        assert widget.log().count('"submission.damaged"') == 1
        shown = widget.operate("show", broken, "--with-text")
        assert "damaged in storage: description cannot be decrypted" in shown.stdout
        assert EMAIL in shown.stdout
        assert f'"ids": ["{broken}"]' in widget.operate("erase", "--email", "-", "--yes", "--json", typed=EMAIL).stdout
