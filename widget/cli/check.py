"""`widget check`."""

import asyncio
import json
import os

import click

from widget import logs
from widget.server import hardening
from widget.tools import check as checks


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--product", help="Check only the pages of this product, given by its slug.")
@click.option("--offline", is_flag=True, help="Ask nobody but the database: not Insider Connect, the scanner or Redis.")
@click.option(
    "--strict", is_flag=True, help="Also report optional defences that are off. For services on the internet."
)
@click.pass_context
def check(context: click.Context, as_json: bool, product: str | None, offline: bool, strict: bool) -> None:
    """Check configuration, credentials, database and every product's pages. The exit code is 1 if something is wrong.

    Renders every page in every state and language, and stores nothing. Asks Insider Connect for a token, and the
    scanner and Redis whether they are there.
    """
    hardening.keep_files_private()
    logs.configure("critical")
    try:
        report = asyncio.run(checks.run(os.environ, only=product, online=not offline, strict=strict))
    except checks.UnknownProduct as error:
        raise click.BadParameter(str(error), param_hint="--product") from None
    click.echo(json.dumps(report.as_json(), indent=2, ensure_ascii=False) if as_json else "\n".join(report.lines()))
    context.exit(0 if report.passed else 1)
