"""Accepted submissions survive SIGKILL at every write. One is created twice only if nobody could know."""

import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
import pytest
from bed import ROOT, Sandbox, Widget, until
from migrated import migrate
from outboxes import end_leases
from samples import pdf, png

WRITES = range(1, 10)
"""Commits of a process from its start until one submission with files is delivered, and one more."""


def run_until_it_dies(widget: Widget, side: str, commit: int | str, token_of: Callable[[], str]) -> tuple[str, bool]:
    """Submit to a process that dies at that commit. Returns the token, and whether the person was thanked."""
    normal = widget.command
    widget.command = (sys.executable, str(ROOT / "tests" / "dying.py"), side, str(commit))
    token, acknowledged = "", False
    try:
        widget.start()
        token = token_of()
        acknowledged = submit(widget, token).status_code in (201, 202)
        until(lambda: widget.process.popen.poll() is not None, timeout=2)
    except (AssertionError, httpx.TransportError):
        pass  # it died during the request, or there was no such commit
    finally:
        widget.kill()
        widget.command = normal
    return token, acknowledged


def submit(widget: Widget, token: str) -> httpx.Response:
    files = [("a.png", png(), "image/png"), ("b.pdf", pdf(), "application/pdf")]
    return widget.submit("survive", files=files, token=token)


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("commit", WRITES)
def test_what_was_acknowledged_arrives_after_a_kill(
    insider: Sandbox, tmp_path: Path, database_url: str, commit: int, side: str
) -> None:
    widget = Widget(
        tmp_path,
        insider.url,
        DATABASE_URL=database_url,
        DELIVERY_WAIT="0",
        UNKNOWN_HOLD="0.2",
        SWEEP_INTERVAL="0.2",
    )
    migrate(widget)
    token, acknowledged = run_until_it_dies(widget, side, commit, widget.token)
    end_leases(database_url)
    widget.environ["DELIVERY_WAIT"] = "5"
    with widget:
        if not token:  # it died before it handed out a form, so nobody was promised anything
            return
        if acknowledged:
            until(lambda: insider.feedbacks() and len(insider.feedbacks()[-1]["attachments"]) == 2)
        answer = submit(widget, token)  # what a person does who got no answer; harmless for one who did
        widget.until_delivered(answer)
        feedbacks = insider.feedbacks()
        assert feedbacks[-1]["body"]["description"] == "survive"
        assert [file["name"] for file in feedbacks[-1]["attachments"]][:2] == ["a.png", "b.pdf"]
        nobody_could_know = "submission.unknown" in widget.log()
        assert len(feedbacks) == 1 or (nobody_could_know and len(feedbacks) == 2)
    assert bytes_kept(tmp_path, database_url) == 0


def test_a_kill_between_the_commit_that_accepts_and_the_call_loses_nothing_and_repeats_nothing(
    insider: Sandbox, tmp_path: Path, database_url: str
) -> None:
    """The commit claims the row as well. Nobody can know that nothing was sent, so it is left to the operator."""
    settings = {"UNKNOWN_POLICY": "park", "SWEEP_INTERVAL": "0.2"}
    widget = Widget(tmp_path, insider.url, DATABASE_URL=database_url, **settings)
    migrate(widget)
    token, acknowledged = run_until_it_dies(widget, "after", "accept", widget.token)
    end_leases(database_url)
    assert (insider.counts()["create"], acknowledged) == (0, False)
    with widget:
        until(lambda: "submission.unknown" in widget.log())
        row = widget.row()
        assert (row["state"], row["attempts"], row["possible_duplicate"]) == ("unknown", 1, True)
        answer = submit(widget, token)  # a repeat: it gets the receipt, and starts nothing
        assert (answer.status_code, widget.row()["id"], insider.counts()["create"]) == (202, row["id"], 0)
        assert widget.operate("retry", row["id"]).returncode == 0
        widget.until_delivered(answer)
        (feedback,) = insider.feedbacks()
        assert [file["name"] for file in feedback["attachments"]] == ["a.png", "b.pdf"]


def test_a_kill_before_the_commit_that_accepts_leaves_nothing_and_the_form_can_be_sent_again(
    insider: Sandbox, tmp_path: Path, database_url: str
) -> None:
    widget = Widget(tmp_path, insider.url, DATABASE_URL=database_url)
    migrate(widget)
    token, acknowledged = run_until_it_dies(widget, "before", "accept", widget.token)
    with widget:
        assert (widget.rows(), acknowledged) == ([], False)
        assert submit(widget, token).status_code == 201
        assert len(insider.feedbacks()) == 1


def bytes_kept(folder: Path, database_url: str) -> int:
    """The number of files whose bytes are left, in the folder or in the database."""
    if database_url.startswith("sqlite"):
        return len([path for path in (folder / "widget.db-files").rglob("*") if path.is_file()])
    with psycopg.connect(database_url) as connection:
        ((chunks,),) = connection.execute("SELECT count(*) FROM attachment_chunk")
        return int(chunks)


def test_insider_connect_down_is_a_202_and_once_it_is_back_all_is_delivered_without_a_restart(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(RETRY_MIN="0.1", RETRY_MAX="0.5", PROBE_INTERVAL="0.2", DELIVERY_WAIT="0.5")
    insider.down()
    answers = [widget.submit(f"number {n}", files=[("a.png", png(), "image/png")]) for n in range(8)]
    assert {answer.status_code for answer in answers} == {202}
    assert widget.receipt(answers[0])["status"] == "accepted"
    insider.recover()
    for answer in answers:
        widget.until_delivered(answer)
    assert sorted(insider.descriptions()) == [f"number {n}" for n in range(8)]
    assert insider.counts()["create"] == 8


def test_a_slow_insider_connect_is_waited_for_no_longer_than_the_wait(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(DELIVERY_WAIT="0.2")
    insider.slow(60, "create")
    answer = widget.submit()
    assert answer.status_code == 202
    insider.recover()
    widget.until_delivered(answer)
    assert insider.counts()["create"] == 1


def test_a_stop_finishes_what_is_being_sent_and_takes_no_new_rows(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(DELIVERY_WAIT="0", DELIVERY_CONCURRENCY="1")
    insider.slow(60, "create", times=1)
    first, second = widget.submit("first"), widget.submit("second")
    until(lambda: insider.counts()["create"] == 1)

    def answer_once_it_stops() -> None:
        until(lambda: not widget.accepts())  # before it closes its port, it takes its last row
        insider.recover()

    widget.stop(answer_once_it_stops)
    assert insider.descriptions() == ["first"]
    widget.start()
    assert widget.receipt(first)["status"] == "delivered"
    widget.until_delivered(second)
    assert insider.descriptions() == ["first", "second"]


def test_a_second_process_on_the_same_file_is_kept_out_with_words(widget: Widget) -> None:
    widget.environ["PORT"] = "0"
    assert "in use by another process" in widget.refuses()


def test_a_port_that_is_taken_is_named(widget: Widget) -> None:
    assert f"cannot listen on 127.0.0.1:{widget.port}" in widget.refuses()


def test_delivered_rows_keep_nothing_of_what_was_said(widget: Widget) -> None:
    import sqlite3

    assert widget.submit("my secret words", "ada@example.com").status_code == 201
    with sqlite3.connect(widget.folder / "widget.db") as database:
        row = database.execute("SELECT state, description, email, rating, consent FROM submission").fetchone()
    assert row == ("delivered", None, None, None, None)
    widget.stop()
    assert b"my secret words" not in (widget.folder / "widget.db").read_bytes()
