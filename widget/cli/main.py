"""The commands, each imported when it runs: `widget --version` loads none of them."""

import importlib
from collections.abc import Mapping

import click

from widget import __version__

COMMANDS: Mapping[str, str] = {
    "serve": "Run the web process. On SQLite it delivers, too.",
    "worker": "Run a delivery process without the web part; needs PostgreSQL.",
    "migrate": "Create the database, or bring it up to date.",
    "outbox": "Look at what was stored, and act on it.",
    "check": "Check configuration, credentials, database and pages.",
    "new": "Make a product.",
    "preview": "Show a product's form in every state.",
    "doctor": "Say why the form would not work in a host page.",
    "sandbox": "Run a local Insider Connect.",
}
"""Each is a module of this package with a command of the same name; the sentence is for `widget --help`."""


class Commands(click.Group):
    """Looks commands up in `COMMANDS`."""

    def list_commands(self, context: click.Context) -> list[str]:
        """All of them, the service's first."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """One of them, imported."""
        if name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(f"widget.cli.{name}"), name)
        assert isinstance(command, click.Command)  # noqa: S101
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `widget --help`, for which nothing is imported."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="widget")
def main() -> None:
    """An embeddable feedback widget for Insider Connect."""
