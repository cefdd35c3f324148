"""All texts that people read, in their language.

Code refers to a text by a symbolic msgid. `locales/{lang}.po` has the texts of a language; it is read when they are
first needed. A value is inserted as it is, once: one that looks like `{a placeholder}` is not filled in again.
Templates do the escaping; `overrides` has the products' own words.
"""

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from gettext import c2py
from pathlib import Path
from typing import Protocol, Self

import structlog
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import PoFileError, read_po

from widget.config.products import Product
from widget.errors import Fault
from widget.i18n.formats import Formats
from widget.submissions.limits import KINDS, MAX_FILE_SIZE, MAX_FILES

log = structlog.get_logger("widget.i18n.messages")

DEFAULT = "en"
LOCALES = Path(__file__).parent / "locales"

OTHER_TAGS = {"zh-tw": "zh-hant", "zh-hk": "zh-hant", "zh-mo": "zh-hant", "yue": "zh-hant", "iw": "he", "in": "id"}
"""Other tags of our languages: countries that imply a script, and withdrawn codes, which old Android still sends."""

OTHER_SCRIPT = {"hi-latn": "hi"}
"""Tags that one of our languages serves in part: the right language, but not the script that these people read best."""

SCRIPT = (
    "almost", "almost.text", "again", "again.text", "blocked", "blocked.text", "copied",
    "accepted", "accepted.text", "delivered", "delivered.text", "delivered.files", "delivered.part",
    "draft.files", "email.meant", "error.empty", "error.file_too_large", "error.file_too_large.pdf",
    "error.file_too_large.picture", "error.file_type", "error.file_type.empty", "error.file_type.folder",
    "error.file_type.heic", "error.file_type.unreadable",
    "error.invalid.submittedByEmail", "error.rate_limited.title", "error.required.submittedByEmail",
    "error.required.description", "error.required.files", "error.required.sentimentRating",
    "error.too_long", "error.too_long.submittedByEmail", "error.too_many_files", "error.unavailable.title",
    "files.add", "files.another", "files.count", "files.full", "files.limit", "files.preparing", "files.remove",
    "frame", "limited.text", "lost", "lost.text", "offline", "offline.text", "retry", "retry.now",
    "note.first", "note.jpeg", "note.jpeg.location", "note.jpeg.smaller", "note.jpeg.smaller.location", "note.location",
    "note.png", "note.png.location", "note.png.smaller", "note.png.smaller.location", "note.smaller",
    "note.smaller.location", "note.protected", "say.added", "say.note", "say.removed", "send", "sending",
    "sending.amount", "sending.percent", "stopped", "stopped.late", "stopped.text", "summary", "text.left", "text.over",
    "today", "unavailable.text", "waiting",
)  # fmt: skip
"""The texts that the form's script shows. All others are on the page already."""

LATER = ("editor.", "hint.")
"""The prefixes of texts that the script fetches when it needs them."""

ISOLATED = frozenset({"id", "name", "product", "reason", "size"})
"""Values that may run in the other direction than the text around them. In right-to-left texts, they are isolated."""

Value = str | int
Forms = tuple[str, ...]


class Named(Protocol):
    """The properties of a product that texts use."""

    @property
    def name(self) -> str:
        """The display name."""
        ...


@dataclass(frozen=True, slots=True)
class Note:
    """A message about a whole request: a heading, and what to do."""

    title: str
    text: str


class Words:
    """The words of one language."""

    def __init__(self, catalog: Catalog) -> None:
        locale = catalog.locale
        if locale is None:
            raise ValueError("the locale file does not name its language")
        self.lang = str(locale).replace("_", "-")
        self._formats = Formats.of(self.lang)
        self.dir = self._formats.direction
        self.texts: Mapping[str, Forms] = {key_of(each): forms_of(each) for each in catalog if each.id}
        self.plural: Callable[[int], int] = c2py(catalog.plural_expr)
        """The index of the plural form for a number."""
        self.plural_forms = f"nplurals={catalog.num_plurals}; plural={catalog.plural_expr};"
        """The plural rule in gettext's notation."""
        self._limits: Mapping[str, Value] = {"max": MAX_FILES, "size": self._formats.size(MAX_FILE_SIZE)}

    def __call__(self, key: str, /, **params: Value) -> str:
        """The text named `key`. The number `n` selects the plural form, or the text's wording for two."""
        n = params.get("n", 1)
        forms = self.texts.get(f"{key}.two") if n == 2 else None
        forms = forms or self.texts[key]
        form = forms[self.plural(n)] if len(forms) > 1 and isinstance(n, int) else forms[0]
        return self._fill(form, params)

    def __contains__(self, key: str) -> bool:
        return key in self.texts

    def but(self, own: Mapping[str, Forms]) -> Self:
        """The same words with some texts replaced. If a text is replaced, its wording for two is dropped."""
        other = copy.copy(self)
        replaced = {f"{key}.two" for key in own}
        other.texts = {**{key: text for key, text in self.texts.items() if key not in replaced}, **own}
        return other

    def of(self, product: Product) -> Self:
        """The words for a product's form, which name its number and kinds of files, and only the fields it shows."""
        mine, asked = product.fields, (product.fields.description, product.fields.sentiment, product.fields.files)
        texts = {}
        if set(mine.file_kinds) != set(KINDS):
            texts = {"error.file_type": "error.file_type.kinds", "files.kinds": "files.kinds.some"}
            texts["files.add"] = "files.add.pdf" if mine.file_kinds == ("pdf",) else "files.add.pictures"
            if len(mine.file_kinds) > 1 and "pdf" in mine.file_kinds:
                del texts["files.add"]
        if mine.most_files == 1:
            texts |= {"files.limit": "files.limit.one", "files.kinds": "files.kinds.one"}
        if "hidden" in asked or not mine.takes_files:
            texts["error.empty"] = "error.empty.some"
        kinds = self._formats.any_of([kind.upper() for kind in mine.file_kinds])
        other = copy.copy(self)
        other.texts = {**self.texts, **{key: self.texts[instead] for key, instead in texts.items()}}
        other._limits = {**self._limits, "max": mine.most_files, "kinds": kinds}
        return other

    def fault(self, fault: Fault, product: Named | None = None) -> str:
        """The message of a fault, in whole sentences, beside its field or in the answer to a program."""
        note = self.note(fault, product)
        return self("error.joined", title=note.title, text=note.text) if note.title else note.text

    def note(self, fault: Fault, product: Named | None = None) -> Note:
        """The message of a fault in two parts. The heading is empty if the fault is a field's."""
        params = {"n": 1, **fault.params, "product": product.name if product else self("product")}
        title = f"error.{fault.code}.title"
        return Note(self(title, **params) if title in self else "", self._fault(fault, params))

    def script(self, product: Named) -> dict[str, str | dict[str, str]]:
        """The texts of `SCRIPT`. Plural forms are keyed by the categories of `Intl.PluralRules`, a wording for two by
        `2`."""
        params = {"product": product.name}
        return {key: self._for_script(key, params) for key in SCRIPT}

    def later(self, product: Named) -> dict[str, str | dict[str, str]]:
        """The texts with a prefix of `LATER`, in the format of `script`."""
        params = {"product": product.name}
        return {key: self._for_script(key, params) for key in self.texts if key.startswith(LATER)}

    def moment(self, at: datetime) -> str:
        """A date and time in UTC, because the server does not know the person's time zone."""
        at = at.astimezone(UTC)
        return self("moment", date=self._formats.date(at), time=self._formats.time(at))

    def _fault(self, fault: Fault, params: Mapping[str, Value]) -> str:
        variant = fault.variant
        if fault.code == "refused_upstream":
            reason = str(params.get("reason", "")).strip().rstrip(".")
            params = {**params, "reason": reason}
            variant = variant if reason else "unexplained"
        for end in (variant, fault.field):
            if end and (key := f"error.{fault.code}.{end}") in self:
                return self(key, **params)
        return self(f"error.{fault.code}", **params)

    def _for_script(self, key: str, params: Mapping[str, Value]) -> str | dict[str, str]:
        forms, two = self.texts[key], self.texts.get(f"{key}.two")
        if len(forms) == 1 and not two:
            return self._fill(forms[0], params, known_only=True)
        chosen = {category: forms[self.plural(n)] for category, n in self._formats.plurals.items()}
        if two:
            chosen["2"] = two[0]
        return {category: self._fill(form, params, known_only=True) for category, form in chosen.items()}

    def _fill(self, text: str, params: Mapping[str, Value], *, known_only: bool = False) -> str:
        def value(match: re.Match[str]) -> str:
            name = match[1]
            found = params.get(name, self._limits.get(name))
            if found is None:
                if known_only:
                    return match[0]
                raise KeyError(name)
            if isinstance(found, int):
                return self._formats.number(found)
            return f"\u2068{found}\u2069" if self.dir == "rtl" and name in ISOLATED else found

        return re.sub(r"\{([a-z]+)\}", value, text)


def languages() -> tuple[str, ...]:
    """The available languages, the default first."""
    return tuple(path.stem.replace("_", "-") for path in _paths().values())


def choose(requested: str | None, accept_language: str = "") -> Words:
    """The words for a request: in the language that the page asks for, else in one that the browser prefers.

    A country or script that we do not have falls back to its language. A language in another script comes after
    everything else that the browser accepts: `hi-Latn, en` gets English, and `hi-Latn` alone gets Devanagari.
    """
    preferred = _preferred(accept_language)
    wanted = [*([requested] if requested else []), *preferred]
    names = [_nearest(requested or "", any_script=True), *map(_nearest, preferred)]
    names += [_nearest(tag, any_script=True) for tag in wanted]
    for name in (*names, DEFAULT):
        if name and (words := _load(name)):
            return words
    raise LookupError(f"there are no texts in {DEFAULT!r}, the default language")


def _nearest(tag: str, *, any_script: bool = False) -> str | None:
    """The available language that a tag matches (RFC 4647, section 3.4), in lower case."""
    parts = tag[:50].lower().replace("_", "-").split("-")
    for end in range(len(parts), 0, -1):
        name = "-".join(parts[:end])
        name = OTHER_TAGS.get(name, name)
        if name in OTHER_SCRIPT:
            return OTHER_SCRIPT[name] if any_script else None
        if name in _paths():
            return name
    return next((name for name in _paths() if name.partition("-")[0] == parts[0]), None)


def _preferred(accept_language: str) -> list[str]:
    """The tags of an `Accept-Language` header, best first (RFC 9110, section 12.5.4)."""
    ranked: list[tuple[float, str]] = []
    for entry in accept_language[:500].split(","):
        tag, _, weight = entry.replace(" ", "").partition(";q=")
        try:
            quality = float(weight or 1)
        except ValueError:
            continue
        if quality > 0:
            ranked.append((-quality, tag))
    return [tag for _, tag in sorted(ranked, key=lambda pair: pair[0])]


@cache
def _paths() -> Mapping[str, Path]:
    paths = sorted(LOCALES.glob("*.po"), key=lambda path: (path.stem != DEFAULT, path.stem))
    return {path.stem.replace("_", "-").lower(): path for path in paths}


@cache
def _load(name: str) -> Words | None:
    """The words of one language. A file that cannot be used is reported, and then ignored."""
    path = _paths()[name]
    try:
        with path.open("rb") as file:
            return Words(read_po(file, locale=path.stem, abort_invalid=True))
    except (OSError, PoFileError, ValueError) as error:
        log.error("words.unusable", file=str(path), reason=str(error))
        return None


def key_of(message: Message) -> str:
    """The name of a text."""
    return message.id if isinstance(message.id, str) else message.id[0]


def forms_of(message: Message) -> Forms:
    """A text with its plural forms, in gettext's order."""
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
