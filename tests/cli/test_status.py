"""Whether feedback arrives: `widget status`, /readyz and the heartbeat all say the same, from the database."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import children
import pytest
from bed import CLIENT_ID, CLIENT_SECRET, WIDGET_TOML, Sandbox, Widget, adjusted, until
from outboxes import backend_at
from samples import png
from web_server import Answer, Request, WebServer

from widget.outbox.accounts import Accounts
from widget.outbox.outbox import Outbox

OPS_TOKEN = "tests-only-operators-token"
QUICK = {"HEALTH_INTERVAL": "0.1", "PROBE_INTERVAL": "0.2", "SWEEP_INTERVAL": "0.2", "RETRY_MIN": "0.1"}


def status(widget: Widget, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = children.run([*widget.command, "status", "--json", *arguments], widget.folder, widget.environ)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def ready(widget: Widget, query: str = "") -> tuple[int, dict[str, Any]]:
    answer = widget.client.get(f"/readyz{query}", headers={"Authorization": f"Bearer {OPS_TOKEN}"})
    return answer.status_code, answer.json()


def test_an_outage_and_its_end_are_reported_alike(start_widget: Callable[..., Widget], insider: Sandbox) -> None:
    widget = start_widget(OPS_TOKEN=OPS_TOKEN, DELIVERY_WAIT="0", **QUICK)
    assert widget.submit("before").status_code == 202
    until(lambda: ready(widget)[1]["accounts"].get("demo", {}).get("state") == "ok")
    code, report = status(widget)
    assert (code, report["ok"], report["products"]["demo"]["state"]) == (0, True, "ok")
    assert report["products"]["demo"]["last_success"]
    assert ready(widget, "?strict")[0] == 200

    insider.down()
    assert widget.submit("during").status_code == 202
    until(lambda: ready(widget, "?strict")[0] == 503)
    assert widget.client.get("/readyz?strict").json() == {"status": "unavailable"}
    code, parts = ready(widget)
    assert code == 200, "submissions are still taken"
    assert parts["accounts"]["demo"]["state"] != "ok"
    until(lambda: ready(widget)[1]["waiting"].get("demo", {}).get("count") == 1)
    code, report = status(widget)
    assert code == 3
    assert report["products"]["demo"]["waiting"] == 1
    assert "nothing goes through since" in report["problems"][0]

    insider.recover()
    until(lambda: ready(widget, "?strict")[0] == 200)
    assert status(widget)[0] == 0


def test_what_another_process_met_is_reported_by_one_that_delivers_nothing(
    insider: Sandbox, start_widget: Callable[..., Widget], postgres: Any, tmp_path: Path
) -> None:
    url = postgres.database()
    Widget(tmp_path, insider.url, DATABASE_URL=url).migrate()
    web = start_widget(DATABASE_URL=url, WEB_DELIVERS="false", OPS_TOKEN=OPS_TOKEN, **QUICK)
    insider.fail_with(403, "create")
    worker = web.run("worker")
    try:
        assert web.submit().status_code == 202
        until(lambda: "403" in ready(web)[1]["checks"]["insider_connect"]["demo"])
        assert ready(web, "?strict")[0] == 503
    finally:
        worker.stop()


def test_an_account_that_is_well_again_is_found_although_nothing_waits(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(OPS_TOKEN=OPS_TOKEN, **QUICK, RETRY_MAX="600")
    insider.fail_with(503, "create", times=1, retry_after=600)
    submission = widget.submit()
    assert submission.status_code == 202
    until(lambda: ready(widget, "?strict")[0] == 503)
    assert widget.operate("discard", "--state", "queued", "--yes").returncode == 0
    widget.restart()
    until(lambda: ready(widget, "?strict")[0] == 200)


FAULTS: dict[str, dict[str, Any]] = {
    "down": {"mode": "down"},
    "busy": {"mode": "status", "status": 503, "target": "create", "retry_after": 1},
    "forbidden": {"mode": "status", "status": 403, "target": "create"},
}


@pytest.mark.parametrize(("fault", "restarts"), [*((fault, False) for fault in FAULTS), ("down", True)])
def test_an_account_counts_as_well_again_although_nothing_waits_for_it(
    tmp_path: Path, fault: str, restarts: bool
) -> None:
    own = {"INSIDER_CLIENT_ID__OTHER": "other", "INSIDER_CLIENT_SECRET__OTHER": "a-secret-of-its-own"}
    config = WIDGET_TOML + WIDGET_TOML.replace("products.demo", "products.other")
    more = {**QUICK, **own, "OPS_TOKEN": OPS_TOKEN, "DELIVERY_WAIT": "0", "RETRY_MAX": "1"}
    with (
        Sandbox(tmp_path, {CLIENT_ID: CLIENT_SECRET, "other": "a-secret-of-its-own"}) as insider,
        Widget(tmp_path, insider.url, config=config, **more) as widget,
    ):
        insider.put_faults(FAULTS[fault])
        assert widget.submit().status_code == widget.submit(product="other").status_code == 202
        until(lambda: widget.log().count('"delivery.paused"') == 2)

        def is_discarded() -> bool:  # while a probe has the row, it is not waiting
            widget.operate("discard", "--product", "demo", "--state", "queued", "--yes")
            return [row["state"] for row in widget.rows("--product", "demo")] == ["discarded"]

        until(is_discarded)
        later: dict[str, Any] = {"mode": "status", "status": 503, "target": "create", "retry_after": 600}
        if restarts:
            widget.restart()
            later = {"mode": "slow", "seconds": 60, "target": "create"}  # what is being sent shows nothing yet
        insider.put_faults(later)
        until(lambda: ready(widget)[1]["checks"]["insider_connect"]["demo"] == "ok")
        until(lambda: ready(widget)[1]["accounts"]["demo"]["state"] == "ok")
        assert ready(widget)[1]["accounts"]["other"]["state"] != "ok"
        insider.recover()


def test_the_failing_account_of_a_removed_product_counts_until_nothing_waits_for_it(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    other = WIDGET_TOML.replace("products.demo", "products.other")
    widget = start_widget(config=WIDGET_TOML + other, OPS_TOKEN=OPS_TOKEN, DELIVERY_WAIT="0", **QUICK)
    insider.fail_with(403, "create")
    assert widget.submit(product="other").status_code == 202
    until(lambda: "403" in ready(widget)[1]["accounts"].get("other", {}).get("state", ""))
    (widget.folder / "widget.toml").write_text(WIDGET_TOML)
    widget.restart()
    insider.recover()  # not before: a probe would deliver it
    assert [problem for problem in status(widget)[1]["problems"] if problem.startswith("other: nothing goes through")]
    assert widget.operate("discard", "--product", "other", "--state", "queued", "--yes").returncode == 0
    until(lambda: status(widget)[0] == 0, pause=0.2)
    assert set(status(widget)[1]["products"]) == {"demo"}
    until(lambda: set(ready(widget)[1]["accounts"]) == {"demo"})
    operator = {"Authorization": f"Bearer {OPS_TOKEN}"}
    assert 'widget_account_up{product="other"}' not in widget.client.get("/metrics", headers=operator).text


def test_a_submission_that_waits_for_too_long_is_a_problem(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(RETRY_MIN="600", RETRY_MAX="600", DELIVERY_WAIT="0")
    insider.fail_with(408, "create", times=1, retry_after=600)
    widget.submit()
    until(lambda: "submission.queued" in widget.log())
    code, report = status(widget, "--oldest", "0s")
    assert code == 3
    assert any("has waited for" in problem for problem in report["problems"])
    assert report["yours"] == {"held": 0, "unknown": 0, "refused": 0}


def test_a_disk_that_is_all_but_full_is_a_problem(widget: Widget) -> None:
    widget.command = adjusted(f"widget.outbox.sqlite.SPARE={10**18}")
    code, report = status(widget)
    assert (code, report["problems"]) == (3, ["Nothing can be accepted: the disk is all but full."])


def test_files_that_cannot_be_stored_are_a_problem_wherever_an_operator_looks(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(OPS_TOKEN=OPS_TOKEN, command=adjusted(f"widget.intake.room.LEAST_FREE={10**18}"))
    problem = "Nothing with files can be accepted: the disk has too little space for uploads."
    code, report = status(widget)
    assert (code, report["problems"]) == (3, [problem])
    widget.client.post("/ops/sign-in", data={"token": OPS_TOKEN})
    assert problem in widget.client.get("/ops").text
    checked = children.run([*widget.command, "check", "--json"], widget.folder, widget.environ)
    assert "database.files" in checked.stdout
    assert ready(widget)[1]["checks"]["files"] == "unavailable: the disk has too little space for uploads"
    assert (ready(widget)[0], ready(widget, "?strict")[0]) == (200, 503), "texts are still taken"


def test_what_needs_a_decision_is_counted(widget: Widget, insider: Sandbox) -> None:
    insider.misbehave("refuse", "create")
    assert widget.submit().status_code == 422
    code, report = status(widget)
    assert (code, report["yours"]["refused"]) == (0, 1)
    lines = children.run([*widget.command, "status"], widget.folder, widget.environ).stdout.splitlines()
    assert lines[0] == "Feedback arrives."
    assert any("1 refused" in line for line in lines)


def test_wrong_credentials_are_told_everywhere_before_anybody_sends_anything(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(**QUICK)
    assert widget.submit().status_code == 201
    right = widget.environ["INSIDER_CLIENT_SECRET"]
    widget.environ["INSIDER_CLIENT_SECRET"] = "not-the-right-secret"
    widget.restart()
    (line,) = until(lambda: widget.lines("credentials.refused"))
    assert (line["level"], line["product"]) == ("error", "demo")
    until(lambda: status(widget)[0] == 3)
    assert status(widget)[1]["products"]["demo"]["state"] == "the credentials are refused (invalid_client)"
    widget.environ["INSIDER_CLIENT_SECRET"] = right
    widget.restart()
    until(lambda: status(widget)[0] == 0)


def test_a_scanner_that_is_away_is_reported(start_widget: Callable[..., Widget], insider: Sandbox) -> None:
    widget = start_widget(CLAMD="tcp://127.0.0.1:1", OPS_TOKEN=OPS_TOKEN, **QUICK)
    until(lambda: "cannot be reached" in (ready(widget)[1]["scanner"] or ""))
    until(lambda: ready(widget)[0] == 200)
    assert ready(widget, "?strict")[0] == 503


def test_a_database_that_is_away_or_missing_exits_1(insider: Sandbox, tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path / 'none.db'}", "postgresql://widget@127.0.0.1:1/widget"):
        widget = Widget(tmp_path, insider.url, DATABASE_URL=url)
        done = children.run([*widget.command, "status"], widget.folder, widget.environ)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "none.db").exists()


async def test_since_is_kept_while_nothing_changes(database_url: str, tmp_path: Path) -> None:
    outbox = Outbox(backend_at(database_url, tmp_path))
    await outbox.migrate()
    accounts = Accounts(outbox.backend)
    await accounts.note(("one", "two"), None)
    first = (await accounts.overview(["one", "two"])).accounts["one"]
    await accounts.note(("one", "two"), None)
    second = (await accounts.overview(["one", "two"])).accounts["one"]
    assert (second.reason, second.since) == (None, first.since)
    assert second.last_success is not None
    assert first.last_success is not None
    assert second.last_success > first.last_success
    await accounts.note(("one",), "answered 403")
    found = (await accounts.overview(["one", "two"])).accounts
    assert (found["one"].reason, found["two"].reason) == ("answered 403", None)
    assert found["one"].since > first.since
    assert found["one"].last_success == second.last_success
    await outbox.close()


@contextmanager
def watcher() -> Iterator[tuple[str, list[str]]]:
    """A service that waits for heartbeats."""
    seen: list[str] = []

    def answer(request: Request) -> Answer:
        seen.append(request.path)
        return Answer()

    with WebServer(answer) as server:
        yield f"{server.url}/ping/secret-id", seen


def test_signs_of_life_come_with_each_sweep_and_stop_in_an_outage(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    with watcher() as (url, seen):
        widget = start_widget(HEARTBEAT_URL=url, DELIVERY_WAIT="0", **QUICK)
        until(lambda: len(seen) > 2)
        assert set(seen) == {"/ping/secret-id"}
        insider.fail_with(403, "create")
        widget.submit()
        until(lambda: "delivery.paused" in widget.log())
        until(lambda: quiet(seen))
        insider.recover()
        before = len(seen)
        until(lambda: len(seen) > before)
        insider.fail_with(403, "attach")
        widget.submit(files=[("a.png", png(), "image/png")])
        until(lambda: quiet(seen))
        insider.recover()
        before = len(seen)
        until(lambda: len(seen) > before)
    assert "secret-id" not in widget.log()


def quiet(seen: list[str]) -> bool:
    """Whether no heartbeat comes within the time of several sweeps."""
    before = len(seen)
    return not threading.Event().wait(0.8) and len(seen) == before


@pytest.mark.parametrize("address", ["refused", "silent"])
def test_an_address_for_signs_of_life_that_hangs_delays_nothing(
    start_widget: Callable[..., Widget], insider: Sandbox, address: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1] if address == "silent" else 1
        widget = start_widget(HEARTBEAT_URL=f"http://127.0.0.1:{port}/", **QUICK)
        assert [widget.submit(f"number {n}").status_code for n in range(3)] == [201] * 3
        if address == "refused":
            until(lambda: "heartbeat.failed" in widget.log())
            assert widget.log().count("heartbeat.failed") == 1
        widget.stop()
