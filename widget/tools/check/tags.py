"""Checks that the tags of a page are well formed, so that browsers need not guess what was meant."""

from collections.abc import Iterator

from widget.tools.check.page import Page
from widget.tools.findings import Finding
from widget.tools.markup import Slip

_SWALLOWS = frozenset(
    ("button", "iframe", "noscript", "option", "script", "select", "style", "svg", "template", "textarea", "title")
)
"""Elements that swallow everything that follows while they are open."""


def check(page: Page) -> Iterator[Finding]:
    """The tags that are wrong."""
    for slip in page.slips:
        message, fix = _said(slip)
        yield Finding(f"tags.{slip.kind}", message, fix, clue=f"slip {slip.kind} {slip.tag}")


def swallows(page: Page) -> bool:
    """Whether a wrong tag swallows so much of the page that other findings would only be consequences."""
    has_form_within = any(slip.kind == "form" for slip in page.slips)
    return any(
        slip.kind in ("attribute", "comment")
        or (slip.kind == "unclosed" and slip.tag in _SWALLOWS)
        or (slip.kind == "stray" and slip.tag == "form" and not has_form_within)
        for slip in page.slips
    )


def _said(slip: Slip) -> tuple[str, str]:
    tag, named = slip.tag, f" ({slip.detail})" if slip.detail else ""
    match slip.kind:
        case "unclosed":
            return f"<{tag}> is never closed{named}.", f"Write </{tag}> where it ends."
        case "stray":
            return f"</{tag}> closes nothing.", f"Remove it, or add the <{tag}> that it belongs to."
        case "crossed":
            return f"<{tag}> and another element end in the wrong order.", "Close first what was opened last."
        case "void":
            return f"</{tag}> closes nothing: <{tag}> has no end tag.", "Remove it."
        case "form":
            message = "There is a second <form> inside the form. Browsers ignore it, but its end tag ends ours."
            return message, "Remove the inner <form>. Send sends everything in the outer one."
        case "twice":
            return f"<{tag}> has {slip.detail} twice; the second one does nothing.", "Keep one of them."
        case "comment":
            return "A comment is never closed, so everything after it is lost.", "Write --> where it ends."
        case "attribute":
            return f"An attribute of <{tag}> has no closing quotation mark.", "Add it."
