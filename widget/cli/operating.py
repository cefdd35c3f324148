"""What the commands of `widget outbox` share: opening the outbox, selecting submissions, asking, and the audit log."""

import getpass
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import click
import structlog

from widget.cli import common
from widget.cli.shown import age
from widget.config.sentences import suggestion
from widget.config.settings import Settings
from widget.errors import TokenInvalid
from widget.outbox.entries import STATES, Entry, Wanted
from widget.outbox.operator import Operator
from widget.outbox.operator_statements import BATCH
from widget.outbox.outbox import Outbox
from widget.submissions.tokens import Tokens, receipt_in
from widget.telemetry import logs

log = structlog.get_logger("widget.operator")

T = TypeVar("T")
NOT_ALL = 3
"""The exit code if some submissions do not exist or are in the wrong state for the command."""
_MOST_NAMED = 100
"""Ids in one line of the log."""


def filters(command: Callable[..., None]) -> Callable[..., None]:
    """The options that select submissions."""
    for option in (
        click.option("--held", is_flag=True, help="Only those that are held back because they look automated."),
        click.option("--restored", is_flag=True, help="Only those that are held back since a backup was restored."),
        click.option("--younger-than", type=age, help="Only those accepted less than this time ago."),
        click.option("--older-than", type=age, help="Only those accepted more than this time ago: 90s, 15m, 12h, 3d."),
        click.option("--product", "products", multiple=True, help="Only those of this product. May be repeated."),
        click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="May be repeated."),
    ):
        command = option(command)
    return command


names = click.argument("names", metavar="[ID]...", nargs=-1)
"""Submissions by id, the beginning of an id, receipt, address of a receipt, or feedback id."""
in_json = click.option("--json", "in_json", is_flag=True, help="Print one JSON object per line.")
without_asking = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
dry_run = click.option("--dry-run", is_flag=True, help="Only count the submissions that would be changed.")


def wanted_by(filters: dict[str, Any]) -> Wanted:
    """The filters of a command line. Without `--held` and `--restored`, held submissions count like all others."""
    suspect, restored = filters["held"], filters["restored"]
    held = {"held": suspect or restored or None, "restored": restored if suspect != restored else None}
    return Wanted(**filters | held)


class Named(NamedTuple):
    """What the names on a command line stand for: ids, and the reason why each other name stands for nothing."""

    ids: tuple[str, ...]
    wrong: dict[str, str]


async def named(operator: Operator, settings: Settings, given: Sequence[str], *, several: bool = False) -> Named:
    """Look up ids, beginnings of ids, receipts, their addresses, and feedback ids. A name that may stand for several
    submissions is an error unless `several` is set."""
    ids: dict[str, None] = {}
    wrong: dict[str, str] = {}
    for name in dict.fromkeys(given):
        try:
            found = await operator.named(_id_in(name, settings))
        except TokenInvalid:
            wrong[name] = "is not a receipt signed by a key in SECRET_KEY"
            continue
        if not found:
            wrong[name] = "not known"
        elif len(found) > 1 and not several:
            wrong[name] = f"matches {len(found)} submissions: {', '.join(found[:5])}{', …' * (len(found) > 5)}"
        else:
            ids |= dict.fromkeys(found)
    return Named(tuple(ids), wrong)


def _id_in(name: str, settings: Settings) -> str:
    """The id in a receipt or in the address of one; any other name unchanged. Raises TokenInvalid."""
    receipt = receipt_in(name)
    if "." not in receipt:
        return receipt
    return Tokens(settings.keys, settings.token_max_age).read_receipt(receipt)[0]


def run(
    work: Callable[[Operator, Settings], Awaitable[T]], *, products: Sequence[str] = (), all_readable: bool = True
) -> T:
    """Open the outbox beside the service, and do `work`. Ends the command if the outbox cannot be used, if one of the
    `products` does not exist or, with `all_readable`, if some rows cannot be decrypted with any listed key."""
    settings = common.settings()
    logs.configure(settings.log_level)

    async def checked(outbox: Outbox) -> T:
        operator = Operator(outbox.backend)
        await _check_products(operator, settings, products)
        return await work(operator, settings)

    return common.with_outbox(settings, checked, all_readable=all_readable)


async def _check_products(operator: Operator, settings: Settings, products: Sequence[str]) -> None:
    """A product that was removed from the products' file exists as long as it has submissions."""
    for product in products:
        if product not in settings.products and not await operator.count(Wanted(products=(product,))):
            words = f"there is no product {product!r}{suggestion(product, settings.products, 0.6)}"
            raise click.BadParameter(words, param_hint="--product")


async def each(
    operator: Operator, wanted: Wanted, limit: int | None = None, *, newest: bool = False
) -> AsyncIterator[Entry]:
    """The selected submissions in order, at most `limit`, without loading more than the ids of all of them."""
    for ids in batches(await operator.ids(wanted, limit=limit, newest=newest), BATCH):
        for entry in await operator.find(replace(wanted, ids=ids), newest=newest):
            yield entry


def batches(ids: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    """The ids, `size` at a time."""
    return (tuple(ids[start : start + size]) for start in range(0, len(ids), size))


def in_words(counts: "Counter[str]") -> str:
    """Such as "3 submissions (2 refused, 1 unknown)"."""
    by_state = ", ".join(f"{number} {state}" for state, number in counts.most_common())
    return rows(counts.total()) + (f" ({by_state})" if by_state else "")


def confirm(question: str) -> None:
    """Ask on standard error; end the command unless the answer is yes."""
    click.confirm(question, abort=True, err=True)


def audit(event: str, ids: Sequence[str] = (), **facts: Any) -> None:
    """Write one log line for everything that a command did, with the ids unless there are very many."""
    named = {"submissions": list(ids)} if 0 < len(ids) <= _MOST_NAMED else {}
    log.info(event, by=getpass.getuser(), **facts, **named)


def progress(total: int, label: str) -> Any:
    """A progress bar on standard error, if that is a terminal."""
    return click.progressbar(length=total, label=label, file=sys.stderr, hidden=not sys.stderr.isatty())


def write(lines: Iterable[str]) -> None:
    """Write lines to standard output."""
    for line in lines:
        click.echo(line)


def tell_wrong(wrong: dict[str, str]) -> None:
    """Report the problems of names or ids on standard error."""
    for name, why in wrong.items():
        click.echo(f"{name}: {why}", err=True)


def rows(number: int) -> str:
    """Such as "1 submission"."""
    return f"{number} submission" + ("" if number == 1 else "s")
