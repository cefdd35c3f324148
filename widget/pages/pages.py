"""The pages that people see, as HTML: form, thanks, receipt, and the pages that say why there is no form.

This module decides what a page says, in words and frozen values (`views`). `templating` chooses the template, and
handles a product's own if it is broken. The routes in `web` add status and headers.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from urllib.parse import urlencode

from widget.config.products import Product
from widget.errors import Fault
from widget.i18n.messages import Words
from widget.pages import views
from widget.pages.addresses import public
from widget.pages.state import PLAIN, File, FormState, Looks, ReceiptState, ThanksState
from widget.pages.templating import Templates
from widget.pages.views import ASKED, Detail, Faults, Message, ReceiptFile, SendingNote, Step, Thanks
from widget.submissions import context as contexts
from widget.submissions.identity import Person
from widget.submissions.limits import MAX_DESCRIPTION, MAX_FILE_SIZE
from widget.submissions.model import chosen_chips
from widget.theming import themes

BLOCKS: Mapping[str, str] = {
    "title": "the page's title, shown in the browser's tab",
    "header": "heading and first line",
    "sentiment": "the two thumbs",
    "description": "the text, with the files in the same box",
    "email": "the address",
    "consent": "the checkbox that allows the team to reply",
    "files": "the list of files and the line that adds one; lies within `description`",
    "actions": "notes about sending, the progress bar, the Send button",
    "thanks": "what replaces the form once it is sent",
    "footer": "empty: below the form, in the same panel",
    "chips": "the chips for each thumb, if the product has any; lies within `sentiment`",
    "context": "the context from the host page",
    "head": "empty: at the end of the document's head, after all stylesheets",
}
"""The blocks that a product may replace, and what each contains."""

MODULES: tuple[str, ...] = ("form/main.js",)
"""The modules that an opened form needs, so that the browser requests all of them at once."""

THEMES = ("auto", "light", "dark")
MODES = ("page", "inline", "popover", "dialog")

_PATIENCE = frozenset({"rate_limited", "unavailable", "too_fast", "token_expired", "token_invalid", "already_sent"})


class Pages:
    """Renders the pages of all products."""

    def __init__(
        self,
        templates: Templates,
        *,
        sheet: Callable[[str], str | None] = lambda _: None,
        max_pixels: int = 100_000_000,
        receipt_days: int = 30,
        retry_days: int = 7,
    ) -> None:
        """`sheet` returns the address of a product's own stylesheet, if it has one."""
        self._templates = templates
        self._sheet = sheet
        self._max_pixels = max_pixels
        self._receipt_days = receipt_days
        self._retry_days = retry_days

    def form(self, product: Product, words: Words, state: FormState, looks: Looks = PLAIN) -> str:
        """The form, untouched or with what has to be corrected in it."""
        words = words.of(product)
        found = describe(state.faults, product, words, state.retry_after)
        details = contexts.read(state.values.get("context", "")) if product.context != "off" else ()
        person = state.person
        page = replace(
            self._form(product, words, looks),
            fields=_asked(product, person),
            token=state.token,
            challenge=state.challenge,
            values=_values(state.values, product, person, details),
            person=views.Person(person.email, person.name) if person else None,
            context=tuple(Detail(key, value) for key, value in details),
            summary=found.summary,
            errors=found.errors,
            note=replace(found.note, receipt_url=_spoken(state.receipt_url, words)) if found.note else None,
            again=bool(state.faults),
            focus=found.summary[0].anchor if len(found.summary) == 1 else "",
        )
        return self._render("form.html", page)

    def blank(self, product: Product, words: Words, token: str, looks: Looks = PLAIN) -> str | None:
        """The untouched form with its token; None while the product's own template fails."""
        page = replace(self._form(product, words.of(product), looks), token=token)
        return self._templates.render_own(product.slug, "form.html", _fields_of(page))

    def thanks(self, product: Product, words: Words, state: ThanksState, looks: Looks = PLAIN) -> str:
        """The thanks for a submission."""
        words = words.of(product)
        thanks = Thanks(
            status=state.status,
            title=words("test" if state.test else state.status),
            text=_thanks_text(state, product, words),
            number="" if state.feedback_id is None else str(state.feedback_id),
            at=state.at.isoformat(),
            moment=words.moment(state.at),
            files=str(len(state.attachments)),
            receipt_url=_spoken(state.receipt_url, words),
        )
        page = replace(self._form(product, words, looks), heading=thanks.title, thanks=thanks)
        return self._render("thanks.html", page)

    def receipt(self, product: Product | None, words: Words, state: ReceiptState, theme: str = "auto") -> str:
        """The status of a submission. `product` is None if it has been removed from `widget.toml` since."""
        name = product.name if product else words("product")
        page = views.ReceiptPage(
            words=_speech(words),
            product=_view(product, words) if product else None,
            theme=known(theme, THEMES),
            mode="page",
            heading=words(_receipt_heading(state)),
            stylesheets=self._stylesheets(product),
            status=state.status,
            text=self._receipt_text(state, name, words),
            restore=state.status == "refused" and not (state.discarded or state.erased),
            steps=self._steps(state, name, words),
            files=tuple(_receipt_file(file, words) for file in state.attachments),
        )
        return self._render("receipt.html", page)

    def problem(
        self,
        words: Words,
        fault: Fault,
        product: Product | None = None,
        *,
        looks: Looks = PLAIN,
        open_url: str | None = None,
    ) -> str:
        """A message where no form can be shown. `open_url` is where the form works in a tab of its own."""
        note = words.note(fault, product)
        heading, text = (note.title, note.text) if note.title else (note.text, "")
        page = views.ProblemPage(
            words=_speech(words),
            product=_view(product, words) if product else None,
            theme=known(looks.theme, THEMES),
            mode=known(looks.mode, MODES),
            heading=heading,
            stylesheets=self._stylesheets(product),
            text=text,
            open=open_url,
        )
        return self._render("problem.html", page)

    def _receipt_text(self, state: ReceiptState, name: str, words: Words) -> str:
        if state.test:
            return words("test.text", product=name)
        if state.status == "delivered":
            return _delivered_text(name, words, state.attachments, "receipt.part")
        if state.discarded:
            return ""
        return words(f"receipt.{state.status}.text", product=name, n=self._receipt_days)

    def _steps(self, state: ReceiptState, name: str, words: Words) -> tuple[Step, ...]:
        if state.status == "expired":
            return ()
        stored = _step("done", words("step.stored"), words, state.accepted_at)
        if state.test or (state.discarded and state.in_doubt):
            return (stored,)
        if state.status == "delivered":
            number = "" if state.feedback_id is None else words("step.number", id=str(state.feedback_id))
            title = words("step.delivered", product=name)
            return stored, _step("done", title, words, state.delivered_at, number)
        if state.status == "refused":
            title = words("state.refused" if state.discarded else "step.refused")
            return stored, _step("refused", title, words, state.ended_at)
        trying = words("step.trying", n=self._retry_days)
        return stored, _step("waiting", words("step.delivered", product=name), words, None, trying)

    def _form(self, product: Product, words: Words, looks: Looks) -> views.FormPage:
        """An untouched form."""
        theme, mode = known(looks.theme, THEMES), known(looks.mode, MODES)
        asked = product.fields
        return views.FormPage(
            words=_speech(words),
            product=_view(product, words),
            theme=theme,
            mode=mode,
            heading=words("title", product=product.name),
            stylesheets=self._stylesheets(product),
            address=f"?{urlencode({'lang': words.lang, 'theme': theme, 'mode': mode} | _marked(looks))}",
            fields=_asked(product, None),
            limits=views.Limits(
                MAX_DESCRIPTION, asked.most_files, MAX_FILE_SIZE, self._max_pixels, ",".join(asked.media_types)
            ),
            modules=MODULES,
            script=_script(product, words, looks),
            chips=views.Chips(*product.chips_in(words.lang)),
        )

    def _stylesheets(self, product: Product | None) -> tuple[str, ...]:
        """The stylesheets after ours: the product's theme, then its own rules."""
        if product is None:
            return ()
        version = themes.version(product.theme)
        theme = public(f"/form/{product.slug}/theme.css?v={version}") if version else None
        return tuple(filter(None, (theme, self._sheet(product.slug))))

    def _render(self, template: str, page: views.Page) -> str:
        return self._templates.render(page.product.slug if page.product else None, template, _fields_of(page))


def _fields_of(page: views.Page) -> Mapping[str, object]:
    return {field.name: getattr(page, field.name) for field in fields(page)}


def _marked(looks: Looks) -> dict[str, str]:
    return {"test": "1"} if looks.test else {}


def _script(product: Product, words: Words, looks: Looks) -> Mapping[str, str | dict[str, str]]:
    """The texts of the form's script; a form that sends a test does not promise that it is on its way."""
    texts: dict[str, str | dict[str, str]] = words.script(product)
    if looks.test:
        texts |= {"accepted": words("test"), "accepted.text": words("test.text", product=product.name)}
    return texts


def known(value: str | None, values: tuple[str, ...]) -> str:
    """The value if it is one of `values`, else the first of these."""
    return value if value in values else values[0]


def _speech(words: Words) -> views.Speech:
    return views.Speech(words.lang, words.dir, words)


def _view(product: Product, words: Words) -> views.Product:
    consent, version = product.consent_in(words.lang)
    return views.Product(
        product.slug,
        product.name,
        product.origins,
        consent,
        version,
        draft=product.draft,
        close_after=product.close_after,
        receipts="on" if product.keeps_receipts else "off",
        capture=product.capture,
        edit=product.edit,
        hints=product.hints,
    )


def _asked(product: Product, person: Person | None) -> views.Asked:
    """What the form asks for. The e-mail is read-only or hidden only if somebody vouches for it."""
    asked = product.fields
    email = product.email if person or product.email in ("ask", "prefill") else "prefill"
    return views.Asked(
        description=asked.description,
        sentiment=asked.sentiment,
        files=asked.files if asked.takes_files else "hidden",
        consent=asked.consent,
        email=email,
        vouched=product.email if product.identity else "",
        identity=product.needs_identity,
        context=product.context != "off",
    )


def _values(
    values: Mapping[str, str], product: Product, person: Person | None, context: contexts.Context
) -> views.Values:
    vouched = person is not None and product.email != "ask"
    return views.Values(
        description=values.get("description", ""),
        submittedByEmail=person.email if person and vouched else values.get("submittedByEmail", ""),
        sentimentRating=values.get("sentimentRating", ""),
        contactConsent=values.get("contactConsent", ""),
        identity=values.get("identity", "") if person else "",
        context=contexts.write(context),
        chips=chosen_chips(values),
    )


def describe(faults: Sequence[Fault], product: Product, words: Words, retry_after: float | None = None) -> Faults:
    """Faults as a page shows them: those of a field in the summary and beside the field, others in a note."""
    errors: dict[str, tuple[str, ...]] = dict.fromkeys(ASKED, ())
    summary: list[Message] = []
    note: SendingNote | None = None
    for fault in faults:
        if fault.field in errors:
            text, label = words.fault(fault, product), _label(fault, words)
            errors[fault.field] += (f"{label}: {text}" if fault.params.get("name") else text,)
            summary.append(Message(_anchor(fault.field), label, text))
        elif fault.code == "empty":
            first, text = _first(product), words.fault(fault, product)
            errors[first] += (text,)
            summary.append(Message(_anchor(first), "", text))
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


def _first(product: Product) -> str:
    """The first field in which something can be said."""
    asked = product.fields
    rules = {"sentimentRating": asked.sentiment, "description": asked.description, "files": asked.files}
    return next(name for name, rule in rules.items() if rule != "hidden")


def _anchor(name: str) -> str:
    return "sentimentRating-true" if name == "sentimentRating" else name


def _thanks_text(state: ThanksState, product: Product, words: Words) -> str:
    if state.test:
        return words("test.text", product=product.name)
    if state.status == "delivered":
        return _delivered_text(product.name, words, state.attachments, "delivered.part")
    return words("accepted.text", product=product.name)


def _spoken(receipt_url: str, words: Words) -> str:
    """The address of a receipt in the language of the page that leads to it, which a host page may have chosen."""
    return f"{receipt_url}?lang={words.lang}" if receipt_url else ""


def _delivered_text(name: str, words: Words, files: Sequence[File], in_part: str) -> str:
    attached = sum(file.status == "attached" for file in files)
    if attached < len(files):
        return words(in_part, product=name, n=len(files), m=attached)
    return words("delivered.files" if files else "delivered.text", product=name, n=len(files))


def _step(state: str, title: str, words: Words, at: datetime | None, text: str = "") -> Step:
    if at is None:
        return Step(state, title, text=text)
    return Step(state, title, at.isoformat(), words.moment(at), text)


def _receipt_heading(state: ReceiptState) -> str:
    """The name of the heading. Nobody refused what was discarded, and it may even have arrived."""
    if state.test:
        return "test"
    if state.discarded:
        return "receipts" if state.in_doubt else "state.refused"
    return f"receipt.{state.status}"


def _receipt_file(file: File, words: Words) -> ReceiptFile:
    state = file.status if file.status in ("attached", "refused") else "waiting"
    return ReceiptFile(file.name, state, words(f"file.{state}"), file.message, file.note)
