"""SIGHUP: the same process reads settings from files again, and refuses no connection."""

import os
import secrets
import signal
import socket
import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from bed import START, WIDGET_TOML, Process, Sandbox, Widget, adjusted, free_port, until
from postgres import Postgres

OTHER = WIDGET_TOML.replace("products.demo", "products.other")


def starts(widget: Widget) -> int:
    return widget.log().count('"widget.started"')


def test_secrets_and_products_are_read_again_and_what_does_not_fit_changes_nothing(
    insider: Sandbox, tmp_path: Path
) -> None:
    key, config = tmp_path / "key", tmp_path / "widget.toml"
    old, new = secrets.token_hex(32), secrets.token_hex(32)
    key.write_text(old)
    with Widget(tmp_path, insider.url, SECRET_KEY="", SECRET_KEY_FILE=str(key)) as widget:
        receipt = widget.submit("before").json()["receipt_url"]
        pid = widget.pid

        config.write_text("[products.demo")
        os.kill(pid, signal.SIGHUP)
        until(lambda: '"settings.unusable"' in widget.log())
        assert widget.submit("still here").status_code == 201

        config.write_text(WIDGET_TOML + OTHER)
        key.write_text(f"{new},{old}")
        os.kill(pid, signal.SIGHUP)
        answers = [widget.client.get("/healthz").status_code for _ in range(50)]
        until(lambda: starts(widget) == 2, START)
        assert set(answers) == {200}
        assert widget.pid == pid
        assert widget.submit("after", product="other").status_code == 201
        assert widget.client.get(receipt).status_code == 200
        key.write_text(new)
        os.kill(pid, signal.SIGHUP)
        until(lambda: starts(widget) == 3, START)
        assert widget.client.get(receipt).status_code == 404
        for secret in (old, new):
            assert secret not in widget.log()


def test_several_processes_and_workers_start_again_too(insider: Sandbox, tmp_path: Path, postgres: Any) -> None:
    url = postgres.database()
    widget = Widget(tmp_path, insider.url, DATABASE_URL=url, WEB_CONCURRENCY="2", WEB_DELIVERS="false")
    widget.migrate()
    with widget:
        worker = widget.run("worker")
        try:
            until(lambda: starts(widget) == 3, START)
            (tmp_path / "widget.toml").write_text(WIDGET_TOML + OTHER)
            os.kill(widget.pid, signal.SIGHUP)
            os.kill(worker.popen.pid, signal.SIGHUP)
            until(lambda: starts(widget) == 6, START)
            until(lambda: widget.log().count('"widget.stopped"') == 3)
            until(lambda: len(widget.process.children()) == 2)  # none of those before is left, not even as a zombie
            answer = widget.submit("to the other", product="other")
            widget.until_delivered(answer)
        finally:
            worker.stop()


def test_whoever_comes_meanwhile_need_not_wait_for_a_connection_that_is_kept_alive(
    insider: Sandbox, tmp_path: Path
) -> None:
    with Widget(tmp_path, insider.url, KEEP_ALIVE="600") as widget:
        with httpx.Client(base_url=widget.url, trust_env=False) as idle:
            assert idle.get("/healthz").status_code == 200
            widget.client.close()
            hang_up(widget.process)

            def is_the_last_answer() -> bool:
                answer = httpx.get(f"{widget.url}/readyz", trust_env=False)
                assert answer.status_code == 200
                return bool(answer.headers.get("connection") == "close")

            until(is_the_last_answer)
            assert starts(widget) == 1
        until(lambda: starts(widget) == 2, START)


def refusals(process: Process) -> list[str]:
    return [line["reason"] for line in process.lines("settings.unusable")]


def hang_up(process: Process) -> None:
    os.kill(process.popen.pid, signal.SIGHUP)


def submit_in_vain(widget: Widget) -> None:
    with suppress(httpx.HTTPError):
        widget.submit("is cut off")


def refuses(process: Process, name: str) -> None:
    """Sends SIGHUP, and waits until the process says that the setting `name` is wrong, and goes on."""
    before = len(refusals(process))
    hang_up(process)
    assert name in until(lambda: refusals(process)[before:])[0]
    assert process.popen.poll() is None


@pytest.mark.parametrize("kind", ["sqlite", "several processes"])
def test_a_key_that_rows_need_may_not_be_left_out(
    insider: Sandbox, tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    key = tmp_path / "key"
    key.write_text(secrets.token_hex(32))
    environ = {"DATA_KEY_FILE": str(key)}
    if kind != "sqlite":
        postgres: Postgres = request.getfixturevalue("postgres")
        environ |= {"DATABASE_URL": postgres.database(), "WEB_CONCURRENCY": "2"}
    widget = Widget(tmp_path, insider.url, **environ)
    widget.migrate()
    insider.down()
    with widget:
        assert widget.submit("waits").status_code == 202
        old = key.read_text()
        key.write_text(secrets.token_hex(32))
        refuses(widget.process, "DATA_KEY")
        key.write_text(f"{key.read_text()},{old}")
        insider.recover()
        before = starts(widget)
        hang_up(widget.process)
        until(lambda: starts(widget) > before, START)
        until(lambda: insider.descriptions() == ["waits"])


def test_a_worker_goes_on_with_its_database_and_refuses_no_monitor(
    insider: Sandbox, tmp_path: Path, postgres: Postgres
) -> None:
    url, address = postgres.database(), tmp_path / "url"
    address.write_text(url)
    port = free_port()
    widget = Widget(
        tmp_path,
        insider.url,
        DATABASE_URL="",
        DATABASE_URL_FILE=str(address),
        WORKER_PORT=str(port),
        SHUTDOWN_GRACE="1",
    )
    widget.migrate()
    worker = widget.run("worker")
    try:
        worker.until_answers(f"http://127.0.0.1:{port}/healthz")
        for wrong in (f"{url}_typo", f"sqlite:///{tmp_path / 'widget.db'}", "postgresql://nobody@127.0.0.1:1/none"):
            address.write_text(wrong)
            refuses(worker, "DATABASE_URL")
        address.write_text(url)
        hang_up(worker)

        def has_started_again() -> bool:
            with closing(socket.socket()) as monitor:
                assert monitor.connect_ex(("127.0.0.1", port)) == 0
            return worker.log().count('"widget.started"') == 2

        until(has_started_again, START, pause=0.005)
        worker.until_answers(f"http://127.0.0.1:{port}/healthz")
    finally:
        worker.stop()


def survives_hangups(process: Process, mask: str) -> bool:
    status = Path(f"/proc/{process.popen.pid}/status").read_text()
    (signals,) = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith(mask)]
    return bool(signals >> (signal.SIGHUP - 1) & 1)


@pytest.mark.parametrize(("command", "mask", "by"), [("serve", "SigBlk", ()), ("worker", "SigIgn", ("nohup",))])
def test_signals_that_come_all_the_time_from_the_start_end_nothing(
    insider: Sandbox, tmp_path: Path, postgres: Postgres, command: str, mask: str, by: tuple[str, ...]
) -> None:
    widget = Widget(tmp_path, insider.url, DATABASE_URL=postgres.database(), SHUTDOWN_GRACE="1")
    widget.migrate()
    widget.command = (*by, *widget.command)
    process = widget.run(command)
    try:
        until(lambda: survives_hangups(process, mask))

        def has_started_again() -> bool:
            assert process.popen.poll() is None
            hang_up(process)
            return process.log().count('"widget.started"') >= 3

        until(has_started_again, START, pause=0.005)
    finally:
        process.stop()


def test_a_worker_that_is_asked_to_end_does_not_start_again(
    insider: Sandbox, tmp_path: Path, postgres: Postgres
) -> None:
    widget = Widget(tmp_path, insider.url, DATABASE_URL=postgres.database(), WEB_DELIVERS="false")
    widget.migrate()
    with widget:
        worker = widget.run("worker")
        try:
            until(lambda: starts(widget) == 2, START)
            insider.slow(60, "create")
            widget.submit("on its way")
            until(lambda: insider.counts()["create"])
            hang_up(worker)
            until(lambda: '"widget.starting_again"' in worker.log())
            assert worker.stop(meanwhile=insider.recover) == 0
            assert starts(widget) == 2
        finally:
            worker.kill()


@pytest.mark.parametrize("ends", [False, True], ids=["asked to start again", "then asked to end"])
def test_what_is_cut_off_does_what_it_was_asked_last(insider: Sandbox, tmp_path: Path, ends: bool) -> None:
    soon = adjusted("widget.server.ending.MARGIN=0")
    with Widget(tmp_path, insider.url, command=soon, SHUTDOWN_GRACE="1", DELIVERY_WAIT="0") as widget:
        assert widget.submit("first").status_code == 202
        with closing(sqlite3.connect(tmp_path / "widget.db", isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            waiting = threading.Thread(target=submit_in_vain, args=(widget,))
            waiting.start()
            hang_up(widget.process)
            until(lambda: '"widget.starting_again"' in widget.log())
            if ends:
                os.kill(widget.pid, signal.SIGTERM)
            until(lambda: '"process.cut_off"' in widget.log())
            database.execute("ROLLBACK")
        waiting.join()
        if ends:
            assert widget.process.popen.wait(START) == 0
            assert starts(widget) == 1
        else:
            until(lambda: starts(widget) == 2, START)
            assert widget.submit("second").status_code == 202
