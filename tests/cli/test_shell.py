"""Each command starts from a shell, in an interpreter of its own. Other tests fork the commands (`children`)."""

import subprocess
from pathlib import Path

import pytest
from bed import FROM_SHELL, WIDGET_TOML, Process, Sandbox, Widget, free_port, plain_environ


def shell(folder: Path, environ: dict[str, str], *arguments: str) -> str:
    """The output of a command."""
    done = subprocess.run([*FROM_SHELL, *arguments], cwd=folder, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_service_and_every_command_of_the_operator(tmp_path: Path, insider: Sandbox) -> None:
    with Widget(tmp_path, insider.url, command=FROM_SHELL) as widget:
        insider.misbehave("refuse", "create")
        assert widget.submit("hello").status_code == 422
        submission_id = widget.row()["id"]
        for arguments, expected in {
            ("list",): submission_id,
            ("show", submission_id): "Contact Consent is required.",
            ("export", submission_id): "hello",
            ("retry", submission_id): "Put back 1 submission.",
            ("discard", "--state", "unknown", "--yes"): "Discarded 0 submissions.",
            ("erase", "--email", "nobody@example.com", "--yes"): "Erased 0 submissions",
        }.items():
            assert expected in shell(tmp_path, widget.environ, "outbox", *arguments)
        assert "Nothing is wrong." in shell(tmp_path, widget.environ, "check", "--offline")


def test_a_database_and_a_product_are_made(tmp_path: Path) -> None:
    widget = Widget(tmp_path, "http://127.0.0.1:1")
    widget.client.close()
    assert shell(tmp_path, widget.environ, "migrate") == "The outbox is up to date.\n"
    assert (tmp_path / "widget.db").exists()
    assert "Created Order desk:" in shell(tmp_path, widget.environ, "new", "order-desk")
    assert "widget, version" in shell(tmp_path, widget.environ, "--version")


@pytest.mark.parametrize(("command", "path"), [("sandbox", "/_sandbox/version"), ("preview", "/version")])
def test_a_server_for_developers(command: str, path: str, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "widget.toml").write_text(WIDGET_TOML)
    arguments = [*FROM_SHELL, command, *(["demo"] if command == "preview" else []), "--port", str(port)]
    process = Process(arguments, tmp_path / "log", plain_environ(), tmp_path)
    try:
        process.until_answers(f"http://127.0.0.1:{port}{path}")
    finally:
        process.stop()
