"""Checks that the form is complete: its fields by name, and whatever its script and sending need."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from widget.config.products import Product
from widget.pages.samples import faults, ticked
from widget.submissions.addresses import MAX_LENGTH as MAX_EMAIL
from widget.submissions.limits import MAX_DESCRIPTION, MAX_FILE_SIZE
from widget.tools.check.page import Page
from widget.tools.findings import Finding
from widget.tools.markup import Element

ALWAYS = (
    "feedback-summary", "feedback-summary-title", "feedback-draft", "feedback-draft-clear", "feedback-notes",
    "feedback-progress", "feedback-progress-title", "feedback-progress-text", "feedback-cancel", "feedback-buttons",
    "feedback-copy", "feedback-send", "feedback-veil", "feedback-status", "feedback-note-template",
    "feedback-fault-template", "feedback-thanks-template",
)  # fmt: skip
"""The ids that the form's script needs for every product."""
OF_TEXT = ("description-counter",)
OF_FILES = ("feedback-files", "feedback-add", "feedback-add-words", "files-limit", "feedback-file-template")
"""The ids that it needs for files."""
OF_THANKS = ("title", "text", "time", "receipt")
"""The places in the thanks, by `data-fill`."""

_BLOCKS = {
    "sentimentRating": "sentiment", "description": "description", "files": "files", "submittedByEmail": "email",
    "contactConsent": "consent", "context": "context", "feedback-add": "files", "feedback-files": "files",
    "feedback-add-words": "files", "files-limit": "files", "description-counter": "description",
    **dict.fromkeys(("feedback-notes", "feedback-progress", "feedback-progress-title", "feedback-progress-text",
                     "feedback-cancel", "feedback-buttons", "feedback-copy", "feedback-send"), "actions"),
}  # fmt: skip
"""The block with a field or an id, if there is one."""

_FIX = "Keep what is in the block with {{ super() }}, or copy the line from our template."


@dataclass(frozen=True, slots=True)
class Field:
    """A field as it has to be: its name, the ids and types that it may have, and the value that it sends, if fixed."""

    name: str
    id: str
    tag: str = "input"
    types: tuple[str, ...] = ()
    value: str = ""


def fields_of(product: Product, lang: str, *, vouched: bool) -> Iterator[Field]:
    """The fields that a product's form has in a language."""
    asked = product.fields
    yield Field("token", "", types=("hidden",))
    yield Field("website", "", types=("text",))  # the trap for programs
    if asked.sentiment != "hidden":
        yield Field("sentimentRating", "sentimentRating-true", types=("radio",), value="true")
        yield Field("sentimentRating", "sentimentRating-false", types=("radio",), value="false")
        for word in dict.fromkeys(chain(*product.chips_in(lang))):
            yield Field("chips", "", types=("checkbox",), value=word)
    if asked.description != "hidden":
        yield Field("description", "description", "textarea")
    if asked.takes_files:
        yield Field("files", "files", types=("file",))
    types = ("hidden",) if vouched and product.email == "hidden" else ("email", "text")
    yield Field("submittedByEmail", "submittedByEmail", types=types)
    if asked.consent != "hidden":
        yield Field("contactConsent", "contactConsent", types=("checkbox",), value="true")
    if product.identity is not None:
        yield Field("identity", "identity", types=("hidden",))
    if product.context != "off":
        yield Field("context", "context", types=("hidden",))
    _, version = product.consent_in(lang)
    if version:
        yield Field("consentVersion", "", types=("hidden",), value=version)


def check(page: Page) -> Iterator[Finding]:
    """What is missing or renamed."""
    if page.template == "thanks.html":
        yield from _thanks(page.root, page)
    if not page.is_form:
        return
    form = page.root.by_id("feedback")
    if form is None or form.tag != "form":
        yield _lost("form", 'The form itself is missing: <form id="feedback">.', clue="<form")
        return
    yield from _way(form)
    yield from _inside(page.root, form)
    for field in fields_of(page.product, page.words.lang, vouched=page.state == "vouched"):
        yield from _field(field, form)
    yield from _ids(page)
    yield from _element(page)
    yield from _content(page, form)
    if page.state == "proof":
        yield from _proof(page.root, form)


def _lost(code: str, message: str, fix: str = _FIX, clue: str = "") -> Finding:
    return Finding(f"fields.{code}", message, fix, clue=clue)


def _way(form: Element) -> Iterator[Finding]:
    """Whether the form is sent correctly."""
    if form["method"].lower() != "post":
        yield _lost("method", "The form is not sent with POST.", 'Give it method="post".', "<form")
    if form["enctype"].lower() != "multipart/form-data":
        yield _lost("enctype", "The form cannot carry files.", 'Give it enctype="multipart/form-data".', "<form")
    if not form["action"].startswith("?"):
        yield _lost("action", "The form is sent elsewhere.", 'Give it action="{{ address }}".', "action=")
    if "novalidate" not in form:
        yield _lost("novalidate", "The browser's own messages would hide ours.", "Give the form novalidate.", "<form")


def _inside(root: Element, form: Element) -> Iterator[Finding]:
    """Whether the button sends the form, and no field cuts off its content."""
    send = root.by_id("feedback-send")
    if send is not None and form not in send.up() and send["form"] != "feedback":
        message = "Send is outside the form, so it sends nothing. A <form> inside the form ends it early."
        yield _lost("outside", message, "Remove the inner <form>.", "<form")
    for name, least in (("submittedByEmail", MAX_EMAIL), ("description", MAX_DESCRIPTION)):
        control = form.by_id(name)
        if control is not None and control["maxlength"].isdecimal() and int(control["maxlength"]) < least:
            message = f"maxlength cuts off what is longer than {control['maxlength']} in {name} without saying so."
            yield _lost("cut", message, f"Remove it. The form itself reports what is longer than {least}.", "maxlength")


def _field(field: Field, form: Element) -> Iterator[Finding]:
    controls = list(form.all("input", "textarea", "select", "button"))
    named = [each for each in controls if each["name"] == field.name]
    if field.value:
        named = [each for each in named if each["value"] == field.value] or named
    if not named:
        other = next((each for each in controls if field.id and each["id"] == field.id), None)
        if other is not None:
            yield _lost(
                "renamed",
                f"The field {field.name} has the name {other['name'] or ''!r}, so its content is lost.",
                f'Give it name="{field.name}".',
                clue=f'id="{field.id}"',
            )
        else:
            yield _lost("lost", f"The field {field.name} is lost{_which(field)}.", clue=_block(field.name))
        return
    control = next((each for each in named if each["id"] == field.id), named[0])
    if field.id and control["id"] != field.id:
        yield _lost(
            "id", f"The field {field.name} does not have the id {field.id}.", f'Give it id="{field.id}".', control["id"]
        )
    kind = control["type"].lower() or "text"
    if control.tag != field.tag or (field.types and kind not in field.types):
        wanted = field.tag if not field.types else f'{field.tag} type="{field.types[0]}"'
        yield _lost("type", f"The field {field.name} is {control.tag} {kind}.", f"Make it <{wanted}>.", field.name)
    if field.value and control["value"] != field.value:
        fix = f'Give it value="{field.value}".'
        yield _lost("value", f"The field {field.name} sends {control['value']!r}.", fix, f'name="{field.name}"')


def _block(name: str) -> str:
    """The clue to the block that should hold a field or an id."""
    return f"block {_BLOCKS[name]}" if name in _BLOCKS else ""


def _which(field: Field) -> str:
    return f" (value {field.value})" if field.name in ("sentimentRating", "chips") else ""


def _ids(page: Page) -> Iterator[Finding]:
    asked = page.product.fields
    wanted = [*ALWAYS]
    wanted += [
        f"{field.name}-error" for field in fields_of(page.product, page.words.lang, vouched=False) if _has_errors(field)
    ]
    wanted += OF_TEXT if asked.description != "hidden" else ()
    wanted += OF_FILES if asked.takes_files else ()
    there = [element["id"] for element in page.root.all() if "id" in element]
    for name in dict.fromkeys(wanted):
        if name not in there:
            block = _block(name.removesuffix("-error"))
            yield _lost("id", f"The script needs an element with the id {name}, which is missing.", clue=block)
    for name in sorted({name for name in there if there.count(name) > 1}):
        fix = "Give one of them another id."
        yield _lost("twice", f"Two elements have the id {name}.", fix, f'id="{name}"')


def _has_errors(field: Field) -> bool:
    return field.name in ("sentimentRating", "description", "files", "submittedByEmail", "contactConsent")


def _element(page: Page) -> Iterator[Finding]:
    """Whether the script gets its settings, and is loaded at all."""
    root, product = page.root, page.product
    element = root.first("feedback-form")
    form = root.by_id("feedback")
    if element is None or form is None or element not in form.up():
        yield _lost("element", "There is no <feedback-form> around the form, so its script does nothing.")
    else:
        yield from _attributes(element, product)
    if not any("/form/main.js" in script["src"] and script["type"] == "module" for script in root.all("script")):
        yield _lost("script", "The form's script is missing.", "Keep the block parts.")
    template = root.by_id("feedback-thanks-template")
    if template is not None:
        yield from _thanks(template, page)


def _attributes(element: Element, product: Product) -> Iterator[Finding]:
    limits = {"max-files": product.fields.most_files, "max-length": MAX_DESCRIPTION, "max-size": MAX_FILE_SIZE}
    for name, limit in limits.items():
        if element[name] != str(limit):
            yield _lost("limits", f"<feedback-form> does not have {name}={limit}.", "Keep its attributes.", name)
    if element["product"] != product.slug:
        yield _lost(
            "product", f"<feedback-form> does not have product={product.slug}.", "Keep its attributes.", "product="
        )
    for name in ("data-origins", "data-words"):
        try:
            json.loads(element[name])
        except ValueError:
            yield _lost("data", f"<feedback-form> has no {name}, or it is not JSON.", "Keep it.", name)


def _thanks(root: Element, page: Page) -> Iterator[Finding]:
    inside = list(root.all(inert=True))
    for name in OF_THANKS:
        if not any(element["data-fill"] == name for element in inside):
            message = f"The thanks have no place for the {name}: data-fill={name} is missing."
            yield _lost("thanks", message, clue="block thanks")
    if not any(element["id"] == "feedback-thanks-title" for element in inside):
        yield _lost(
            "thanks",
            "The thanks have no element with the id feedback-thanks-title, which gets the focus.",
            clue="block thanks",
        )
    if page.template == "thanks.html" and not any(element["href"].startswith("/receipt/") for element in inside):
        yield _lost("thanks", "The thanks have no link to the receipt.", clue="receipt_url")


def _proof(root: Element, form: Element) -> Iterator[Finding]:
    """The proof of work, without which every submission in a surge is held back."""
    field = next((each for each in form.all("input") if each["name"] == "proof"), None)
    scripts = [script["src"] for script in root.all("script") if script["type"] == "module"]
    if field is None:
        yield _lost(
            "proof", "The field proof is missing. In a surge, every submission would be held back.", clue="challenge"
        )
        return
    try:
        json.loads(field["data-challenge"])
    except ValueError:
        yield _lost("proof", "The field proof has no data-challenge, or it is not JSON.", clue="challenge")
    if not field["data-worker"].endswith("/form/proof-worker.js"):
        yield _lost("proof", "The field proof has no data-worker.", clue="challenge")
    if not any(source.endswith("/form/proof.js") for source in scripts):
        yield _lost("proof", "The script that does the proof of work is missing.", "Keep _trap.html.", "challenge")


def _content(page: Page, form: Element) -> Iterator[Finding]:
    """Without script: whether what a person wrote is given back, with its errors."""
    controls = {each["id"]: each for each in form.all("input", "textarea") if each["id"]}
    token = next((each for each in form.all("input") if each["name"] == "token"), None)
    if token is not None and token["value"] != "sample-token":
        yield _lost("token", "The form's token is missing.", 'Give it value="{{ token }}".', 'name="token"')
    if page.state == "idle":
        return
    area = controls.get("description")
    if area is not None and page.product.fields.description != "hidden" and page.sample.description not in area.raw:
        yield _given_back("description")
    mail = controls.get("submittedByEmail")
    if mail is not None and page.sample.email != mail["value"]:
        yield _given_back("submittedByEmail")
    for name in ("sentimentRating-true", "contactConsent"):
        if name in controls and "checked" not in controls[name]:
            yield _given_back(name.partition("-")[0])
    chips = {each["value"]: each for each in form.all("input") if each["name"] == "chips"}
    if any(word in chips and "checked" not in chips[word] for word in ticked(page.product, page.words.lang)):
        yield _given_back("chips")
    if page.state == "errors":
        yield from _errors(page)


def _given_back(name: str) -> Finding:
    fix = "Show values as our template does. Without script, the person would have to write it again."
    return _lost("given_back", f"What was entered into {name} is not shown again.", fix, f"values.{name}")


def _errors(page: Page) -> Iterator[Finding]:
    summary = page.root.by_id("feedback-summary")
    found = faults(page.product, page.sample)
    is_lost = summary is not None and summary.hidden and len(found) > 1  # one fault takes the focus to its field
    if is_lost or (summary is not None and not any(link["href"] for link in summary.all("a"))):
        yield _lost("told", "The summary of errors does not show.", clue="summary")
    for name in {fault.field for fault in found}:
        place = page.root.by_id(f"{name}-error")
        if place is not None and (place.hidden or not place.text):
            yield _lost("told", f"The error of {name} does not show beside it.", clue=f"errors.{name}")
