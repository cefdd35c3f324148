"""Whether the form leaves people their say: nothing chosen for them, nothing out of reach, nothing sent by accident."""

from collections.abc import Iterator, Mapping

from widget.tools.check.fields import fields_of
from widget.tools.check.page import Page
from widget.tools.findings import Finding
from widget.tools.markup import Element

_NEEDED = ("description", "files", "submittedByEmail", "contactConsent", "feedback-send")
"""Ids of what people use, as far as the form has it."""
_ALSO_READ = frozenset(("proof", "identity", "consentVersion"))
"""Fields that a form has at times."""


def check(page: Page) -> Iterator[Finding]:
    """What the form does that nobody wants."""
    form = page.root.by_id("feedback") if page.is_form else None
    if form is None or form.tag != "form":
        return
    controls = {each["id"]: each for each in form.all("input", "textarea", "button") if each["id"]}
    yield from _forms(page, form)
    yield from _buttons(page.root, form)
    yield from _send(page.root)
    yield from _names(page, form)
    if page.state == "idle":
        yield from _chosen(controls)
        yield from _out_of_reach(page, controls)


def _found(code: str, message: str, fix: str, clue: str = "") -> Finding:
    return Finding(f"fields.{code}", message, fix, clue=clue)


def _send(root: Element) -> Iterator[Finding]:
    """Whether Send is a button that sends."""
    send = root.by_id("feedback-send")
    if send is None:
        return  # reported by another check
    if send.tag not in ("button", "input"):
        fix = "Make it a <button>."
        yield _found("send", f"Send is a <{send.tag}>, which sends nothing without script.", fix, "feedback-send")
    elif send["type"].lower() not in ("", "submit"):
        yield _found(
            "send", f"Send has type={send['type']}, so it sends nothing.", "Leave its type out.", "feedback-send"
        )


def _names(page: Page, form: Element) -> Iterator[Finding]:
    """Fields that are there twice, so that all of it is refused, and those that nothing reads."""
    known = {field.name for field in fields_of(page.product, page.words.lang, vouched=True)} | _ALSO_READ
    controls = [each for each in form.all("input", "textarea", "select") if each["name"]]
    for name in dict.fromkeys(each["name"] for each in controls):
        same = [each for each in controls if each["name"] == name]
        clue = f'name="{name}"'
        if name not in known and not _is_renamed(same, page):
            fix = "Remove it: Insider Connect takes no other fields. What the page knows goes into context."
            yield _found("unread", f"Nothing reads the field {name}, so what people put in is lost.", fix, clue)
        elif len(same) > 1 and name in known and name not in ("sentimentRating", "chips"):
            fix = "Keep one of them."
            yield _found("repeated", f"The field {name} is there {len(same)} times, so nothing can be sent.", fix, clue)


def _is_renamed(controls: list[Element], page: Page) -> bool:
    """Whether it is one of ours under another name, which another check says."""
    ids = {field.id for field in fields_of(page.product, page.words.lang, vouched=True) if field.id}
    return any(each["id"] in ids or each["type"] == "hidden" for each in controls)


def _out_of_reach(page: Page, controls: Mapping[str, Element]) -> Iterator[Finding]:
    """What is in the page and cannot be used."""
    for name in _NEEDED:
        control = controls.get(name)
        if control is None or control["type"] == "hidden":
            continue
        around = [control, *control.up()]
        if any("hidden" in each or "inert" in each for each in around):
            message = f"{_called(name)} is hidden, so nobody can use it."
            yield _found("hidden", message, "Remove hidden or inert, or hide the field in widget.toml.", _clue(name))
        elif "disabled" in control or any(each.tag == "fieldset" and "disabled" in each for each in around):
            fix = "Remove disabled."
            yield _found(
                "disabled", f"{_called(name)} is disabled: nobody can use it, and it is not sent.", fix, "disabled"
            )
        elif any(each["aria-hidden"] == "true" for each in around):
            fix = "Remove aria-hidden."
            yield _found("hidden", f"{_called(name)} is hidden from screen readers.", fix, "aria-hidden")
    consent = controls.get("contactConsent")
    if consent is not None and "required" in consent:
        message = "The consent is required. That is not consent: people have to be free to withhold it."
        yield _found("forced", message, "Remove required.", "contactConsent")


def _called(name: str) -> str:
    return {"feedback-send": "Send", "contactConsent": "The consent"}.get(name, f"The field {name}")


def _clue(name: str) -> str:
    blocks = {"feedback-send": "actions", "contactConsent": "consent", "submittedByEmail": "email"}
    return f"block {blocks.get(name, name)}"


def _forms(page: Page, form: Element) -> Iterator[Finding]:
    """Whether the form is the only one."""
    for other in page.root.all("form"):
        if other is not form:
            message = "There is a second <form>. People would take its button for ours, and lose what they wrote."
            yield _found(
                "second_form",
                message,
                "Remove it, or make it a link.",
                f'id="{other["id"]}"' if other["id"] else "<form",
            )


def _buttons(root: Element, form: Element) -> Iterator[Finding]:
    """Whether only Send sends the form."""
    for button in root.all("button", "input"):
        is_inside = form in button.up() or button["form"] == form["id"]
        kind = button["type"].lower() or ("submit" if button.tag == "button" else "text")
        if not is_inside or button["id"] == "feedback-send" or kind not in ("submit", "image", "reset"):
            continue
        named = f"“{button.text or button['value'] or button['aria-label']}”"
        clue = button["id"] or button["class"] or f"<{button.tag}"
        if kind == "reset":
            message = f"The button {named} clears the form, and everything that was written is lost."
            yield _found("button", message, 'Remove it, or give it type="button".', clue)
        elif "type" not in button or button.tag == "button":
            why = "has no type, so it sends the form" if "type" not in button else "sends the form, as Send does"
            yield _found("button", f"The button {named} {why}.", 'Give it type="button".', clue)
        else:
            yield _found("button", f"The button {named} sends the form, as Send does.", "Keep only Send.", clue)


def _chosen(controls: Mapping[str, Element]) -> Iterator[Finding]:
    """What nobody chose, but is shown as if somebody had."""
    consent = controls.get("contactConsent")
    if consent is not None and "checked" in consent:
        message = "The consent is ticked in advance. That is not consent: people have to give it themselves."
        yield _found("prechecked", message, "Tick it only if values.contactConsent says so, as ours does.", "checked")
    for name, words in (("sentimentRating-true", "A thumb"), ("sentimentRating-false", "A thumb")):
        if name in controls and "checked" in controls[name]:
            fix = "Leave the choice to people: check it only if values.sentimentRating says so."
            yield _found(
                "prechecked", f"{words} is chosen in advance, so many people would send it unseen.", fix, "checked"
            )
    area = controls.get("description")
    if area is not None and area.raw.strip():
        message = "The text field has text that the person did not write."
        yield _found("prefilled", message, "Show values.description there, and nothing else.", 'id="description"')
