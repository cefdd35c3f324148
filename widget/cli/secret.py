"""`widget secret`."""

import secrets

import click


@click.command()
def secret() -> None:
    """Print a new random key for SECRET_KEY, DATA_KEY, OPS_TOKEN or IDENTITY_KEY__SLUG: 256 bits as hexadecimal."""
    click.echo(secrets.token_hex(32))
