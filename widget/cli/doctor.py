"""`widget doctor`."""

import asyncio
import os

import click

from widget.config.loading import load_products, places
from widget.errors import ConfigurationError
from widget.ops import words
from widget.telemetry import logs
from widget.tools import doctor as doctors


@click.command()
@click.argument("url")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_context
def doctor(context: click.Context, url: str, as_json: bool) -> None:
    """Fetch a host page and report why the form would not work there. The exit code is 1 if something is wrong.

    Reads the products from WIDGET_CONFIG. Without that file, it asks the service who may embed the form.
    """
    logs.configure("critical")
    if not url.startswith(("http://", "https://")):
        raise click.UsageError("give the full address of the page, with http:// or https://")
    try:
        products = load_products(places(os.environ)[0])
    except ConfigurationError:
        products = {}
    report = asyncio.run(doctors.run(url, products, os.environ.get("PUBLIC_URL") or None))
    click.echo(words.as_json(report.as_json(), indent=2) if as_json else "\n".join(report.lines()))
    context.exit(0 if report.passed else 1)
