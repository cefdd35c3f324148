"""A submission, its attachments, and the rules of every field, as pure functions.

`intake` reads the bytes, `files` checks what a file is, and `outbox` stores the rows.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from widget.errors import Fault, Rejected
from widget.submissions import addresses
from widget.submissions.addresses import MAX_LENGTH as MAX_EMAIL
from widget.submissions.limits import MAX_DESCRIPTION
from widget.submissions.spooled import SpooledFile

MAX_CHIP = 30
"""Characters of a chip, one of the short words that a product offers for each thumb."""
MAX_CHIPS = 6
"""Chips for each thumb."""

_LINE_BREAK = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_DROPPED = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]")
_UNSEEN = re.compile(
    "[\\s\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0]"
)
CONSENT_VERSION = re.compile(r"[\w.:/ -]{1,40}")
"""What a version of the consent text may be called."""
_BETWEEN_CHIPS = " · "
_AFTER_CHIPS = "\n\n"
_RATINGS = {"true": True, "false": False, "": None}
_CONSENTS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a person said, as Insider Connect takes it. `rating` is None if no thumb was chosen."""

    description: str
    email: str
    rating: bool | None
    consent: bool


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to attach: our own safe `name`, the `media_type` of its content, its `size` in bytes, and its `content`,
    until the outbox has stored it."""

    name: str
    media_type: str
    size: int
    content: SpooledFile
    note: str | None = None
    """What was removed from it, as codes separated by blanks, such as "location_removed scripts_removed"."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What one press of Send carries. `id` comes from the form token, so a repeat has the same one.

    `consent_version` is the version of the consent text that the person saw; `context` is JSON from the host page.
    """

    id: str
    product: str
    feedback: Feedback
    attachments: tuple[Attachment, ...] = ()
    consent_version: str | None = None
    context: str | None = None
    content_mac: str | None = None
    """Recognises the same content if it is sent again (`fingerprint`)."""
    identity_used: str | None = None
    """A hash of the signed identity, if that may be used only once."""
    locale: str | None = None
    """The language of the form."""
    beside: tuple[str, ...] = ()
    """The ids of its sender's other submissions with files, which may still wait. Not stored."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a product asks for: each field is `shown`, `hidden` or `required`. A hidden field is not accepted either.
    Consent that was not asked for was not given."""

    description: str = "shown"
    sentiment: str = "shown"
    files: str = "shown"
    consent: str = "shown"
    chips: str = "shown"


def check(fields: Mapping[str, str], *, files: int, rules: Rules = Rules()) -> Feedback:
    """The feedback in the form's fields, sent with so many files. Raises Rejected with every fault."""
    feedback, faults = check_fields(fields, files=files, rules=rules)
    if faults:
        raise Rejected(*faults)
    return feedback


def check_fields(fields: Mapping[str, str], *, files: int, rules: Rules = Rules()) -> tuple[Feedback, list[Fault]]:
    """The feedback, meaningful only without faults, and all faults in the order of the form."""
    text, chips = clean_text(fields.get("description", "")), chosen_chips(fields)
    description = with_chips(text, chips)
    email = fields.get("submittedByEmail", "")
    address = addresses.read(email)
    rating = fields.get("sentimentRating", "")
    consent = "false" if rules.consent == "hidden" else fields.get("contactConsent", "false")
    missing = [
        *_check_asked("sentimentRating", rules.sentiment, bool(rating)),
        *_check_asked("description", rules.description, bool(text)),
        *_check_asked("files", rules.files, bool(files)),
    ]
    faults = [*missing, *_check_description(description), *_check_email(email, address)]
    if rating not in _RATINGS or not _are_chips(chips, rules.chips):
        faults.append(Fault("invalid", "sentimentRating"))
    if consent not in _CONSENTS:
        faults.append(Fault("invalid", "contactConsent"))
    if not description and not rating and not files and not missing:
        faults.append(Fault("empty"))
    return Feedback(description, str(address or ""), _RATINGS.get(rating), _CONSENTS.get(consent, False)), faults


def seen_version(fields: Mapping[str, str], current: str | None) -> str | None:
    """The version of the consent text that the person saw. The form says which; it may be older than the current
    one."""
    said = fields.get("consentVersion", "")
    return said if current is not None and CONSENT_VERSION.fullmatch(said) else current


def chosen_chips(fields: Mapping[str, str]) -> tuple[str, ...]:
    """The chips that a person ticked, in the form's order. `chips` holds one per line."""
    lines = (" ".join(clean_text(line).split()) for line in fields.get("chips", "").split("\n"))
    return tuple(dict.fromkeys(filter(None, lines)))


def with_chips(text: str, chips: Sequence[str]) -> str:
    """The description that is sent: the chips on a line of their own, then the text. `said` of `static/form/fields.js`
    does the same."""
    return _AFTER_CHIPS.join(filter(None, (_BETWEEN_CHIPS.join(chips), text)))


def clean_text(text: str) -> str:
    """`text` with each line break as one LF, without control characters, bidirectional overrides and lone surrogates;
    "" if nothing of it can be seen. `plainText` of `static/form/plain.js` does the same.

    They are dropped rather than refused: they come with text pasted from a terminal or a word processor, the person
    cannot see them, databases and JSON readers stumble over NUL and lone surrogates, and an override shows other words
    than are there. TAB stays, and so do the joiners that Persian, Hindi and emoji need.
    """
    text = _DROPPED.sub("", _LINE_BREAK.sub("\n", text))
    return text if _UNSEEN.sub("", text) else ""


def utf16_length(text: str) -> int:
    """The length as JavaScript, `maxlength` and .NET count it. An emoji counts as two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _check_asked(field: str, rule: str, is_given: bool) -> list[Fault]:
    if rule == "required" and not is_given:
        return [Fault("required", field)]
    return [Fault("invalid", field, "hidden")] if rule == "hidden" and is_given else []


def _are_chips(chips: Sequence[str], rule: str) -> bool:
    """Whether a form could have offered these chips. They need not be the product's current ones: the person chose from
    those of the form, and the settings may have changed since."""
    if rule == "hidden":
        return not chips
    return len(chips) <= 2 * MAX_CHIPS and all(len(chip) <= MAX_CHIP for chip in chips)


def _check_description(description: str) -> list[Fault]:
    excess = utf16_length(description) - MAX_DESCRIPTION
    if excess <= 0:
        return []
    return [Fault("too_long", "description", params={"n": excess, "limit": MAX_DESCRIPTION})]


def _check_email(email: str, address: addresses.Address | None) -> list[Fault]:
    folded = addresses.fold(email)
    if not folded:
        return [Fault("required", "submittedByEmail")]
    if len(folded) > MAX_EMAIL:
        params = {"n": len(folded) - MAX_EMAIL, "limit": MAX_EMAIL}
        return [Fault("too_long", "submittedByEmail", params=params)]
    return [] if address else [Fault("invalid", "submittedByEmail")]
