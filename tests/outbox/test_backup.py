"""The backup that docs/operations.md describes, taken while the service runs, and restored elsewhere."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

from bed import Sandbox, Widget, until
from samples import pdf, png

FILES = [("a.png", png(), "image/png"), ("b.pdf", pdf(), "application/pdf")]


def back_up(outbox: Path, to: Path) -> None:
    """First the rows, then the files: so every file that a row names is there, unless it was delivered meanwhile."""
    to.mkdir()
    database = sqlite3.connect(outbox)
    database.execute("VACUUM INTO ?", [str(to / outbox.name)])
    database.close()
    shutil.copytree(outbox.with_name(outbox.name + "-files"), to / (outbox.name + "-files"))


def test_a_backup_of_a_running_outbox_restored_elsewhere_delivers(
    start_widget: Callable[..., Widget], insider: Sandbox, tmp_path: Path
) -> None:
    widget = start_widget(DELIVERY_WAIT="0.2")
    delivered = widget.submit("arrived before")
    widget.until_delivered(delivered)
    insider.down()
    answers = [widget.submit(f"number {n}", files=FILES) for n in range(4)]
    insider.fail_with(503)
    back_up(widget.folder / "widget.db", tmp_path / "backup")
    widget.kill()
    insider.recover()
    (tmp_path / "restored").mkdir()
    backup = f"sqlite:///{tmp_path / 'backup' / 'widget.db'}"
    with Widget(tmp_path / "restored", insider.url, DATABASE_URL=backup, RETRY_MIN="0.1", RETRY_MAX="0.2") as restored:
        assert restored.receipt(delivered)["status"] == "delivered"
        for answer in answers:
            restored.until_delivered(answer)
    assert sorted(insider.descriptions()) == ["arrived before", *[f"number {n}" for n in range(4)]]
    assert all(len(feedback["attachments"]) == 2 for feedback in insider.feedbacks()[1:])


def test_a_backup_without_its_files_delivers_what_was_said_and_notes_them(
    start_widget: Callable[..., Widget], insider: Sandbox, tmp_path: Path
) -> None:
    widget = start_widget(DELIVERY_WAIT="0")
    insider.fail_with(503, "create")
    answer = widget.submit("without its files", files=FILES)
    until(lambda: "submission.queued" in widget.log())
    back_up(widget.folder / "widget.db", tmp_path / "backup")
    widget.kill()
    insider.recover()
    shutil.rmtree(tmp_path / "backup" / "widget.db-files")
    (tmp_path / "restored").mkdir()
    backup = f"sqlite:///{tmp_path / 'backup' / 'widget.db'}"
    with Widget(tmp_path / "restored", insider.url, DATABASE_URL=backup) as restored:
        statuses = [file["status"] for file in restored.until_delivered(answer)["attachments"]]
        assert statuses == ["refused", "refused"]
    assert insider.descriptions() == ["without its files"]
