"""The pages that people see, as HTML: form, thanks, receipt, and what is said where no form can be shown.

A template gets frozen, plain values and words, nothing that it could call to change anything. A product's own folder
is searched first; `default:NAME` always reaches ours. Storing anything, statuses and headers are left to others.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined

from widget.errors import Fault
from widget.submission import MAX_DESCRIPTION, MAX_FILE_SIZE, MAX_FILES
from widget.words import Words

BLOCKS = (
    "title", "header", "sentiment", "description", "email", "consent", "files", "actions", "thanks", "footer",
)  # fmt: skip
"""The blocks of form.html that a product may replace."""

MODULES: tuple[str, ...] = ("form/main.js", "form/feedback-form.js", "form/host.js", "form/host-link.js")
"""The script's modules that an opened form needs, so that the browser asks for all of them at once."""

THEMES = ("auto", "light", "dark")
MODES = ("page", "inline", "popover", "dialog")

_VALUES = {"description": "", "submittedByEmail": "", "sentimentRating": "", "contactConsent": ""}
_FIELDS = ("sentimentRating", "description", "files", "submittedByEmail", "contactConsent")
_PATIENCE = frozenset({"rate_limited", "unavailable", "too_fast", "token_expired", "token_invalid"})


class Product(Protocol):
    """What the pages need to know of a product."""

    @property
    def slug(self) -> str:
        """Its name in addresses."""
        ...

    @property
    def name(self) -> str:
        """Its name for people."""
        ...

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins that may embed its form."""
        ...

    @property
    def consent(self) -> str | None:
        """Its own wording of the consent."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What fits: characters, files, bytes in a file."""

    length: int = MAX_DESCRIPTION
    files: int = MAX_FILES
    size: int = MAX_FILE_SIZE


@dataclass(frozen=True, slots=True)
class Message:
    """A line of the summary: what is wrong, with which field, and where the field is. Empty label: all of the form."""

    anchor: str
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class SendingNote:
    """What is said about the request as a whole. `kind` is `patience` or `danger`."""

    kind: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class File:
    """An attachment as an answer or a receipt tells of it. `status` is `attached`, `refused`; else it waits.
    `note` is what was done to it, in words."""

    name: str
    status: str
    message: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Thanks:
    """What the thanks say; all empty where the script will fill it in."""

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
    """A station of a submission. `state` is `done`, `waiting` or `refused`."""

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


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults in words: the summary, what stands beside each field, and a note about the request as a whole."""

    summary: tuple[Message, ...] = ()
    errors: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict.fromkeys(_FIELDS, ()))
    note: SendingNote | None = None


class Pages:
    """Renders the pages of all products."""

    def __init__(
        self,
        products: Iterable[Product],
        *,
        static: Callable[[str], str],
        templates: Path,
        receipt_days: int = 30,
        retry_days: int = 7,
    ) -> None:
        self._receipt_days = receipt_days
        self._retry_days = retry_days
        self._default = _environment(templates, None, static)
        self._environments = {product.slug: _environment(templates, product.slug, static) for product in products}

    def form(
        self,
        product: Product,
        words: Words,
        *,
        token: str,
        challenge: Mapping[str, object] | None = None,
        values: Mapping[str, str],
        faults: Sequence[Fault] = (),
        theme: str = "auto",
        mode: str = "page",
        retry_after: float | None = None,
    ) -> str:
        """The form, untouched or with what is to be put right in it. `values` are the fields by their names,
        `challenge` is the proof of work that it asks for."""
        found = describe(faults, product, words, retry_after)
        return self._render(
            "form.html", product, words, theme, mode,
            **_form(product, words, theme, mode),
            token=token,
            challenge=challenge,
            values={name: values.get(name, default) for name, default in _VALUES.items()},
            summary=found.summary,
            errors=found.errors,
            note=found.note,
            again=bool(faults),
        )  # fmt: skip

    def thanks(
        self,
        product: Product,
        words: Words,
        *,
        status: str,
        receipt_url: str,
        feedback_id: int | None,
        at: datetime,
        attachments: Sequence[File] = (),
        theme: str = "auto",
        mode: str = "page",
    ) -> str:
        """The thanks for a submission that is `delivered` or `accepted`."""
        thanks = Thanks(
            status=status,
            title=words(status),
            text=_thanks_text(status, product, words, attachments),
            number="" if feedback_id is None else str(feedback_id),
            at=at.isoformat(),
            moment=words.moment(at),
            files=str(len(attachments)),
            receipt_url=receipt_url,
        )
        context = _form(product, words, theme, mode) | {"heading": thanks.title, "thanks": thanks}
        return self._render("thanks.html", product, words, theme, mode, **context)

    def receipt(
        self,
        product: Product | None,
        words: Words,
        *,
        status: str,
        accepted_at: datetime | None = None,
        delivered_at: datetime | None = None,
        ended_at: datetime | None = None,
        feedback_id: int | None = None,
        attachments: Sequence[File] = (),
        theme: str = "auto",
    ) -> str:
        """Where a submission stands: `accepted`, `delivered`, `refused` (ended then) or `expired`."""
        name = product.name if product else words("product")
        context: dict[str, object] = {
            "heading": words(f"receipt.{status}"),
            "text": self._receipt_text(status, name, words, attachments),
            "steps": self._steps(status, name, words, accepted_at, delivered_at, ended_at, feedback_id),
            "files": tuple(_receipt_file(file, words) for file in attachments),
        }
        return self._render("receipt.html", product, words, theme, "page", **context)

    def problem(
        self,
        words: Words,
        fault: Fault,
        product: Product | None = None,
        *,
        theme: str = "auto",
        mode: str = "page",
        open_url: str | None = None,
    ) -> str:
        """Words where no form can be shown. `open_url` is where it works in a tab of its own."""
        note = words.note(fault, product)
        heading, text = (note.title, note.text) if note.title else (note.text, "")
        context = {"heading": heading, "text": text, "open": open_url}
        return self._render("problem.html", product, words, theme, mode, **context)

    def _receipt_text(self, status: str, name: str, words: Words, files: Sequence[File]) -> str:
        if status == "delivered":
            return _delivered_text(name, words, files, "receipt.part")
        return words(f"receipt.{status}.text", product=name, n=self._receipt_days)

    def _steps(
        self,
        status: str,
        name: str,
        words: Words,
        accepted_at: datetime | None,
        delivered_at: datetime | None,
        ended_at: datetime | None,
        feedback_id: int | None,
    ) -> tuple[Step, ...]:
        if status == "expired":
            return ()
        stored = _step("done", words("step.stored"), words, accepted_at)
        if status == "delivered":
            number = "" if feedback_id is None else words("step.number", id=str(feedback_id))
            title = words("step.delivered", product=name)
            return stored, _step("done", title, words, delivered_at, number)
        if status == "refused":
            return stored, _step("refused", words("step.refused"), words, ended_at)
        trying = words("step.trying", n=self._retry_days)
        return stored, _step("waiting", words("step.delivered", product=name), words, None, trying)

    def _render(
        self, template: str, product: Product | None, words: Words, theme: str, mode: str, **context: object
    ) -> str:
        known = self._environments.get(product.slug, self._default) if product else self._default
        return known.get_template(template).render(
            words=words,
            product=product,
            theme=theme if theme in THEMES else "auto",
            mode=mode if mode in MODES else "page",
            **context,
        )


def describe(faults: Sequence[Fault], product: Product, words: Words, retry_after: float | None = None) -> Faults:
    """Faults as a page says them: about a field in the summary and beside the field, else in a note."""
    errors: dict[str, tuple[str, ...]] = dict.fromkeys(_FIELDS, ())
    summary: list[Message] = []
    note: SendingNote | None = None
    for fault in faults:
        if fault.field in errors:
            text, label = words.fault(fault, product), _label(fault, words)
            errors[fault.field] += (f"{label}: {text}" if fault.params.get("name") else text,)
            summary.append(Message(_anchor(fault.field), label, text))
        elif fault.code == "empty":
            summary.append(Message(_anchor("sentimentRating"), "", words.fault(fault, product)))
        elif note is None:
            note = _note(fault, product, words, retry_after)
    return Faults(tuple(summary), errors, note)


def _note(fault: Fault, product: Product, words: Words, retry_after: float | None) -> SendingNote:
    if retry_after is not None:
        fault = replace(fault, params={"n": math.ceil(retry_after), **fault.params})
    note = words.note(fault, product)
    return SendingNote("patience" if fault.code in _PATIENCE else "danger", note.title, note.text)


def _label(fault: Fault, words: Words) -> str:
    return str(fault.params.get("name") or words(f"label.{fault.field}"))


def _anchor(name: str) -> str:
    return "sentimentRating-true" if name == "sentimentRating" else name


def _environment(templates: Path, slug: str | None, static: Callable[[str], str]) -> Environment:
    ours = FileSystemLoader(templates)
    folders = [FileSystemLoader(templates / "products" / slug)] if slug else []
    environment = Environment(
        loader=ChoiceLoader([*folders, ours, PrefixLoader({"default": ours}, delimiter=":")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["static"] = static
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    return environment


def _form(product: Product, words: Words, theme: str, mode: str) -> dict[str, object]:
    query = {"lang": words.lang, "theme": theme, "mode": mode}
    return {
        "heading": words("title", product=product.name),
        "limits": Limits(),
        "modules": MODULES,
        "script": words.script(product),
        "address": f"?{urlencode(query)}",
        "thanks": Thanks(),
    }


def _thanks_text(status: str, product: Product, words: Words, files: Sequence[File]) -> str:
    if status == "delivered":
        return _delivered_text(product.name, words, files, "delivered.part")
    return words("accepted.text", product=product.name)


def _delivered_text(name: str, words: Words, files: Sequence[File], in_part: str) -> str:
    attached = sum(file.status == "attached" for file in files)
    if attached < len(files):
        return words(in_part, product=name, n=len(files), m=attached)
    return words("delivered.files" if files else "delivered.text", product=name, n=len(files))


def _step(state: str, title: str, words: Words, at: datetime | None, text: str = "") -> Step:
    if at is None:
        return Step(state, title, text=text)
    return Step(state, title, at.isoformat(), words.moment(at), text)


def _receipt_file(file: File, words: Words) -> ReceiptFile:
    state = file.status if file.status in ("attached", "refused") else "waiting"
    return ReceiptFile(file.name, state, words(f"file.{state}"), file.message, file.note)
