"""The commands: each has its help, and none loads what it does not need."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import children
import pytest
from bed import COMMAND, FROM_SHELL, ROOT, plain_environ

from widget.cli.main import COMMANDS, READERS
from widget.config.secrets import keys

ON_PATH = plain_environ(PATH=f"{Path(FROM_SHELL[0]).parent}:{os.environ['PATH']}")


def widget(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return children.run([*COMMAND, *arguments], ROOT, plain_environ())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name: str) -> None:
    result = widget(name, "-h")
    assert result.returncode == 0, result.stderr
    assert f"Usage: widget {name}" in result.stdout.replace("python -m widget", "widget")


def test_the_help_has_every_command_once_and_whole_under_its_reader_s_heading() -> None:
    listed = widget("--help").stdout.split("Options:")[1]
    assert re.findall(r"^  (\w+) ", listed, re.MULTILINE) == list(COMMANDS)
    assert re.findall(r"^(\S.*):$", listed, re.MULTILINE) == list(READERS)
    assert "..." not in listed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_the_names_of_commands_as_documented(shell: str) -> None:
    line = f"_WIDGET_COMPLETE={shell}_source widget"
    assert line in (ROOT / "docs" / "deploying.md").read_text("utf-8")
    source = subprocess.run(line, shell=True, capture_output=True, text=True, env=ON_PATH)  # noqa: S602 - as typed
    assert "widget" in source.stdout
    asked = {
        "_WIDGET_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": "widget out",
        "COMP_CWORD": "out" if shell == "fish" else "1",
    }
    result = subprocess.run([*FROM_SHELL], capture_output=True, text=True, env={**ON_PATH, **asked})
    assert "outbox" in result.stdout


def test_a_key_is_made_that_the_settings_take_and_another_each_time() -> None:
    made = {widget("secret").stdout.strip() for _ in range(2)}
    assert len(made) == 2
    for key in made:
        assert keys(key) == (key,)


def test_an_unknown_command_is_named() -> None:
    result = widget("server")
    assert result.returncode == 2
    assert "No such command 'server'" in result.stderr


@pytest.mark.parametrize("command", [["preview", "demo"], ["sandbox"]])
def test_a_port_that_is_taken_is_named_before_any_address_is(command: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = widget(*command, "--port", str(port))
    assert (result.returncode, result.stdout) == (1, "")
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in result.stderr
    assert "not in the range" in widget(*command, "--port", "99999").stderr


def test_the_version_is_printed_without_loading_the_service() -> None:
    code = (
        "import sys; sys.argv = ['widget', '--version']\n"
        "from widget.cli.main import main\n"
        "try: main()\n"
        "finally: print(*sorted(name for name in sys.modules if name.partition('.')[0] in "
        "('widget', 'pydantic', 'starlette', 'sqlalchemy', 'httpx', 'uvicorn', 'jinja2', 'babel')))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.splitlines()[-1].split() == ["widget", "widget.cli", "widget.cli.main"]


UNNEEDED = (
    "PIL", "attr", "axe_playwright_python", "babel.lists", "babel.numbers", "babel.units", "cryptography", "cssselect2",
    "deprecated", "greenlet", "jwt", "limits", "opentelemetry", "pikepdf", "playwright", "procrastinate",
    "prometheus_client", "psycopg", "publicsuffixlist", "pygments", "redis", "rich", "smtplib",
    "sqlalchemy.dialects.postgresql", "sqlalchemy.orm", "tinycss2", "widget.abuse.shared",
    "widget.cli.check", "widget.cli.outbox", "widget.cli.worker", "widget.delivery.procrastinate", "widget.files.pdf",
    "widget.files.picture", "widget.ops.mailing", "widget.ops.metrics", "widget.outbox.backup",
    "widget.outbox.importing", "widget.outbox.postgres", "widget.outbox.restore", "widget.sandbox", "widget.tools",
)  # fmt: skip
"""What only commands, checks, PostgreSQL, Redis, previews, files, mails, traces or metrics need."""
WITHIN = tuple(f"{name}." for name in UNNEEDED)
SERVED = """
import asyncio, sys
from widget.cli.main import main
main.get_command(None, "serve")
from widget.app.web import create_app
from widget.cli.common import settings

async def serve():
    app = create_app(settings())
    async with app.router.lifespan_context(app):
        print(*(name for name, module in sys.modules.items() if module))

asyncio.run(serve())
"""


def test_the_web_process_on_sqlite_loads_nothing_that_others_need(tmp_path: Path) -> None:
    (tmp_path / "widget.toml").write_text('[products.demo]\nname = "Demo"\norigins = ["http://localhost:*"]\n')
    environ = plain_environ(
        PYTHONPATH=str(ROOT),
        DATABASE_URL=f"sqlite:///{tmp_path / 'widget.db'}",
        INSIDER_URL="http://127.0.0.1:9",
        INSIDER_CLIENT_ID="client",
        INSIDER_CLIENT_SECRET="secret",
        SECRET_KEY="tests-only-tests-only-tests-only-0",
    )
    command = [sys.executable, "-c", SERVED]  # a new interpreter: the one that forks has all modules
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environ, check=False)
    assert ran.returncode == 0, ran.stderr
    loaded = ran.stdout.split()
    assert "widget.app.web" in loaded
    assert [name for name in loaded if name in UNNEEDED or name.startswith(WITHIN)] == []
