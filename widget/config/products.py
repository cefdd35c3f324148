"""A product, as `[products.SLUG]` in `widget.toml` describes it: frozen, checked, and without secrets.

`loading` reads the file and adds what comes from the environment.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from widget.config.hosts import is_local, is_reachable
from widget.submissions.limits import KINDS, MAX_FILES, Kind
from widget.submissions.model import CONSENT_VERSION, MAX_CHIP, MAX_CHIPS, clean_text
from widget.theming.themes import Theme

SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?")

MAX_CONSENT = 300
"""Characters."""

Asked = Literal["shown", "hidden", "required"]
Email = Literal["ask", "prefill", "read-only", "hidden"]

_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*)"
    r"(:(?P<port>[0-9]{1,5}|\*))?"
)


def _origin(value: str) -> str:
    """An entry such as https://app.example.com, https://*.example.com or http://localhost:*."""
    if "[" in value:
        raise ValueError(
            f"{value!r}: browsers do not support IPv6 addresses in frame-ancestors; use a host name such as localhost"
        )
    match = _ORIGIN.fullmatch(value)
    if match is None:
        raise ValueError(f"{value!r} is not a valid origin; write https://host, https://host:port or https://*.host")
    if match["scheme"] == "http" and not is_local(match["host"]):
        raise ValueError(f"{value!r} needs https; plain http is allowed for localhost only")
    if match["host"].startswith("*.") and "." not in match["host"][2:] and match["host"] != "*.localhost":
        raise ValueError(f"{value!r} would allow a whole top-level domain")
    if match["host"].startswith("*.") and _is_public_suffix(match["host"][2:]):
        raise ValueError(f"{value!r} would allow everybody who has a name under {match['host'][2:]}")
    if match["port"] not in (None, "*") and not 0 < int(match["port"]) < 65536:
        raise ValueError(f"{value!r} has no usable port")
    return value


def origin_problem(value: str) -> str:
    """Why a text cannot be one of the origins; empty if it can."""
    try:
        _origin(value)
    except ValueError as error:
        return str(error)
    return ""


def _consent_version(value: str) -> str:
    if not CONSENT_VERSION.fullmatch(value):
        raise ValueError("use 1 to 40 letters, digits, spaces and any of . : / _ -")
    return value


@cache
def _is_public_suffix(host: str) -> bool:
    """Whether anybody may register names under `host`, as under `co.uk` and `github.io` (publicsuffix.org)."""
    from publicsuffixlist import PublicSuffixList  # takes a tenth of a second, and only wildcards need it

    return host != "localhost" and bool(PublicSuffixList().is_public(host))


def _some_origins(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("is empty, so no page may embed the form; add the origins of its pages")
    return value


def _some_kinds(value: tuple[Kind, ...]) -> tuple[Kind, ...]:
    if not value:
        raise ValueError('is empty; write files = "hidden" for a form without files')
    return tuple(kind for kind in KINDS if kind in value)


def _public_key(value: str) -> str:
    # Loaded only if there is such a key: see `identity.prepare`.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(value.encode())
    except (ValueError, UnsupportedAlgorithm):
        private = " it is a private key, which stays where the tokens are signed;" if "PRIVATE KEY" in value else ""
        raise ValueError(
            f"is not a public key;{private} give PEM that begins with -----BEGIN PUBLIC KEY-----"
        ) from None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError("is not a key for ES256; give an elliptic curve key on P-256")
    return value


def _consent(value: str | dict[str, str] | None) -> str | dict[str, str] | None:
    wordings = value if isinstance(value, dict) else {} if value is None else {"": value}
    for language, wording in wordings.items():
        if not 0 < len(wording.strip()) <= MAX_CONSENT:
            raise ValueError(f"{language or 'it'} needs 1 to {MAX_CONSENT} characters")
    if value == {}:
        raise ValueError("names no language; add one, or leave the setting out")
    return {language.lower(): wording for language, wording in value.items()} if isinstance(value, dict) else value


EVERY = ""
"""Stands for every language."""
ByLanguage = Mapping[str, tuple[str, ...]]


def _by_language(value: object) -> object:
    if isinstance(value, dict):
        return value
    if not isinstance(value, list):
        raise ValueError('is not a list; write one such as ["Slow", "Confusing"], or one for each language')
    return {EVERY: value}


def _chip_words(value: ByLanguage) -> ByLanguage:
    if not value:
        raise ValueError("names no language; add one, or leave the setting out")
    return {language.lower(): _checked_chips(words, language or "it") for language, words in value.items()}


def _checked_chips(words: tuple[str, ...], whose: str) -> tuple[str, ...]:
    """The words as they are shown. Raises ValueError, naming the word at fault."""
    shown = tuple(word.strip() for word in words)
    if not 0 < len(shown) <= MAX_CHIPS:
        raise ValueError(f"{whose} has {len(shown)} chips; give 1 to {MAX_CHIPS}, or leave the setting out")
    for place, word in enumerate(shown, 1):
        if not clean_text(word):
            raise ValueError(f"{whose} has an empty chip in place {place}; write one, or take it out")
        if " ".join(clean_text(word).split()) != word:
            raise ValueError(f"{whose} has {word!r}; use one line, single spaces and no control characters")
        if len(word) > MAX_CHIP:
            raise ValueError(f"{whose} has {word!r}, which is longer than {MAX_CHIP} characters")
        if word.casefold() in (earlier.casefold() for earlier in shown[: place - 1]):
            raise ValueError(f"{whose} has {word!r} twice; take one out")
    return shown


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Fields(_Table):
    """What a product's form asks for, within what Insider Connect accepts."""

    description: Annotated[Asked, Field(description="The text.")] = "shown"
    sentiment: Annotated[Asked, Field(description="The thumbs.")] = "shown"
    files: Annotated[Asked, Field(description="Pictures and PDFs.")] = "shown"
    max_files: Annotated[
        int, Field(ge=0, le=MAX_FILES, description="The most files that may be attached; 0 hides them.")
    ] = MAX_FILES
    file_kinds: Annotated[
        tuple[Kind, ...], AfterValidator(_some_kinds), Field(description="Accepted types: `jpeg`, `png`, `pdf`.")
    ] = tuple(KINDS)
    consent: Annotated[
        Literal["shown", "hidden"],
        Field(description="Whether the form asks for consent to be contacted; if `hidden`, `false` is sent."),
    ] = "shown"
    email: Annotated[
        Email | None,
        Field(
            description="`ask`: the person types it; `prefill`: the page fills it in if it knows it; `read-only`, "
            "`hidden`: it comes from a signed identity. Without this key: `read-only` if the product has signed "
            "identities, else `prefill`."
        ),
    ] = None

    @model_validator(mode="after")
    def _something_can_be_said(self) -> Self:
        if self.files == "required" and not self.max_files:
            raise ValueError("files are required, but max_files is 0")
        if self.description == self.sentiment == "hidden" and not self.takes_files:
            raise ValueError(
                "text, thumbs and files are all hidden, so people could not say anything; show one of them"
            )
        return self

    @property
    def takes_files(self) -> bool:
        """Whether the form accepts files."""
        return self.files != "hidden" and self.max_files > 0

    @property
    def most_files(self) -> int:
        """How many files a submission may have."""
        return self.max_files if self.takes_files else 0

    @property
    def media_types(self) -> tuple[str, ...]:
        """What the files may be."""
        return tuple(KINDS[kind].media_type for kind in self.file_kinds)


class Chips(_Table):
    """Short words that a person may tick once a thumb is chosen. They stand in front of the text that is sent."""

    like: Annotated[
        ByLanguage,
        BeforeValidator(_by_language),
        AfterValidator(_chip_words),
        Field(description="The words for the first thumb, as a list."),
    ] = {}
    dislike: Annotated[
        ByLanguage,
        BeforeValidator(_by_language),
        AfterValidator(_chip_words),
        Field(
            description='The words for the second thumb. `{en = ["…"], de = ["…"]}` gives a list for each language; '
            "other languages have none."
        ),
    ] = {}

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.like and not self.dislike:
            raise ValueError("names no chip; give like or dislike a list, or leave the table out")
        return self

    def words(self, lang: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The words for the first and for the second thumb in a language."""
        return _in_language(self.like, lang), _in_language(self.dislike, lang)

    @property
    def languages(self) -> frozenset[str]:
        """The languages that are named, in small letters."""
        return frozenset({*self.like, *self.dislike} - {EVERY})


def _in_language(words: ByLanguage, lang: str) -> tuple[str, ...]:
    return words.get(lang.lower(), words.get(EVERY, ()))


class Identity(_Table):
    """How a host's server vouches for who a person is. The secret of HS256 comes from the environment."""

    public_keys: Annotated[
        tuple[Annotated[str, AfterValidator(_public_key)], ...],
        BeforeValidator(_several),
        Field(description="Public keys in PEM that verify ES256 signatures; several during a rotation."),
    ] = ()
    required: Annotated[
        bool | None,
        Field(
            description="Whether a submission needs a signed identity. Without this key: yes if `email` is "
            "`read-only` or `hidden`."
        ),
    ] = None


def _event_address(value: str) -> str:
    """An address that signed events are posted to."""
    advice = "is not a usable address; give one such as https://portal.example.com/hooks/feedback"
    try:
        parts = urlsplit(value)
        is_usable = parts.scheme in ("http", "https") and parts.port != 0 and is_reachable(value)
    except ValueError:  # no port, or no IPv6 address
        raise ValueError(advice) from None
    if not is_usable or parts.fragment or not re.fullmatch(r"[!-~]+", value):
        raise ValueError(advice)
    if "@" in parts.netloc:
        raise ValueError("must not contain a user or password; remove them, the signature tells who sends")
    if parts.scheme == "http" and not is_local(parts.hostname):
        raise ValueError("needs https; plain http is allowed for localhost only")
    return value


class Events(_Table):
    """Where a product's own systems are told of the end of a submission. The secret that signs comes from the
    environment."""

    url: Annotated[
        Annotated[str, AfterValidator(_event_address)],
        Field(
            description="The address that a signed event is posted to when a submission was delivered or refused. "
            "Needs `EVENTS_SECRET__SLUG`."
        ),
    ]


class Product(_Table):
    """One customer of the widget."""

    slug: str
    name: Annotated[str, Field(min_length=1, max_length=80, description="The name that people read.")]
    origins: Annotated[
        tuple[Annotated[str, AfterValidator(_origin)], ...],
        AfterValidator(_some_origins),
        Field(description="The origins of the pages that may embed the form."),
    ]
    proof: Annotated[
        Literal["always", "surge", "never"],
        Field(description="When the form asks for a proof of work: `always`, in a `surge` of submissions, or `never`."),
    ] = "surge"
    consent: Annotated[
        str | dict[str, str] | None,
        AfterValidator(_consent),
        Field(
            description='The consent text; ours unless it is set. `{en = "…", pt-BR = "…"}` gives one for each '
            "language; other languages keep ours."
        ),
    ] = None
    consent_version: Annotated[
        Annotated[str, AfterValidator(_consent_version)] | None,
        Field(
            description="The version of that text, such as `2026-05`; stored with submissions whose form showed it.",
        ),
    ] = None
    context: Annotated[
        Literal["store", "append", "off"],
        Field(
            description="What happens to the context that the host page passes: `store` it with the submission, "
            "`append` it to the text as far as it fits, or `off`."
        ),
    ] = "store"
    draft: Annotated[
        Literal["on", "off"],
        Field(
            description="Whether the browser keeps an unsent draft, for the same person only: its text for 30 days, "
            "its files for 30 minutes after the last change. With `on` the form also offers to remember the e-mail "
            "address, where nothing else gives it. Use `off` for shared computers."
        ),
    ] = "on"
    receipts: Annotated[
        Literal["on", "off"] | None,
        Field(
            description="Whether the browser lists the last ten receipts of a person below the form; the person may "
            "switch it off. Without this key: as `draft`."
        ),
    ] = None
    close_after: Annotated[
        int,
        Field(
            ge=0,
            le=600,
            description="Seconds after which a popover closes by itself once the form was sent with a pointer, unless "
            "it is touched; `0` leaves it open.",
        ),
    ] = 8
    capture: Annotated[
        Literal["on", "off"],
        Field(description="Whether the form offers to take a screenshot, where the browser can."),
    ] = "on"
    edit: Annotated[
        Literal["on", "black-out", "off"],
        Field(
            description="What the picture editor offers: `on` for everything, `black-out` for that and cropping only, "
            "or `off`."
        ),
    ] = "on"
    hints: Annotated[
        Literal["on", "off"],
        Field(
            description="Whether the form points out what looks private in the text, such as a card number. The text "
            "does not leave the browser for that."
        ),
    ] = "on"
    budget: Annotated[
        int,
        Field(
            ge=1,
            le=1024,
            description="Compressed size, in kilobytes, that a page and its styles may have; `widget check` reports "
            "pages above it.",
        ),
    ] = 24
    theme: Theme = Theme()
    fields: Fields = Fields()
    chips: Chips | None = None
    identity: Identity | None = None
    events: Events | None = None

    @model_validator(mode="after")
    def _vouched_for(self) -> Self:
        if self.fields.email in ("read-only", "hidden") and self.identity is None:
            raise ValueError(
                f"fields.email is {self.fields.email!r}, which takes the address from a signed identity; "
                "add an [identity] table"
            )
        return self

    @model_validator(mode="after")
    def _chips_have_thumbs(self) -> Self:
        if self.chips is not None and self.fields.sentiment == "hidden":
            raise ValueError('chips belong to the thumbs, and fields.sentiment is "hidden"; remove one of the two')
        return self

    @property
    def keeps_receipts(self) -> bool:
        """Whether the browser may list the receipts of what was sent from it."""
        return (self.receipts or self.draft) == "on"

    @property
    def email(self) -> Email:
        """How the form gets the e-mail address."""
        return self.fields.email or ("prefill" if self.identity is None else "read-only")

    def chips_in(self, lang: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The words for the first and for the second thumb in a language."""
        return self.chips.words(lang) if self.chips else ((), ())

    def consent_in(self, lang: str) -> tuple[str | None, str | None]:
        """The consent text in a language, and its version. Both are None if the text is ours or nothing is asked."""
        if self.fields.consent == "hidden":
            return None, None
        if not isinstance(self.consent, dict):
            return self.consent, self.consent_version
        wording = self.consent.get(lang.lower())
        return wording, self.consent_version if wording else None

    @property
    def needs_identity(self) -> bool:
        """Whether a submission needs a signed identity."""
        if self.identity is None:
            return False
        return self.email in ("read-only", "hidden") if self.identity.required is None else self.identity.required
