"""The database file is deleted, replaced or truncated under the running service: nobody is thanked for a lost
submission."""

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from bed import Sandbox, Widget, adjusted, until
from outboxes import FEEDBACK, new_submission, outbox_at

from widget.errors import OutboxUnavailable
from widget.outbox.presence import Presence


def delete(path: Path) -> None:
    path.unlink()


def delete_everything(path: Path) -> None:
    for each in path.parent.glob("widget.db*"):
        if each.is_file():
            each.unlink()


def delete_the_log(path: Path) -> None:
    path.with_name("widget.db-wal").unlink()


def move_the_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))
    path.parent.mkdir()


def replace_by_a_copy(path: Path) -> None:
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").rename(path)


def replace_by_another(path: Path) -> None:
    with closing(sqlite3.connect(path.with_name("other"))) as other:
        other.execute("CREATE TABLE submission (id)")
    path.with_name("other").rename(path)


def texts(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return sorted(text for (text,) in connection.execute("SELECT description FROM submission"))


def saved(folder: Path) -> Path:
    def whole() -> list[Path]:
        """The saved outbox, once it is complete: SQLite keeps a journal while it writes."""
        found = list(folder.glob("widget.db-saved-*"))
        return found if len(found) == 1 and found[0].stat().st_size else []

    (found,) = until(whole)
    return found


@pytest.fixture
def widget(start_widget: Callable[..., Widget], insider: Sandbox, tmp_path: Path) -> Widget:
    """A service that holds one submission."""
    insider.down()
    (tmp_path / "data").mkdir()
    widget = start_widget(
        command=adjusted("widget.outbox.sqlite._EMPTY_LOG_EVERY=0.2"),
        DATABASE_URL=f"sqlite:///{tmp_path / 'data' / 'widget.db'}",
        DELIVERY_WAIT="0",
        SHUTDOWN_GRACE="0.3",
        UNKNOWN_HOLD="0.1",
        SWEEP_INTERVAL="0.2",
        HEALTH_INTERVAL="0.3",
    )
    assert widget.submit("thanked").status_code == 202
    return widget


@pytest.mark.parametrize(
    "lose", [delete, delete_everything, delete_the_log, move_the_folder, replace_by_a_copy, replace_by_another]
)
def test_nobody_is_thanked_any_more_and_what_was_held_is_saved(
    widget: Widget, tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    path = tmp_path / "data" / "widget.db"
    lose(path)
    answer = widget.submit("lost")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, "unavailable")
    until(lambda: widget.client.get("/readyz").status_code == 503)
    assert widget.client.get("/healthz").status_code == 200
    assert "thanked" in texts(saved(path.parent))
    assert saved(path.parent).stat().st_mode & 0o077 == 0
    # Where the folder was away, an earlier line says that nothing could be saved yet.
    until(lambda: len(re.findall(r'"saved": "[^\n]*"outbox.file_lost"', widget.log())) == 1)
    assert "restore a backup" in widget.log()
    assert widget.submit("lost").status_code == 503


def test_it_is_noticed_although_nobody_sends_anything(widget: Widget, tmp_path: Path) -> None:
    delete(tmp_path / "data" / "widget.db")
    until(lambda: widget.client.get("/readyz").status_code == 503)
    assert texts(saved(tmp_path / "data")) == ["thanked"]


def test_a_file_that_was_truncated_is_named(widget: Widget, tmp_path: Path) -> None:
    path = tmp_path / "data" / "widget.db"
    until(lambda: path.stat().st_size and not path.with_name("widget.db-wal").stat().st_size)  # the log was emptied
    assert widget.submit("the log has this").status_code == 202
    os.truncate(path, 0)
    assert widget.submit("lost").status_code == 503
    until(lambda: "was truncated while the service was running" in widget.log())


def test_a_file_that_was_truncated_is_named_although_a_visitor_removed_its_log(tmp_path: Path) -> None:
    path = tmp_path / "widget.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE submission (id)")
        connection.commit()
        file = Presence(path)
        file.opened(os.open(path, os.O_RDONLY))
        connection.execute("PRAGMA wal_checkpoint")
        assert file.trouble() is None
        os.truncate(path, 0)
        with closing(sqlite3.connect(path)) as visitor:
            visitor.execute("SELECT * FROM sqlite_schema").fetchall()
        assert not path.with_name("widget.db-wal").exists()
        assert str(file.trouble()).endswith("widget.db was truncated while the service was running")
        file.close()


def test_what_makes_a_database_smaller_is_no_loss(widget: Widget, tmp_path: Path) -> None:
    path = tmp_path / "data" / "widget.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE heap (bytes)")
        other.execute("INSERT INTO heap VALUES (randomblob(500000))")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert widget.submit("a look at the size").status_code == 202
        other.execute("DROP TABLE heap")
        large = path.stat().st_size
        other.execute("VACUUM")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert path.stat().st_size < large
    assert widget.submit("still thanked").status_code == 202
    with closing(sqlite3.connect(path)) as visitor:  # which would delete the log if it found nobody else
        visitor.execute("SELECT id FROM submission").fetchall()
    assert widget.submit("and again").status_code == 202


def test_a_file_that_comes_back_is_used_again(widget: Widget, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.rename(tmp_path / "away")
    assert widget.submit("not now").status_code == 503
    (tmp_path / "away").rename(folder)
    until(lambda: widget.client.get("/readyz").status_code == 200)
    assert widget.submit("again").status_code == 202


def test_a_start_begins_no_empty_outbox_beside_one_that_was_saved(
    widget: Widget, tmp_path: Path, insider: Sandbox
) -> None:
    path = tmp_path / "data" / "widget.db"
    delete_everything(path)
    assert widget.submit("lost").status_code == 503
    widget.stop()
    assert "was saved when it was lost: move that to" in widget.refuses()
    insider.recover()
    saved(path.parent).rename(path)
    widget.start()
    until(lambda: "thanked" in insider.descriptions())
    assert widget.submit("after").status_code in (201, 202)


def test_the_command_line_of_the_advice_works(widget: Widget, tmp_path: Path) -> None:
    path = tmp_path / "data" / "widget.db"
    replace_by_another(path)
    assert widget.submit("lost").status_code == 503
    widget.stop()
    advice = f"mv {saved(path.parent)} {path} && rm -f {path}-wal {path}-shm"
    subprocess.run(["sh", "-c", advice], check=True)
    widget.start()
    assert "thanked" in texts(path)


async def test_it_is_saved_whole_although_somebody_has_just_asked_whether_it_answers(tmp_path: Path) -> None:
    path = tmp_path / "widget.db"
    async with outbox_at(f"sqlite:///{path}", tmp_path) as outbox:
        await outbox.add(new_submission(outbox))
        await outbox.check_answers()
        path.unlink()
        with pytest.raises(OutboxUnavailable):
            await outbox.check_answers()
        assert texts(saved(tmp_path)) == [FEEDBACK.description]
