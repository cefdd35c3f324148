"""`widget doctor`."""

import asyncio
import json
import os

import click

from widget import logs
from widget.config.loading import load_products, places
from widget.errors import ConfigurationError
from widget.tools import doctor as doctors


@click.command()
@click.argument("url")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def doctor(context: click.Context, url: str, as_json: bool) -> None:
    """Fetch a host page and say why the form would not work there; exit with 1 when something is wrong.

    Products are those of WIDGET_CONFIG; without it, a product's form says by itself who may embed it.
    """
    logs.configure("critical")
    if not url.startswith(("http://", "https://")):
        raise click.UsageError("give the page's whole address, with http:// or https://")
    try:
        products = load_products(places(os.environ)[0])
    except ConfigurationError:
        products = {}
    report = asyncio.run(doctors.run(url, products, os.environ.get("PUBLIC_URL") or None))
    click.echo(json.dumps(report.as_json(), indent=2, ensure_ascii=False) if as_json else "\n".join(report.lines()))
    context.exit(0 if report.passed else 1)
