"""The commands: each tells what it does, and none loads what it does not need."""

import re
import subprocess
import sys

import children
import pytest
from bed import COMMAND, ROOT, plain_environ

from widget.cli.main import COMMANDS


def widget(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return children.run([*COMMAND, *arguments], ROOT, plain_environ())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name: str) -> None:
    told = widget(name, "-h")
    assert told.returncode == 0, told.stderr
    assert f"Usage: widget {name}" in told.stdout.replace("python -m widget", "widget")


def test_the_list_has_every_command_once_whole_and_in_the_readers_order() -> None:
    listed = widget("--help").stdout.split("Commands:")[1]
    assert re.findall(r"^  (\w+)", listed, re.MULTILINE) == list(COMMANDS)
    assert "..." not in listed


def test_an_unknown_command_is_named() -> None:
    told = widget("server")
    assert told.returncode == 2
    assert "No such command 'server'" in told.stderr


def test_the_version_is_told_without_loading_the_service() -> None:
    code = (
        "import sys; sys.argv = ['widget', '--version']\n"
        "from widget.cli.main import main\n"
        "try: main()\n"
        "finally: print(*sorted(name for name in sys.modules if name.partition('.')[0] in "
        "('widget', 'pydantic', 'starlette', 'sqlalchemy', 'httpx', 'uvicorn', 'jinja2', 'babel')))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert told.stdout.splitlines()[-1].split() == ["widget", "widget.cli", "widget.cli.main"]
