"""Backups, taken while the outbox is in use and restored elsewhere."""

import resource
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import children
import pytest
from bed import Sandbox, Widget, until
from outboxes import FEEDBACK, backend_at, kept_blobs, new_submission, outbox_at, read_file, row, time_passes
from samples import pdf, png
from sqlalchemy import func, select, text

from widget.errors import AttachmentMissing, BackupUnusable, OutboxUnavailable
from widget.outbox import migrations
from widget.outbox.backup import Manifest, back_up, whole_or_nothing
from widget.outbox.model import Transition
from widget.outbox.notices import Notices
from widget.outbox.operator import Operator
from widget.outbox.outbox import Outbox
from widget.outbox.restore import Archive, Restored, restore
from widget.outbox.retention import Retention
from widget.outbox.sealing import PLAIN, Keyring
from widget.outbox.tables import attachment, submission, tally

KEYRING = Keyring(["a-key-that-encrypts-the-outbox-0123456789"])
DATA_KEYS = ["0a1b2c3d4e5f60718293a4b5c6d7e8f9", "9f8e7d6c5b4a39281706f5e4d3c2b1a0"]
OUTCOMES: dict[str, Transition | None] = {
    "waiting": Transition("queued", delay=900.0, error="answered 503"),
    "created": Transition("queued", delay=900.0, feedback_id=7),
    "held": Transition("unknown", delay=900.0, error="no answer in time", possible_duplicate=True),
    "parked": Transition("unknown", error="no answer in time", possible_duplicate=True),
    "refused": Transition("refused", error="answered 400: no", public_message="no"),
    "delivered": Transition("delivered", feedback_id=8),
    "sending": None,
}
LARGE = bytes(range(256)) * 1100
"""A file of several frames."""


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Returns the address of an empty database of the given kind."""

    def make(kind: str) -> str:
        if kind == "postgresql":
            url: str = request.getfixturevalue("postgres").database()
            return url
        folder = tmp_path / f"database-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return f"sqlite:///{folder / 'widget.db'}"

    return make


@asynccontextmanager
async def filled(url: str, folder: Path, keyring: Keyring = PLAIN) -> AsyncIterator[Outbox]:
    """An outbox with a row in each state, each with a file or two, of which one looks like a program's."""
    async with outbox_at(url, folder, keyring=keyring, events=["demo"]) as outbox:
        for name, outcome in OUTCOMES.items():
            large = [LARGE] if name == "created" else []
            await outbox.add(new_submission(outbox, *large, b"small", submission_id=name))
            work = await outbox.claim(name)
            assert work
            if outcome:
                await outbox.record(work, outcome)
        await outbox.add(new_submission(outbox, b"spam", submission_id="suspect"), held="trap")
        yield outbox


async def written(outbox: Outbox, path: Path) -> Manifest:
    with whole_or_nothing(path) as file:
        return await back_up(outbox.backend, file, ())


@asynccontextmanager
async def restored(
    path: Path, url: str, folder: Path, keyring: Keyring = PLAIN
) -> AsyncIterator[tuple[Outbox, Restored]]:
    """The empty database after the backup was restored into it."""
    archive = Archive(path)
    backend = backend_at(url, folder, keyring)
    await backend.open()
    try:
        archive.check_readable(keyring)
        result = await restore(backend, archive)
    finally:
        await backend.close()
        archive.close()
    outbox = Outbox(backend_at(url, folder, keyring))
    await outbox.open()
    try:
        yield outbox, result
    finally:
        await outbox.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_restore_counts_nothing_again(
    new_database: Callable[[str], str], tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with filled(new_database(kind), tmp_path) as outbox:
        await written(outbox, tmp_path / "a.backup")
    monkeypatch.setattr("widget.outbox.restore.TABLES", (submission, attachment))  # all but the counts
    async with restored(tmp_path / "a.backup", new_database(kind), tmp_path) as (outbox, _):
        assert await outbox.backend.read(lambda c: c.scalar(select(func.count()).select_from(tally))) == 0
        assert (await row(outbox, "refused"))["product"] == "demo"


@pytest.mark.parametrize("keyring", [PLAIN, KEYRING], ids=["plain", "sealed"])
@pytest.mark.parametrize(
    ("source", "target"),
    [("sqlite", "sqlite"), ("postgresql", "postgresql"), ("sqlite", "postgresql"), ("postgresql", "sqlite")],
)
async def test_all_rows_and_files_come_back_and_what_waited_is_held_and_flagged(
    new_database: Callable[[str], str], tmp_path: Path, source: str, target: str, keyring: Keyring
) -> None:
    path = tmp_path / "a.backup"
    async with filled(new_database(source), tmp_path, keyring) as outbox:
        before = {name: await row(outbox, name) for name in (*OUTCOMES, "suspect")}
        await Notices(outbox.backend).settle({"disk": "full"}, ["webhook"])
        manifest = await written(outbox, path)
    kept = {"submission", "attachment", "tally", "notice", "signed_out"}
    assert set(manifest.rows) == kept, "what is of one moment is not"
    assert (manifest.rows["submission"], manifest.files, manifest.missing) == (8, 8, ())
    with zipfile.ZipFile(path) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert (FEEDBACK.email.encode() in everything) == (keyring is PLAIN), "what is sealed stays sealed"
    async with restored(path, new_database(target), tmp_path, keyring) as (outbox, result):
        assert (result.submissions, result.held, result.missing) == (8, 4, 0)
        assert await outbox.due(10) == []
        after = {name: await row(outbox, name) for name in before}
        for name in ("waiting", "created", "held", "sending"):
            assert (after[name]["held_for"], bool(after[name]["possible_duplicate"])) == ("restored", True)
            assert (after[name]["due_at"], after[name]["claim"]) == (None, None)
        assert (after["suspect"]["held_for"], bool(after["suspect"]["possible_duplicate"])) == ("trap", True)
        for name in ("parked", "refused", "delivered"):
            assert after[name] == before[name]
        assert await kept_blobs(outbox) == 8
        released = await Operator(outbox.backend).put_back(["created"])
        assert released.done == ("created",)
        work = await outbox.claim("created")
        assert work
        assert (work.feedback, work.feedback_id, work.possible_duplicate) == (FEEDBACK, 7, True)
        assert [await read_file(outbox, file) for file in work.pending] == [LARGE, b"small"]
        counts = text("SELECT sum(count) FROM tally WHERE event = 'accepted'")
        assert await outbox.backend.read(lambda c: c.scalar(counts)) == 8, "a restore counts nothing anew"
        told = {name: backlog.count for name, backlog in (await Notices(outbox.backend).waiting()).items()}
        assert told == {"events demo": 2}, "events are kept, and alerts are not"


async def test_what_arrives_or_goes_while_a_backup_is_made_does_not_disturb_it(
    new_database: Callable[[str], str], tmp_path: Path
) -> None:
    async with filled(new_database("postgresql"), tmp_path) as outbox:
        backend = outbox.backend
        seen: list[int] = []

        def look(connection: Any) -> None:
            count = text("SELECT count(*) FROM submission")
            seen.append(connection.scalar(count))
            with backend._engine.begin() as other:  # type: ignore[attr-defined]
                other.execute(text("DELETE FROM submission"))
            seen.append(connection.scalar(count))

        await backend.snapshot(look)
        assert seen == [8, 8]


async def test_a_file_that_went_while_the_backup_was_made_costs_no_row(
    new_database: Callable[[str], str], tmp_path: Path
) -> None:
    path, url = tmp_path / "a.backup", new_database("sqlite")
    async with filled(url, tmp_path) as outbox:
        (gone, _) = await row_files(outbox, "created")
        await outbox.backend.erase([gone])
        assert (await written(outbox, path)).missing == (gone,)
    for target in ("sqlite", "postgresql"):
        async with restored(path, new_database(target), tmp_path) as (outbox, result):
            assert (result.submissions, result.missing) == (8, 1)
            await Operator(outbox.backend).put_back(["created"])
            work = await outbox.claim("created")
            assert work
            with pytest.raises(AttachmentMissing):
                await read_file(outbox, work.pending[0])
            assert await read_file(outbox, work.pending[1]) == b"small"


async def row_files(outbox: Outbox, submission_id: str) -> list[str]:
    whole = await Operator(outbox.backend).whole(submission_id)
    assert whole
    return [file.blob for file in whole.attachments if file.blob]


async def test_no_time_ends_what_was_restored(database_url: str, new_database: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.backup"
    async with filled(new_database("sqlite"), tmp_path) as outbox:
        await written(outbox, path)
    async with restored(path, database_url, tmp_path) as (outbox, _):
        await time_passes(outbox, 60 * 86_400)
        month = 30 * 86_400
        limits = {"held_files": 2 * 86_400, "max_quarantine": 0}
        await Retention(outbox.backend, kept=month, receipts=month, tokens=0, **limits).sweep()
        for name in ("waiting", "created", "held", "sending"):
            whole = await Operator(outbox.backend).whole(name)
            assert whole
            assert whole.feedback == FEEDBACK
            assert all(file.blob for file in whole.attachments)
        assert (await row(outbox, "suspect"))["state"] == "discarded"


async def test_half_of_a_backup_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    path, other = tmp_path / "a.backup", tmp_path / "other.backup"
    async with filled(f"sqlite:///{tmp_path / 'widget.db'}", tmp_path) as outbox:
        await written(outbox, path)
    whole = path.read_bytes()
    for length in (0, 1, len(whole) // 2, len(whole) - 30, len(whole) - 1):
        other.write_bytes(whole[:length])
        with pytest.raises(BackupUnusable):
            Archive(other)
    intact = contents(path)
    for place in range(7, len(whole), len(whole) // 150):
        damaged = bytearray(whole)
        damaged[place] ^= 0x21
        other.write_bytes(damaged)
        try:
            Archive(other).close()
        except BackupUnusable:
            continue
        assert contents(other) == intact, f"the damage at {place} is of no consequence"


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """As if the disk were full once a file has this many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_leaves_neither_half_a_backup_nor_half_an_outbox(tmp_path: Path) -> None:
    path = tmp_path / "a.backup"
    async with filled(f"sqlite:///{tmp_path / 'widget.db'}", tmp_path) as outbox:
        with disk_of(200_000), pytest.raises(OSError, match="too large"):
            await written(outbox, path)
        assert list(tmp_path.glob("*backup*")) == []  # noqa: ASYNC240
        await written(outbox, path)
        with pytest.raises(FileExistsError):
            await written(outbox, path)
    (tmp_path / "new").mkdir()
    url = f"sqlite:///{tmp_path / 'new' / 'widget.db'}"
    with disk_of(200_000), pytest.raises(OutboxUnavailable):
        async with restored(path, url, tmp_path):
            pass
    files = tmp_path / "new" / "widget.db-files"
    assert [each for each in files.iterdir() if each.is_file()] == []
    async with restored(path, url, tmp_path) as (_, result):
        assert result.submissions == 8


def operate(widget: Widget, *arguments: str) -> Any:
    return children.run([*widget.command, *arguments], widget.folder, widget.environ)


FILES = [("a.png", png(), "image/png"), ("b.pdf", pdf(), "application/pdf")]


def test_nothing_that_was_delivered_after_the_backup_is_sent_again_until_it_is_released(
    start_widget: Callable[..., Widget], insider: Sandbox, tmp_path: Path
) -> None:
    widget = start_widget(
        DELIVERY_WAIT="0", DATA_KEY=DATA_KEYS[0], RETRY_MIN="0.1", RETRY_MAX="0.2", PROBE_INTERVAL="0.2"
    )
    insider.fail_with(408, "create")
    answers = [widget.submit(f"number {n}", files=FILES) for n in range(3)]
    nowhere = operate(widget, "backup", f"{tmp_path}/not-mounted/")
    assert (nowhere.returncode, (tmp_path / "not-mounted").exists()) == (1, False), nowhere.stderr
    assert "No backup was written" in nowhere.stderr
    done = operate(widget, "backup", f"{tmp_path}/")
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("widget-*.backup")
    assert done.stdout == f"{path}: 3 submissions with 6 files.\n"
    assert path.stat().st_mode & 0o777 == 0o600
    insider.recover()
    for answer in answers:
        widget.until_delivered(answer)
    in_use = operate(widget, "restore", str(path))
    assert (in_use.returncode, "is in use by another process" in in_use.stderr) == (1, True)
    widget.stop()
    not_empty = operate(widget, "restore", str(path))
    assert (not_empty.returncode, "the database already has submissions" in not_empty.stderr) == (1, True)

    (tmp_path / "new").mkdir()
    new = {"DATABASE_URL": f"sqlite:///{tmp_path / 'new' / 'widget.db'}", "DATA_KEY": DATA_KEYS[0]}
    other_key = Widget(tmp_path / "new", insider.url, **new | {"DATA_KEY": DATA_KEYS[1]})
    refused = operate(other_key, "restore", str(path))
    assert (refused.returncode, "a key that DATA_KEY does not list" in refused.stderr) == (1, True)
    assert not (tmp_path / "new" / "widget.db").exists()
    other_key.client.close()
    with Widget(tmp_path / "new", insider.url, **new, SWEEP_INTERVAL="0.3") as after:
        after.stop()
        (tmp_path / "new" / "widget.db").unlink()
        done = operate(after, "restore", str(path))
        assert done.returncode == 0, done.stderr
        assert "3 of them waited. They are held" in done.stdout
        after.start()
        assert after.submit("new").status_code in (201, 202)
        assert len(after.rows("--restored")) == 3
        until(lambda: "new" in insider.descriptions())
        assert len(insider.feedbacks()) == 4, "nothing was sent again"
        assert after.operate("retry", "--held").stdout == "Put back 0 submissions.\n"
        assert "unknown" not in after.operate("list", "--restored").stdout
        assert all(row["possible_duplicate"] for row in after.rows("--restored"))
        assert after.operate("retry", "--restored").stdout == "Put back 3 submissions.\n"
        until(lambda: len(insider.feedbacks()) == 7)
        until(lambda: all(row["state"] == "delivered" for row in after.rows()), pause=0.2)


async def test_a_backup_of_a_newer_release_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.backup"
    with monkeypatch.context() as newer:
        async with filled(f"sqlite:///{tmp_path / 'widget.db'}", tmp_path) as outbox:
            newer.setattr(migrations, "LATEST", migrations.LATEST + 1)
            await written(outbox, path)
    with pytest.raises(BackupUnusable, match=f"with schema {migrations.LATEST + 1}, and this release knows"):
        Archive(path)
