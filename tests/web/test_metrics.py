"""`/metrics`: correct whichever process answers, bounded, and nothing personal; and the rules and dashboard that read
it."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from bed import EMAIL, ROOT, Sandbox, Widget, adjusted, until
from postgres import Postgres
from prometheus_client.parser import text_string_to_metric_families
from samples import jpeg

from widget.ops.metrics import RULES, Known, exposition
from widget.outbox.accounts import AccountState, Overview, Pile, Waiting
from widget.outbox.processes import Process
from widget.telemetry.counters import Amount, Key

TOKEN = "tests-only-operators-token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PROMETHEUS = ROOT / "deploy" / "prometheus" / "alerts.yml"
GRAFANA = ROOT / "deploy" / "grafana" / "dashboard.json"


def metrics_of(widget: Widget) -> str:
    return widget.client.get("/metrics", headers=BEARER).raise_for_status().text


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Values by name and values of labels, in the order of the labels' names."""
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def everything() -> str:
    """An exposition with a sample of each metric."""
    totals = {
        Key(event, "demo", detail="GET form 200" if event == "request" else "5"): Amount(2, 3.5) for event in RULES
    }
    overview = Overview({"demo": AccountState(None, 1.0, 2.0)}, {"demo": Waiting(3, 4.0)}, {})
    gauges = {"memory_bytes": 1.0, "helpers_memory_bytes": 1.0, "loop_lag_seconds": 0.1}
    known = Known(True, totals, overview, [Pile("demo", "held", 1, 2.0)], [Process("host", 7, "web", gauges)], 5)
    return exposition(known, "")[0].decode()


def test_what_happened_is_counted_and_nothing_personal_is_shown(
    start_widget: Callable[..., Widget], insider: Sandbox
) -> None:
    widget = start_widget(OPS_TOKEN=TOKEN, RATE_LIMIT="3/minute", RETRY_MIN="0.1")
    widget.submit("Good things", rating="true", files=[("holiday.jpg", jpeg(), "image/jpeg")])
    widget.submit(token="forged")
    insider.misbehave("refuse", "create")
    widget.submit("Bad things", rating="false")
    widget.submit("One too many")
    text = metrics_of(widget)
    found = samples(text)
    assert found["widget_submissions_accepted_total", "true", "", "en", "demo", "up"] == 1
    assert found["widget_submissions_ended_total", "delivered", "demo", ""] == 1
    assert found["widget_submissions_ended_total", "refused", "demo", "answered_400"] == 1
    assert found["widget_delivery_seconds_count", "demo"] == 1
    assert found["widget_requests_refused_total", "token_invalid", "demo"] == 1
    assert found["widget_limits_reached_total", "demo", "RATE_LIMIT"] == 1
    assert found["widget_http_requests_total", "POST", "form", "201"] == 1
    assert found["widget_delivery_attempts_total", "attached", "demo"] == 1
    assert found["widget_token_requests_total", "given"] >= 1
    assert found["widget_file_checks_total", "good"] == 1
    assert found["widget_upload_bytes_total",] > 1000
    assert found["widget_submissions", "demo", "refused"] == 1
    assert found["widget_account_up", "demo"] == 1
    assert found["widget_database_up",] == 1
    for word in (EMAIL, "things", "holiday", "127.0.0.1"):
        assert word not in text
    widget.client.get("/nonsense/made/up")
    widget.client.request("BREW", "/receipt/secret")
    again = metrics_of(widget)
    assert "nonsense" not in again
    assert "BREW" not in again
    assert "secret" not in again
    before = samples(again)["widget_submissions_accepted_total", "true", "", "en", "demo", "up"]
    widget.restart()
    assert samples(metrics_of(widget))["widget_submissions_accepted_total", "true", "", "en", "demo", "up"] == before


def test_only_the_operator_sees_metrics(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(OPS_TOKEN=TOKEN)
    for given in ({}, {"Authorization": "Bearer wrong"}):
        refused = widget.client.get("/metrics", headers=given)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Bearer realm="metrics"')
    assert "no_ops_token" in widget.log()


@pytest.mark.parametrize("token", ["Zugang für Lörrach", "la porte est là, voilà"])
def test_a_token_of_any_letters_opens_all_that_it_should(start_widget: Callable[..., Widget], token: str) -> None:
    widget = start_widget(OPS_TOKEN=token)
    bearer = {b"Authorization": f"Bearer {token}".encode()}
    assert httpx.get(f"{widget.url}/metrics", headers=bearer, trust_env=False).status_code == 200
    assert "checks" in httpx.get(f"{widget.url}/readyz", headers=bearer, trust_env=False).json()
    assert widget.client.post("/ops/sign-in", data={"token": token}).status_code == 303


def test_without_a_token_there_are_no_metrics(widget: Widget) -> None:
    assert widget.client.get("/metrics", headers=BEARER).status_code == 404


def test_any_of_several_processes_tells_of_all(insider: Sandbox, postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.database()
    with ExitStack() as stack:
        folders = [tmp_path / name for name in ("one", "two")]
        for folder in folders:
            folder.mkdir()
        webs = [
            Widget(folder, insider.url, DATABASE_URL=url, OPS_TOKEN=TOKEN, WEB_DELIVERS="false") for folder in folders
        ]
        webs[0].migrate()
        for web in webs:
            stack.enter_context(web)
        worker = webs[0].run("worker")
        stack.callback(worker.stop)
        for web in webs:
            web.submit("Good", rating="true")
            web.submit(token="forged")

        def tell_the_same() -> bool:
            found = [samples(metrics_of(web)) for web in webs]
            processes = {key[2:] for key in found[0] if key[0] == "widget_process_memory_bytes"}
            counted = [
                (
                    each.get(("widget_submissions_accepted_total", "false", "", "en", "demo", "up")),
                    each.get(("widget_requests_refused_total", "token_invalid", "demo")),
                    each.get(("widget_submissions_ended_total", "delivered", "demo", "")),
                    each.get(("widget_delivery_attempts_total", "created", "demo")),
                )
                for each in found
            ]
            return counted == [(2, 2, 2, 2)] * 2 and sorted(role for _, role in processes) == ["web", "web", "worker"]

        until(tell_the_same, pause=0.3)


def test_metrics_say_that_the_database_is_away(start_widget: Callable[..., Widget]) -> None:
    widget = start_widget(OPS_TOKEN=TOKEN, DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    assert samples(metrics_of(widget))["widget_database_up",] == 0
    widget.client.post("/ops/sign-in", data={"token": TOKEN})
    assert "Nothing can be accepted" in widget.client.get("/ops").text


def test_metrics_and_the_operators_page_answer_while_the_database_is_silent(
    insider: Sandbox, postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.database()
    quickly = adjusted("widget.web.metrics._PATIENCE=0.2", "widget.web.ops.board._PATIENCE=0.2")
    widget = Widget(tmp_path, insider.url, command=quickly, OPS_TOKEN=TOKEN, DATABASE_URL=url)
    widget.migrate()
    with widget, psycopg.connect(url) as locking:
        widget.client.post("/ops/sign-in", data={"token": TOKEN})
        locking.execute("LOCK TABLE submission IN ACCESS EXCLUSIVE MODE")
        assert samples(metrics_of(widget))["widget_database_up",] == 0
        assert "did not answer" in widget.client.get("/ops").text
        locking.rollback()
        until(lambda: samples(metrics_of(widget))["widget_database_up",] == 1)


def queries() -> dict[str, str]:
    """Each expression of rules and dashboard, by its place."""
    dashboard = json.loads(GRAFANA.read_text("utf-8"))
    found = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in dashboard["panels"]
        for target in panel["targets"]
    }
    rules = re.findall(r"- alert: (\w+)\n\s+expr: (.+)", PROMETHEUS.read_text("utf-8"))
    return found | dict(rules)


def test_rules_and_dashboard_ask_for_metrics_and_labels_that_there_are() -> None:
    families = list(text_string_to_metric_families(everything()))
    labels: dict[str, set[str]] = {}
    for family in families:
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    assert len(queries()) > 25
    for place, query in queries().items():
        names = set(re.findall(r"\bwidget_\w+", query))
        assert names <= labels.keys(), place
        for group in re.findall(r"by \(([^)]+)\)", query):
            known = set().union(*(labels[name] for name in names))
            assert set(group.split(", ")) <= known, place
    asked = {name for query in queries().values() for name in re.findall(r"\bwidget_\w+", query)}
    missing = {name for name in labels if name.endswith("_total")} - asked
    assert missing == {"widget_http_requests_seconds_total", "widget_file_checks_seconds_total"}


def test_each_alert_has_a_section_in_the_runbook() -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in re.findall("^#+ .+", text, re.M)
    }
    runbooks = re.findall(r"runbook: docs/operations\.md#(\S+)", PROMETHEUS.read_text("utf-8"))
    assert len(runbooks) == PROMETHEUS.read_text("utf-8").count("- alert:")
    assert set(runbooks) <= headings


PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not here (Debian's package `prometheus` has it)")
def test_promtool_finds_no_fault() -> None:
    def run(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[Any]:
        return subprocess.run([str(PROMTOOL), *arguments], input=typed, capture_output=True, text=True)

    checked = run("check", "rules", str(PROMETHEUS))
    assert checked.returncode == 0, checked.stderr
    linted = run("check", "metrics", typed=everything())
    assert (linted.returncode, linted.stderr) == (0, "")
