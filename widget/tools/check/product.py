"""Checks one product: its look, its templates, and its pages in every state and language."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from widget.config import resources
from widget.config.products import Product
from widget.errors import Problem
from widget.i18n.overrides import unspoken
from widget.pages.samples import HOSTILE, states_of
from widget.pages.templating import TemplateBroken
from widget.tools.check import (
    conduct,
    contrast,
    css,
    escaping,
    fields,
    folders,
    labels,
    policy,
    sources,
    styling,
    tags,
    weight,
)
from widget.tools.check.page import Page
from widget.tools.check.sources import Sources
from widget.tools.findings import Check, Finding, Section, sentence
from widget.tools.offline import OfflineRenderer

ON_PAGES: dict[str, Callable[[Page], Iterator[Finding]]] = {
    "tags": tags.check,
    "fields": lambda page: chain(fields.check(page), conduct.check(page)),
    "labels": labels.check,
    "policy": policy.check,
    "escaping": escaping.check,
}
"""The checks of every page."""

_AFTER_TAGS = ("fields", "labels")
"""The checks that are skipped while a wrong tag swallows half of the page."""
_UNTIL_FIXED = "Correct the line. Until then, people get our template instead."
_UNTIL_WORDS = "Correct it, or remove it. Until then, people read our words."

Seen = dict[Finding, set[tuple[str, str]]]
"""The findings, with the states and languages in which they appear."""


def check(product: Product, renderer: OfflineRenderer, languages: Sequence[str], config: Path) -> Section:
    """Everything about one product."""
    own = Sources(product.slug, renderer.sources(product.slug), renderer.our_sources())
    at = f"{config}: products.{product.slug}"
    states = states_of(product)
    scope = f"{len(states)} states in {len(languages)} language{'' if len(languages) == 1 else 's'}"
    broken: Seen = {}
    seen: dict[str, Seen] = {name: {} for name in ON_PAGES}
    pages = []
    for page in _render(product, renderer, languages, own, broken):
        for name, finding in _look(page):
            seen[name].setdefault(_placed(finding, page, own), set()).add((page.state, page.words.lang))
        if page.state == "idle" or page.words.lang == languages[0]:
            pages.append(page)  # the trees of all would take 25 MB
    found: dict[str, list[Finding]] = {
        "templates": _merged(broken, len(states), len(languages)) + _unread(product, renderer, broken),
        **{name: _merged(each, len(states), len(languages)) for name, each in seen.items()},
    }
    for finding in sources.check(own):
        found["escaping" if finding.code.startswith("escaping.") else "templates"].append(finding)
    found["words"] = [
        Finding("words.unusable", sentence(problem.message), _UNTIL_WORDS, problem.name)
        for problem in renderer.wording.problems
        if problem.name.startswith(f"products/{product.slug}/")
    ]
    unused = "Correct the language's tag, or remove it. Until then, nobody reads it."
    found["words"] += [Finding("words.unusable", sentence(text), unused, at) for text in unspoken(product)]
    text = renderer.styles(product).get(f"products/{product.slug}/product.css", b"").decode("utf-8-sig", "replace")
    sheet = css.read(text, f"static/products/{product.slug}/product.css")
    first = [page for page in pages if page.words.lang == languages[0]]
    found["policy"] += policy.check_stylesheet(
        text, sheet.name, {*renderer.static.names("products/", ""), *renderer.static.left_out}
    )
    found["styles"] = list(styling.check(sheet, product, first, tokens()))
    found["contrast"] = [
        *contrast.check_theme(product.theme, at),
        *contrast.check_stylesheet(sheet, product.theme, tokens()),
    ]
    found["files"] = list(folders.in_product(product.slug, renderer.custom, own.own, text))
    found["weight"] = [*_weight(product, renderer, pages, at), *_not_served(product, renderer)]
    checks = [Check(name, tuple(findings), scope if name == "templates" else "") for name, findings in found.items()]
    return Section(f"{product.name} ({product.slug})", tuple(checks))


def look_at(page: Page, own: Sources) -> tuple[Finding, ...]:
    """All findings of one page, each once."""
    return tuple(dict.fromkeys(_placed(finding, page, own) for look in ON_PAGES.values() for finding in look(page)))


def tokens() -> frozenset[str]:
    """The names of all custom properties, without their prefix."""
    css = resources.content(resources.path("static") / "form.css").decode()
    return frozenset(re.findall(r"--feedback-([\w-]+)\s*:", css))


def _render(
    product: Product, renderer: OfflineRenderer, languages: Sequence[str], own: Sources, broken: Seen
) -> Iterator[Page]:
    """Every page with the hostile sample that renders; what is wrong with the others goes into `broken`."""
    for lang in languages:
        scene = renderer.scene(product, lang, HOSTILE)
        for state in states_of(product):
            try:
                html = state.render(scene)
            except TemplateBroken as error:
                finding = _broken(error.problem, own, (*scene.words.texts, *renderer.static.names("", "")))
                broken.setdefault(finding, set()).add((state.name, lang))
            else:
                yield Page(product, scene.words, state.name, state.template, html, HOSTILE)


def _look(page: Page) -> Iterator[tuple[str, Finding]]:
    """The findings of a page, each with the name of its check."""
    for name, look in ON_PAGES.items():
        if name not in _AFTER_TAGS or not tags.swallows(page):
            yield from ((name, finding) for finding in look(page))


def _broken(problem: Problem, own: Sources, names: Iterable[str]) -> Finding:
    fix = sources.meant(problem.message, own, names) or _UNTIL_FIXED
    return Finding("templates.broken", sentence(problem.message), fix, problem.name)


def _unread(product: Product, renderer: OfflineRenderer, broken: Seen) -> list[Finding]:
    """Templates that no page used, such as partials of a page that failed earlier."""
    known = {finding.at for finding in broken}
    return [
        Finding("templates.broken", sentence(problem.message), _UNTIL_FIXED, problem.name)
        for problem in renderer.templates.problems(product.slug)
        if problem.name not in known
    ]


def _placed(finding: Finding, page: Page, own: Sources) -> Finding:
    """The finding with the line that contains its clue; else with one of the product's templates; else with ours."""
    place = own.place(finding.clue)
    if not place:
        name = page.template if page.template in own.own else next(iter(own.own), "")
        place = f"{own.slug}/{name}:1" if name else page.template
    return replace(finding.placed(place), clue="")


def _merged(seen: Seen, states: int, languages: int) -> list[Finding]:
    """Each finding once, with the states and languages in which it appears."""
    merged = []
    for finding, where in seen.items():
        names, langs = {state for state, _ in where}, {lang for _, lang in where}
        limits = [", ".join(sorted(names))] if len(names) < states else []
        limits += [", ".join(sorted(langs))] if len(langs) < languages else []
        more = f" (in {'; '.join(limits)})" if limits else ""
        merged.append(replace(finding, message=f"{finding.message}{more}"))
    return merged


def _weight(product: Product, renderer: OfflineRenderer, pages: list[Page], at: str) -> Iterator[Finding]:
    """The weight of the heaviest untouched form, with everything that it links to."""
    idle = max((page for page in pages if page.state == "idle"), key=lambda page: len(page.html), default=None)
    if idle is not None:
        pictures = {
            name: renderer.static.content(name)
            for name in renderer.static.names(f"products/{product.slug}/", "")
            if f"/{name}" in idle.html
        }
        parts = {f"page ({idle.words.lang})": idle.html.encode(), **renderer.styles(product), **pictures}
        yield from weight.check(parts, product.budget, at)


def _not_served(product: Product, renderer: OfflineRenderer) -> Iterator[Finding]:
    for name, reason in renderer.static.left_out.items():
        if name.startswith(f"products/{product.slug}/"):
            fix = "Remove it, or put another kind of file in its place."
            yield Finding("weight.not_served", f"This file is not served: {reason}.", fix, f"static/{name}:1")
