"""`widget new`."""

import os

import click

from widget.cli.common import or_fail
from widget.config.loading import places
from widget.tools import scaffold


@click.command()
@click.argument("product")
@click.option("--name", help="The name that people read. Without it, it is derived from the slug.")
@click.option("--origin", "origins", multiple=True, help="An origin whose pages may embed the form. May be repeated.")
def new(product: str, name: str | None, origins: tuple[str, ...]) -> None:
    """Create a product: its table in widget.toml, and a folder with a first override.

    PRODUCT is its slug, such as order-desk. Existing tables and files are never changed.
    """
    config, custom = places(os.environ)
    shown = name or product.replace("-", " ").capitalize()
    given = origins or scaffold.LOCAL_ORIGINS
    made = or_fail(lambda: scaffold.make(product, name=shown, origins=given, config=config, custom=custom))
    lines = [f"Created {shown}:", f"  {made.config}  [products.{product}]", *(f"  {path}" for path in made.files), ""]
    lines.append("Next:")
    lines.append(f"  widget preview {product}          see your changes as you make them")
    lines.append(f"  widget check --product {product}  check that nothing is broken")
    if not origins:
        lines.append(f"  {made.config}: add the origins of its pages; for now only pages on this machine may embed it")
    lines.append(f'  <script src="https://…/embed.js" data-product="{product}" async></script>')
    click.echo("\n".join(lines))
