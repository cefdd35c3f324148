"""A page's HTML as a read-only tree of elements, parsed as leniently as browsers do.

It is the standard library's parser with what looking needs: parents, ids, words. Judging is left to others.
"""

from collections.abc import Iterator
from html.parser import HTMLParser

VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"))
_ENDS = {"li": ("li",), "dt": ("dt", "dd"), "dd": ("dt", "dd"), "option": ("option",), "p": ("p",)}
"""The elements that an opening tag closes if they are its open parent."""


class Element:
    """An element and its content. Attributes without a value have an empty one."""

    __slots__ = ("attributes", "children", "line", "parent", "tag")

    def __init__(self, tag: str, attributes: dict[str, str], parent: "Element | None", line: int) -> None:
        self.tag = tag
        self.attributes = attributes
        self.parent = parent
        self.line = line
        self.children: list[Element | str] = []

    def __getitem__(self, name: str) -> str:
        return self.attributes.get(name, "")

    def __contains__(self, name: str) -> bool:
        return name in self.attributes

    def all(self, *tags: str, inert: bool = False) -> Iterator["Element"]:
        """The descendants with these tags, or all; those inside `<template>` only if `inert`."""
        for child in self.children:
            if isinstance(child, Element):
                if not tags or child.tag in tags:
                    yield child
                if inert or child.tag != "template":
                    yield from child.all(*tags, inert=inert)

    def first(self, *tags: str) -> "Element | None":
        """The first such descendant, or None."""
        return next(self.all(*tags), None)

    def by_id(self, name: str) -> "Element | None":
        """The element that `getElementById` returns."""
        return next((element for element in self.all() if element.attributes.get("id") == name), None)

    def up(self) -> Iterator["Element"]:
        """The ancestors, nearest first."""
        above = self.parent
        while above is not None:
            yield above
            above = above.parent

    @property
    def text(self) -> str:
        """The text content with runs of whitespace collapsed."""
        return " ".join("".join(self._words()).split())

    @property
    def raw(self) -> str:
        """The text content unchanged."""
        return "".join(self._words())

    @property
    def hidden(self) -> bool:
        """Whether the element or one of its ancestors has the attribute `hidden`."""
        return any("hidden" in element for element in (self, *self.up()))

    def __repr__(self) -> str:
        return f"<{self.tag}{''.join(f' {name}={value!r}' for name, value in self.attributes.items())}>"

    def _words(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, str):
                yield child
            elif child.tag not in ("script", "style", "template"):
                yield from child._words()


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self._open = Element("#document", {}, None, 1)
        self._form: Element | None = None
        self._ended: list[Element] = []
        """Forms whose end tag came while something in them was open: what follows that is no longer in them."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "form" and self._form is not None:
            return  # browsers know no form within a form: the tag is as if it were not there
        if self._open.tag in _ENDS.get(tag, ()) and self._open.parent:
            self._open = self._open.parent
        attributes: dict[str, str] = {}
        for name, value in attrs:
            attributes.setdefault(name, value or "")
        element = Element(tag, attributes, self._open, self.getpos()[0])
        self._open.children.append(element)
        if tag == "form":
            self._form = element
        if tag not in VOID:
            self._open = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        before = self._open
        self.handle_starttag(tag, attrs)
        self._open = before

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._form not in (None, self._open):
            self._ended.append(self._form)
        else:
            chain = (self._open, *self._open.up())
            ended = next((element for element in chain if element.tag == tag), None)
            if ended is not None and ended.parent is not None:
                self._open = ended.parent
        if tag == "form":
            self._form = None
        while self._open in self._ended and self._open.parent is not None:
            self._open = self._open.parent

    def handle_data(self, data: str) -> None:
        self._open.children.append(data)


def parse(html: str) -> Element:
    """The tree of a page. Never fails, whatever the HTML."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    return builder.root
