"""`widget rotate`: which step of rotating keys is safe now."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import children
from bed import SECRET_KEY, Widget
from outboxes import new_submission, outbox_at, time_passes

from widget.outbox.entries import Wanted
from widget.outbox.operator import Operator
from widget.outbox.sealing import Keyring

OLD, NEW = "an-old-key-0123456789-abcdefghijkl", "the-new-key-9876543210-zyxwvutsrq"
WEEK = 7 * 86_400


def rotate(folder: Path, *arguments: str, **environ: str) -> str:
    widget = Widget(folder, "http://127.0.0.1:1", **environ)
    widget.client.close()
    done = children.run([*widget.command, "rotate", *arguments], folder, widget.environ)
    assert done.returncode == 0, done.stderr
    for secret in (OLD, NEW, SECRET_KEY):
        assert secret not in done.stdout
    return done.stdout


def days_ago(days: float) -> str:
    return f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%dT%H:%M:%S}"


async def test_receipts_of_what_was_never_delivered_keep_a_key_no_longer_than_others(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'widget.db'}"
    async with outbox_at(url, tmp_path) as outbox:
        operator = Operator(outbox.backend)
        for _ in range(2):
            await outbox.add(new_submission(outbox))
        refused, waiting = [entry.id for entry in await operator.find(Wanted())]
        await operator.discard([refused])
        await time_passes(outbox, 40 * 86_400)
        keys = {"SECRET_KEY": f"{NEW},{OLD}"}
        assert "Not yet: receipts of 1 submission" in rotate(tmp_path, "--since", days_ago(35), **keys)
        await operator.discard([waiting])
        assert "Not yet: receipts of 1 submission" in rotate(tmp_path, "--since", days_ago(35), **keys)
        await time_passes(outbox, 31 * 86_400)
        assert "Safe now" in rotate(tmp_path, "--since", days_ago(35), **keys)


async def test_a_key_goes_once_nothing_needs_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'widget.db'}"
    async with outbox_at(url, tmp_path, keyring=Keyring([OLD])) as outbox:
        await outbox.add(new_submission(outbox))
        await time_passes(outbox, WEEK)
    both = {"SECRET_KEY": f"{NEW},{OLD}", "DATA_KEY": f"{NEW},{OLD}"}
    assert "SECRET_KEY has one key" in rotate(tmp_path)
    assert "A key that is not listed is needed by 1 submission" in rotate(tmp_path, DATA_KEY=NEW)
    assert "Key 2 is needed by 1 submission: keep it." in rotate(tmp_path, **both)
    assert "with --since" in rotate(tmp_path, **both)
    assert "Not yet: receipts of 1 submission" in rotate(tmp_path, "--since", days_ago(3), **both)
    assert "Safe now: remove the old keys." in rotate(tmp_path, "--since", days_ago(20), **both)
    assert "Not yet: forms that an old key signed" in rotate(
        tmp_path, "--since", days_ago(9), **both, TOKEN_MAX_AGE=str(12 * 86_400)
    )
    async with outbox_at(url, tmp_path, keyring=Keyring([NEW, OLD])) as outbox:
        await outbox.add(new_submission(outbox))
    assert "The first one encrypts; 1 submission." in rotate(tmp_path, DATA_KEY=f"{NEW},{OLD}")
    assert "No row needs key 2: remove it" in rotate(tmp_path, DATA_KEY=f"{OLD},{'another-key-' * 4}0123456789")
