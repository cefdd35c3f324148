"""`widget new`."""

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

import click

from widget.cli.common import fail, or_fail
from widget.config import resources
from widget.config.loading import load_products, places
from widget.config.products import SLUG, origin_problem
from widget.theming.colours import Colour
from widget.theming.themes import Theme, shortfalls
from widget.tools import borrowing, scaffold
from widget.tools.scaffold import Look
from widget.web import snippets


@click.command()
@click.argument("product", required=False)
@click.option("--name", help="The name that people read. Without it, it is derived from the slug.")
@click.option("--origin", "origins", multiple=True, help="An origin whose pages may embed the form. May be repeated.")
@click.option("--accent", help="The colour of buttons and links, such as #2f4e86.")
@click.option("--start", type=click.Choice(list(scaffold.STARTS)), help="What to start with: colours, block or full.")
@click.option("--from", "page", metavar="URL", help="Propose accent, typeface and corners from this page's own CSS.")
def new(
    product: str | None,
    name: str | None,
    origins: tuple[str, ...],
    accent: str | None,
    start: str | None,
    page: str | None,
) -> None:
    """Create a product: its table in widget.toml, and a folder with files to start from.

    PRODUCT is its slug, such as order-desk. In a terminal, the command asks for what is not given. Existing tables and
    files are never changed.
    """
    config, custom = places(os.environ)
    asks = sys.stdin.isatty() and sys.stdout.isatty()
    if product is None and not asks:
        raise click.UsageError("Missing argument 'PRODUCT'.")
    look = _borrowed(page) if page else Look()
    slug = product or _asked("Slug, such as order-desk", _slug)
    shown = name or slug.replace("-", " ").capitalize()
    if asks:
        shown = name or _asked("Name that people read", _name, shown)
        origins = origins or tuple(_asked("Origins of its pages", _origins, " ".join(_default_origins(page))).split())
        accent = accent or _asked("Accent colour; - for ours", _accent, look.accent or "-")
        start = start or _start()
    if accent is not None:
        look = replace(look, accent=_legible(accent))
    given, begun = origins or _default_origins(page), start or "block"
    made = or_fail(
        lambda: scaffold.make(slug, name=shown, origins=given, config=config, custom=custom, look=look, start=begun)
    )
    click.echo("\n".join(_created(slug, shown, made, is_local=given == scaffold.LOCAL_ORIGINS)))


def _created(slug: str, shown: str, made: scaffold.Made, *, is_local: bool) -> list[str]:
    """What was created, what to do next, and the code for a host page."""
    lines = [f"Created {shown}:", f"  {made.config}  [products.{slug}]", *(f"  {path}" for path in made.files), ""]
    lines.append("Next:")
    lines.append(f"  widget preview {slug}          see your changes as you make them")
    lines.append(f"  widget check --product {slug}  check that nothing is broken")
    if is_local:
        lines.append(f"  {made.config}: add the origins of its pages; for now only pages on this machine may embed it")
    service = snippets.service_address(os.environ.get("PUBLIC_URL", ""), snippets.SERVICE)
    product = or_fail(lambda: load_products(made.config, []))[slug]
    loader = resources.content(resources.path("static") / "embed.js")
    blocks = {block.id: block for block in snippets.blocks(snippets.Choice(slug, service), product, loader)}
    lines += ["", "In the page:", f"  {blocks['snippet'].text}"]
    lines += ["", "If the page has a policy, it needs:", f"  {blocks['policy'].text}"]
    if not os.environ.get("PUBLIC_URL"):
        lines += ["", f"Replace {snippets.SERVICE} with your service's address, or set PUBLIC_URL."]
    return lines


def _borrowed(page: str) -> Look:
    try:
        found = asyncio.run(borrowing.borrow(page))
    except borrowing.Unreadable as error:
        fail(str(error))
    for sentence in found.said:
        click.echo(sentence)
    return found.look


def _legible(accent: str) -> str:
    """The accent, or the nearest shade of it that is legible on the form. Ends the command if it is not a colour."""
    if accent in ("", "-"):
        return ""
    try:
        theme = Theme.model_validate({"accent": str(Colour.read(accent))})
    except ValueError as error:
        fail(f"--accent: {error}")
    weak = next((each for each in shortfalls(theme) if each.mode == "light" and each.nearest), None)
    if weak is None:
        return accent
    click.echo(f"{accent} is too pale to be seen on the form; {weak.nearest} is used instead.")
    return str(weak.nearest)


def _asked(question: str, check: Callable[[str], str], default: str | None = None) -> str:
    """Ask until `check` accepts the answer. `check` raises BadParameter with the reason."""
    return str(click.prompt(question, default=default, value_proc=check))


def _slug(value: str) -> str:
    if not SLUG.fullmatch(value):
        raise click.BadParameter("a slug has small letters, digits and hyphens, 50 at most")
    return value


def _name(value: str) -> str:
    if not 0 < len(value.strip()) <= 80:
        raise click.BadParameter("a name has 1 to 80 characters")
    return value.strip()


def _origins(value: str) -> str:
    for each in value.split():
        if problem := origin_problem(each):
            raise click.BadParameter(problem)
    if not value.split():
        raise click.BadParameter("name one")
    return value


def _accent(value: str) -> str:
    if value not in ("", "-"):
        try:
            Colour.read(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
    return value


def _default_origins(page: str | None) -> tuple[str, ...]:
    """The origin of a page that may embed the form; of pages on this machine if there is none yet."""
    parts = urlsplit(page or "")
    origin = f"{parts.scheme}://{parts.netloc}"
    return scaffold.LOCAL_ORIGINS if origin_problem(origin) else (origin,)


def _start() -> str:
    click.echo("Start with:")
    for name, words in scaffold.STARTS.items():
        click.echo(f"  {name}: {words}")
    return str(click.prompt("Which", default="block", type=click.Choice(list(scaffold.STARTS))))
