"""While an account's gate is shut, nothing is claimed, so a crash leaves no submission `unknown`."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bed import CLIENT_ID, CLIENT_SECRET, DAY, ROOT, Sandbox, Widget, until
from migrated import migrate
from outboxes import new_submission, outbox_at
from pydantic import SecretStr
from samples import png

from widget.config.settings import Account
from widget.delivery.delivery import Delivery
from widget.delivery.gate import FAILURES_TO_SHUT
from widget.delivery.policy import Policy
from widget.insider.client import Insider

OPS_TOKEN = "tests-only-operators-token"
SHUT = {"PROBE_INTERVAL": "0.1", "SWEEP_INTERVAL": "0.1", "DELIVERY_WAIT": "0", "RETRY_MIN": "0.05", "RETRY_MAX": "0.1"}


def dies_once_shut(widget: Widget, insider: Sandbox, commit: int) -> list[str]:
    """Store submissions while Insider Connect is away, and crash after this many commits behind the shut gate."""
    begin = widget.folder / "begin"
    normal = widget.command
    widget.command = (sys.executable, str(ROOT / "tests" / "dying.py"), "after", str(commit), str(begin))
    insider.down()  # before there is a connection over which anything could have been sent
    widget.start()
    widget.command = normal
    texts = [f"number {n}" for n in range(20)]
    try:
        for text in texts:
            assert widget.submit(text).status_code == 202
        until(lambda: "delivery.paused" in widget.log())
        until(lambda: {row["state"] for row in widget.rows()} == {"queued"}, pause=0.2)
        begin.touch()
        until(lambda: widget.process.popen.poll() is not None)
    finally:
        widget.kill()
    return texts


@pytest.mark.parametrize("commit", [1, 2, 3, 5, 8])
def test_a_kill_behind_a_shut_gate_leaves_nothing_unknown(
    insider: Sandbox, tmp_path: Path, database_url: str, commit: int
) -> None:
    widget = Widget(tmp_path, insider.url, DATABASE_URL=database_url, UNKNOWN_POLICY="park", **SHUT)
    migrate(widget)
    texts = dies_once_shut(widget, insider, commit)
    insider.recover()
    with widget:
        until(lambda: sorted(insider.descriptions()) == sorted(texts))
        assert "submission.unknown" not in widget.log()


def test_a_shut_gate_asks_for_a_token_at_each_probe_and_risks_no_row(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    insider.misbehave("refuse", "token")
    widget = start_widget(**SHUT)
    assert widget.submit("kept").status_code == 202
    until(lambda: "delivery.paused" in widget.log())
    asked = len(insider.requests("token"))
    until(lambda: len(insider.requests("token")) >= asked + 3)
    assert widget.row()["attempts"] == 0
    assert insider.counts()["create"] == 0
    insider.recover()
    until(lambda: insider.descriptions() == ["kept"])


def test_an_outage_in_which_nobody_can_know_leaves_few_unknown_and_all_arrive_after_it(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    """A proxy whose Insider Connect is away answers 502, to the token endpoint as well."""
    widget = start_widget(UNKNOWN_HOLD="1", DELIVERY_CONCURRENCY="1", **SHUT)
    assert widget.submit("before").status_code == 202
    until(lambda: insider.descriptions() == ["before"])
    insider.fail_with(502)
    texts = [f"number {n}" for n in range(12)]
    for text in texts:
        assert widget.submit(text).status_code == 202
    until(lambda: "delivery.paused" in widget.log())
    until(lambda: all((row["due_in"] or 0) <= 0 for row in widget.rows("--state", "unknown")), pause=0.2)
    asked = len(insider.requests("token"))
    until(lambda: len(insider.requests("token")) >= asked + 3)
    assert insider.counts()["create"] <= 1 + FAILURES_TO_SHUT
    insider.recover()
    until(lambda: sorted(insider.descriptions()) == sorted(["before", *texts]))


def account(widget: Widget) -> str:
    answer = widget.client.get("/readyz", headers={"Authorization": f"Bearer {OPS_TOKEN}"})
    state: str = answer.json()["accounts"]["demo"]["state"]
    return state


async def test_while_files_fail_a_submission_that_nobody_knew_of_before_leaves_the_probe_to_another(
    insider: Sandbox, tmp_path: Path
) -> None:
    insider.fail_with(502, "attach")
    now = 0.0
    accounts = {"demo": Account(client_id=CLIENT_ID, client_secret=SecretStr(CLIENT_SECRET))}
    client = Insider(insider.url, accounts, timeout=10)
    policy = Policy(retry_min=5, retry_max=900, give_up_after=DAY, unknown_hold=0)
    async with outbox_at(f"sqlite:///{tmp_path / 'widget.db'}", tmp_path) as outbox:
        delivery = Delivery(outbox, client, accounts, policy, probe_every=30, clock=lambda: now)

        async def sent() -> str:
            new = new_submission(outbox, b"a file")
            await outbox.add(new)
            await delivery.advance(new.id, "demo")
            return new.id

        first, *_ = [await sent() for _ in range(FAILURES_TO_SHUT)]
        now = 31.0
        again = await delivery.advance(first, "demo")
        assert again.status
        assert again.status.state == "queued", "it was not tried"
        assert insider.counts()["attach"] == FAILURES_TO_SHUT
        await sent()
        assert insider.counts()["attach"] == FAILURES_TO_SHUT + 1
    await client.close()


@pytest.mark.parametrize("status", [502, 503, 403])
def test_while_only_files_are_not_taken_texts_arrive_and_files_wait_instead_of_being_used_up(
    start_widget: Callable[..., Widget], insider: Sandbox, status: int
) -> None:
    widget = start_widget(
        OPS_TOKEN=OPS_TOKEN, HEALTH_INTERVAL="0.1", UNKNOWN_POLICY="park", DELIVERY_CONCURRENCY="1", **SHUT
    )
    insider.fail_with(status, "attach")
    for n in range(8):
        assert widget.submit(f"number {n}", files=[("a.png", png(), "image/png")]).status_code == 202
    until(lambda: insider.counts()["create"] == 8)
    assert widget.submit("text alone").status_code == 202
    until(lambda: "text alone" in insider.descriptions())
    paused = [line for line in widget.log().splitlines() if "delivery.paused" in line]
    assert len(paused) == 1, "the account itself is well"
    assert f"files: answered {status}" in paused[0]
    until(lambda: account(widget) == f"files: answered {status}")
    insider.recover()
    until(lambda: {row["state"] for row in widget.rows()} <= {"delivered", "unknown"}, pause=0.2)
    lost = len(widget.rows("--state", "unknown"))
    assert lost <= (1 + FAILURES_TO_SHUT if status == 502 else 0)
    assert len([feedback for feedback in insider.feedbacks() if feedback["attachments"]]) == 8 - lost
    until(lambda: account(widget) == "ok", pause=0.2)
