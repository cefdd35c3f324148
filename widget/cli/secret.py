"""`widget secret`."""

import base64
import secrets

import click

from widget.config.secrets import WEBHOOK_PREFIX


@click.command()
@click.option("--events", is_flag=True, help="For EVENTS_SECRET__SLUG, as Standard Webhooks writes it.")
def secret(events: bool) -> None:
    """Print a new random key for SECRET_KEY, DATA_KEY, OPS_TOKEN or IDENTITY_KEY__SLUG: 256 bits as hexadecimal.

    With --events, print a secret for EVENTS_SECRET__SLUG: whsec_ and 256 bits as base64.
    """
    key = secrets.token_bytes(32)
    click.echo(WEBHOOK_PREFIX + base64.b64encode(key).decode() if events else key.hex())
