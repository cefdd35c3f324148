"""The command line. A command's code is imported only when it runs, so `widget --version` loads none of it."""

import importlib
from collections.abc import Mapping

import click

from widget import __version__

COMMANDS: Mapping[str, str] = {
    "serve": "Run the web process. With SQLite it also delivers.",
    "worker": "Run a delivery process without a web server. Needs PostgreSQL.",
    "migrate": "Create the database, or upgrade it.",
    "status": "Show whether feedback arrives.",
    "stats": "Show usage figures without personal data.",
    "outbox": "List, show, retry, discard, export, import or erase submissions.",
    "check": "Check configuration, credentials, database and pages.",
    "new": "Create a product.",
    "preview": "Show a product's form in every state.",
    "doctor": "Report why the form would not work in a host page.",
    "sandbox": "Run a local Insider Connect.",
}
"""Each command is a module of this package with a function of the same name. `widget --help` shows the sentence."""


class Commands(click.Group):
    """A group that imports a command when it is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        """The names of all commands, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import the command `name`. None if there is no such command."""
        if name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(f"widget.cli.{name}"), name)
        assert isinstance(command, click.Command)  # noqa: S101
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands for `widget --help` without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="widget")
def main() -> None:
    """An embeddable feedback widget for Insider Connect."""
