"""A submission that a page marks as a test is stored, shown as a test everywhere, and never sent to Insider Connect."""

import json
import re
from pathlib import Path

import children
from bed import Sandbox, Widget
from httpx import Response

MARKED = "demo?test=1"
TITLE = "This was a test"


def send(widget: Widget, accept: str = "application/json") -> Response:
    return widget.submit("only a test", token=widget.token(), product=MARKED, accept=accept)


def test_a_test_is_accepted_and_says_so_in_its_answers_and_receipts(widget: Widget) -> None:
    answer = send(widget)
    assert (answer.status_code, answer.json()["status"], answer.json()["test"]) == (202, "accepted", True)
    assert widget.receipt(answer)["test"] is True
    receipt = widget.client.get(answer.json()["receipt_url"]).text
    assert TITLE in receipt
    assert "on its way" not in receipt
    assert TITLE in send(widget, accept="text/html").text
    assert "test" not in widget.submit("no test").json()


def test_a_form_that_is_marked_keeps_the_mark_and_promises_nothing(widget: Widget) -> None:
    page = widget.client.get("/form/demo?test=1&lang=en").text
    assert re.search(r'action="[^"]*test=1', page)
    assert TITLE in page
    assert "on its way" not in page
    plain = widget.client.get("/form/demo?lang=en").text
    assert "test=1" not in plain
    assert TITLE not in plain


def test_nothing_that_an_operator_does_delivers_a_test(widget: Widget, insider: Sandbox) -> None:
    answer = send(widget)
    (entry,) = (json.loads(line) for line in widget.operate("list", "--json").stdout.splitlines())
    assert entry["held_for"] == "test"
    assert "a test: never delivered" in widget.operate("list").stdout
    assert widget.operate("list", "--held").stdout == ""
    released = widget.operate("retry", entry["id"])
    assert released.returncode == 3
    assert "is a test, which is never delivered" in released.stdout + released.stderr
    assert widget.operate("discard", entry["id"]).returncode == 0
    assert widget.operate("retry", entry["id"]).returncode == 3
    widget.until_delivered(widget.submit("no test"))
    assert insider.descriptions() == ["no test"]
    assert widget.receipt(answer)["test"] is True


def test_no_figure_of_what_is_left_to_do_counts_a_test(insider: Sandbox, tmp_path: Path, database_url: str) -> None:
    token = "tests-only-operators-token"
    widget = Widget(tmp_path, insider.url, OPS_TOKEN=token, DATABASE_URL=database_url)
    widget.migrate()
    with widget:
        ids = [send(widget).json()["receipt"] for _ in range(3)]
        assert widget.operate("discard", ids[0]).returncode == widget.operate("erase", ids[1]).returncode == 0
        assert len(widget.rows()) == 3
        assert widget.client.post("/ops/sign-in", data={"token": token}).status_code == 303
        assert "Nothing waits, and nothing needs you" in widget.client.get("/ops").text
        metrics = widget.client.get("/metrics", headers={"Authorization": f"Bearer {token}"}).text
        assert "widget_submissions{" not in metrics
        assert "widget_submissions_accepted_total{" in metrics
        status = children.run([*widget.command, "status", "--json"], widget.folder, widget.environ)
        assert not any(json.loads(status.stdout)["yours"].values())
