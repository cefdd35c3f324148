"""Only the service's own user can read its files, whatever the umask and whoever created the folder."""

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from bed import Sandbox, Widget, until
from outboxes import backend_at
from samples import pdf, png

from widget.errors import ConfigurationError
from widget.outbox.outbox import Outbox

FILES = [("a.png", png(), "image/png"), ("b.pdf", pdf(), "application/pdf")]


@pytest.fixture(autouse=True)
def careless_umask() -> object:
    """As on machines where everybody may read every file."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    """Everything in a folder, at any depth, that others have rights to."""
    found = {}
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # delivered at this very moment
            found[str(path.relative_to(folder))] = stat.S_IMODE(path.lstat().st_mode)
    return {name: f"{mode:o}" for name, mode in found.items() if mode & 0o077}


def test_all_that_the_service_and_its_commands_write_is_its_users_alone(insider: Sandbox, tmp_path: Path) -> None:
    data = tmp_path / "data"
    insider.fail_with(503, "create")
    widget = Widget(tmp_path, insider.url, DATABASE_URL=f"sqlite:///{data / 'widget.db'}", DELIVERY_WAIT="0")
    widget.migrate()
    with widget:
        widget.submit("to be exported", files=FILES)
        exported = widget.operate("export", "--to", str(data / "all.jsonl"), "--files", str(data / "files"))
        assert exported.returncode == 0, exported.stderr
        assert {"widget.db", "widget.db-wal", "widget.db-shm", "widget.db-files", "all.jsonl", "files"} <= {
            path.name for path in data.iterdir()
        }
        assert len(list((data / "widget.db-files").iterdir())) == 3
        assert modes(data) == {}
        assert stat.S_IMODE(data.stat().st_mode) == 0o700


def test_what_an_older_release_left_open_is_corrected_and_said(
    start_widget: Callable[..., Widget], insider: Sandbox, tmp_path: Path
) -> None:
    insider.fail_with(503, "create")
    widget = start_widget(DELIVERY_WAIT="0", UNKNOWN_HOLD="0.1", RETRY_MIN="0.1", RETRY_MAX="0.2")
    widget.submit("before", files=FILES)
    widget.kill()
    opened = [path for path in tmp_path.rglob("*") if "widget.db" in str(path.relative_to(tmp_path))]
    for path in opened:
        path.chmod(0o777 if path.is_dir() else 0o666)
    insider.recover()
    widget.start()
    until(lambda: insider.descriptions() == ["before"])
    assert [name for name in modes(tmp_path) if name.startswith("widget.db")] == []
    assert widget.log().count('"outbox.mode_corrected"') >= 6


@pytest.mark.parametrize("url", ["sqlite:///{}/widget.db", "postgresql://nobody@127.0.0.1:1/none"])
async def test_a_folder_that_somebody_else_made_beforehand_is_refused(url: str, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    folder = tmp_path / ("spool" if url.startswith("postgresql") else "widget.db-files")
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    await refused(url.format(tmp_path), tmp_path, "belongs to another user")


async def test_a_link_in_the_place_of_the_spool_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "spool").symlink_to(tmp_path / "elsewhere")
    await refused("postgresql://nobody@127.0.0.1:1/none", tmp_path, "is no folder")


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701, 0o1777])
async def test_a_spool_that_others_can_enter_is_refused(mode: int, tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool").chmod(mode)
    await refused("postgresql://nobody@127.0.0.1:1/none", tmp_path, "chmod 700")


async def refused(url: str, folder: Path, words: str) -> None:
    outbox = Outbox(backend_at(url, folder))
    with pytest.raises(ConfigurationError, match=words):
        await outbox.open()
    await outbox.close()
