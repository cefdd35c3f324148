"""Faults on our own side, on SQLite: the disk, a lock, a stalled process, the clock."""

import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import children
import httpx
import pytest
from bed import ROOT, STOP, Sandbox, Widget, adjusted, until
from samples import jpeg, png

QUICK = {
    "RETRY_MIN": "0.1",
    "RETRY_MAX": "0.3",
    "PROBE_INTERVAL": "0.3",
    "SWEEP_INTERVAL": "0.3",
    "UNKNOWN_HOLD": "0.5",
}
PICTURE = ("a.jpg", jpeg(size=600_000), "image/jpeg")


def unavailable(answer: httpx.Response) -> bool:
    """Whether it is the contract's 503, with a message and a time."""
    return (
        answer.status_code == 503
        and answer.json()["errors"][0]["code"] == "unavailable"
        and int(answer.headers["retry-after"]) > 0
    )


# --- the disk ---------------------------------------------------------------------------------------------------


@contextmanager
def no_file_larger_than(widget: Widget, size: int) -> Iterator[None]:
    """The kernel refuses the process's writes beyond this many bytes, as on a full disk; those to the log, too."""
    soft, hard = resource.prlimit(widget.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(widget.pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.prlimit(widget.pid, resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full_while_spooling_is_a_503_and_nothing_is_left(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(**QUICK)
    token = widget.token()
    with no_file_larger_than(widget, 300_000):
        assert unavailable(widget.submit(files=[PICTURE], token=token))
        assert widget.files() == []
        assert widget.submit("text alone still passes").status_code == 201
    assert widget.submit(files=[PICTURE], token=token).status_code == 201
    assert insider.counts()["create"] == 2


def test_a_disk_that_is_full_while_committing_is_a_503_and_nothing_is_left(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(**QUICK)
    assert widget.submit("before").status_code == 201
    token, other = widget.token(), widget.token()
    with no_file_larger_than(widget, 1):
        assert unavailable(widget.submit("no room", token=token))
        assert widget.client.get("/readyz").status_code == 503
        assert widget.client.get("/healthz").status_code == 200
    assert widget.files() == []
    assert widget.submit("no room", token=token).status_code == 201
    assert widget.submit("after", files=[PICTURE], token=other).status_code == 201
    assert insider.descriptions() == ["before", "no room", "after"]


def test_an_outcome_that_the_disk_does_not_take_is_written_once_it_does(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(**QUICK, DELIVERY_WAIT="0")
    insider.slow(60, "create")
    answer = widget.submit("once")
    until(lambda: insider.counts()["create"] == 1)
    with no_file_larger_than(widget, 1):
        insider.recover()
        time.sleep(2.5)  # the log cannot be written either, so it says nothing
    widget.until_delivered(answer)
    widget.until_delivered(widget.submit("the next"))
    assert insider.descriptions() == ["once", "the next"]
    assert not any(row["possible_duplicate"] for row in widget.rows())


def outcomes_not_written(widget: Widget) -> int:
    """How often the outcome of a call could not be written."""
    return sum('"outbox.unavailable"' in line and '"submission"' in line for line in widget.log().splitlines())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of three megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting needs root; the kernel's limit on files stands in for it in the other tests")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_fills_up_with_submissions_keeps_room_to_deliver_them(
    start_widget: Callable[..., Widget], insider: Sandbox, small_disk: Path
) -> None:
    database = f"sqlite:///{small_disk / 'widget.db'}"
    command = adjusted("widget.outbox.sqlite.SPARE=600000", "widget.intake.room.LEAST_FREE=0")
    widget = start_widget(**QUICK, DATABASE_URL=database, DELIVERY_WAIT="0", command=command)
    insider.down()
    answers: list[httpx.Response] = []
    while not answers or answers[-1].status_code != 503:
        answers.append(widget.submit("with a file", files=[("a.png", png(size=300_000), "image/png")]))
        assert len(answers) < 20
    assert unavailable(answers.pop())
    insider.recover()
    for answer in answers:
        widget.until_delivered(answer)
    assert len(insider.feedbacks()) == len(answers) > 3
    last = widget.submit(files=[PICTURE])
    assert last.status_code == 202
    widget.until_delivered(last)  # the disk is removed before the widget, which would wait for it


def test_a_disk_that_somebody_else_fills_up_loses_nothing(
    start_widget: Callable[..., Widget], insider: Sandbox, small_disk: Path
) -> None:
    database = f"sqlite:///{small_disk / 'widget.db'}"
    command = adjusted("widget.outbox.sqlite.SPARE=0", "widget.intake.room.LEAST_FREE=0")
    widget = start_widget(**QUICK, DATABASE_URL=database, DELIVERY_WAIT="0", command=command)
    insider.down()
    answers = [widget.submit(f"number {n}", files=[("a.png", png(), "image/png")]) for n in range(3)]
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space left"):
        ballast.write_bytes(bytes(5_000_000))
    while (answer := widget.submit("text")).status_code != 503:
        answers.append(answer)
    assert unavailable(answer)
    assert len(answers) < 100
    time.sleep(1)
    assert widget.log().count('"outbox.unavailable"') < 40, "it does not look for room without a pause"
    ballast.unlink()
    insider.recover()
    for answer in answers:
        widget.until_delivered(answer)
    assert len(insider.feedbacks()) == len(answers)


def test_a_folder_that_may_not_be_written_is_named_at_the_start(tmp_path: Path, insider: Sandbox) -> None:
    folder = tmp_path / "var"
    folder.mkdir()
    script = str(ROOT / "tests" / "unprivileged.py")
    widget = Widget(
        tmp_path, insider.url, command=(sys.executable, script), DATABASE_URL=f"sqlite:///{folder / 'widget.db'}"
    )
    folder.chmod(0o500)
    process = widget.run("serve")
    try:
        assert process.popen.wait(STOP) == 1
        assert "DATABASE_URL" in process.log()
        assert "Permission denied" in process.log()
        assert "Traceback" not in process.log()
    finally:
        process.kill()
        folder.chmod(0o700)


def test_a_folder_that_turns_read_only_takes_no_files_but_text_and_says_so(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    script = str(ROOT / "tests" / "unprivileged.py")
    widget = start_widget(**QUICK, command=(sys.executable, script))
    spool = widget.folder / "widget.db-files" / "incoming"
    token = widget.token()
    spool.chmod(0o500)
    assert unavailable(widget.submit(files=[PICTURE], token=token))
    assert widget.submit("text").status_code == 201
    spool.chmod(0o700)
    assert widget.submit(files=[PICTURE], token=token).status_code == 201


def test_files_that_the_disk_does_not_let_go_hold_up_nothing_and_are_erased_once_it_does(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    script = str(ROOT / "tests" / "unprivileged.py")
    widget = start_widget(**QUICK, command=(sys.executable, script))
    insider.down()
    answer = widget.submit(files=[PICTURE])
    folder = widget.folder / "widget.db-files"
    folder.chmod(0o500)
    insider.recover()
    widget.until_delivered(answer)
    until(lambda: '"outbox.files_not_erased"' in widget.log())
    assert '"submission.delivered"' in until(lambda: widget.log())
    assert "Traceback" not in widget.log()
    assert widget.files()
    folder.chmod(0o700)
    until(lambda: not widget.files())


# --- the database -----------------------------------------------------------------------------------------------


def test_a_database_that_is_locked_and_let_go_is_a_503_meanwhile_and_costs_nothing(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(**QUICK, DELIVERY_WAIT="0", command=adjusted("widget.outbox.sqlite.BUSY_TIMEOUT=0.5"))
    insider.slow(60, "create")
    first = widget.submit("being sent while it is locked")
    until(lambda: insider.counts()["create"] == 1)
    token = widget.token()
    blocker = sqlite3.connect(widget.folder / "widget.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    assert unavailable(widget.submit("turned away", token=token))
    assert widget.client.get("/readyz").status_code == 503
    insider.recover()
    until(lambda: outcomes_not_written(widget) > 1)
    blocker.execute("ROLLBACK")
    blocker.close()
    widget.until_delivered(first)
    widget.until_delivered(widget.submit("turned away", token=token))
    assert insider.descriptions() == ["being sent while it is locked", "turned away"]
    assert not any(row["possible_duplicate"] for row in widget.rows())
    assert "outbox.unavailable" in widget.log()


def test_a_database_whose_folder_goes_away_and_comes_back_carries_on(
    start_widget: Callable[..., Widget], insider: Sandbox, tmp_path: Path
) -> None:
    folder = tmp_path / "var"
    folder.mkdir()
    widget = start_widget(**QUICK, DATABASE_URL=f"sqlite:///{folder / 'widget.db'}")
    token = widget.token()
    folder.rename(tmp_path / "elsewhere")
    assert unavailable(widget.submit(files=[PICTURE], token=token))
    (tmp_path / "elsewhere").rename(folder)
    assert widget.submit(files=[PICTURE], token=token).status_code == 201
    widget.restart()
    assert widget.submit().status_code == 201
    assert len(insider.feedbacks()) == 2


# --- a process that was stopped ---------------------------------------------------------------------------------

HELPER = """
import asyncio, sys, time
from pathlib import Path
from widget.outbox.model import Transition
from widget.outbox.outbox import Outbox
from widget.outbox.sqlite import SQLiteBackend

async def main():
    backend = SQLiteBackend(Path(sys.argv[1]), clock=lambda: time.time() + 3600)
    await backend.open(exclusive=False)
    outbox = Outbox(backend)
    (submission_id,) = await outbox.recover(0.0)
    work = await outbox.claim(submission_id)
    await outbox.record(work, Transition("delivered", feedback_id=777, attachments={0: ("attached", None)}))
    await backend.close()

asyncio.run(main())
"""
"""Another process, an hour later."""


def test_a_process_that_was_stopped_past_its_lease_comes_back_and_writes_nothing(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(**QUICK, DELIVERY_WAIT="0")
    insider.slow(60, "create", times=1)
    answer = widget.submit("whose is it", files=[PICTURE])
    until(lambda: insider.counts()["create"] == 1)
    with widget.paused():
        helper = [sys.executable, "-c", HELPER, str(widget.folder / "widget.db")]
        done = children.run(helper, widget.folder, widget.environ)
        assert done.returncode == 0, done.stderr
    insider.recover()
    until(lambda: "submission.claim_lost" in widget.log())
    widget.until_delivered(widget.submit("another"))
    assert (widget.receipt(answer)["status"], widget.receipt(answer)["feedback_id"]) == ("delivered", 777)
    assert (insider.counts()["create"], insider.counts()["attach"]) == (2, 0)


# --- the clock --------------------------------------------------------------------------------------------------


def clocked(tmp_path: Path) -> tuple[tuple[str, ...], Callable[[float], None]]:
    """A command whose outbox has its own clock, and a function that sets it ahead by this many seconds."""
    file = tmp_path / "clock"

    def jump(seconds: float) -> None:
        new = file.with_suffix(".new")
        new.write_text(str(seconds))
        new.rename(file)

    return adjusted(f"clock={file}"), jump


def test_a_clock_that_jumps_ahead_while_sending_makes_nobody_doubt(
    start_widget: Callable[..., Widget], insider: Sandbox, tmp_path: Path
) -> None:
    command, jump = clocked(tmp_path)
    widget = start_widget(**QUICK, DELIVERY_WAIT="0", command=command)
    insider.slow(60, "create")
    answer = widget.submit("in the middle")
    until(lambda: insider.counts()["create"] == 1)
    jump(3600)
    insider.recover()
    widget.until_delivered(answer)
    assert insider.descriptions() == ["in the middle"]
    assert "submission.unknown" not in widget.log()


@pytest.mark.parametrize("restarted", [False, True])
def test_a_clock_that_is_set_back_holds_nothing_up(
    start_widget: Callable[..., Widget], insider: Sandbox, tmp_path: Path, restarted: bool
) -> None:
    command, jump = clocked(tmp_path)
    jump(30 * 86_400)
    widget = start_widget(**QUICK, DELIVERY_WAIT="0", command=command)
    insider.fail_with(503, "create", retry_after=1)
    answer = widget.submit("from the future")
    until(lambda: '"submission.queued"' in widget.log())
    if restarted:
        widget.kill()
    jump(0)
    if restarted:
        widget.start()
    insider.recover()
    widget.until_delivered(answer)
    assert "outbox.clock_set_back" in widget.log()
    assert len(insider.feedbacks()) == 1
    assert widget.submit("and now").status_code in (201, 202)
