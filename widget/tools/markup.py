"""A page's HTML as a read-only tree of elements, parsed as leniently as browsers do.

It is the standard library's parser, with parents, ids and texts. Other modules judge what it finds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Literal, NamedTuple

VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"))
_BLOCKS = frozenset(
    ("address", "article", "aside", "blockquote", "details", "dialog", "div", "dl", "fieldset", "figure", "footer",
     "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "main", "menu", "nav", "ol", "p", "pre", "section",
     "table", "ul")
)  # fmt: skip
_ENDS = {"li": ("li",), "dt": ("dt", "dd"), "dd": ("dt", "dd"), "option": ("option",), **dict.fromkeys(_BLOCKS, ("p",))}
"""The elements that an opening tag closes if they are its open parent."""
_MAY_STAY_OPEN = frozenset(
    ("body", "colgroup", "dd", "dt", "head", "html", "li", "optgroup", "option", "p", "rp", "rt", "tbody", "td",
     "tfoot", "th", "thead", "tr")
)  # fmt: skip
"""Elements whose end tag HTML lets authors leave out."""
_FOREIGN = ("svg", "math")


@dataclass(frozen=True, slots=True)
class Slip:
    """A tag that browsers had to guess about, or to ignore. `line` is the page's."""

    kind: Literal["unclosed", "stray", "crossed", "void", "form", "attribute", "twice", "comment"]
    tag: str
    line: int
    detail: str = ""


class Element:
    """An element and its content. Attributes without a value have an empty one."""

    __slots__ = ("_below", "attributes", "children", "line", "parent", "tag")

    def __init__(self, tag: str, attributes: dict[str, str], parent: "Element | None", line: int) -> None:
        self.tag = tag
        self.attributes = attributes
        self.parent = parent
        self.line = line
        self.children: list[Element | str] = []
        self._below: dict[bool, list[Element]] = {}

    def __getitem__(self, name: str) -> str:
        return self.attributes.get(name, "")

    def __contains__(self, name: str) -> bool:
        return name in self.attributes

    def all(self, *tags: str, inert: bool = False) -> Iterator["Element"]:
        """The descendants with these tags, or all; those inside `<template>` only if `inert`."""
        below = self._descendants(inert)
        return (element for element in below if element.tag in tags) if tags else iter(below)

    def _descendants(self, inert: bool) -> list["Element"]:
        """What `all` finds. It is looked for once: a page is asked dozens of questions."""
        if inert not in self._below:
            found: list[Element] = []
            waiting = self.children[::-1]
            while waiting:
                child = waiting.pop()
                if isinstance(child, Element):
                    found.append(child)
                    if inert or child.tag != "template":
                        waiting += child.children[::-1]
            self._below[inert] = found
        return self._below[inert]

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
        self.slips: list[Slip] = []
        self._ended: list[Element] = []
        """Forms whose end tag came while something in them was open: what follows that is no longer in them."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        line = self.getpos()[0]
        if tag == "form" and self._form is not None:
            self.slips.append(Slip("form", tag, line))
            return  # browsers know no form within a form: the tag is as if it were not there
        if self._open.tag in _ENDS.get(tag, ()) and self._open.parent:
            self._open = self._open.parent
        attributes: dict[str, str] = {}
        for name, value in attrs:
            if name in attributes:
                self.slips.append(Slip("twice", tag, line, name))
            if any(mark in name for mark in "\"'<="):
                self.slips.append(Slip("attribute", tag, line, name))
            attributes.setdefault(name, value or "")
        element = Element(tag, attributes, self._open, line)
        self._open.children.append(element)
        if tag == "form":
            self._form = element
        if tag not in VOID:
            self._open = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        before = self._open
        self.handle_starttag(tag, attrs)
        if tag in _FOREIGN or any(each.tag in _FOREIGN for each in (before, *before.up())):
            self._open = before  # elsewhere browsers take no notice of the slash

    # What has no end takes the rest of the page, as it does in browsers. The library would look for its end from each
    # beginning in it: a page of megabytes would take hours.

    def parse_starttag(self, i: int) -> int:
        return self._or_rest(super().parse_starttag(i))

    def parse_endtag(self, i: int) -> int:
        return self._or_rest(super().parse_endtag(i))

    def parse_comment(self, i: int, report: bool = True) -> int:
        return self._or_rest(super().parse_comment(i, report))

    def parse_pi(self, i: int) -> int:
        return self._or_rest(super().parse_pi(i))

    def parse_html_declaration(self, i: int) -> int:
        is_section = self.rawdata.startswith("<![", i)  # the library fails where its name is none
        return self._or_rest(self.parse_bogus_comment(i) if is_section else super().parse_html_declaration(i))

    def _or_rest(self, end: int) -> int:
        return len(self.rawdata) if end < 0 else end

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._form not in (None, self._open):
            self._ended.append(self._form)
            self._leave_open(self._form)
        else:
            chain = (self._open, *self._open.up())
            ended = next((element for element in chain if element.tag == tag), None)
            if ended is None or ended.parent is None:
                self.slips.append(Slip("void" if tag in VOID else "stray", tag, self.getpos()[0]))
            else:
                self._leave_open(ended)
                self._open = ended.parent
        if tag == "form":
            self._form = None
        while self._open in self._ended and self._open.parent is not None:
            self._open = self._open.parent

    def handle_data(self, data: str) -> None:
        self._open.children.append(data)

    def close(self) -> None:
        super().close()
        self._leave_open(self.root)

    def _leave_open(self, ended: Element | None) -> None:
        """Note what is still open within an element that ends."""
        element: Element | None = self._open
        while element is not None and element is not ended:
            if element.tag not in _MAY_STAY_OPEN:
                self.slips.append(Slip("unclosed", element.tag, element.line, element["id"] or element["class"]))
            element = element.parent


class Document(NamedTuple):
    """What is in a page, and the tags in it that are wrong, in the order of its lines."""

    root: Element
    slips: tuple[Slip, ...]


def parse(html: str) -> Element:
    """The tree of a page. Never fails, whatever the HTML."""
    return read(html).root


def read(html: str) -> Document:
    """The tree of a page, and its slips. Never fails, whatever the HTML."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    if (opened := html.rfind("<!--")) > html.rfind("-->"):
        return Document(builder.root, (Slip("comment", "!--", html.count("\n", 0, opened) + 1),))
    return Document(builder.root, _told_once(builder.slips))


def _told_once(slips: list[Slip]) -> tuple[Slip, ...]:
    kinds = {(slip.kind, slip.tag) for slip in slips}
    found: dict[tuple[str, str, int], Slip] = {}
    for slip in sorted(slips, key=lambda slip: slip.line):
        other = {"unclosed": "stray", "stray": "unclosed"}.get(slip.kind, "")
        if (other, slip.tag) in kinds:  # both ends are there, but something else ended between them
            slip = Slip("crossed", slip.tag, slip.line)
        found.setdefault((slip.kind, slip.tag, slip.line if slip.kind != "crossed" else 0), slip)
    return tuple(found.values())
