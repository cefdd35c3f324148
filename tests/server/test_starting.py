"""Starting while the database is unavailable or is not what it should be."""

import asyncio
import itertools
import os
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import children
import httpx
import pytest
from bed import IN_ENGLISH, NO_TLS, START, Sandbox, Widget, adjusted, free_port, until
from postgres import Postgres
from structlog.testing import capture_logs

from widget.app.outbox import create_outbox
from widget.config.loading import load
from widget.errors import ConfigurationError
from widget.outbox import opening
from widget.outbox.outage import Outage
from widget.outbox.outbox import Outbox
from widget.outbox.sqlite import SQLiteBackend
from widget.tools.check.service import check_database
from widget.web.headers import HEADERS

NOBODY_IS_THERE = "postgresql://widget@127.0.0.1:1/widget"


@pytest.fixture(params=["refused", "silent"])
def absent(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a database that refuses connections, or that accepts them and stays silent."""
    if request.param == "refused":
        yield NOBODY_IS_THERE
        return
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield NOBODY_IS_THERE.replace(":1/", f":{silent.getsockname()[1]}/")


@pytest.fixture
def away(postgres: Postgres, insider: Sandbox, tmp_path: Path) -> Iterator[str]:
    """The address of a migrated database whose server is stopped. A test may start it."""
    url = postgres.database()
    Widget(tmp_path, insider.url, DATABASE_URL=url).migrate()
    postgres.stop()
    yield url
    postgres.database()


def test_a_service_answers_at_once_and_accepts_when_the_database_is_there(
    start_widget: Callable[..., Widget], postgres: Postgres, away: str
) -> None:
    web = start_widget(DATABASE_URL=away, OPS_TOKEN="an-operators-token")
    assert web.client.get("/readyz").status_code == 503
    answer = web.client.get("/readyz", headers={"Authorization": "Bearer an-operators-token"}).json()
    assert "refused" in answer["checks"]["database"]
    token = web.token()
    refused = web.submit("kept", token=token)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (503, "unavailable")
    assert f"{refused.headers['retry-after']} seconds" in refused.json()["detail"]
    postgres.start()
    until(lambda: web.client.get("/readyz").status_code == 200)
    assert web.submit("kept", token=token).status_code == 201
    assert "Traceback" not in web.log()


def test_an_outbox_is_not_begun_in_silence_in_a_place_that_may_be_wrong(insider: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "not-mounted" / "widget.db"
    widget = Widget(tmp_path, insider.url, DATABASE_URL=f"sqlite:///{path}")
    assert f"there is no folder {path.parent}: is a volume not mounted" in widget.refuses()
    assert not path.parent.exists()
    path.parent.mkdir()
    with widget:
        until(lambda: '"widget.started"' in widget.log(), START)
        assert widget.lines("outbox.created")[0]["path"] == str(path)
        (started,) = widget.lines("widget.started")
        assert (started["address"], started["database"]) == (widget.url, str(path))
        assert started["insider_connect"] == insider.url
        widget.restart()
        until(lambda: widget.log().count('"widget.started"') == 2, START)
        assert widget.log().count("outbox.created") == 1


@pytest.mark.parametrize(
    ("place", "content", "words"),
    [
        (None, b"name,value\n1,2\n" * 20, "is not a SQLite database"),
        (None, b"SQLite format 3\0garbage", "is not a SQLite database"),
        (16, bytes(2), "is damaged"),
        (100, b"\xff" * 3000, "is damaged"),
    ],
    ids=["somebody else's file", "half a header", "an impossible header", "an overwritten page"],
)
async def test_what_is_no_database_is_said_at_once_and_left_as_it_is(
    tmp_path: Path, place: int | None, content: bytes, words: str
) -> None:
    path = tmp_path / "widget.db"
    if place is None:
        path.write_bytes(content)
        path.chmod(0o644)
    else:
        outbox = Outbox(SQLiteBackend(path))
        await outbox.migrate()
        await outbox.close()
        with path.open("r+b") as file:
            file.seek(place)
            file.write(content)
    before, mode = path.read_bytes(), path.stat().st_mode
    backend = SQLiteBackend(path)
    for _ in range(2):  # a start that took long tries again
        with pytest.raises(ConfigurationError, match=f"DATABASE_URL: {path} {words}"):
            await backend.open()
    await backend.close()
    assert (path.read_bytes(), path.stat().st_mode) == (before, mode)


async def test_what_is_no_file_is_said_at_once_and_keeps_its_rights(tmp_path: Path) -> None:
    """A device, such as /dev/null, would be closed to everybody else on the machine."""
    path = tmp_path / "widget.db"
    os.mkfifo(path)
    path.chmod(0o666)
    with pytest.raises(ConfigurationError, match=f"DATABASE_URL: {path} is no regular file"):
        await SQLiteBackend(path).open()
    assert stat.S_IMODE(path.stat().st_mode) == 0o666


def test_a_worker_answers_monitors_and_tells_of_an_outage_as_it_begins_and_ends(
    insider: Sandbox, tmp_path: Path, postgres: Postgres
) -> None:
    url = postgres.database().replace("widget@", "widget:a-password@")
    port = free_port()
    widget = Widget(tmp_path, insider.url, DATABASE_URL=url, WORKER_PORT=str(port), HEALTH_INTERVAL="0.1")
    widget.client.close()
    widget.migrate()
    process = widget.run("worker")

    def ready() -> int:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", verify=NO_TLS, trust_env=False).status_code

    try:
        process.until_answers(f"http://127.0.0.1:{port}/healthz")
        until(lambda: ready() == 200)
        assert "a-password" not in process.log()
        assert f'"address": "http://127.0.0.1:{port}", "database": "postgresql://widget:********@' in process.log()
        until(lambda: "engine.listening" in process.log())
        postgres.stop(signal.SIGQUIT)
        until(lambda: '"outbox.unavailable"' in process.log())
        until(lambda: ready() == 503)
        until(lambda: "engine.lost" in process.log())
        postgres.start()
        until(lambda: '"outbox.available"' in process.log())
        until(lambda: ready() == 200)
        assert process.log().count('"outbox.unavailable"') == 1
    finally:
        process.stop()


def test_what_a_worker_does_not_answer_is_not_found_and_leads_nowhere(
    insider: Sandbox, tmp_path: Path, postgres: Postgres
) -> None:
    port = free_port()
    widget = Widget(tmp_path, insider.url, DATABASE_URL=postgres.database(), WORKER_PORT=str(port))
    widget.client.close()
    widget.migrate()
    process = widget.run("worker")
    try:
        process.until_answers(f"http://127.0.0.1:{port}/healthz")
        for path in ("/healthz/", "/readyz/", "/form/demo", "/ops", "//evil.example"):
            answer = httpx.get(f"http://127.0.0.1:{port}{path}", headers={"Host": "evil.example"}, trust_env=False)
            assert (answer.status_code, answer.headers.get("location")) == (404, None), path
            assert {name: answer.headers.get(name) for name in HEADERS["data"]} == HEADERS["data"], path
    finally:
        process.stop()


def test_a_lasting_outage_is_logged_once_a_minute() -> None:
    clock = iter(range(200))
    outage = Outage(lambda: next(clock))
    with capture_logs() as logged:
        for _ in range(199):
            outage.note("away")
        outage.over()
        outage.over()
    assert [(line["event"], line.get("seconds")) for line in logged] == [
        ("outbox.unavailable", None),
        ("outbox.unavailable", 60),
        ("outbox.unavailable", 120),
        ("outbox.unavailable", 180),
        ("outbox.available", 199),
    ]


def test_a_worker_waits_for_the_database_too(insider: Sandbox, tmp_path: Path, postgres: Postgres, away: str) -> None:
    process = Widget(tmp_path, insider.url, DATABASE_URL=away).run("worker")
    try:
        until(lambda: "outbox.unavailable" in process.log(), START)
        postgres.start()
        until(lambda: "engine.listening" in process.log(), START)
    finally:
        process.stop()


async def test_a_start_that_takes_long_is_no_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "FIRST_LOOK", 0.01)
    answered = asyncio.Event()

    async def attempt() -> None:
        await answered.wait()

    with capture_logs() as logged:
        async with opening.opened(attempt):
            answered.set()
    assert [(line["event"], line["seconds"]) for line in logged] == [("outbox.opening", 0.01)]


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_waiting_ends_as_soon_as_it_is_asked_to(insider: Sandbox, tmp_path: Path, command: str, absent: str) -> None:
    widget = Widget(tmp_path, insider.url, DATABASE_URL=absent)
    process = widget.run(command)
    try:
        if command == "serve":
            process.until_answers(f"{widget.url}/healthz")
        else:
            until(lambda: '"outbox.opening"' in process.log() or '"outbox.unavailable"' in process.log(), START)
        process.popen.send_signal(signal.SIGTERM)
        process.popen.wait(8)
    finally:
        process.kill()


def test_what_is_wrong_with_a_database_that_was_away_is_said_once_and_tried_on(
    start_widget: Callable[..., Widget], postgres: Postgres, away: str
) -> None:
    quickly = adjusted("widget.outbox.opening._LONGEST_PAUSE=0.25")
    web = start_widget(DATABASE_URL=away.replace("widget@", "nobody@"), command=quickly)
    postgres.start()
    until(lambda: "outbox.unusable" in web.log())
    postgres.execute("CREATE ROLE nobody LOGIN SUPERUSER")
    try:
        until(lambda: web.client.get("/readyz").status_code == 200)
        assert web.log().count("outbox.unusable") == 1
    finally:
        web.stop()
        postgres.execute("DROP ROLE nobody")


@pytest.mark.parametrize("wrong", ["?sslmod=require", "?foo=bar", "a role without rights"])
def test_what_a_database_does_not_take_is_named_by_every_command(
    insider: Sandbox, tmp_path: Path, postgres: Postgres, wrong: str
) -> None:
    url = postgres.database()
    Widget(tmp_path, insider.url, DATABASE_URL=url).migrate()
    postgres.execute("CREATE ROLE limited LOGIN")
    wrong_url = url + wrong if wrong.startswith("?") else url.replace("widget@", "limited@")
    widget = Widget(tmp_path, insider.url, DATABASE_URL=wrong_url)
    try:
        assert "DATABASE_URL" in widget.refuses()
        for command in (["check", "--offline"], ["migrate"], ["outbox", "list"], ["status"]):
            done = children.run([*IN_ENGLISH, *command], tmp_path, widget.environ)
            said = done.stdout + done.stderr
            assert (done.returncode, "DATABASE_URL" in said, "Traceback" in said) == (1, True, False), said
    finally:
        postgres.execute("DROP ROLE limited")


@pytest.mark.parametrize("host", ["n\u00f6..such", "h" * 64, "no.such.host.invalid"])
def test_what_is_no_host_of_this_machine_is_named(insider: Sandbox, tmp_path: Path, host: str) -> None:
    assert "HOST, PORT: cannot listen on" in Widget(tmp_path, insider.url, HOST=host).refuses()


def test_commands_do_not_wait_for_a_database_that_is_away(insider: Sandbox, tmp_path: Path, absent: str) -> None:
    widget = Widget(tmp_path, insider.url, DATABASE_URL=absent)
    process = widget.run("outbox", "list")
    try:
        assert process.popen.wait(8) == 1
        assert "Traceback" not in process.log()
    finally:
        process.kill()


async def test_a_check_does_not_wait_for_a_database_that_is_away(insider: Sandbox, tmp_path: Path, absent: str) -> None:
    settings = load(Widget(tmp_path, insider.url, DATABASE_URL=absent).environ)
    found = await asyncio.wait_for(check_database(settings, create_outbox(settings, connect_timeout=2)), 8)
    assert [finding.code for finding in found.findings] == ["database.unavailable"]


@pytest.mark.parametrize("place", ["not-mounted/deeper/widget.db", "a-file/widget.db", "lost.db"])
async def test_a_check_refuses_the_place_that_a_start_refuses(insider: Sandbox, tmp_path: Path, place: str) -> None:
    path = tmp_path / place
    settings = load(Widget(tmp_path, insider.url, DATABASE_URL=f"sqlite:///{path}").environ)
    (tmp_path / "a-file").touch()
    (tmp_path / "lost.db-saved-20260101T000000Z").touch()
    with pytest.raises(ConfigurationError) as refused:
        await create_outbox(settings).open()
    (finding,) = (await check_database(settings, create_outbox(settings))).findings
    assert refused.value.problems[0].message.lower() in finding.message.lower()
    assert not path.exists()


def test_pauses_between_two_tries_grow_to_a_bound() -> None:
    assert list(itertools.islice(opening.pauses(), 8)) == [0.25, 0.5, 1, 2, 4, 8, 10, 10]
