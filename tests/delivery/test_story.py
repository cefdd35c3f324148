"""The log tells the story of one submission through several processes, and which process wrote each line."""

import json
import sys
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import children
import psycopg
import pytest
from bed import EMAIL, ROOT, Sandbox, Widget, plain_environ, until
from postgres import Postgres


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_one_search_for_the_receipt_finds_the_whole_story_in_the_logs_of_four_processes(
    insider: Sandbox, postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.database()
    settings = {"DATABASE_URL": url, "WEB_DELIVERS": "false", "ACCESS_LOG": "true", "RETRY_MIN": "0.1"}
    Widget(tmp_path, insider.url, DATABASE_URL=url).migrate()
    with ExitStack() as stack:
        webs = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            webs.append(Widget(tmp_path / name, insider.url, **settings))
        for web in webs:
            stack.enter_context(web)
            stack.callback(web.run("worker").stop)
        insider.fail_with(503, "create", times=1)
        answer = webs[1].submit("A story", EMAIL)
        webs[0].until_delivered(answer)  # and the other web process answers for it
        with psycopg.connect(url) as session:
            named = {name for (name,) in session.execute("SELECT application_name FROM pg_stat_activity")}
        assert {"widget web", "widget worker", "widget worker queue"} <= named

        wanted = answer.json()["receipt"].split(".")[0]

        def story() -> list[dict[str, Any]]:
            found = [line for web in webs for line in lines(web.log()) if wanted in json.dumps(line)]
            return sorted(found, key=lambda line: datetime.fromisoformat(line["timestamp"]))

        until(lambda: story()[-1]["event"] == "submission.delivered")
        entries = story()
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
        (request,) = [
            line for line in lines(webs[1].log()) if line["event"] == "request.answered" and line["method"] == "POST"
        ]
        assert request["request_id"] == accepted["request_id"]
        assert (request["route"], request["status"]) == ("form", 202)
        assert all("pid" in line and "role" in line for web in webs for line in lines(web.log()))


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
