"""Checks the service as configured: settings, credentials, database. Stores and sends nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from widget.abuse.counters import StorageAway
from widget.abuse.rate_limits import shared_storage
from widget.config.hosts import is_local
from widget.config.secrets import suffix
from widget.config.settings import Settings
from widget.config.weaknesses import weaknesses
from widget.errors import ConfigurationError, OutboxUnavailable, Problem
from widget.files.clamav import Scanner, ScannerUnavailable
from widget.insider.client import Insider
from widget.insider.outcomes import Misconfigured
from widget.insider.reasons import unreached
from widget.insider.transport import tls
from widget.intake.room import files_trouble
from widget.ops.mailing import Mailer
from widget.ops.posting import NotTaken
from widget.outbox.outbox import Outbox
from widget.tools.findings import Check, Finding, Level, sentence

_PATIENCE = 3.0
"""Seconds that a helper may take to answer."""
_CLAMD = Finding("scanner.unavailable", "", "Until it answers, files wait and are not forwarded.", "CLAMD")
_REDIS = Finding("counters.unavailable", "", "Until it answers, each process counts alone.", "RATE_LIMIT_STORAGE")
_MAIL = Finding("alerts.mail", "", "Until it takes mails, nobody gets alerts there.", "SMTP_URL")
_FOLDER, _CUSTOM = "CUSTOM_FOLDER", "Correct the path, or make sure that it is mounted."
_SEE_SETTINGS = "correct it; docs/settings.md lists all settings, docs/customising.md those of a product"
_UNTIL = "Until it is fixed, the product has our look."


def check_settings(problem: ConfigurationError) -> Check:
    """The problems that prevent the service from starting."""
    return Check("settings", tuple(_unusable(each) for each in problem.problems))


def _unusable(problem: Problem) -> Finding:
    """A problem as a finding: what is wrong and, after the semicolon, how to fix it."""
    message, _, fix = problem.message.partition("; ")
    return Finding("settings.unusable", sentence(message), sentence(fix or _SEE_SETTINGS), problem.name)


def check_origins(settings: Settings, *, strict: bool = False) -> Check:
    """What costs a product its look, and what a service that browsers reach from elsewhere should have or not.

    What weakens a defence is wrong where `strict` is wanted, else a notice.
    """
    themes = [Finding("settings.theme", each.message, _UNTIL, each.name) for each in settings.unusable_themes]
    level: Level = "wrong" if strict else "notice"
    weak = [Finding("settings.weak", f"{each.message}.", at=each.name, level=level) for each in weaknesses(settings)]
    return Check("settings", (*themes, *weak, *_origins(settings)))


def _origins(settings: Settings) -> Iterator[Finding]:
    public = urlsplit(settings.public_url or "")
    is_public = bool(public.hostname) and not is_local(public.hostname)
    if is_public and public.scheme != "https":
        message = "Pages on https cannot embed a form on http."
        yield Finding("settings.public_url", message, "Give an https address.", "PUBLIC_URL")
    for slug, product in settings.products.items():
        at = f"{settings.widget_config}: products.{slug}.origins"
        names = [entry.partition("://")[2].rpartition(":")[0] or entry.partition("://")[2] for entry in product.origins]
        local = list(filter(is_local, names))
        if is_public and len(local) == len(names):
            message = "Only pages on this machine may embed the form, but PUBLIC_URL is not an address of this machine."
            yield Finding("settings.origins", message, "Add the origins of the product's pages.", at)
        elif is_public and local:
            message = "Pages on any visitor's own machine may embed the form."
            fix = "Remove localhost in production."
            yield Finding("settings.origins", message, fix, at, "notice")
        for twice in sorted({entry for entry in product.origins if product.origins.count(entry) > 1}):
            yield Finding("settings.origins", f"{twice} is named twice.", "Leave one out.", at, "notice")


def check_folder(settings: Settings) -> Check:
    """Whether the folder of the products' own files is there."""
    if settings.custom_folder is not None and not settings.custom_folder.is_dir():
        return check_custom(settings.custom_folder)
    return Check("custom folder", (), str(settings.custom))


def check_custom(folder: Path) -> Check:
    """The finding about a `CUSTOM_FOLDER` that is not there."""
    message = f"There is no folder {folder}. Every product has our look."
    return Check("custom folder", (Finding("settings.custom_folder", message, _CUSTOM, _FOLDER),))


async def check_helpers(settings: Settings) -> Sequence[Check]:
    """Whether all else that the settings name answers: the virus scanner, the storage of the counters, and where
    alerts, events and heartbeats go. None of these is sent."""
    checks = []
    if settings.clamd:
        checks.append(Check("virus scanner", await _asked(Scanner(settings.clamd).ping(), _CLAMD), settings.clamd))
    if settings.rate_limit_storage != "memory://":
        checks.append(Check("counters", await _asked(_ping(settings.rate_limit_storage), _REDIS), "Redis"))
    if settings.alert_email and settings.smtp_url:
        mailer = Mailer(settings.alert_email, settings.alert_from, settings.smtp_url.get_secret_value())
        checks.append(Check("mail server", await _asked(mailer.check(), _MAIL)))
    checks += [Check(what, await _asked(_connect(url), absent)) for what, url, absent in _receivers(settings)]
    return checks


def _receivers(settings: Settings) -> Iterator[tuple[str, str, Finding]]:
    """Whatever gets requests of ours beside Insider Connect: what it is, its address, and the finding if it is away."""
    if settings.alert_webhook:
        absent = Finding("alerts.unreachable", "", "Until it answers, nobody gets alerts there.", "ALERT_WEBHOOK")
        yield "alert webhook", settings.alert_webhook.get_secret_value(), absent
    if settings.heartbeat_url:
        absent = Finding("heartbeat.unreachable", "", "Until it answers, it raises the alarm.", "HEARTBEAT_URL")
        yield "heartbeat", settings.heartbeat_url, absent
    for slug, product in settings.products.items():
        if product.events:
            at = f"{settings.widget_config}: products.{slug}.events.url"
            absent = Finding("events.unreachable", "", "Until it answers, the product's events wait.", at)
            yield f"events of {slug}", product.events.url, absent


async def _connect(url: str) -> None:
    """Connect, and send nothing. Raises NotTaken."""
    parts = urlsplit(url)
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    try:
        _, writer = await asyncio.open_connection(host, port, ssl=tls(None) if is_tls else None)
    except OSError as error:
        raise NotTaken(unreached(error, f"{host}:{port}")) from None
    writer.close()


async def _ping(storage: str) -> None:
    shared = shared_storage(storage)
    try:
        await shared.check()
    finally:
        await shared.close()


async def _asked(question: Awaitable[None], absent: Finding) -> tuple[Finding, ...]:
    try:
        async with asyncio.timeout(_PATIENCE):
            await question
    except TimeoutError:
        return (replace(absent, message=f"No answer within {_PATIENCE:g} s."),)
    except ConfigurationError as error:
        return (replace(absent, message=sentence(error.problems[0].message), fix=""),)
    except (ScannerUnavailable, StorageAway, NotTaken, OSError) as error:
        return (replace(absent, message=sentence(str(error))),)
    return ()


async def check_credentials(settings: Settings) -> Check:
    """A real request for a token, with each product's own account."""
    insider = Insider(
        settings.insider_url, settings.accounts, timeout=settings.delivery_timeout, ca=settings.insider_ca
    )
    found: dict[Finding, list[str]] = {}
    try:
        for slug in settings.products:
            if failure := await insider.check(slug):
                is_own = settings.accounts[slug].client_id != settings.insider_client_id
                names = f"INSIDER_CLIENT_ID__{suffix(slug)}" if is_own else "INSIDER_CLIENT_ID"
                finding = Finding("credentials.refused", f"No token: {failure.reason}.", at=names)
                if isinstance(failure, Misconfigured):
                    fix = f"Correct {names} and its secret, or INSIDER_URL ({settings.insider_url})."
                else:
                    fix = f"Check that {settings.insider_url} is right, and that this machine can reach it."
                    if "certificate" in failure.reason:
                        fix = "Check INSIDER_URL. If an authority of your own signed it, name that one in INSIDER_CA."
                    finding = Finding("credentials.unreachable", f"No token: {failure.reason}.", at="INSIDER_URL")
                found.setdefault(Finding(finding.code, finding.message, fix, finding.at), []).append(slug)
    finally:
        await insider.close()
    return Check("credentials", tuple(found), f"a token from {settings.insider_url}")


async def check_database(settings: Settings, outbox: Outbox) -> Check:
    """Whether it can be reached, written, and read with the configured keys, and has this release's tables."""
    path = settings.sqlite_path
    shown = f"{path}" if path else "PostgreSQL"
    if path is not None and not path.exists():
        shown += ", which will be created at the start"
    return Check("database", tuple([finding async for finding in _opened(outbox)]), shown)


async def _opened(outbox: Outbox) -> AsyncIterator[Finding]:
    try:
        if outbox.backend.is_begun():
            await outbox.open_beside()
            await outbox.check_writable()
            if why := files_trouble(outbox.backend.spool):
                fix = "Make room there, or let the service write there. With PostgreSQL, SPOOL may name another folder."
                yield Finding("database.files", f"Nothing with files can be accepted: {why}.", fix)
    except ConfigurationError as error:
        for problem in error.problems:
            yield Finding("database.unusable", sentence(problem.message), at=problem.name)
    except OutboxUnavailable as error:
        fix = "Make sure that it runs, and that the service may write to it."
        yield Finding("database.unavailable", f"It cannot be written: {error}.", fix, "DATABASE_URL")
    finally:
        await outbox.close()
