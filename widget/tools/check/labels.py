"""Checks that everything on a page has a name that a screen reader can say."""

from collections.abc import Iterator

from widget.tools.check.page import Page
from widget.tools.findings import Finding
from widget.tools.markup import Element

_SILENT = ("hidden", "submit", "button", "reset", "image")


def check(page: Page) -> Iterator[Finding]:
    """What lacks a name."""
    root = page.root
    yield from _document(page)
    ids = {element["id"]: element for element in root.all() if "id" in element}
    for element in root.all():
        yield from _dangling(element, ids)
        if element.tag in ("input", "textarea", "select"):
            yield from _control(element, ids)
        elif element.tag in ("button", "a") and not _name(element, ids):
            yield _nameless("button" if element.tag == "button" else "link", element)
        elif element.tag == "img" and "alt" not in element:
            fix = 'Give it alt="…", or alt="" if it only decorates.'
            yield Finding("labels.picture", "A picture has no alt.", fix, clue="<img")
        elif element.tag == "svg" and not _svg(element, ids):
            fix = 'Give it aria-hidden="true", or role="img" and aria-label="…".'
            yield Finding("labels.picture", "A drawing has no name, and is not hidden.", fix, clue="<svg")


def _document(page: Page) -> Iterator[Finding]:
    html, title = page.root.first("html"), page.root.first("title")
    if html is None or html["lang"] != page.words.lang:
        fix = 'Begin with <html lang="{{ words.lang }}" dir="{{ words.dir }}">.'
        yield Finding("labels.language", "The page does not say its language.", fix, clue="<html")
    elif html["dir"] != page.words.dir:
        yield Finding(
            "labels.language", "The page does not say its direction.", 'Add dir="{{ words.dir }}".', clue="<html"
        )
    if title is None or not title.text:
        yield Finding("labels.title", "The page has no title.", "Put text into the block title.", clue="block title")
    if page.root.first("h1") is None:
        yield Finding("labels.heading", "The page has no heading.", "Keep an <h1>.", clue="block header")
    if page.root.first("main") is None:
        yield Finding("labels.main", "The page has no <main>.", "Put the content into <main>.")


def _control(element: Element, ids: dict[str, Element]) -> Iterator[Finding]:
    if element["type"].lower() in _SILENT:
        return
    labels = [label for root in _roots(element) for label in root.all("label")]
    words = [label.text for label in labels if label["for"] and label["for"] == element["id"]]
    words += [above.text for above in element.up() if above.tag == "label"]
    if not any(words) and not _aria(element, ids):
        name = element["name"] or element["id"] or element.tag
        fix = f'Add <label for="{element["id"] or name}">…</label>.'
        yield Finding("labels.field", f"The field {name} has no label.", fix, clue=f'name="{name}"')


def _roots(element: Element) -> list[Element]:
    return [*element.up()][-1:]


def _name(element: Element, ids: dict[str, Element]) -> str:
    pictures = " ".join(picture["alt"] for picture in element.all("img"))
    drawings = " ".join(drawing["aria-label"] for drawing in element.all("svg"))
    return element.text or _aria(element, ids) or pictures.strip() or drawings.strip()


def _aria(element: Element, ids: dict[str, Element]) -> str:
    named = " ".join(ids[name].text for name in element["aria-labelledby"].split() if name in ids)
    return element["aria-label"].strip() or named or element["title"].strip()


def _nameless(what: str, element: Element) -> Finding:
    fix = 'Put text into it, or give it aria-label="…".'
    where = f" (id {element['id']})" if element["id"] else ""
    return Finding("labels.name", f"A {what} has no name{where}.", fix, clue=element["id"] or f"<{element.tag}")


def _svg(element: Element, ids: dict[str, Element]) -> bool:
    hidden = any(each["aria-hidden"] == "true" for each in (element, *element.up()))
    title = element.first("title")
    return hidden or bool(_aria(element, ids)) or bool(title and title.text)


def _dangling(element: Element, ids: dict[str, Element]) -> Iterator[Finding]:
    for name in ("aria-labelledby", "aria-describedby", "for"):
        for target in element[name].split():
            if target not in ids:
                message = f"{name}={target} leads nowhere."
                yield Finding("labels.dangling", message, f'Give something id="{target}".', clue=target)
