"""The commands: each has its help, and none loads what it does not need."""

import os
import re
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
