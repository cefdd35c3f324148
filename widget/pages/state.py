"""What a page is rendered from, in addition to its product and its words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from widget.errors import Fault
from widget.submissions.identity import Person


@dataclass(frozen=True, slots=True)
class Looks:
    """How a page looks: `theme` is `auto`, `light` or `dark`; `mode` is where it is shown. What is sent with
    `test` is stored and never forwarded, and the page says so."""

    theme: str = "auto"
    mode: str = "page"
    test: bool = False


PLAIN = Looks()


@dataclass(frozen=True, slots=True)
class FormState:
    """A form, untouched or with what has to be corrected in it.

    `values` are the fields by name. `person` is vouched for by the signed identity, which is one of `values`.
    `challenge` is the proof of work that the form has to do. `retry_after` is in seconds. `receipt_url` is that of what
    was sent with the form's token before.
    """

    token: str
    values: Mapping[str, str] = field(default_factory=dict)
    faults: Sequence[Fault] = ()
    retry_after: float | None = None
    person: Person | None = None
    challenge: Mapping[str, object] | None = None
    receipt_url: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """An attachment as answers and receipts show it. `status` is `attached` or `refused`; anything else means waiting.
    `note` says in words what was done to it."""

    name: str
    status: str
    message: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ThanksState:
    """The thanks for a submission that has been `delivered` or `accepted` since `at`."""

    status: str
    receipt_url: str
    feedback_id: int | None
    at: datetime
    attachments: Sequence[File] = ()
    test: bool = False


@dataclass(frozen=True, slots=True)
class ReceiptState:
    """A submission's status: `accepted`, `delivered`, `refused` (since `ended_at`) or `expired`.

    What is refused may be `discarded`: an operator gave it up, or nobody released it. `erased`: what it said is no
    longer stored here. `in_doubt`: it may have arrived all the same.
    """

    status: str
    accepted_at: datetime | None = None
    delivered_at: datetime | None = None
    ended_at: datetime | None = None
    feedback_id: int | None = None
    attachments: Sequence[File] = ()
    test: bool = False
    discarded: bool = False
    erased: bool = False
    in_doubt: bool = False
