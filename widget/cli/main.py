"""The command line. A command's code is imported only when it runs, so `widget --version` loads none of it."""

import errno
import importlib
import os
import signal
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any, cast

import click
from click.shell_completion import CompletionItem

from widget import __version__

READERS: Mapping[str, Mapping[str, str]] = {
    "Run the service": {
        "serve": "Run the web process. With SQLite it also delivers.",
        "worker": "Run a delivery process without a web server. Needs PostgreSQL.",
        "migrate": "Create the database, or upgrade it.",
        "secret": "Make a key.",
        "rotate": "Say which step of a key rotation is safe now.",
        "check": "Check configuration, credentials, database and pages.",
    },
    "Operate it": {
        "status": "Show whether feedback arrives.",
        "stats": "Show usage figures without personal data.",
        "outbox": "List, show, retry, discard, export, import or erase submissions.",
        "backup": "Write a backup, while the service runs.",
        "restore": "Restore a backup into an empty database.",
    },
    "Make a form your own": {
        "new": "Create a product.",
        "preview": "Show a product's form in every state.",
    },
    "Put a form on a page": {
        "doctor": "Report why the form would not work in a host page.",
    },
    "Try it out": {
        "sandbox": "Run a local Insider Connect.",
    },
}
"""The commands, grouped by what the reader is about to do, each with its sentence in `widget --help`.

Each command is a module of this package with a function of the same name.
"""
COMMANDS: Mapping[str, str] = {name: said for commands in READERS.values() for name, said in commands.items()}
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a disk that takes no more answers."""


class Commands(click.Group):
    """A group that imports a command only when it is needed."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Run a command. One that cannot write its output because a disk is full ends with a sentence."""
        try:
            return super().main(*arguments, **options)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python will try to write the rest there
            click.echo(f"{error.filename or 'The output'} cannot be written: {error.strerror}", err=True)
            sys.exit(1)

    def list_commands(self, context: click.Context) -> list[str]:
        """The names of all commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import the command `name`. None if there is no such command."""
        if name not in COMMANDS:
            return None
        _do_without("rich", "pygments")
        if name in ("serve", "worker"):  # the others may open a browser
            _do_without("greenlet")
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # until they have a handler (`server.again`)
        command = getattr(importlib.import_module(f"widget.cli.{name}"), name)
        assert isinstance(command, click.Command)  # noqa: S101
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands for `widget --help` without importing them."""
        width = max(map(len, COMMANDS))
        for title, commands in READERS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), said) for name, said in commands.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete an option, or the name of a command without importing the commands."""
        names = [CompletionItem(name, help=said) for name, said in COMMANDS.items() if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]


def _do_without(*packages: str) -> None:
    """Let packages count as not installed, which structlog and httpx load wherever they are and nobody here needs: rich
    and pygments, for coloured tracebacks and a command of their own, take 6 MB in each process, and greenlet, which
    comes with Playwright, takes 1 MB."""
    for name in packages:
        sys.modules.setdefault(name, cast(ModuleType, None))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="widget")
def main() -> None:
    """An embeddable feedback widget for Insider Connect.

    Every command has a --help of its own. Settings are read from the environment.
    """
