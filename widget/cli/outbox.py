"""`widget outbox`: the operator's commands.

They work while the service runs. Results go to standard output; messages, progress and the log go to standard error.
Exit codes: 0 done; 1 the outbox or the configuration cannot be used; 2 the command line is wrong; 3 some of the
submissions do not exist or are not in a state for the command.
"""

import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import click

from widget.cli import common, export, importing, operating
from widget.cli.operating import NOT_ALL, each, in_words, named, rows
from widget.cli.shown import as_json, details, summary_as_json, summary_table, table
from widget.config.settings import Settings
from widget.ops.words import duration, moment, one_line
from widget.outbox.accounts import Accounts, Overview
from widget.outbox.entries import DISCARDABLE, RETRIABLE, STATES, Changed, Erased, Wanted
from widget.outbox.importing import Imported, Importer
from widget.outbox.operator import Operator
from widget.submissions import addresses

_OPEN = ("queued", "sending", "unknown", "refused")
"""The states that `list` shows by default."""
_HAVING_TEXT = tuple(state for state in STATES if state != "delivered")
_ROWS = 100
"""Lines of a table."""
_AT_ONCE = 100
"""Submissions in one change, so that the service never waits for long."""


@click.group()
def outbox() -> None:
    """List, show, retry, discard, export, import or erase submissions.

    Works while the service runs. Instead of an ID, you may give its first characters (at least four), a receipt, the
    address of a receipt, or the id that Insider Connect gave to the feedback.

    Exit codes: 0 done; 1 the outbox cannot be used; 2 the command line is wrong; 3 some of the submissions do not
    exist or are not in a state for the command.
    """


@outbox.command("list")
@operating.names
@operating.filters
@click.option("--all", "everything", is_flag=True, help="Include delivered and discarded submissions.")
@click.option("--newest/--oldest", default=False, help="The order.  [default: oldest first]")
@click.option(
    "--limit", type=click.IntRange(1, 10**9), help=f"Submissions to show.  [default: {_ROWS}; with --json, all]"
)
@click.option("--summary", is_flag=True, help="Count by state, product and reason instead.")
@operating.in_json
def list_rows(
    names: tuple[str, ...],
    everything: bool,
    newest: bool,
    limit: int | None,
    summary: bool,
    in_json: bool,
    **filters: Any,
) -> None:
    """List submissions that wait or need your decision. Delivered and discarded ones are left out by default."""
    wanted = operating.wanted_by(filters)
    if not (wanted.states or everything or names):
        wanted = replace(wanted, states=_OPEN)

    async def work(operator: Operator, settings: Settings) -> dict[str, str]:
        meant = wanted
        wrong: dict[str, str] = {}
        if names:
            ids, wrong = await named(operator, settings, names, several=True)
            meant = replace(wanted, ids=ids)
            if not ids:
                return wrong
        if summary:
            await _print_summary(operator, meant, in_json)
        elif in_json:
            async for entry in each(operator, meant, limit, newest=newest):
                click.echo(as_json(entry))
        else:
            operating.write(_delivery_state(await Accounts(operator.backend).overview(settings.products)))
            await _print_table(operator, meant, limit or _ROWS, newest)
        return wrong

    if wrong := operating.run(work, products=wanted.products):
        operating.tell_wrong(wrong)
        sys.exit(NOT_ALL)


async def _print_table(operator: Operator, wanted: Wanted, limit: int, newest: bool) -> None:
    entries = [entry async for entry in each(operator, wanted, limit, newest=newest)]
    operating.write(table(entries))
    total = await operator.count(wanted)
    if total > len(entries):
        click.echo(f"{total - len(entries)} more; --limit {total} shows all.", err=True)


async def _print_summary(operator: Operator, wanted: Wanted, in_json: bool) -> None:
    write = summary_as_json if in_json else summary_table
    operating.write(write(await operator.groups(wanted)))


def _delivery_state(overview: Overview) -> Iterator[str]:
    """One line for each product that has waiting submissions or whose account is failing."""
    for product in sorted({*overview.accounts, *overview.waiting}):
        facts = [*_paused(overview, product)]
        if waiting := overview.waiting.get(product):
            facts.append(f"{waiting.count} waiting, oldest {duration(waiting.oldest)}")
        if facts:
            yield f"{product}: {', '.join(facts)}"


def _paused(overview: Overview, product: str) -> Iterator[str]:
    account = overview.accounts.get(product)
    if account and account.reason is not None:
        yield f"paused since {moment(account.since)} ({one_line(account.reason)})"


@outbox.command()
@click.argument("name", metavar="ID")
@click.option("--with-text", is_flag=True, help="Include the text and the e-mail address. This is logged.")
@operating.in_json
def show(name: str, with_text: bool, in_json: bool) -> None:
    """Show one submission."""

    async def work(operator: Operator, settings: Settings) -> Any:
        ids, wrong = await named(operator, settings, [name])
        return (await operator.whole(ids[0]) if ids else None), wrong

    whole, wrong = operating.run(work)
    if whole is None:
        operating.tell_wrong(wrong or {name: "not known"})
        sys.exit(NOT_ALL)
    if with_text:
        operating.audit("outbox.text_shown", submission=whole.entry.id)
    shown = whole if with_text else replace(whole, feedback=None)
    operating.write([as_json(shown.entry, shown)] if in_json else details(shown))


@outbox.command()
@operating.names
@operating.filters
@operating.dry_run
@operating.in_json
def retry(names: tuple[str, ...], dry_run: bool, in_json: bool, **filters: Any) -> None:
    """Retry submissions at once: those with the given ids, or all in a state.

    What Insider Connect has confirmed is not sent again; if it has the feedback, only the missing files are sent.
    A submission that is `unknown` may arrive twice. A held one is released, by its id, with --held or with --restored.

    If Insider Connect has asked an account to wait, its submissions wait until then all the same.
    """
    wanted = _selected(names, filters, RETRIABLE)
    if dry_run:
        return _count_only(names, wanted, RETRIABLE, "put back", in_json, with_text=True)
    _change(names, wanted, Operator.put_back, "outbox.put_back", "Put back", in_json)
    if not in_json:
        overview = operating.run(lambda operator, settings: Accounts(operator.backend).overview(settings.products))
        for product in overview.waiting:
            for paused in _paused(overview, product):
                click.echo(f"{product} is {paused}: its submissions are tried once a probe gets through.", err=True)
    return None


@outbox.command()
@operating.names
@operating.filters
@operating.dry_run
@operating.without_asking
@operating.in_json
def discard(names: tuple[str, ...], dry_run: bool, yes: bool, in_json: bool, **filters: Any) -> None:
    """Give submissions up: those with the given ids, or all in a state. Their text is erased after RETENTION_DAYS."""
    wanted = _selected(names, filters, DISCARDABLE)
    if dry_run:
        return _count_only(names, wanted, DISCARDABLE, "discard", in_json)
    if not names and not yes:
        counts = operating.run(lambda operator, _: _applicable(operator, wanted, DISCARDABLE), products=wanted.products)
        if counts.total():
            operating.confirm(f"Give up {in_words(counts)}?")
    _change(names, wanted, Operator.discard, "outbox.discarded", "Discarded", in_json)
    return None


@outbox.command("export")
@operating.names
@operating.filters
@click.option(
    "--to", type=click.Path(dir_okay=False, path_type=Path), help="Write to a new file, not to standard output."
)
@click.option(
    "--files", type=click.Path(file_okay=False, path_type=Path), help="Write files to a folder, not as base64."
)
def export_rows(names: tuple[str, ...], to: Path | None, files: Path | None, **filters: Any) -> None:
    """Write whole submissions with their files as JSON lines, for `import` or a legal request.

    Without ids or states, exports every submission that still has its text.
    """
    wanted = operating.wanted_by(filters)
    if not names and not wanted.states:
        wanted = replace(wanted, states=_HAVING_TEXT)

    async def work(operator: Operator, settings: Settings) -> tuple[int, dict[str, str]]:
        number = 0
        ids, wrong = await named(operator, settings, names)
        meant = replace(wanted, ids=ids)
        if names and not ids:
            return 0, wrong
        found = await operator.ids(meant)
        try:
            with export.target(to) as out, operating.progress(len(found), "Exporting") as bar:
                for submission_id in found:
                    whole = await operator.whole(submission_id)
                    if whole is not None:
                        number += 1
                        out.write(await export.line(operator.backend, whole, files) + "\n")
                    bar.update(1)
        finally:  # even if the disk is full or the reader has gone
            if number:
                operating.audit("outbox.exported", rows=number)
        return number, wrong

    try:
        number, wrong = operating.run(work, products=wanted.products)
    except OSError as error:
        if (place := error.filename or to or files) is None:  # standard output
            raise
        common.fail(f"{place}: {error.strerror}")
    click.echo(f"Exported {rows(number)}.", err=True)
    operating.tell_wrong(wrong)
    if wrong or len(set(names)) > number:
        sys.exit(NOT_ALL)


@outbox.command("import")
@click.argument("source", metavar="FILE", type=click.File("rb"))
@click.option(
    "--files",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="The folder to which `export --files` wrote the files.",
)
def import_rows(source: BinaryIO, files: Path | None) -> None:
    """Import submissions that `export` wrote, from a file or, with -, from standard input.

    They keep their ids, states and receipts; what waits is due at once. Stop the service that they come from before you
    export, or it may deliver them as well. A submission that is already here is left as it is, so an import can be
    repeated. A line that cannot be imported is reported with its number, and the other lines are imported.
    """

    async def work(operator: Operator, settings: Settings) -> tuple[list[str], int, int]:
        importer = Importer(operator.backend)
        taken: list[str] = []
        known = wrong = 0
        failure: Exception | None = None
        try:
            for group in importing.groups(source, settings.products, files):
                outcomes = await importer.take([found for _, found in group])
                for (number, found), outcome in zip(group, outcomes, strict=True):
                    if isinstance(outcome, ValueError):
                        wrong += 1
                        click.echo(f"line {number}: {outcome}", err=True)
                    elif isinstance(outcome, Exception):
                        failure = outcome
                    elif outcome and isinstance(found, Imported):
                        taken.append(found.columns["id"])
                    else:
                        known += 1
                if failure:
                    raise failure
        finally:
            operating.audit("outbox.imported", taken, rows=len(taken), known=known, wrong=wrong)
        return taken, known, wrong

    taken, known, wrong = operating.run(work)
    click.echo(f"Imported {rows(len(taken))}; {known} more were here already; {wrong} lines could not be imported.")
    if wrong:
        sys.exit(NOT_ALL)


@outbox.command()
@operating.names
@click.option("--email", help="The address that the person gave; - reads it from the first line of standard input.")
@click.option("--unreadable", is_flag=True, help="Submissions that no key in DATA_KEY can decrypt any more.")
@operating.without_asking
@operating.in_json
def erase(names: tuple[str, ...], email: str | None, unreadable: bool, yes: bool, in_json: bool) -> None:
    """Erase the text, e-mail address and files of submissions in any state: those with the given ids, or all of a
    person's.

    Submissions that still wait are given up. Insider Connect keeps what was delivered; ask for its erasure there, by
    the ids that are printed. With --unreadable, erase what no key in DATA_KEY can decrypt, so that the service starts.
    """
    if [bool(names), bool(email), unreadable].count(True) != 1:
        raise click.UsageError("give ids, --email or --unreadable")
    wrong: dict[str, str] = {}
    if names:
        erased, wrong = operating.run(partial(_erase_named, names=names), all_readable=False)
    elif unreadable:
        found = operating.run(lambda operator, _: operator.find_unreadable(), all_readable=False)
        if found and not yes:
            operating.confirm(f"Erase {rows(len(found))} that no key can decrypt?")
        erased = operating.run(lambda operator, _: operator.erase_unreadable(), all_readable=False)
    else:
        address = _address(email)
        if not yes:
            found, _ = operating.run(lambda operator, _: operator.find_person(address))
            if found:
                operating.confirm(f"Erase {rows(len(found))} from this person?")
        erased = operating.run(lambda operator, _: operator.erase_person(address))
    facts = {"discarded": erased.discarded, "reason": "unreadable" if unreadable else "request"}
    operating.audit("outbox.erased", erased.ids, rows=len(erased.ids), **facts)
    if in_json:
        operating.write([as_json(erased)])
    else:
        _tell_erased(erased)
    operating.tell_wrong(wrong)
    if erased.left or erased.damaged or wrong:
        sys.exit(NOT_ALL)


async def _erase_named(operator: Operator, settings: Settings, names: Sequence[str]) -> tuple[Erased, dict[str, str]]:
    ids, wrong = await named(operator, settings, names)
    return await operator.erase(ids), wrong


def _address(email: str | None) -> str:
    """The address from the command line or from standard input. An invalid one is refused: it would find nobody, which
    would look like success."""
    given = (sys.stdin.readline() if email == "-" else email or "").strip()
    if addresses.read(given) is None:
        raise click.BadParameter("this is not an e-mail address", param_hint="--email")
    return given


def _tell_erased(erased: Erased) -> None:
    click.echo(f"Erased {rows(len(erased.ids))}; {erased.discarded} of them still waited and are discarded.")
    if erased.sending:
        click.echo(f"{erased.sending} being sent at that moment; Insider Connect may have received it.")
    if erased.feedback_ids:
        click.echo(f"Insider Connect already has feedback {', '.join(map(str, erased.feedback_ids))}.")
    click.echo("Delivered submissions keep no personal data here.")
    for submission_id in erased.left:
        click.echo(f"{submission_id}: not known", err=True)
    for submission_id in erased.damaged:
        click.echo(f"{submission_id}: damaged; nobody can say whose it is. `erase {submission_id}` erases it", err=True)


# --- retry and discard -------------------------------------------------------------------------------------------


def _selected(names: tuple[str, ...], filters: dict[str, Any], states: Sequence[str]) -> Wanted:
    """What the filters select if no names are given. Held submissions are released only on request."""
    wanted = operating.wanted_by(filters)
    if bool(names) == bool(wanted.states or wanted.held):
        raise click.UsageError("select submissions by their ids, by --state, by --held, or by --restored")
    if unfit := [state for state in wanted.states if state not in states]:
        raise click.UsageError(f"does not apply to {unfit[0]} submissions; use {', '.join(states)}")
    return wanted if names or wanted.held else replace(wanted, held=False)


async def _applicable(
    operator: Operator, wanted: Wanted, states: Sequence[str], *, with_text: bool = False
) -> "Counter[str]":
    """How many of them are in one of the states and, if `with_text` is set, still have their text; by state."""
    counts = await operator.count_by_state(replace(wanted, erased=False) if with_text else wanted)
    return Counter({state: counts[state] for state in states if state in counts})


def _count_only(
    names: tuple[str, ...],
    wanted: Wanted,
    states: Sequence[str],
    word: str,
    in_json: bool,
    *,
    with_text: bool = False,
) -> None:
    async def work(operator: Operator, settings: Settings) -> tuple["Counter[str]", dict[str, str]]:
        ids, wrong = await named(operator, settings, names)
        if names and not ids:
            return Counter(), wrong
        return await _applicable(operator, replace(wanted, ids=ids), states, with_text=with_text), wrong

    counts, wrong = operating.run(work, products=wanted.products)
    operating.write([as_json(dict(counts))] if in_json else [f"Would {word} {in_words(counts)}. Nothing was changed."])
    operating.tell_wrong(wrong)
    if wrong:
        sys.exit(NOT_ALL)


def _change(
    names: tuple[str, ...],
    wanted: Wanted,
    change: Callable[[Operator, Sequence[str]], Awaitable[Changed]],
    event: str,
    word: str,
    in_json: bool,
) -> None:
    """Apply `change`, in batches, to the named submissions or to all selected ones."""

    async def work(operator: Operator, settings: Settings) -> Changed:
        done: list[str] = []
        ids, left = await named(operator, settings, names)
        meant = ids if names else await operator.ids(wanted)
        try:
            with operating.progress(len(meant), word) as bar:
                for batch in operating.batches(meant, _AT_ONCE):
                    changed = await change(operator, batch)
                    done.extend(changed.done)
                    left.update(changed.left)
                    bar.update(len(batch))
        finally:  # even if the command is interrupted
            if done:
                operating.audit(event, done, rows=len(done))
        return Changed(tuple(done), left)

    changed = operating.run(work, products=wanted.products)
    if in_json:
        operating.write([as_json(changed)])
    else:
        click.echo(f"{word} {rows(len(changed.done))}.")
        operating.tell_wrong(dict(changed.left))
    if names and changed.left:
        sys.exit(NOT_ALL)
