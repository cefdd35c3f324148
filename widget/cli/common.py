"""What the commands share: reading the settings, and failing with a message."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

import click

from widget.app.outbox import create_outbox
from widget.config.loading import load
from widget.config.settings import Settings
from widget.errors import ConfigurationError, OutboxUnavailable, Problem
from widget.outbox.backend import Backend
from widget.outbox.outbox import Outbox
from widget.outbox.sqlite import SQLiteBackend
from widget.server import hardening

T = TypeVar("T")
CONNECT_TIMEOUT = 2
"""Seconds that a command waits for the database's host. It is short because the user can simply try again."""


PORT = click.IntRange(0, 65535)

trial = click.option("--trial", is_flag=True, hidden=True, help="Only tell whether a start would fail, and why.")


def try_start(prepare: Callable[[Settings], object]) -> NoReturn:
    """Check what a start would, beside the service that runs, and change nothing. Ends the command if it would fail.
    Unlike a start, it does not wait for a database that is unavailable."""
    hardening.keep_files_private()
    try:
        loaded = load(os.environ)
        prepare(loaded)
        asyncio.run(_try_outbox(loaded))
    except ConfigurationError as error:
        fail(str(error))
    except OutboxUnavailable as error:
        fail(f"DATABASE_URL: the database cannot be used now: {error}")
    sys.exit(0)


async def _try_outbox(loaded: Settings) -> None:
    outbox = create_outbox(loaded)
    try:
        await outbox.try_opening()
    finally:
        await outbox.close()


def settings() -> Settings:
    """The settings from the environment, for a command that may write files. Ends the command if they are wrong."""
    hardening.keep_files_private()
    return or_fail(lambda: load(os.environ))


def or_fail(work: Callable[[], T]) -> T:
    """The result of `work`. Ends the command if that raises ConfigurationError."""
    try:
        return work()
    except ConfigurationError as error:
        fail(named(error))


def with_outbox(
    settings: Settings, work: Callable[[Outbox], Awaitable[T]], *, all_readable: bool = True, failed: str = ""
) -> T:
    """Open the outbox beside the service, and do `work`. Ends the command if the outbox cannot be used or, with
    `all_readable`, if some rows cannot be decrypted with any listed key. `failed` ends that message."""
    try:
        return or_fail(lambda: asyncio.run(_with_outbox(settings, work, all_readable)))
    except OutboxUnavailable as error:
        fail(f"The outbox cannot be used now: {error}{failed}")


async def _with_outbox(settings: Settings, work: Callable[[Outbox], Awaitable[T]], all_readable: bool) -> T:
    outbox = create_outbox(settings, CONNECT_TIMEOUT)
    _check_there_is_one(outbox.backend)
    try:
        await outbox.open_beside(all_readable=all_readable)
        return await work(outbox)
    finally:
        await outbox.close()


def _check_there_is_one(backend: Backend) -> None:
    """Raises ConfigurationError if the command would create an empty outbox. Only the service creates one."""
    if isinstance(backend, SQLiteBackend) and not backend.path.exists():
        raise ConfigurationError([Problem("DATABASE_URL", f"there is no outbox at {backend.path}")])


def named(error: ConfigurationError) -> str:
    """All problems of a configuration, one per line."""
    lines = [f"  {problem.name}: {problem.message}" for problem in error.problems]
    return "\n".join(["The configuration cannot be used:", *lines])


def fail(message: str) -> NoReturn:
    """End the command with exit code 1."""
    click.echo(message, err=True)
    sys.exit(1)
