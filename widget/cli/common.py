"""What every command does in the same way: read the settings, and fail with words."""

import os
import sys
from collections.abc import Callable
from typing import NoReturn, TypeVar

import click

from widget.config.loading import load
from widget.config.settings import Settings
from widget.errors import ConfigurationError
from widget.server import hardening

T = TypeVar("T")


def settings() -> Settings:
    """The settings of the environment, for a command that may write; ends it when they cannot be used."""
    hardening.keep_files_private()
    return or_fail(lambda: load(os.environ))


def or_fail(work: Callable[[], T]) -> T:
    """What `work` answers; ends the command when the configuration cannot be used."""
    try:
        return work()
    except ConfigurationError as error:
        fail(named(error))


def named(error: ConfigurationError) -> str:
    """Every problem of a configuration, a line each."""
    lines = [f"  {problem.name}: {problem.message}" for problem in error.problems]
    return "\n".join(["The configuration cannot be used:", *lines])


def fail(message: str) -> NoReturn:
    """End the command with exit code 1."""
    click.echo(message, err=True)
    sys.exit(1)
