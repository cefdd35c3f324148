"""Checks a product's stylesheet as a whole: whether it can be read, matches anything, and what it does to the form."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from widget.config import resources
from widget.config.products import Product
from widget.config.sentences import near
from widget.theming.themes import MODES, Mode, Palette, palette
from widget.tools.check import hiding, legible, paint
from widget.tools.check.cascade import Cascade
from widget.tools.check.css import Sheet
from widget.tools.check.page import Page
from widget.tools.findings import Finding, Level

_CLASS = re.compile(r"[.#](feedback-[\w-]+)")
_USED = re.compile(r"var\(\s*--feedback-([\w-]+)")
_EVERYWHERE = (":root", "html", "body", "*", ".feedback-panel", "feedback-form")
LOOKED_AT = ("idle", "errors", "waiting", "thanks-delivered")
"""The states whose pages have between them everything that a rule may do harm to."""


def check(sheet: Sheet, product: Product, pages: Iterable[Page], tokens: frozenset[str]) -> Iterator[Finding]:
    """Everything about a stylesheet, but for what other modules say of its tokens and addresses."""
    yield from sheet.faults
    yield from _unknown(sheet, pages := list(pages), tokens)
    yield from _beaten(sheet, product)
    palettes = {mode: _chosen(sheet, product, mode) for mode in MODES}
    seen: dict[Finding, None] = {}
    for page in pages:
        if page.state in LOOKED_AT and sheet.rules:
            cascade = Cascade(page.root, legible.ours(), sheet)
            seen |= dict.fromkeys(hiding.hidden(page.root, cascade, sheet.name))
            seen |= dict.fromkeys(hiding.rings(page.root, cascade, sheet.name))
            seen |= dict.fromkeys(legible.check(page.root, cascade, palettes, sheet.name))
    yield from _once(seen)


def _once(found: Iterable[Finding]) -> Iterator[Finding]:
    """One finding for a line and a code: the same rule weakens or hides many words at once."""
    reported = set()
    for finding in found:
        key = (finding.at, finding.code, finding.message if finding.code == "css.hidden" else "")
        if key not in reported:
            reported.add(key)
            yield finding


def _chosen(sheet: Sheet, product: Product, mode: Mode) -> Palette:
    """The form's colours, with those that the stylesheet sets."""
    colours = palette(product.theme, mode)
    for rule in sheet.rules:
        for each in rule.sets if rule.applies_always else ():
            painted = paint.paint(each.tokens, mode, colours) if each.name.startswith("--feedback-") else None
            if painted is not None and painted[1] > 0.98:
                colours[each.name.removeprefix("--feedback-")] = painted[0]
    return colours


def _beaten(sheet: Sheet, product: Product) -> Iterator[Finding]:
    """What the stylesheet overrides of the settings in `widget.toml`."""
    chosen: Mapping[str, object] = {key: value for key, value in product.theme if value is not None}
    for rule in sheet.rules:
        for each in rule.sets:
            token = each.name.removeprefix("--feedback-")
            if each.name.startswith("--feedback-") and token in chosen and _is_everywhere(rule.selector):
                message = f"{each.name} overrides theme.{token} in widget.toml, which then has no effect."
                fix = f"Set it in one place: remove {each.name} here, or {token} there."
                level: Level = "wrong" if rule.applies_always else "notice"
                yield Finding("css.beaten", message, fix, f"{sheet.name}:{each.line}", level)


def _is_everywhere(selector: str) -> bool:
    return any(part.strip().startswith(_EVERYWHERE) for part in selector.split(","))


def _unknown(sheet: Sheet, pages: Iterable[Page], tokens: frozenset[str]) -> Iterator[Finding]:
    """Names that look like ours but do not exist: typing errors, or names of an earlier version."""
    there = set(_our_names())
    for page in pages:
        for element in page.root.all(inert=True):
            there |= {element["id"], *element["class"].split()}
    for rule in sheet.rules:
        for name in dict.fromkeys(_CLASS.findall(rule.selector)):
            if name not in there:
                hint = near(name, there, 0.75)
                fix = f"Did you mean {hint}?" if hint else "Look the name up in the page. The rule has no effect."
                yield Finding("css.unknown", f"Nothing is called {name}.", fix, f"{sheet.name}:{rule.line}")
        for each in rule.sets:
            for token in dict.fromkeys(_USED.findall(each.value)):
                if token not in tokens and not _is_set(sheet, f"--feedback-{token}"):
                    hint = near(token, tokens)
                    fix = f"Did you mean --feedback-{hint}?" if hint else "docs/customising.md lists all of them."
                    yield Finding(
                        "contrast.token", f"There is no --feedback-{token}.", fix, f"{sheet.name}:{each.line}"
                    )


def _is_set(sheet: Sheet, name: str) -> bool:
    return any(each.name == name for rule in sheet.rules for each in rule.sets)


@cache
def _our_names() -> frozenset[str]:
    """Every class and id that our styles, templates and scripts have."""
    texts = [resources.content(resources.path("static") / "form.css").decode()]
    for folder, ending in (("templates", "*.html"), ("static/form", "*.js"), ("static/editor", "*.js")):
        texts += [path.read_text("utf-8") for path in resources.path(folder).rglob(ending)]
    return frozenset(re.findall(r"feedback-[\w-]*\w", "\n".join(texts)))
