"""The checks in the background: what is slow for a moment is not away."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from bed import FACT
from outboxes import outbox_at
from structlog.testing import capture_logs

from widget.delivery import health
from widget.delivery.health import Health
from widget.delivery.heartbeat import Heartbeat


async def test_a_database_may_take_longer_than_the_time_between_two_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody: Any = None
    asked, answer = asyncio.Event(), asyncio.Event()

    async def check() -> None:
        asked.set()
        await answer.wait()

    monkeypatch.setattr(health, "_PATIENCE", FACT)
    async with outbox_at(f"sqlite:///{tmp_path / 'widget.db'}", tmp_path) as outbox:
        monkeypatch.setattr(outbox, "check_answers", check)
        checks = Health(outbox, nobody, nobody, {}, database_every=0.001, accounts_every=60)
        watching = asyncio.create_task(checks.watch())
        await asked.wait()
        await asyncio.sleep(0.05)  # many times as long
        assert checks.ready
        answer.set()
        watching.cancel()


async def test_what_a_submission_meets_during_a_check_is_not_forgotten_because_that_began_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody: Any = None
    async with outbox_at(f"sqlite:///{tmp_path / 'widget.db'}", tmp_path) as outbox:

        async def check() -> None:
            outbox.trouble = "the disk is all but full"

        monkeypatch.setattr(outbox, "check_answers", check)
        checks = Health(outbox, nobody, nobody, {}, database_every=60, accounts_every=60)
        await checks._look_at_database()
        assert not checks.ready
        await checks._look_at_database()
        assert checks.ready, "a check that began later"


async def test_a_heartbeat_that_no_request_can_be_made_for_is_logged_once() -> None:
    heartbeat = Heartbeat("https://ho\u200bst.example/a-secret")
    with capture_logs() as lines:
        for _ in range(2):
            heartbeat.beat()
            assert heartbeat._beating
            await heartbeat._beating
    await heartbeat.close()
    assert [line["reason"] for line in lines] == ["the address cannot be used"]
