"""Checks that a product's own rules hide nothing that people need: Send, fields, consent, errors, the focus."""

import re
from collections.abc import Iterator

from widget.tools.check.cascade import Applied, Cascade
from widget.tools.check.css import Rule, Set
from widget.tools.findings import Finding
from widget.tools.markup import Element

PARTS = {
    "feedback-send": "Send",
    "feedback-buttons": "Send",
    "contactConsent": "the consent",
    "submittedByEmail": "the e-mail field",
    "description": "the text field",
    "files": "the file field",
    "sentimentRating": "the thumbs",
    "feedback-summary": "the summary of errors",
    "feedback-notes": "notes about the sending",
    "feedback-progress": "the progress of the sending",
    "feedback-cancel": "Cancel",
    "feedback-status": "what screen readers are told",
    "feedback-thanks-title": "the thanks",
}
"""Elements that must not be hidden, by id, and what people call them."""
_BY_CLASS = {"feedback-error": "errors", "feedback-required": "“required”", "feedback-label": "labels",
             "feedback-consent": "the consent", "feedback-note": "notes", "feedback-send": "Send"}  # fmt: skip
_NONE = re.compile(r"0+(\.0+)?(px|r?em|%|v[hwib]|ch|lh)?")
_AWAY = re.compile(r"-(?:[0-9]{4,}(?:\.[0-9]+)?px|[0-9]{3,}(?:\.[0-9]+)?r?em|(?:[1-9][0-9]{2,})(?:v[wh]|%))")
_SIZES = frozenset(
    ("width", "height", "inline-size", "block-size", "max-width", "max-height", "max-inline-size", "max-block-size")
)
_MOVES = frozenset(
    ("left", "right", "top", "bottom", "inset", "inset-inline-start", "inset-inline-end", "inset-block-start",
     "inset-block-end", "text-indent", "margin", "margin-left", "margin-top", "margin-inline-start",
     "margin-block-start", "translate", "transform")
)  # fmt: skip
_RINGS = frozenset(("outline", "outline-width", "outline-style", "outline-color"))
_INSTEAD = frozenset(
    ("outline", "outline-style", "outline-width", "box-shadow", "border", "border-color", "background",
     "background-color", "text-decoration")
)  # fmt: skip
_FOCUS = frozenset(("focus", "focus-visible", "focus-within"))
_CONTROLS = ("a", "button", "input", "select", "summary")


def hidden(root: Element, cascade: Cascade, name: str) -> Iterator[Finding]:
    """What the product's rules hide of a page."""
    reported = set()
    for element in root.all():
        what = PARTS.get(element["id"]) or next(
            (_BY_CLASS[each] for each in element["class"].split() if each in _BY_CLASS), ""
        )
        if not what:
            continue
        for each in (element, *element.up()):
            for applied in cascade.own(each):
                if _hides(applied.set, is_field=element.tag in ("input", "textarea"), is_itself=each is element):
                    key = (applied.set.line, what)
                    if key not in reported:
                        reported.add(key)
                        yield _finding(applied, what, name)


def _finding(applied: Applied, what: str, name: str) -> Finding:
    where = f" ({' '.join(applied.rule.conditions)})" if applied.rule.conditions else ""
    message = f"{applied.set.name}: {applied.set.value} hides {what}{where}."
    fix = "Remove the line, or choose elements of your own. People cannot use what they cannot see."
    return Finding("css.hidden", message, fix, f"{name}:{applied.set.line}")


def _hides(found: Set, *, is_field: bool, is_itself: bool) -> bool:
    name, value = found.name, found.value.lower()
    if name in _SIZES:
        return bool(_NONE.fullmatch(value))
    if name in _MOVES:
        return bool(_AWAY.search(value)) or value in ("scale(0)", "scale(0, 0)")
    match name:
        case "display":
            return value == "none"
        case "visibility":
            return value in ("hidden", "collapse")
        case "content-visibility":
            return value == "hidden"
        case "opacity":
            return found.share < 0.1
        case "font-size" | "scale" | "zoom":
            return bool(_NONE.fullmatch(value))
        case "color":
            return value == "transparent" and not is_field
        case "clip-path":
            return bool(re.fullmatch(r"(inset\((50|100)%\)|circle\(0(px|%)?( at .*)?\)|polygon\(0 0\))", value))
        case "clip":
            return bool(re.fullmatch(r"rect\((0|1px)(px)?[ ,].*\)", value)) and "auto" not in value
        case "filter":
            return value in ("opacity(0)", "opacity(0%)")
        case "pointer-events":
            return value == "none" and is_itself
    return False


def rings(root: Element, cascade: Cascade, name: str) -> Iterator[Finding]:
    """Rules of the product that remove the focus indicator without a replacement."""
    reported = set()
    for element in root.all():
        if not _shows_focus(element):
            continue
        own = list(cascade.own(element))
        has_another = any(
            _is_ring(each.set) for each in own if each.rule.states & _FOCUS or ":has(" in each.rule.selector
        )
        for each in own:
            if not _removes_ring(each.set) or ":not(:focus-visible)" in each.rule.selector:
                continue
            if not (has_another or _replaces(each.rule)) and each.set.line not in reported:
                reported.add(each.set.line)
                message = f"{each.set.name}: {each.set.value} removes the focus ring."
                fix = "Remove the line, or show the focus differently. It tells people with a keyboard where they are."
                yield Finding("css.focus", message, fix, f"{name}:{each.set.line}")


def _shows_focus(element: Element) -> bool:
    if any(each in ("feedback-box", "feedback-tile") for each in element["class"].split()):
        return True  # what shows the focus of the field in it
    if any(each["class"] in ("feedback-box", "feedback-tile") for each in element.up()) and element.tag != "button":
        return False
    return element.tag in _CONTROLS and element["type"] != "hidden"


def _removes_ring(found: Set) -> bool:
    value = found.value.lower()
    if found.name == "outline-width":
        return bool(_NONE.fullmatch(value))
    words = value.split()
    return found.name in _RINGS and (
        "none" in words or "transparent" in words or (found.name == "outline" and any(map(_NONE.fullmatch, words)))
    )


def _is_ring(found: Set) -> bool:
    return (
        found.name in _INSTEAD
        and not _removes_ring(found)
        and found.value.lower() not in ("none", "0", "unset", "transparent")
    )


def _replaces(rule: Rule) -> bool:
    """Whether the rule that removes the ring shows the focus in another way."""
    return bool(rule.states & _FOCUS) and any(map(_is_ring, rule.sets))
