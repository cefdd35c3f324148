"""Every outcome at Insider Connect, through the running widget: the state of the row, and what the operator sees."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest
from bed import Sandbox, Widget, submission_id_of, until
from samples import pdf, png

FILES = [("a.png", png(), "image/png"), ("b.pdf", pdf(), "application/pdf"), ("c.png", png(9, 9), "image/png")]
QUICK = {"RETRY_MIN": "0.1", "RETRY_MAX": "0.3", "PROBE_INTERVAL": "0.3", "SWEEP_INTERVAL": "0.3"}


@pytest.fixture(scope="module")
def shared(_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Widget]:
    with Widget(tmp_path_factory.mktemp("widget"), _sandbox.url, **QUICK, UNKNOWN_POLICY="park") as widget:
        yield widget


@pytest.fixture
def widget(shared: Widget, insider: Sandbox) -> Widget:
    """A fast widget for most tests of this module. It leaves unknown outcomes to the operator."""
    return well(shared, insider)


@pytest.fixture(scope="module")
def _impatient(_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Widget]:
    settings = {**QUICK, "UNKNOWN_POLICY": "park", "DELIVERY_TIMEOUT": "1"}
    with Widget(tmp_path_factory.mktemp("impatient"), _sandbox.url, **settings) as widget:
        yield widget


@pytest.fixture
def impatient(_impatient: Widget, insider: Sandbox) -> Widget:
    """One that waits a second for an answer: for answers that come too late, however long it takes."""
    return well(_impatient, insider)


def well(widget: Widget, insider: Sandbox) -> Widget:
    """Deliver until the account counts as well again: outcomes that nobody can know, test after test, shut its gate for
    ever longer, and what comes then waits for its turn."""
    until(lambda: widget.submit("before").status_code == 201, pause=0.1)
    widget.settle(insider)
    insider.clear()
    return widget


def sent(widget: Widget, description: str = "hi", **said: Any) -> tuple[str, httpx.Response]:
    """Submit. Returns the id and the answer."""
    token = widget.token()
    return submission_id_of(token), widget.submit(description, token=token, **said)


def row(widget: Widget, submission_id: str) -> dict[str, Any]:
    """The row in `widget outbox list`."""
    (found,) = [row for row in widget.rows() if row["id"] == submission_id]
    return found


def assert_not_repeated(insider: Sandbox, kind: str = "create", requests: int = 1) -> None:
    """Wait for two sweeps, in which there is no further request."""
    time.sleep(0.7)
    assert insider.counts()[kind] == requests


# --- refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 422])
def test_what_is_refused_is_told_to_the_person_and_the_operator_and_not_repeated(
    widget: Widget, insider: Sandbox, status: int
) -> None:
    reason = '{"isSuccess": false, "data": null, "errors": ["Not this one."], "requestId": "x"}'
    insider.fail_with(status, "create", body=reason)
    submission_id, answer = sent(widget)
    assert answer.status_code == 422
    assert "Not this one." in answer.json()["errors"][0]["message"]
    insider.recover()
    seen = row(widget, submission_id)
    assert (seen["state"], seen["attempts"], seen["due_in"]) == ("refused", 1, None)
    assert (seen["last_error"], seen["public_message"]) == (f"answered {status}: Not this one.", "Not this one.")
    assert_not_repeated(insider)


# --- not processed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
def test_what_was_not_processed_is_repeated_no_sooner_than_asked(widget: Widget, insider: Sandbox, status: int) -> None:
    insider.fail_with(status, "create", times=1, retry_after=2)
    submission_id, answer = sent(widget)
    assert answer.status_code == 202
    widget.until_delivered(answer)
    first, second = (datetime.fromisoformat(request["at"]) for request in insider.requests("create"))
    assert (second - first).total_seconds() >= 2
    assert len(insider.feedbacks()) == 1
    seen = row(widget, submission_id)
    assert (seen["attempts"], seen["last_error"], seen["possible_duplicate"]) == (1, f"answered {status}", False)


@pytest.mark.parametrize("status", [429, 503])
def test_an_account_that_is_busy_is_left_alone_with_all_of_its_rows(
    start_widget: Callable[..., Widget], insider: Sandbox, status: int
) -> None:
    widget = start_widget(**QUICK, DELIVERY_WAIT="1")
    insider.fail_with(status, "create", times=1, retry_after=3)
    answers = [widget.submit("first")]
    until(lambda: "delivery.paused" in widget.log())
    answers += [widget.submit(f"number {n}") for n in range(5)]
    assert {answer.status_code for answer in answers} == {202}
    for answer in answers:
        widget.until_delivered(answer)
    times = [datetime.fromisoformat(request["at"]) for request in insider.requests("create")]
    assert min((later - times[0]).total_seconds() for later in times[1:]) >= 3
    assert len(insider.feedbacks()) == 6


def test_after_failures_to_connect_a_circuit_opens_costs_no_attempts_and_closes_by_a_probe(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    insider.down()  # before there is a connection over which anything could have been sent
    widget = start_widget(**QUICK, DELIVERY_WAIT="0")
    answers = [widget.submit(f"number {n}") for n in range(10)]
    until(lambda: "delivery.paused" in widget.log())
    time.sleep(1.5)

    def all_wait() -> list[dict[str, Any]]:  # except for a probe at that very moment
        rows = widget.rows()
        return rows if {row["state"] for row in rows} == {"queued"} else []

    rows = until(all_wait, pause=0.2)
    assert sum(row["attempts"] for row in rows) <= 20
    spent = sum(row["attempts"] for row in rows)
    time.sleep(2)
    assert sum(row["attempts"] for row in widget.rows()) <= spent + 1, "but for a probe that is on its way"
    assert widget.client.get("/readyz").status_code == 200
    insider.recover()
    for answer in answers:
        widget.until_delivered(answer)
    assert widget.log().count('"delivery.paused"') == widget.log().count('"delivery.resumed"') == 1
    assert insider.counts()["create"] == 10


# --- the account or the address is wrong ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "fault", "reason"),
    [
        ("token", {"mode": "refuse"}, "the credentials are refused (invalid_client)"),
        ("create", {"mode": "status", "status": 401}, "answered 401"),
        ("create", {"mode": "status", "status": 403}, "answered 403"),
        ("create", {"mode": "status", "status": 404}, "answered 404"),
        ("create", {"mode": "status", "status": 302, "headers": {"Location": "/elsewhere"}}, "answered 302"),
    ],
)
def test_a_wrong_account_or_address_pauses_all_keeps_every_row_and_goes_on_once_it_is_right(
    start_widget: Callable[..., Widget], insider: Sandbox, target: str, fault: dict[str, Any], reason: str
) -> None:
    insider.put_faults({**fault, "target": target})  # before there is a token
    widget = start_widget(**QUICK, DELIVERY_WAIT="0.3")
    began = time.monotonic()
    answers = [widget.submit(f"number {n}", files=FILES[:1]) for n in range(4)]
    assert {answer.status_code for answer in answers} == {202}
    until(lambda: "delivery.paused" in widget.log())
    time.sleep(1)

    def all_wait() -> bool:
        rows = widget.rows()
        waiting = [(row["attempts"], row["possible_duplicate"]) for row in rows if row["state"] == "queued"]
        probes = len(rows) - len(waiting)
        return probes <= 1 and set(waiting) == {(0, False)} and reason in {row["last_error"] for row in rows}

    until(all_wait, pause=0.2)
    probes = (time.monotonic() - began) / 0.3 + len(answers)
    assert insider.counts()[target] <= 2 * probes, "one probe each 0.3 s, and a second look for a 401"
    assert insider.feedbacks() == []
    insider.recover()
    for answer in answers:
        widget.until_delivered(answer)
    assert "delivery.resumed" in widget.log()
    assert sorted(insider.descriptions()) == [f"number {n}" for n in range(4)]


def test_an_account_in_trouble_does_not_hold_up_another(start_widget: Callable[..., Widget], insider: Sandbox) -> None:
    config = "".join(
        f'[products.{slug}]\nname = "{slug}"\norigins = ["http://localhost:*"]\n' for slug in ("demo", "other")
    )
    wrong = {"INSIDER_CLIENT_ID__OTHER": "nobody", "INSIDER_CLIENT_SECRET__OTHER": "knows"}
    widget = start_widget(config=config, **QUICK, **wrong)
    assert widget.submit("waits", product="other").status_code == 202
    assert widget.submit("goes", product="demo").status_code == 201
    assert insider.descriptions() == ["goes"]


# --- unknown ----------------------------------------------------------------------------------------------------

UNKNOWN: dict[str, tuple[dict[str, Any], str]] = {
    "dropped unread": ({"mode": "drop_before"}, "no complete HTTP answer came"),
    "dropped after accepting": ({"mode": "drop_after_accepting"}, "no complete HTTP answer came"),
    "an unreadable 200": ({"mode": "status", "status": 200, "body": "{}"}, "200 without the documented content"),
    "too late": ({"mode": "slow", "seconds": 60}, "no answer in time"),
    "500": ({"mode": "status", "status": 500}, "answered 500"),
    "502": ({"mode": "status", "status": 502}, "answered 502"),
    "504": ({"mode": "status", "status": 504}, "answered 504"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_nobody_can_know_is_parked_flagged_and_visible_and_never_repeated_in_silence(
    request: pytest.FixtureRequest, insider: Sandbox, name: str
) -> None:
    fault, reason = UNKNOWN[name]
    widget: Widget = request.getfixturevalue("impatient" if "time" in reason else "widget")
    insider.put_faults({**fault, "target": "create", "times": 1})
    submission_id, answer = sent(widget, files=FILES)
    assert (answer.status_code, widget.receipt(answer)["status"]) == (202, "accepted")
    seen = row(widget, submission_id)
    assert (seen["state"], seen["last_error"]) == ("unknown", reason)
    assert (seen["possible_duplicate"], seen["due_in"]) == (True, None)
    assert f"{submission_id}  unknown*" in widget.operate("list").stdout
    assert_not_repeated(insider)


def test_by_the_other_policy_it_is_held_tried_once_more_and_stays_flagged(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(**QUICK, UNKNOWN_POLICY="retry", UNKNOWN_HOLD="2")
    insider.misbehave("drop_after_accepting", "create", times=1)
    answer = widget.submit("maybe twice")
    assert answer.status_code == 202
    (logged,) = (line for line in widget.log().splitlines() if '"submission.unknown"' in line)
    assert '"delay": 2.0,' in logged
    widget.until_delivered(answer)
    first, second = (datetime.fromisoformat(request["at"]) for request in insider.requests("create"))
    assert (second - first).total_seconds() >= 2
    assert insider.descriptions() == ["maybe twice"] * 2, "which nobody could know"
    assert len({feedback["idempotency_key"] for feedback in insider.feedbacks()}) == 1
    assert widget.row()["possible_duplicate"]


def test_what_is_unknown_twice_is_parked_through_every_restart_until_the_operator_decides(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(**QUICK, UNKNOWN_POLICY="retry", UNKNOWN_HOLD="0.3", DELIVERY_WAIT="0")
    insider.misbehave("drop_before", "create", times=2)
    answer = widget.submit()
    until(lambda: widget.log().count('"submission.unknown"') == 2)
    widget.restart()
    assert_not_repeated(insider, requests=2)
    assert (widget.row()["state"], widget.row()["due_in"]) == ("unknown", None)
    assert widget.operate("retry", widget.row()["id"]).returncode == 0
    widget.until_delivered(answer)
    assert insider.descriptions() == ["Good"]


# --- files ------------------------------------------------------------------------------------------------------


def test_a_refused_file_is_noted_and_shown_and_the_rest_goes_on(widget: Widget, insider: Sandbox) -> None:
    refuse = {"mode": "refuse", "target": "attach", "times": 1, "message": "File size cannot exceed 4MB."}
    insider.put_faults(refuse, {**refuse, "skip": 1})  # all at once; then only the second one
    submission_id, answer = sent(widget, files=FILES)
    assert answer.status_code == 201
    attachments = [
        {"name": "a.png", "status": "attached", "message": None},
        {"name": "b.pdf", "status": "refused", "message": "File size cannot exceed 4MB."},
        {"name": "c.png", "status": "attached", "message": None},
    ]
    assert widget.receipt(answer)["attachments"] == attachments
    page = widget.client.get(answer.json()["receipt_url"]).text
    assert "File size cannot exceed 4MB." in page
    assert [file["name"] for file in insider.feedbacks()[0]["attachments"]] == ["a.png", "c.png"]
    assert (insider.counts()["create"], insider.counts()["attach"]) == (1, 4)
    assert "b.pdf (application/pdf, " in (shown := widget.operate("show", submission_id).stdout)
    assert "refused: File size cannot exceed 4MB." in shown


@pytest.mark.parametrize("status", [429, 503])
def test_files_that_were_not_taken_are_repeated_without_the_create(
    widget: Widget, insider: Sandbox, status: int
) -> None:
    insider.fail_with(status, "attach", times=3)
    _, answer = sent(widget, files=FILES)
    widget.until_delivered(answer)
    (feedback,) = insider.feedbacks()
    assert [file["name"] for file in feedback["attachments"]] == ["a.png", "b.pdf", "c.png"]
    assert (insider.counts()["create"], insider.counts()["attach"]) == (1, 4)


@pytest.mark.parametrize("name", ["dropped after accepting", "too late", "500"])
def test_files_of_which_nobody_can_know_are_left_to_the_operator_and_never_repeat_the_create(
    request: pytest.FixtureRequest, insider: Sandbox, name: str
) -> None:
    fault, reason = UNKNOWN[name]
    widget: Widget = request.getfixturevalue("impatient" if "time" in reason else "widget")
    insider.put_faults({**fault, "target": "attach", "times": 1})
    submission_id, answer = sent(widget, files=FILES)
    seen = row(widget, submission_id)
    assert (seen["state"], seen["possible_duplicate"]) == ("unknown", True)
    assert seen["feedback_id"] == insider.feedbacks()[0]["id"]
    assert_not_repeated(insider, "attach")
    assert widget.operate("retry", submission_id).returncode == 0
    widget.until_delivered(answer)
    assert (insider.counts()["create"], insider.counts()["attach"]) == (1, 2)


def test_files_of_a_feedback_that_is_gone_are_noted_and_it_ends(widget: Widget, insider: Sandbox) -> None:
    insider.fail_with(404, "attach")
    _, answer = sent(widget, files=FILES)
    assert {file["status"] for file in widget.until_delivered(answer)["attachments"]} == {"refused"}
    assert insider.counts()["create"] == 1
    assert "delivery.paused" not in widget.log().split("submission.accepted")[-1]


def test_a_stored_file_that_has_vanished_is_noted_and_the_rest_goes_on(widget: Widget, insider: Sandbox) -> None:
    insider.fail_with(503, "create", times=1, retry_after=1)
    folder = widget.folder / "widget.db-files"
    before = {path for path in folder.iterdir() if path.is_file()}
    _, answer = sent(widget, files=FILES)
    stored = {path for path in folder.iterdir() if path.is_file()} - before
    next(path for path in stored if path.read_bytes().startswith(b"%PDF")).unlink()
    statuses = [file["status"] for file in widget.until_delivered(answer)["attachments"]]
    assert statuses == ["attached", "refused", "attached"]
    assert [file["name"] for file in insider.feedbacks()[0]["attachments"]] == ["a.png", "c.png"]
    assert len(insider.feedbacks()) == 1
