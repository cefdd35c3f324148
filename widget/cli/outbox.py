"""`widget outbox`: the operator's commands.

They work while the service runs. Results go to standard output; messages, progress and the log go to standard error.
Exit codes: 0 done; 1 the outbox or the configuration cannot be used; 2 the command line is wrong; 3 some of the
submissions do not exist or are not in a state for the command.
"""

import asyncio
import getpass
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
import structlog

from widget import logs
from widget.app import create_outbox
from widget.cli import common, export
from widget.cli.shown import age, as_json, details, table
from widget.config.settings import Settings
from widget.errors import OutboxUnavailable
from widget.outbox.operator import DISCARDABLE, RETRIABLE, STATES, Changed, Entry, Erased, Operator, Wanted

log = structlog.get_logger("widget.operator")

T = TypeVar("T")
NOT_ALL = 3
"""The exit code if some of the submissions do not exist or are not in a state for the command."""
_HAVING_TEXT = tuple(state for state in STATES if state != "delivered")


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--held", is_flag=True, help="Only those that are held back because they look like a program's."),
        click.option("--younger-than", type=age, help="Only those accepted less than this time ago."),
        click.option("--older-than", type=age, help="Only those accepted more than this time ago: 90s, 15m, 12h, 3d."),
        click.option("--product", "products", multiple=True, help="Only those of this product. May be repeated."),
        click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="May be repeated."),
    ):
        command = option(command)
    return command


def _wanted(filters: dict[str, Any]) -> Wanted:
    """The filters of a command line. Without `--held`, it does not matter whether a submission is held."""
    return Wanted(**{**filters, "held": filters["held"] or None})


_as_json = click.option("--json", "in_json", is_flag=True, help="Print one JSON object per line.")
_without_asking = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


@click.group()
def outbox() -> None:
    """List, show, retry, discard, export or erase submissions.

    Works while the service runs. Exit codes: 0 done; 1 the outbox cannot be used; 2 the command line is wrong; 3 some
    of the submissions do not exist or are not in a state for the command.
    """


@outbox.command("list")
@_filters
@click.option("--all", "everything", is_flag=True, help="Include delivered and discarded submissions.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="Rows to show, oldest first.")
@_as_json
def list_rows(everything: bool, limit: int, in_json: bool, **filters: Any) -> None:
    """List submissions that wait or need your decision. Delivered and discarded ones are left out by default."""
    wanted = _wanted(filters)
    if not wanted.states and not everything:
        wanted = replace(wanted, states=("queued", "sending", "unknown", "refused"))

    async def work(operator: Operator) -> tuple[list[Entry], int]:
        entries = [entry async for entry in _each(operator, wanted, limit)]
        return entries, await operator.count(wanted)

    entries, total = _run(work)
    if in_json:
        _write(as_json(entry) for entry in entries)
        return
    _write(table(entries))
    if total > len(entries):
        click.echo(f"{total - len(entries)} more; --limit shows more of {total}.", err=True)


@outbox.command()
@click.argument("id", metavar="ID")
@click.option("--with-text", is_flag=True, help="Include the text and the e-mail address. This is logged.")
@_as_json
def show(id: str, with_text: bool, in_json: bool) -> None:  # noqa: A002 - the argument's name
    """Show one submission."""
    whole = _run(lambda operator: operator.whole(id))
    if whole is None:
        _not_known(id)
    if with_text:
        _log("outbox.text_shown", submission=id)
    shown = whole if with_text else replace(whole, feedback=None)
    _write([as_json(shown.entry, shown)] if in_json else details(shown))


@outbox.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@_filters
@_as_json
def retry(ids: tuple[str, ...], in_json: bool, **filters: Any) -> None:
    """Retry submissions at once: those with the given ids, or all in a state.

    What Insider Connect has confirmed is not sent again; if it has the feedback, only the missing files are sent.
    A submission that is `unknown` may arrive twice. A held one is released, by its id or with --held.
    """
    _change(ids, filters, RETRIABLE, Operator.put_back, "outbox.put_back", "Put back", in_json)


@outbox.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@_filters
@_without_asking
@_as_json
def discard(ids: tuple[str, ...], yes: bool, in_json: bool, **filters: Any) -> None:
    """Give submissions up: those with the given ids, or all in a state. Their text is erased after RETENTION_DAYS."""
    if not ids and not yes:
        click.confirm("Give up all of these submissions?", abort=True, err=True)
    _change(ids, filters, DISCARDABLE, Operator.discard, "outbox.discarded", "Discarded", in_json)


@outbox.command("export")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@_filters
@click.option(
    "--to", type=click.Path(dir_okay=False, path_type=Path), help="Write to a new file, not to standard output."
)
@click.option(
    "--files", type=click.Path(file_okay=False, path_type=Path), help="Write files to a folder, not as base64."
)
def export_rows(ids: tuple[str, ...], to: Path | None, files: Path | None, **filters: Any) -> None:
    """Write whole submissions with their files as JSON lines, for a migration or a legal request.

    Without ids or states, exports every submission that still has its text.
    """
    wanted = replace(_wanted(filters), ids=ids)
    if not ids and not wanted.states:
        wanted = replace(wanted, states=_HAVING_TEXT)

    async def work(operator: Operator) -> int:
        rows = 0
        total = await operator.count(wanted)
        with export.target(to) as out, _progress(total, "Exporting") as bar:
            async for entry in _each(operator, wanted):
                whole = await operator.whole(entry.id)
                if whole is not None:
                    out.write(await export.line(operator.backend, whole, files) + "\n")
                    rows += 1
                bar.update(1)
        return rows

    try:
        rows = _run(work)
    except OSError as error:
        common.fail(f"{error.filename or to or files}: {error.strerror}")
    _log("outbox.exported", rows=rows)
    click.echo(f"Exported {_rows(rows)}.", err=True)
    if len(set(ids)) > rows:
        sys.exit(NOT_ALL)


@outbox.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--email", help="The address that the person gave; - reads it from standard input.")
@click.option("--unreadable", is_flag=True, help="Submissions that no key in DATA_KEY can decrypt any more.")
@_without_asking
@_as_json
def erase(ids: tuple[str, ...], email: str | None, unreadable: bool, yes: bool, in_json: bool) -> None:
    """Erase the text, e-mail address and files of submissions in any state: those with the given ids, or all of a
    person's.

    Submissions that still wait are given up. Insider Connect keeps what was delivered; ask for its erasure there, by
    the ids that are printed. With --unreadable, erase what was lost with a key of DATA_KEY, so that the service starts.
    """
    if [bool(ids), bool(email), unreadable].count(True) != 1:
        raise click.UsageError("give ids, --email or --unreadable")
    if not (ids or yes or email == "-"):
        meant = "that no key can decrypt" if unreadable else "from this person"
        click.confirm(f"Erase all submissions {meant}?", abort=True, err=True)
    if ids:
        erased = _run(lambda operator: operator.erase(ids), all_readable=False)
    elif email is None:
        erased = _run(Operator.erase_unreadable, all_readable=False)
    else:
        address = (sys.stdin.readline() if email == "-" else email).strip()
        erased = _run(lambda operator: operator.erase_person(address))
    for submission_id in erased.ids:
        _log("submission.erased", submission=submission_id, reason="unreadable" if unreadable else "request")
    _log("outbox.erased", rows=len(erased.ids), discarded=erased.discarded)
    if in_json:
        _write([as_json(erased)])
    else:
        _tell_erased(erased)
    if erased.left or erased.damaged:
        sys.exit(NOT_ALL)


def _tell_erased(erased: Erased) -> None:
    click.echo(f"Erased {_rows(len(erased.ids))}; {erased.discarded} of them still waited and are discarded.")
    if erased.sending:
        click.echo(f"{erased.sending} being sent at that moment; Insider Connect may have received it.")
    if erased.feedback_ids:
        click.echo(f"Insider Connect already has feedback {', '.join(map(str, erased.feedback_ids))}.")
    click.echo("Delivered submissions keep no personal data here.")
    for submission_id in erased.left:
        click.echo(f"{submission_id}: not known", err=True)
    for submission_id in erased.damaged:
        click.echo(f"{submission_id}: damaged; nobody can say whose it is. `erase {submission_id}` erases it", err=True)


# --- what the commands share ------------------------------------------------------------------------------------


def _change(
    ids: tuple[str, ...],
    filters: dict[str, Any],
    states: Sequence[str],
    change: Callable[[Operator, Sequence[str]], Awaitable[Changed]],
    event: str,
    word: str,
    in_json: bool,
) -> None:
    """Apply `change`, in batches, to the submissions in `ids`, or to all that match the filters."""
    wanted = _wanted(filters)
    if bool(ids) == bool(wanted.states or wanted.held):
        raise click.UsageError("select submissions by their ids, by --state, or by --held")
    if not ids and not wanted.held:
        wanted = replace(wanted, held=False)  # held submissions are only released if they are asked for
    if unfit := [state for state in wanted.states if state not in states]:
        raise click.UsageError(f"does not apply to {unfit[0]} submissions; use {', '.join(states)}")

    async def work(operator: Operator) -> Changed:
        done: list[str] = []
        left: dict[str, str] = {}
        total = len(ids) or await operator.count(wanted)
        with _progress(total, word) as bar:
            async for batch in _batches(operator, ids, wanted):
                changed = await change(operator, batch)
                done.extend(changed.done)
                left.update(changed.left)
                bar.update(len(batch))
                for submission_id in changed.done:
                    _log(event, submission=submission_id)
        return Changed(tuple(done), left)

    changed = _run(work)
    if in_json:
        _write([as_json(changed)])
    else:
        click.echo(f"{word} {_rows(len(changed.done))}.")
        for submission_id, why in changed.left.items():
            click.echo(f"{submission_id}: {why}", err=True)
    if ids and changed.left:
        sys.exit(NOT_ALL)


async def _batches(operator: Operator, ids: Sequence[str], wanted: Wanted) -> AsyncIterator[Sequence[str]]:
    size = 100
    if ids:
        for start in range(0, len(ids), size):
            yield ids[start : start + size]
        return
    after: Entry | None = None
    while entries := await operator.find(wanted, after=after, limit=size):
        after = entries[-1]
        yield [entry.id for entry in entries]


async def _each(operator: Operator, wanted: Wanted, limit: int | None = None) -> AsyncIterator[Entry]:
    """The matching submissions, oldest first, at most `limit`, without loading all of them."""
    after: Entry | None = None
    seen = 0
    while entries := await operator.find(wanted, after=after):
        for entry in entries:
            if limit is not None and seen >= limit:
                return
            seen += 1
            yield entry
        after = entries[-1]


def _run(work: Callable[[Operator], Awaitable[T]], *, all_readable: bool = True) -> T:
    """Open the outbox beside whoever runs it, and do `work`; ends the command when that cannot be, or, where
    `all_readable` is wanted, when no key of ours reads some of it."""
    settings = common.settings()
    logs.configure(settings.log_level)

    async def opened() -> T:
        async with _operator(settings, all_readable) as operator:
            return await work(operator)

    try:
        return common.or_fail(lambda: asyncio.run(opened()))
    except OutboxUnavailable as error:
        common.fail(f"The outbox cannot be used now: {error}")


@asynccontextmanager
async def _operator(settings: Settings, all_readable: bool) -> AsyncIterator[Operator]:
    backend = create_outbox(settings, common.CONNECT_TIMEOUT).backend
    common.check_there_is_one(backend)
    await backend.open(exclusive=False)
    try:
        operator = Operator(backend)
        await operator.check()
        if all_readable:
            await operator.check_readable()
        yield operator
    finally:
        await backend.close()


def _progress(total: int, label: str) -> Any:
    """A progress bar on standard error, if that is a terminal."""
    return click.progressbar(length=total, label=label, file=sys.stderr, hidden=not sys.stderr.isatty())


def _log(event: str, **facts: Any) -> None:
    log.info(event, by=getpass.getuser(), **facts)


def _write(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _rows(number: int) -> str:
    return f"{number} submission" + ("" if number == 1 else "s")


def _not_known(submission_id: str) -> NoReturn:
    click.echo(f"{submission_id}: not known", err=True)
    sys.exit(NOT_ALL)
