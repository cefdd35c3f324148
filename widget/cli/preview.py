"""`widget preview`."""

import os
import webbrowser
from contextlib import suppress

import click
import uvicorn

from widget.cli.common import PORT, fail, or_fail
from widget.config.loading import load_products, places
from widget.server.serving import address_of, listen
from widget.telemetry import logs
from widget.tools.preview import create_preview


@click.command()
@click.argument("product", required=False)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=PORT, default=8010, show_default=True)
@click.option("--open", "opens", is_flag=True, help="Open the preview in a browser.")
def preview(product: str | None, host: str, port: int, opens: bool) -> None:
    """Show a product's form in every state, and update it as its files are edited.

    Needs neither a database nor Insider Connect. Submissions are not stored.
    """
    logs.configure("error")
    config, custom = places(os.environ)
    app = or_fail(lambda: create_preview(config, custom))
    known = or_fail(lambda: load_products(config))
    if product is not None and product not in known:
        fail(f"{config} has no product {product!r}; it has {', '.join(known)}")
    listening = or_fail(lambda: listen(host, port))
    address = f"{address_of(listening)}/{product or ''}"
    click.echo(f"Preview: {address}\nPress Ctrl-C to stop it.")
    if opens:
        webbrowser.open(address)
    server = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1)
    with suppress(KeyboardInterrupt):
        uvicorn.Server(server).run(sockets=[listening])
