"""`widget check`."""

import asyncio
import os
from dataclasses import replace

import click

from widget.cli.common import or_fail
from widget.config.loading import load_products, places
from widget.config.validators import web_address
from widget.server import hardening
from widget.telemetry import logs
from widget.tools import annotations
from widget.tools import check as checks
from widget.tools.findings import Section


def _address(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    try:
        return given and web_address(given)
    except ValueError:
        raise click.BadParameter("give an address such as https://feedback.example.com") from None


@click.command()
@click.option(
    "--output-format",
    "output",
    type=click.Choice(list(annotations.FORMATS)),
    default="text",
    show_default=True,
    help="What to print: text, JSON, or annotations for GitHub or GitLab.",
)
@click.option("--json", "output", flag_value="json", help="Short for --output-format json.")
@click.option("--product", help="Check only the pages of this product, given by its slug.")
@click.option(
    "--offline", is_flag=True, help="Connect only to the database, not to Insider Connect, the scanner or Redis."
)
@click.option(
    "--pages", is_flag=True, help="Check the products alone, without the service's settings: for a team's own CI."
)
@click.option("--browser", is_flag=True, help="Also look at the pages in Chromium. Needs the extra `browser`.")
@click.option(
    "--proxy",
    metavar="URL",
    callback=_address,
    help="Also send 20 MiB and false forwarding headers through the proxy at this address to the running service.",
)
@click.option(
    "--strict", is_flag=True, help="Also report optional defences that are off. For services on the internet."
)
@click.pass_context
def check(
    context: click.Context,
    output: str,
    product: str | None,
    offline: bool,
    pages: bool,
    browser: bool,
    strict: bool,
    proxy: str | None,
) -> None:
    """Check configuration, credentials, database and every product's pages. The exit code is 1 if something is wrong.

    Renders every page in every state and language, and stores nothing, even with --proxy. Asks Insider Connect for a
    token, and whether the scanner, Redis, the mail server and the receivers of alerts and events are there.
    """
    hardening.keep_files_private()
    logs.configure("critical")
    seen = _in_browser(product) if browser else ()
    try:
        if pages:
            report = checks.pages(os.environ, only=product)
        else:
            report = asyncio.run(checks.run(os.environ, only=product, online=not offline, strict=strict, proxy=proxy))
    except checks.UnknownProduct as error:
        raise click.BadParameter(str(error), param_hint="--product") from None
    report = replace(report, sections=(*report.sections, *seen))
    if text := annotations.FORMATS[output](report):
        click.echo(text)
    context.exit(0 if report.passed else 1)


def _in_browser(only: str | None) -> tuple[Section, ...]:
    """What a browser finds on the products' pages. Ends the command if there is no browser."""
    from widget.tools import browser  # slow to import, and only this option needs it

    config, custom = places(os.environ)
    found = or_fail(lambda: load_products(config, []))
    chosen = {slug: each for slug, each in found.items() if only in (None, slug)}
    try:
        return asyncio.run(browser.look(chosen, config, custom))
    except browser.Missing as error:
        raise click.UsageError(str(error)) from None
