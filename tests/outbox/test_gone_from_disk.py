"""Erased content is gone from the disk: a few seconds later no file of the outbox contains any of it."""

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from bed import Sandbox, Widget, until
from samples import png

PLANTED = "planted-words-of-a-person"
EMAIL = "planted.address@example.com"
PICTURE = ("planted.png", png(size=50_000), "image/png")
PIXELS = PICTURE[1][10_000:10_064]


def holding(folder: Path) -> set[str]:
    """The outbox's files that contain any of what was said."""
    files = [path for path in folder.rglob("*") if path.is_file() and "widget.db" in str(path.relative_to(folder))]
    assert files
    found = set()
    for path in files:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue
        if any(needle in content for needle in (PLANTED.encode(), EMAIL.encode(), PIXELS)):
            found.add(path.name)
    return found


def said(widget: Widget) -> str:
    """Send a text that can be recognised anywhere. Returns the row's id."""
    answer = widget.submit(f"{PLANTED} " * 20, EMAIL, files=[PICTURE])
    assert answer.status_code in (201, 202), answer.text
    return str(widget.rows()[-1]["id"])


def test_after_delivery_no_file_holds_what_was_said(start_widget: Callable[..., Widget], tmp_path: Path) -> None:
    widget = start_widget()
    said(widget)
    until(lambda: not holding(tmp_path))
    assert "delivered" in {row["state"] for row in widget.rows()}


def test_nor_while_others_keep_the_service_busy(start_widget: Callable[..., Widget], tmp_path: Path) -> None:
    widget = start_widget()
    said(widget)

    def gone_although_busy() -> bool:
        widget.submit("another's")
        return not holding(tmp_path)

    until(gone_although_busy)


def test_while_it_waits_it_is_there(start_widget: Callable[..., Widget], insider: Sandbox, tmp_path: Path) -> None:
    insider.fail_with(503, "create")
    said(start_widget(DELIVERY_WAIT="0"))
    assert holding(tmp_path), "the needles are of use"


@pytest.mark.parametrize("is_served", [True, False])
def test_what_the_operator_erases_is_gone_whether_the_service_runs_or_not(
    start_widget: Callable[..., Widget], insider: Sandbox, tmp_path: Path, is_served: bool
) -> None:
    insider.fail_with(503, "create")
    widget = start_widget(DELIVERY_WAIT="0")
    said(widget)
    if not is_served:
        widget.kill()
    erased = widget.operate("erase", "--email", "-", "--yes", typed=EMAIL)
    assert "Erased 1 submission" in erased.stdout, erased.stderr
    until(lambda: not holding(tmp_path))


def test_what_a_killed_process_left_is_gone_once_the_next_has_delivered_it(
    start_widget: Callable[..., Widget], insider: Sandbox, tmp_path: Path
) -> None:
    insider.fail_with(503, "create")
    widget = start_widget(DELIVERY_WAIT="0", UNKNOWN_HOLD="0.1", RETRY_MIN="0.1", RETRY_MAX="0.2")
    said(widget)
    widget.kill()
    assert holding(tmp_path)  # mostly in the write-ahead log, unless that was just written back
    insider.recover()
    widget.start()
    until(lambda: not holding(tmp_path))


def crowd(database: Path) -> int:
    """Write, change and erase many rows, until SQLite has left copies of one behind although all are erased and
    `secure_delete` is on. Returns the number of copies."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA secure_delete = ON")
    new = (
        "INSERT INTO submission (id, product, state, accepted_at, attempts, separately, possible_duplicate,"
        " description, email) VALUES (?, 'demo', 'discarded', 0, 0, 0, 0, ?, ?)"
    )
    copies = 0
    for seed in range(200):
        chance = random.Random(seed)
        waiting: list[str] = []
        connection.execute("BEGIN")
        for number in range(400):
            waiting.append(f"{seed}-{number}")
            connection.execute(new, (waiting[-1], PLANTED * chance.choice([1, 3, 10, 40]), EMAIL))
            while len(waiting) > chance.choice([0, 5, 50]):
                erase_row(connection, waiting.pop(chance.randrange(len(waiting))), chance.random() < 0.1)
        for left in waiting:
            erase_row(connection, left, False)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        copies = database.read_bytes().count(PLANTED.encode())
        if copies:
            break
    connection.close()
    return copies


def erase_row(connection: sqlite3.Connection, row: str, is_removed: bool) -> None:
    erase = "UPDATE submission SET description = NULL, email = NULL, last_error = 'delivered' WHERE id = ?"
    connection.execute("DELETE FROM submission WHERE id = ?" if is_removed else erase, [row])


def test_copies_that_sqlite_leaves_between_rows_go_as_well(start_widget: Callable[..., Widget], tmp_path: Path) -> None:
    start_widget().stop()
    assert crowd(tmp_path / "widget.db"), "the needles are of use"
    start_widget()
    until(lambda: not holding(tmp_path))


def test_a_reader_of_an_old_snapshot_delays_it_and_holds_nobody_up(
    start_widget: Callable[..., Widget], tmp_path: Path
) -> None:
    widget = start_widget(DELIVERY_WAIT="15")
    widget.submit("first")
    reader = sqlite3.connect(tmp_path / "widget.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM submission").fetchone()
    said(widget)
    for _ in range(20):
        assert widget.submit("not held up").status_code in (201, 202)
    assert holding(tmp_path)
    reader.execute("ROLLBACK")
    reader.close()
    until(lambda: not holding(tmp_path))
