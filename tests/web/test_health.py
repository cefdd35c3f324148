"""What load balancers and operators learn about the service's health, and that asking costs nothing."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx
import pytest
from bed import Sandbox, Widget, adjusted, until

OPS_TOKEN = "tests-only-operators-token"
OPERATOR = {"Authorization": f"Bearer {OPS_TOKEN}"}
TWO_PRODUCTS = "".join(
    f'[products.{slug}]\nname = "{slug}"\norigins = ["https://{slug}.example.com"]\n' for slug in ("one", "two")
)


def checks(widget: Widget) -> Any:
    """What the operator sees."""
    return widget.client.get("/readyz", headers=OPERATOR).json()["checks"]


def written(widget: Widget) -> tuple[int, ...]:
    """When the database's files were last written."""
    return tuple(path.stat().st_mtime_ns for path in sorted(widget.folder.glob("widget.db*")) if path.is_file())


def test_the_operator_sees_the_state_part_by_part(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(OPS_TOKEN=OPS_TOKEN, config=TWO_PRODUCTS)
    until(lambda: checks(widget) == {"database": "ok", "files": "ok", "insider_connect": {"one": "ok", "two": "ok"}})


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", f"Basic {OPS_TOKEN}", OPS_TOKEN, "Bearer é"])
def test_a_stranger_is_told_whether_and_not_why(start_widget: Callable[..., Widget], given: str) -> None:
    widget = start_widget(OPS_TOKEN=OPS_TOKEN)
    headers = {b"Authorization": given.encode()} if given else {}
    answer = httpx.get(f"{widget.url}/readyz", headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


def test_without_an_ops_token_nobody_is_told_why(widget: Widget) -> None:
    for given in ("Bearer", "Bearer None"):
        assert widget.client.get("/readyz", headers={"Authorization": given}).json() == {"status": "ready"}


def test_asking_a_hundred_times_asks_nobody_and_writes_nothing(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    insider.fail_with(400, "token")
    # Counts are written by themselves, as is what a sweep reads; and a quiet database is rewritten.
    others = adjusted("widget.ops.flushing.EVERY=600", "widget.outbox.sqlite._REWRITE_UP_TO=0")
    widget = start_widget(OPS_TOKEN=OPS_TOKEN, SWEEP_INTERVAL="600", config=TWO_PRODUCTS, command=others)
    until(lambda: checks(widget)["insider_connect"]["two"] not in ("ok", "not checked yet"))
    until(lambda: not (widget.folder / "widget.db-wal").stat().st_size)  # what the start wrote has reached the file
    with closing(sqlite3.connect(widget.folder / "widget.db", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")  # a log that is being cut has its new length before its new time
    asked, before = insider.counts()["token"], written(widget)
    for _ in range(100):
        assert widget.client.get("/readyz").status_code == widget.client.get("/healthz").status_code == 200
    assert insider.counts()["token"] == asked == 1, "two products share an account, and it was asked at the start"
    assert written(widget) == before


def test_a_slow_token_endpoint_keeps_nobody_waiting(start_widget: Callable[..., Widget], insider: Sandbox) -> None:
    insider.slow(60, "token")
    widget = start_widget(OPS_TOKEN=OPS_TOKEN)
    assert checks(widget)["insider_connect"]["demo"] == "not checked yet"
    insider.recover()


def test_it_is_ready_although_insider_connect_is_down(start_widget: Callable[..., Widget], insider: Sandbox) -> None:
    insider.down()
    widget = start_widget(OPS_TOKEN=OPS_TOKEN, PROBE_INTERVAL="0.2")
    until(lambda: checks(widget)["insider_connect"]["demo"] not in ("ok", "not checked yet"))
    assert widget.client.get("/readyz").status_code == 200
    insider.recover()
    until(lambda: checks(widget)["insider_connect"]["demo"] == "ok")


def test_why_an_account_s_gate_is_shut_is_told(start_widget: Callable[..., Widget], insider: Sandbox) -> None:
    widget = start_widget(OPS_TOKEN=OPS_TOKEN)
    insider.fail_with(403, "create")
    widget.submit()
    until(lambda: "403" in checks(widget)["insider_connect"]["demo"])


def test_one_call_whose_outcome_is_unknown_is_no_outage(start_widget: Callable[..., Widget], insider: Sandbox) -> None:
    insider.fail_with(502, "create", times=1)
    widget = start_widget(OPS_TOKEN=OPS_TOKEN, PROBE_INTERVAL="0.3", HEALTH_INTERVAL="0.2")
    widget.submit()
    until(lambda: "ok" in str(widget.client.get("/readyz", headers=OPERATOR).json()["accounts"]))
    assert widget.client.get("/readyz?strict").status_code == 200
    assert widget.row()["state"] == "unknown"


def test_a_database_that_nobody_can_write_is_noticed_without_a_submission(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(OPS_TOKEN=OPS_TOKEN, HEALTH_INTERVAL="0.1")
    blocker = sqlite3.connect(widget.folder / "widget.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    until(lambda: widget.client.get("/readyz").json() == {"status": "unavailable"})
    assert widget.client.get("/readyz").status_code == 503
    assert checks(widget)["database"].startswith("unavailable: ")
    blocker.close()
    until(lambda: widget.client.get("/readyz").json() == {"status": "ready"})
