"""A program that is forked cannot tell that it was not started on its own (see `children`)."""

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import children
import pytest
from bed import FACT, Sandbox, Widget, plain_environ, until
from samples import png

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")

CIRCUMSTANCES = """
import gc, json, locale, logging, os, resource, signal, sys, threading, time, warnings
print(json.dumps({
    "arguments": sys.argv, "path": sys.path, "flags": repr(sys.flags), "main": sys.modules["__main__"].__name__,
    "folder": os.getcwd(), "environ": dict(os.environ), "zone": time.tzname,
    "parent": os.getppid(), "group": os.getpgid(0), "session": os.getsid(0), "umask": os.umask(0o22),
    "signals": {each.name: repr(signal.getsignal(each)) for each in signal.valid_signals() if hasattr(each, "name")},
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
    "descriptors": sorted(each for each in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{each}")),
    "limits": [resource.getrlimit(number) for number in range(16)],
    "streams": [(each.fileno(), each.encoding, each.errors, each.line_buffering, each.write_through, each.isatty())
                for each in (sys.stdin, sys.stdout, sys.stderr)],
    "input": sys.stdin.read(), "collecting": gc.isenabled(), "threads": threading.active_count(),
    "locale": locale.setlocale(locale.LC_ALL), "log": repr(logging.getLogger().handlers), "warnings": warnings.filters,
}, default=str))
"""

SERVICE = """
import sys
class Told:
    def find_spec(name, *_):
        print("imports", name)
sys.meta_path.insert(0, Told)
from widget.cli.main import main
main()
"""
"""The widget, which prints the name of each module that it has to import."""


@pytest.fixture(params=["code", "file", "module"])
def program(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """The arguments with which Python runs a program that prints its circumstances."""
    (tmp_path / "circumstances.py").write_text(CIRCUMSTANCES)
    ways = {
        "code": ["-c", CIRCUMSTANCES],
        "file": [str(tmp_path / "circumstances.py")],
        "module": ["-m", "circumstances"],
    }
    return [sys.executable, *ways[request.param], "first", "--second"]


def test_its_circumstances_are_those_of_a_program_that_was_started(program: list[str], tmp_path: Path) -> None:
    environ = plain_environ(ONE="1", TZ="Asia/Tokyo")
    forked = children.run(program, tmp_path, environ, typed="typed")
    assert forked.returncode == 0, forked.stderr
    with tempfile.TemporaryFile() as typed:  # streams as `run` passes them
        typed.write(b"typed")
        typed.seek(0)
        started = subprocess.run(program, cwd=tmp_path, env=environ, stdin=typed, capture_output=True, check=True)
    assert json.loads(forked.stdout) == json.loads(started.stdout)


@pytest.mark.parametrize(
    "code",
    [
        "",
        "raise SystemExit(3)",
        "raise SystemExit('in words')",
        "raise ValueError('no')",
        "raise KeyboardInterrupt",
        "import os; os._exit(7)",
        "import os; os.abort()",
        "import atexit; atexit.register(print, 'at the end'); print('before')",
        "import threading, time; threading.Thread(target=lambda: [time.sleep(0.1), print('waited for')]).start()",
    ],
)
def test_it_ends_as_a_program_that_was_started(code: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", code]
    forked = children.run(command, tmp_path, plain_environ())
    started = subprocess.run(command, cwd=tmp_path, env=plain_environ(), capture_output=True, text=True)
    assert (forked.returncode, forked.stdout) == (started.returncode, started.stdout)
    assert forked.stderr.splitlines()[-1:] == started.stderr.splitlines()[-1:]


def test_a_service_has_all_modules_when_it_is_forked(insider: Sandbox, tmp_path: Path, database_url: str) -> None:
    widget = Widget(tmp_path, insider.url, DATABASE_URL=database_url, command=[sys.executable, "-c", SERVICE])
    widget.migrate()
    with widget:
        assert widget.submit(files=[("a.png", png(), "image/png")]).status_code == 201
        assert widget.rows()
    assert "imports " not in widget.log()


def test_each_has_randomness_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import random, tempfile; print(random.random(), tempfile.mktemp())"]
    assert len({children.run(command, tmp_path, plain_environ()).stdout for _ in range(5)}) == 5


def test_a_kill_is_seen_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-c", "import signal; print('here', flush=True); signal.pause()"]
        child = children.start(command, tmp_path, plain_environ(), stdout=log)
    until(lambda: (tmp_path / "log").read_text() == "here\n")
    assert child.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.01)
    child.kill()
    assert child.wait(FACT) == child.poll() == -signal.SIGKILL
    assert not Path(f"/proc/{child.pid}").exists()
