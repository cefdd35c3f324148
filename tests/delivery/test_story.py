"""The log tells the story of one submission through several processes, and which process wrote each line."""

import json
import sys
from collections import Counter
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import children
import psycopg
import pytest
from bed import EMAIL, ROOT, Sandbox, Widget, plain_environ, until
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from postgres import Postgres
from receiver import Receiver

TRACE = "a" * 32


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_one_search_for_the_receipt_finds_the_whole_story_in_the_logs_of_four_processes(
    insider: Sandbox, postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.database()
    settings = {"DATABASE_URL": url, "WEB_DELIVERS": "false", "ACCESS_LOG": "true", "RETRY_MIN": "0.1"}
    settings |= {"TRACES": "true", "OTEL_BSP_SCHEDULE_DELAY": "100"}
    Widget(tmp_path, insider.url, DATABASE_URL=url).migrate()
    with ExitStack() as stack:
        collector = stack.enter_context(Receiver())
        settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
        webs = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            webs.append(Widget(tmp_path / name, insider.url, **settings))
        for web in webs:
            stack.enter_context(web)
            stack.callback(web.run("worker").stop)
        insider.fail_with(503, "create", times=1)
        answer = webs[1].submit("A story", EMAIL, headers={"traceparent": f"00-{TRACE}-{'b' * 16}-01"})
        webs[0].until_delivered(answer)  # and the other web process answers for it
        with psycopg.connect(url, autocommit=True) as session:

            def named() -> set[str]:
                return {name for (name,) in session.execute("SELECT application_name FROM pg_stat_activity")}

            until(lambda: {"widget web", "widget worker", "widget worker queue"} <= named())

        wanted = answer.json()["receipt"].split(".")[0]

        def story() -> list[dict[str, Any]]:
            found = [line for web in webs for line in lines(web.log()) if wanted in json.dumps(line)]
            return sorted(found, key=lambda line: datetime.fromisoformat(line["timestamp"]))

        def posts() -> list[dict[str, Any]]:
            answered = [line for line in lines(webs[1].log()) if line["event"] == "request.answered"]
            return [line for line in answered if line["method"] == "POST"]

        entries = until(lambda: found if len(found := story()) == 5 and posts() else [])
        assert [(line["role"], line["event"]) for line in entries] == [
            ("web", "submission.accepted"),
            ("worker", "insider.answered"),
            ("worker", "submission.queued"),
            ("worker", "insider.answered"),
            ("worker", "submission.delivered"),
        ]
        accepted, first, _, second, delivered = entries
        assert (first["status"], second["status"]) == (503, 201)
        assert second["insider_request_id"]
        assert second["seconds"] >= 0
        assert delivered["age"] >= 0
        assert accepted["pid"] == webs[1].pid != delivered["pid"]
        (request,) = posts()
        assert request["request_id"] == accepted["request_id"]
        assert (request["route"], request["status"]) == ("form", 202)
        assert {line["request_id"] for line in entries} == {request["request_id"]}, "which the workers know by the row"
        assert all("pid" in line and "role" in line for web in webs for line in lines(web.log()))

        def spans() -> list[Span]:
            return [span for span in exported(collector) if span.trace_id.hex() == TRACE]

        until(lambda: Counter(span.name for span in spans()) >= Counter({"POST form": 1, "deliver": 2}))
        (received,) = [span for span in spans() if span.name == "POST form"]
        deliveries = [span for span in spans() if span.name == "deliver"]
        assert received.parent_span_id.hex() == "b" * 16, "the browser's"
        assert {span.parent_span_id for span in deliveries} == {received.span_id}
        calls = [span for span in spans() if span.name == "insider create"]
        assert {span.parent_span_id for span in calls} == {span.span_id for span in deliveries}
        sent = {request["headers"]["traceparent"] for request in insider.requests("create")}
        assert sent == {f"00-{TRACE}-{span.span_id.hex()}-01" for span in calls}
        everything = b"".join(post.content for post in collector.posts)
        assert wanted.encode() in everything
        assert not any(said in everything for said in (EMAIL.encode(), b"A story", answer.json()["receipt"].encode()))


def exported(collector: Receiver) -> list[Span]:
    """All spans that the processes have sent."""
    requests = [ExportTraceServiceRequest.FromString(post.content) for post in collector.at("/v1/traces")]
    scopes = [each for request in requests for resource in request.resource_spans for each in resource.scope_spans]
    return [span for scope in scopes for span in scope.spans]


def test_requests_leave_no_line_unless_it_is_wanted(widget: Widget) -> None:
    widget.submit("Good")
    assert "request.answered" not in widget.log()


@pytest.mark.parametrize("level", ["WARNING", "ERROR"])
def test_a_librarys_line_has_the_form_of_ours(tmp_path: Path, level: str) -> None:
    code = (
        "import logging; from widget.telemetry import logs; logs.configure('info', 'worker');"
        f"logging.getLogger('some.library').log(logging.{level}, 'it said %s', 'this');"
        "logging.getLogger('httpx').warning('a secret address')"
    )
    ran = children.run([sys.executable, "-c", code], tmp_path, plain_environ(PYTHONPATH=str(ROOT)))
    (line,) = lines(ran.stderr)
    wanted = {"event": "it said this", "level": level.lower(), "logger": "some.library", "role": "worker"}
    assert {name: line[name] for name in wanted} == wanted
    assert line["pid"]
    assert line["timestamp"]
