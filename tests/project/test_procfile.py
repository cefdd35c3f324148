"""The Procfile works as it is: on an empty database it starts a service that delivers."""

import os
import sys
from pathlib import Path

from bed import ROOT, START, Process, Sandbox, Widget, until


def test_all_processes_run_from_the_first_start_and_stay(insider: Sandbox, database_url: str, tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    widget = Widget(tmp_path, insider.url, DATABASE_URL=database_url, PATH=path)  # its environment; honcho starts it
    command = [sys.executable, "-m", "honcho", "-f", str(ROOT / "Procfile"), "-d", str(tmp_path), "start"]
    honcho = Process(command, tmp_path / "log", widget.environ, tmp_path)
    try:
        honcho.until_answers(f"{widget.url}/readyz")
        wanted = 2 if "postgres" in database_url else 1
        until(lambda: honcho.log().count("widget.started") == wanted, START)
        widget.until_delivered(widget.submit(description="By a Procfile"))
        assert insider.descriptions() == ["By a Procfile"]
        assert honcho.popen.poll() is None, "one of them ended, and took the others along"
    finally:
        widget.client.close()
        honcho.stop()
