"""`widget new`."""

import os

import click

from widget.cli.common import or_fail
from widget.config.loading import places
from widget.tools import scaffold


@click.command()
@click.argument("product")
@click.option("--name", help="The name that people read; without it, made of the slug.")
@click.option("--origin", "origins", multiple=True, help="The origin of pages that may embed the form; repeat it.")
def new(product: str, name: str | None, origins: tuple[str, ...]) -> None:
    """Make a product: its table in widget.toml, and a small folder with one override to start from.

    PRODUCT is its slug, such as order-desk. What is there already is never changed.
    """
    config, custom = places(os.environ)
    shown = name or product.replace("-", " ").capitalize()
    given = origins or scaffold.LOCAL_ORIGINS
    made = or_fail(lambda: scaffold.make(product, name=shown, origins=given, config=config, custom=custom))
    lines = [f"{shown} is there:", f"  {made.config}  [products.{product}]", *(f"  {path}" for path in made.files), ""]
    lines.append("Next:")
    lines.append(f"  widget preview {product}         look at it while you change it")
    lines.append(f"  widget check --product {product}  see that nothing is lost")
    if not origins:
        lines.append(f"  {made.config}: add the origins of its pages; so far only pages of this machine may embed it")
    lines.append(f'  <script src="https://…/embed.js" data-product="{product}" async></script>')
    click.echo("\n".join(lines))
