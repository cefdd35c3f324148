"""`widget check`."""

import asyncio
import json
import os

import click

from widget import logs
from widget.server import hardening
from widget.tools import check as checks


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--product", help="The pages of this product alone, by its slug.")
@click.option("--offline", is_flag=True, help="Ask Insider Connect for no token.")
@click.option("--strict", is_flag=True, help="Also name what is open that could be shut: for services on the internet.")
@click.pass_context
def check(context: click.Context, as_json: bool, product: str | None, offline: bool, strict: bool) -> None:
    """Look at configuration, credentials, database, and every product's pages; exit with 1 when something is wrong.

    Every page is rendered in every state and language. Nothing is stored, and nothing sent but a request for a token.
    """
    hardening.keep_files_private()
    logs.configure("critical")
    report = asyncio.run(checks.run(os.environ, only=product, online=not offline, strict=strict))
    click.echo(json.dumps(report.as_json(), indent=2, ensure_ascii=False) if as_json else "\n".join(report.lines()))
    context.exit(0 if report.passed else 1)
