"""What templates see: plain, frozen values. `docs/customising.md` lists all of them; a test compares.

A template may read every field whose name does not begin with an underscore, and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from widget.i18n.messages import Value, Words

ASKED = ("sentimentRating", "description", "files", "submittedByEmail", "contactConsent")
"""The form's fields, in the order in which they are filled in."""


@dataclass(frozen=True, slots=True)
class Speech:
    """The words of one language. Calling it gives a text: `words("send")`."""

    lang: str
    dir: str
    _words: Words

    def __call__(self, key: str, /, **params: Value) -> str:
        """The text named `key`, with its placeholders filled in."""
        if key not in self._words:
            raise KeyError(f"there is no text {key!r}")
        return self._words(key, **params)


@dataclass(frozen=True, slots=True)
class Product:
    """The product of the page. `consent` is its text in the page's language; None means ours.

    `draft`, `receipts`, `capture` and `hints` are `on` or `off`; `edit` is `on`, `black-out` or `off`. `close_after` is
    in seconds; 0 means never.
    """

    slug: str
    name: str
    origins: tuple[str, ...]
    consent: str | None
    consent_version: str | None
    draft: str
    close_after: int = 8
    receipts: str = "on"
    capture: str = "on"
    edit: str = "on"
    hints: str = "on"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form asks for. The first three are `shown`, `hidden` or `required`; `consent` is `shown` or `hidden`.

    `email` is `ask`, `prefill`, `read-only` or `hidden`; the last two only if somebody vouches for the person.
    `vouched` is what it becomes once somebody does, and empty if nobody can. `identity`: whether sending requires a
    signed identity. `context`: whether the host page may add something.
    """

    description: str
    sentiment: str
    files: str
    consent: str
    email: str
    vouched: str
    identity: bool
    context: bool


@dataclass(frozen=True, slots=True)
class Chips:
    """The short words that may be ticked for each thumb, in the page's language."""

    like: tuple[str, ...] = ()
    dislike: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits: characters, files, bytes of a file, pixels of a picture; and the media types of files."""

    length: int
    files: int
    size: int
    pixels: int
    accept: str


@dataclass(frozen=True, slots=True)
class Person:
    """The person that the host's server vouches for."""

    email: str
    name: str


@dataclass(frozen=True, slots=True)
class Detail:
    """One fact that the host page adds."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Values:
    """What the fields contain."""

    description: str
    submittedByEmail: str  # noqa: N815 - the contract's names
    sentimentRating: str  # noqa: N815
    contactConsent: str  # noqa: N815
    identity: str
    context: str
    chips: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """A line of the summary: what is wrong, in which field, and where the field is. Without a label: in the whole
    form."""

    anchor: str
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class SendingNote:
    """A note about the request as a whole. `kind` is `patience` or `danger`. `receipt_url` is that of the submission
    that the form was used for before; empty if there is none."""

    kind: str
    title: str
    text: str
    receipt_url: str = ""


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults in words: the summary, the messages beside each field, and a note about the request as a whole.

    A fault of the form as a whole stands beside the first field by which it can be fixed."""

    summary: tuple[Message, ...] = ()
    errors: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict.fromkeys(ASKED, ()))
    note: SendingNote | None = None


@dataclass(frozen=True, slots=True)
class Thanks:
    """The words of the thanks. All are empty if the script fills them in."""

    status: str = ""
    title: str = ""
    text: str = ""
    number: str = ""
    at: str = ""
    moment: str = ""
    files: str = ""
    receipt_url: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a submission. `state` is `done`, `waiting` or `refused`."""

    state: str
    title: str
    at: str = ""
    moment: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class ReceiptFile:
    """A file on the receipt. `state` is `attached`, `waiting` or `refused`."""

    name: str
    state: str
    word: str
    message: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What every template sees."""

    words: Speech
    product: Product | None
    theme: str
    mode: str
    heading: str
    stylesheets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPage(Page):
    """What `form.html` and `thanks.html` see."""

    product: Product
    address: str
    fields: Asked
    limits: Limits
    modules: tuple[str, ...]
    script: Mapping[str, str | dict[str, str]]
    chips: Chips = Chips()
    thanks: Thanks = Thanks()
    token: str = ""
    challenge: Mapping[str, object] | None = None
    values: Values = Values("", "", "", "", "", "")
    person: Person | None = None
    context: tuple[Detail, ...] = ()
    summary: tuple[Message, ...] = ()
    errors: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict.fromkeys(ASKED, ()))
    note: SendingNote | None = None
    again: bool = False
    focus: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptPage(Page):
    """What `receipt.html` sees. `status` is `accepted`, `delivered`, `refused` or `expired`. `text` may be empty.
    `restore`: the person may send the text again, if the browser still has it."""

    status: str
    text: str
    restore: bool
    steps: tuple[Step, ...]
    files: tuple[ReceiptFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemPage(Page):
    """What `problem.html` sees."""

    text: str
    open: str | None


PAGES: Mapping[str, type[Page]] = {
    "form.html": FormPage,
    "thanks.html": FormPage,
    "receipt.html": ReceiptPage,
    "problem.html": ProblemPage,
}
"""What each page's template sees."""
