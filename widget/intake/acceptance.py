"""Accepts submissions: a form that was read becomes a row on stable storage.

`Acceptance.accept` takes the steps in order: identify the person, check each field, suspect bots, apply the product's
limit, check each file, store. At whichever step a repeat is stopped, it gets the receipt of what was stored before.
Nothing here depends on HTTP: `body` reads the request, and `web` answers it.
"""

import asyncio
import time
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import structlog

from widget.abuse.bots import BotDefence
from widget.abuse.rate_limits import Rates, sender_key
from widget.config.products import Product
from widget.delivery.dispatch import Dispatcher
from widget.errors import AlreadySent, Fault, IdentityInvalid, OutboxUnavailable, Rejected, TokenExpired, TokenInvalid
from widget.files.pool import Examiner, Seen
from widget.intake.model import RawFile, RawForm
from widget.intake.senders import Senders
from widget.outbox.model import SubmissionStatus, just_stored
from widget.outbox.outage import answers_within
from widget.outbox.outbox import Outbox
from widget.outbox.tables import TEST
from widget.submissions import addresses, context, identity
from widget.submissions import model as submission
from widget.submissions.fingerprint import Fingerprints
from widget.submissions.model import Attachment, Submission
from widget.submissions.tokens import Tokens
from widget.telemetry.recurring import Recurring

T = TypeVar("T")
log = structlog.get_logger("widget.acceptance")
_LAST_LOOK = 2.0
"""Seconds for finding out whether what cannot be stored now was stored before."""
_disbeliefs = Recurring("identity.refused", made_up="why")


@dataclass(frozen=True, slots=True)
class FormToken:
    """A genuine form token: its text, the id of its one submission, and when it was made (Unix seconds)."""

    text: str
    submission_id: str
    made_at: float


class Identities:
    """Verifies the identities that the products' servers sign. `secrets` are the keys for HS256, by product."""

    def __init__(self, secrets: Mapping[str, Sequence[str]]) -> None:
        self._secrets = secrets

    def verify(self, product: Product, fields: Mapping[str, str], opened_at: float | None) -> identity.Person | None:
        """The person that the form's identity names; None if it has none and needs none. Raises Rejected.

        `opened_at` is when the form was issued, in Unix seconds; None if it is being issued now.
        """
        if product.identity is None:
            return None
        try:
            if not fields.get("identity"):
                if product.needs_identity:
                    raise IdentityInvalid("missing", "the form has no identity")
                return None
            keys = identity.Keys(tuple(self._secrets.get(product.slug, ())), product.identity.public_keys)
            return identity.verify(
                fields["identity"], product=product.slug, keys=keys, now=time.time(), opened_at=opened_at
            )
        except IdentityInvalid as error:
            raise _disbelieved(product, error) from error


class Acceptance:
    """Accepts submissions to all products. `min_fill_time` and `delivery_wait` are in seconds."""

    def __init__(
        self,
        *,
        tokens: Tokens,
        fingerprints: Fingerprints,
        identities: Identities,
        rates: Rates,
        examiner: Examiner,
        bots: BotDefence,
        outbox: Outbox,
        dispatcher: Dispatcher,
        min_fill_time: float,
        delivery_wait: float,
    ) -> None:
        self._tokens = tokens
        self._fingerprints = fingerprints
        self._identities = identities
        self._rates = rates
        self._examiner = examiner
        self._bots = bots
        self._outbox = outbox
        self._dispatcher = dispatcher
        self._min_fill_time = min_fill_time
        self._delivery_wait = delivery_wait
        self._senders = Senders()

    async def read_token(self, product: Product, text: str) -> FormToken:
        """The token of a form. One that is too old is accepted only for a repeat. Raises Rejected."""
        now = time.time()
        try:
            token = self._tokens.read_form(text, product.slug, now)
        except TokenExpired as error:
            if await self._outbox.status(error.submission_id) is None:
                raise Rejected(Fault("token_expired", "token")) from error
            return FormToken(text, error.submission_id, 0.0)
        except TokenInvalid as error:
            raise Rejected(Fault("token_invalid", "token")) from error
        return FormToken(text, token.submission_id, now - token.age)

    def check_fill_time(self, token: FormToken) -> None:
        """Raises Rejected if the form comes back faster than a person could fill it in."""
        left = self._min_fill_time - (time.time() - token.made_at)
        if left > 0:
            raise Rejected(Fault("too_fast", "token"), retry_after=max(1.0, left))

    async def accept(
        self, product: Product, token: FormToken, form: RawForm, lang: str, address: str, *, test: bool = False
    ) -> SubmissionStatus:
        """Store a submission for good, unless it was stored before, and try to deliver it at once. Returns its status.

        `lang` is the language of the form, and so of the consent text that the person saw; `address` is the client's.
        Raises Rejected, with every fault of the step that found one, and OutboxUnavailable.
        """
        try:
            accepted = await self._accept_new(product, token, form, lang, address, test=test)
        except Rejected:
            if repeated := await self._repeated(product, token, form):
                return repeated
            raise
        except OutboxUnavailable:
            with suppress(OutboxUnavailable):  # whoever waited for a silent database has waited enough
                async with answers_within(_LAST_LOOK):
                    if repeated := await self._repeated(product, token, form):
                        return repeated
            raise
        if accepted := accepted or await self._repeated(product, token, form):
            return accepted
        raise _disbelieved(product, IdentityInvalid("used", "its jti was used before"))

    async def _accept_new(
        self, product: Product, token: FormToken, form: RawForm, lang: str, address: str, *, test: bool
    ) -> SubmissionStatus | None:
        """Do what `accept` does with a new submission. None if it turns out to be known.

        Nearly all are new. To look first whether each is known would cost a third of what accepting costs.
        """
        new = self._submission(product, token, form, lang)
        held = TEST if test else self._bots.why_held(product, form.fields, token.submission_id, token.made_at)
        if exceeded := await self._rates.hit_product(product.slug, held=held is not None):
            raise Rejected.rate_limited(*exceeded)
        accepted = None
        try:
            if form.files:
                sender = sender_key(address)
                attachments = await self._examined(form, sender)
                new = replace(new, attachments=attachments, beside=self._senders.note(new.id, sender))
            accepted = await (self._hold(new, held) if held else self._dispatcher.accept(new, self._delivery_wait))
        finally:
            if accepted is None:  # known already, or refused: with one token, anybody could come for ever
                await self._rates.take_back(product.slug, held=held is not None)
        if accepted is None:
            return None
        await self._rates.note_new(product.slug)
        if addresses.mixes_scripts(new.feedback.email):
            log.warning("submission.mixed_scripts", submission=new.id, product=product.slug)
        return accepted

    async def _hold(self, new: Submission, reason: str) -> SubmissionStatus | None:
        """Store a submission for the operator. None if it is known already."""
        if not await self._outbox.add(new, held=reason):
            return None
        if reason == TEST:
            log.info("submission.test", submission=new.id, product=new.product)
        else:
            log.warning("submission.held", submission=new.id, product=new.product, reason=reason)
        return just_stored(new, test=reason == TEST)

    async def _repeated(self, product: Product, token: FormToken, form: RawForm) -> SubmissionStatus | None:
        """The status of what was stored before, if this is a repeat. Raises AlreadySent if its content is not the
        same."""
        known = await self._outbox.status(token.submission_id)
        if known is None:
            return None
        fields = form.fields
        with suppress(Rejected):  # somebody who is not believed is nobody whose submission was stored
            fields = self._vouched(product, token, form)[0]
        feedback = submission.check_fields(fields, files=len(form.files), rules=_rules(product))[0]
        if known.content_mac and not self._fingerprints.matches(known.content_mac, feedback, _named(form)):
            raise AlreadySent(known.id)
        return known

    def with_field_faults(self, product: Product, rejected: Rejected, fields: Mapping[str, str]) -> Rejected:
        """Add the faults of the fields to a refusal for files alone, so that one answer names every fault."""
        if all(fault.field == "files" for fault in rejected.faults):
            checked = submission.check_fields(fields, files=len(rejected.faults), rules=_rules(product))
            rejected.faults += tuple(checked[1])
        return rejected

    def _submission(self, product: Product, token: FormToken, form: RawForm, lang: str) -> Submission:
        """The submission in the form, by the product's rules and without files. Raises Rejected."""
        fields, person = self._vouched(product, token, form)
        feedback = submission.check(fields, files=len(form.files), rules=_rules(product))
        content_mac = self._fingerprints.make(feedback, _named(form))
        details = context.read(fields.get("context", "")) if product.context != "off" else ()
        if product.context == "append":
            description, details = context.append(feedback.description, details)
            feedback = replace(feedback, description=description)
        return Submission(
            token.submission_id,
            product.slug,
            feedback,
            consent_version=submission.seen_version(fields, product.consent_in(lang)[1]),
            context=context.write(details) or None,
            content_mac=content_mac,
            identity_used=person.once if person else None,
            locale=lang,
        )

    def _vouched(
        self, product: Product, token: FormToken, form: RawForm
    ) -> tuple[Mapping[str, str], identity.Person | None]:
        """The fields, with the address that is vouched for if the product does not let people change it, and the person
        who it belongs to, if anybody is vouched for. Raises Rejected."""
        fields, person = form.fields, self._identities.verify(product, form.fields, token.made_at)
        if person is None or product.email not in ("read-only", "hidden"):
            return fields, person
        said = fields.get("submittedByEmail", "").strip()
        if said and not addresses.same(said, person.email):
            raise _disbelieved(product, IdentityInvalid("forged", "the form has another e-mail address"))
        return {**fields, "submittedByEmail": person.email}, person

    async def _examined(self, form: RawForm, client: str) -> tuple[Attachment, ...]:
        """The files, checked and as they may be forwarded. Raises Rejected with every fault."""
        every = await _all_of(
            self._examiner.examine(file.content, file.media_type, client=client) for file in form.files
        )
        pairs = list(zip(form.files, every, strict=True))
        faults = [_file_fault(file, seen) for file, seen in pairs if seen.verdict != "good"]
        if faults:
            raise Rejected(*faults)
        return tuple(
            Attachment(file.name, file.media_type, seen.size, file.content, " ".join(seen.notes) or None)
            for file, seen in pairs
        )


def _named(form: RawForm) -> list[tuple[str, bytes]]:
    return [(file.name, file.digest) for file in form.files]


def _rules(product: Product) -> submission.Rules:
    asked = product.fields
    chips = "shown" if product.chips else "hidden"
    return submission.Rules(asked.description, asked.sentiment, asked.files, asked.consent, chips)


def _disbelieved(product: Product, error: IdentityInvalid) -> Rejected:
    """The person learns that something is wrong. The log tells the host's developer what."""
    _disbeliefs.note(log.warning, product=product.slug, reason=error.reason, why=str(error))
    return Rejected(Fault("identity_invalid", "identity", error.reason))


def _file_fault(file: RawFile, seen: Seen) -> Fault:
    params: dict[str, str | int] = {"name": file.name}
    if seen.verdict == "pixels":
        return Fault("file_too_large", "files", "pixels", file.position, params)
    if seen.verdict == "grown":
        return Fault("file_too_large", "files", "pdf", file.position, params)
    variant = "active" if seen.verdict == "embedding" else seen.verdict
    return Fault("file_type", "files", variant, file.position, params)


async def _all_of(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run all of it at once. Whatever happens, nothing is left running. Raises the first error."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return [task.result() for task in tasks]
