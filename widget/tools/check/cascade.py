"""Which declarations apply to which elements of a page: the cascade, with our rules below the product's.

Matching is cssselect2's. Our rules count only where they always apply; of the product's all are told, with what they
depend on.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cssselect2

from widget.tools.check.css import Rule, Set, Sheet, selectable
from widget.tools.markup import Element


@dataclass(frozen=True, slots=True)
class Applied:
    """A declaration that applies to an element. `weight` orders them: the greatest one wins."""

    set: Set
    rule: Rule
    is_own: bool
    weight: tuple[Any, ...]


class Cascade:
    """The declarations of `own`, a product's stylesheet, and of `ours` on the elements of a page."""

    def __init__(self, root: Element, ours: Sheet, own: Sheet) -> None:
        self._matcher = cssselect2.Matcher()
        self._applied: dict[Element, list[Applied]] = {}
        for is_own, sheet in enumerate((ours, own)):
            for order, rule in enumerate(sheet.rules):
                if rule.sets and (is_own or rule.applies_always) and not rule.is_for_paper:
                    for selector in selectable(rule):
                        self._matcher.add_selector(selector, (bool(is_own), order, rule))
        self.states = ("", *sorted({state for rule in own.rules for state in rule.states}))
        """The states that the product's rules ask for, and none."""
        self._known: dict[Any, Element] = {}
        self._wrapped = {
            self._known[wrapped.etree_element]: wrapped for wrapped in _wrapped(root, self._known) if self._known
        }

    def of(self, element: Element) -> list[Applied]:
        """What applies to an element, or may: weakest first."""
        if element not in self._applied:
            self._applied[element] = sorted(self._matched(element), key=lambda each: each.weight)
        return self._applied[element]

    def winner(self, element: Element, *names: str) -> Applied | None:
        """The declaration that always decides about a property, given with its shorthands; None if there is none."""
        found = [each for each in self.of(element) if each.set.name in names and each.rule.applies_always]
        return found[-1] if found else None

    def shown(self, element: Element, mode: str, state: str, *names: str) -> Applied | None:
        """The same in light or dark, and in a state such as `hover`; conditions beside these are taken to be met."""
        found = [each for each in self.of(element) if each.set.name in names and each.rule.may_apply(mode, state)]
        return found[-1] if found else None

    def own(self, element: Element) -> Iterator[Applied]:
        """The product's declarations that apply, but for those that a stronger one of it always overrides."""
        applied = [each for each in self.of(element) if each.is_own]
        for each in applied:
            if not any(
                other.weight > each.weight and other.set.name == each.set.name and other.rule.applies_always
                for other in applied
            ):
                yield each

    def _matched(self, element: Element) -> Iterator[Applied]:
        wrapped = self._wrapped.get(element)
        for specificity, _, pseudo, (is_own, order, rule) in self._matcher.match(wrapped) if wrapped else ():
            if pseudo is None:
                for place, each in enumerate(rule.sets):
                    strength = (each.important and not is_own, each.important, is_own)
                    yield Applied(each, rule, is_own, (*strength, specificity, order, place))


def _wrapped(root: Element, known: dict[Any, Element]) -> Iterator[Any]:
    """The page as cssselect2 takes it; `known` gets the elements that its nodes stand for."""
    html = root.first("html") or root
    return iter(cssselect2.ElementWrapper.from_html_root(_tree(html, known)).iter_subtree())


def _tree(element: Element, known: dict[Any, Element]) -> ET.Element:
    node = ET.Element(element.tag, element.attributes)
    known[node] = element
    for child in element.children:
        if isinstance(child, Element) and child.tag != "template":
            node.append(_tree(child, known))
    return node
