"""`widget stats`: usage in figures, without anything personal."""

import csv
import io
from collections.abc import Callable, Mapping
from typing import cast

import click

from widget.cli import common
from widget.cli.shown import age, columns
from widget.ops import charts
from widget.ops.stats import EVENTS, By, Figures, group
from widget.ops.words import one_line
from widget.outbox.tally import Tally
from widget.telemetry import logs

_BY: tuple[By, ...] = ("product", "locale", "day", "week")


@click.command()
@click.option("--by", type=click.Choice(_BY), default="week", show_default=True, help="What the rows are.")
@click.option("--since", type=age, default="84d", show_default=True, help="How far back, such as 12h or 30d.")
@click.option("--product", "products", multiple=True, help="Only this product; may be repeated.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "svg"]),
    default="table",
    show_default=True,
    help="svg is a picture: widget stats --format svg > stats.svg",
)
def stats(by: str, since: float, products: tuple[str, ...], form: str) -> None:
    """Show usage: submissions, share of thumbs up, with files, delivered, refused.

    The figures hold nothing personal. They stay when submissions are erased. Days and weeks are in UTC; the
    counts of each hour are kept for 35 days, then those of a day become one.
    """
    settings = common.settings()
    if unknown := [product for product in products if product not in settings.products]:
        common.fail(f"There is no product {', '.join(unknown)}. There are: {', '.join(sorted(settings.products))}")
    logs.configure("error")
    counts = common.with_outbox(settings, lambda outbox: Tally(outbox.backend).read(since, EVENTS))
    wanted = [count for count in counts if not products or count.key.product in products]
    figures = group(wanted, cast(By, by))
    click.echo(_FORMS[form](by, figures), nl=False)


_HEADS = ("submissions", "thumbs up", "thumbs down", "share up", "with files", "delivered", "refused")


def _cells(by: str, figures: Figures) -> tuple[str, ...]:
    share = "" if figures.share_up is None else f"{figures.share_up:.0%}"
    ends = ("", "") if by == "locale" else (str(figures.delivered), str(figures.refused))
    return (str(figures.submissions), str(figures.up), str(figures.down), share, str(figures.with_files), *ends)


def _rows(by: str, figures: Mapping[str, Figures]) -> list[tuple[str, ...]]:
    return [(by, *_HEADS), *((one_line(name), *_cells(by, its)) for name, its in figures.items())]


def _table(by: str, figures: Mapping[str, Figures]) -> str:
    if not figures:
        return "Nothing was submitted in this time.\n"
    heads, *rows = _rows(by, figures)
    cells = [[cell or "-" for cell in row] for row in rows]
    return "".join(f"{line}\n" for line in columns([[*map(str.upper, heads)], *cells]))


def _csv(by: str, figures: Mapping[str, Figures]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        tuple(cell.replace(" ", "_") for cell in row) if not number else row
        for number, row in enumerate(_rows(by, figures))
    )
    return text.getvalue()


def _svg(by: str, figures: Mapping[str, Figures]) -> str:
    its = figures.values()
    series = [
        charts.Series("thumbs up", [each.up for each in its]),
        charts.Series("thumbs down", [each.down for each in its]),
        charts.Series("no thumb", [each.submissions - each.up - each.down for each in its]),
    ]
    title = f"Submissions by {by}: thumbs up (blue), thumbs down (orange), no thumb (grey)"
    return charts.bars(charts.Chart("stats", title, list(figures), series), alone=True) + "\n"


_FORMS: Mapping[str, Callable[[str, Mapping[str, Figures]], str]] = {"table": _table, "csv": _csv, "svg": _svg}
