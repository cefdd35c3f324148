"""`widget sandbox`."""

import os
from contextlib import suppress

import click

from widget.cli.common import PORT, or_fail
from widget.sandbox import accounts_from, serve


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=PORT, default=8001, show_default=True, help="The API's port.")
@click.option(
    "--control-port",
    type=PORT,
    default=0,
    help="The port of the inbox and the faults; open even while the API is down.",
)
def sandbox(host: str, port: int, control_port: int) -> None:
    """Run a local Insider Connect, with fault modes and an inbox page.

    It accepts the accounts in INSIDER_CLIENT_ID and INSIDER_CLIENT_SECRET, and each product's own. Without them it has
    one account whose id and secret are both "sandbox".
    """
    with suppress(KeyboardInterrupt):
        or_fail(lambda: serve(host, port, control_port=control_port, accounts=accounts_from(os.environ)))
