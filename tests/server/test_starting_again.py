"""SIGHUP: the same process reads settings from files again, and refuses no connection."""

import os
import secrets
import signal
from pathlib import Path
from typing import Any

from bed import WIDGET_TOML, Sandbox, Widget, until

OTHER = WIDGET_TOML.replace("products.demo", "products.other")


def starts(widget: Widget) -> int:
    return widget.log().count('"widget.started"')


def test_secrets_and_products_are_read_again_and_what_does_not_fit_changes_nothing(
    insider: Sandbox, tmp_path: Path
) -> None:
    key, config = tmp_path / "key", tmp_path / "widget.toml"
    old, new = secrets.token_hex(32), secrets.token_hex(32)
    key.write_text(old)
    with Widget(tmp_path, insider.url, SECRET_KEY="", SECRET_KEY_FILE=str(key)) as widget:
        receipt = widget.submit("before").json()["receipt_url"]
        pid = widget.pid

        config.write_text("[products.demo")
        os.kill(pid, signal.SIGHUP)
        until(lambda: '"settings.unusable"' in widget.log())
        assert widget.submit("still here").status_code == 201

        config.write_text(WIDGET_TOML + OTHER)
        key.write_text(f"{new},{old}")
        os.kill(pid, signal.SIGHUP)
        answers = [widget.client.get("/healthz").status_code for _ in range(50)]
        until(lambda: starts(widget) == 2)
        assert set(answers) == {200}
        assert widget.pid == pid
        assert widget.submit("after", product="other").status_code == 201
        assert widget.client.get(receipt).status_code == 200
        key.write_text(new)
        os.kill(pid, signal.SIGHUP)
        until(lambda: starts(widget) == 3)
        assert widget.client.get(receipt).status_code == 404
        for secret in (old, new):
            assert secret not in widget.log()


def test_several_processes_and_workers_start_again_too(insider: Sandbox, tmp_path: Path, postgres: Any) -> None:
    url = postgres.database()
    widget = Widget(tmp_path, insider.url, DATABASE_URL=url, WEB_CONCURRENCY="2", WEB_DELIVERS="false")
    widget.migrate()
    with widget:
        worker = widget.run("worker")
        try:
            until(lambda: starts(widget) == 3)
            (tmp_path / "widget.toml").write_text(WIDGET_TOML + OTHER)
            os.kill(widget.pid, signal.SIGHUP)
            os.kill(worker.popen.pid, signal.SIGHUP)
            until(lambda: starts(widget) == 6)
            until(lambda: widget.log().count('"widget.stopped"') == 3)
            answer = widget.submit("to the other", product="other")
            widget.until_delivered(answer)
        finally:
            worker.stop()
