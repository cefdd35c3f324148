"""Checks the sources of a product's templates for what Jinja ignores silently.

A block that ours does not have, text outside every block, a file that no page uses: none of them renders anything.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from jinja2 import Environment, nodes
from jinja2.exceptions import TemplateSyntaxError

from widget.config.sentences import near
from widget.pages.loader import DEFAULT
from widget.pages.views import PAGES
from widget.tools.check import escaping
from widget.tools.findings import Finding
from widget.tools.markup import read

_JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)


@dataclass(frozen=True)
class Sources:
    """The templates of a product by their names, ours, and how the product's are named in findings."""

    slug: str
    own: Mapping[str, str]
    ours: Mapping[str, str]

    @cached_property
    def trees(self) -> Mapping[str, nodes.Template]:
        """The product's templates, as far as they can be parsed."""
        return dict(_read(self.own))

    @cached_property
    def our_trees(self) -> Mapping[str, nodes.Template]:
        """Ours."""
        return dict(_read(self.ours))

    def place(self, clue: str) -> str:
        """The first line of the product's templates that has `clue`; empty if none has. A wrong tag is looked for as
        such (`slip KIND TAG`), and else by its name."""
        if clue.startswith("slip "):
            _, kind, tag = clue.split(" ")
            return self._place_of_slip(kind, tag) or self.place(f"</{tag}" if kind in ("stray", "void") else f"<{tag}")
        for name, source in self.own.items() if clue else ():
            for number, line in enumerate(source.splitlines(), 1):
                if clue in line:
                    return f"{self.slug}/{name}:{number}"
        return ""

    def _place_of_slip(self, kind: str, tag: str) -> str:
        """Where a template has a wrong tag, as far as that can be told without rendering it."""
        for name, source in self.own.items():
            bare = _JINJA.sub(lambda match: "x" + "\n" * match[0].count("\n"), source)
            for slip in read(bare).slips:
                if (slip.kind, slip.tag) == (kind, tag):
                    return f"{self.slug}/{name}:{slip.line}"
        return ""


def _read(sources: Mapping[str, str]) -> Iterator[tuple[str, nodes.Template]]:
    for name, source in sources.items():
        if (tree := _tree(source)) is not None:
            yield name, tree


@lru_cache(maxsize=64)
def _tree(source: str) -> nodes.Template | None:
    """A template, to be read only; None if it cannot be parsed, which another check reports. Ours are those of all
    products."""
    try:
        return Environment().parse(source)  # noqa: S701 - reads, and renders nothing
    except TemplateSyntaxError:
        return None


_QUOTED = re.compile(r"'([^']+)'")


def meant(message: str, sources: Sources, others: Iterable[str]) -> str:
    """The name that a template probably meant by one that there is not, which `message` says; empty if none is close.

    `others` are names that stand in no template: texts, files.
    """
    if not any(part in message for part in ("undefined", "has no attribute", "there is no", "No filter", "No test")):
        return ""
    trees = [*sources.our_trees.values()]
    known = {each.name for tree in trees for each in tree.find_all(nodes.Name)}
    known |= {each.attr for tree in trees for each in tree.find_all(nodes.Getattr)}
    known |= {*sources.ours, *sources.own, *others}
    wrong = (_QUOTED.findall(message) or [""])[-1]
    hint = near(wrong, known - {wrong}, 0.7)
    return f"Did you mean {hint.rpartition('/')[2]}?" if hint else ""


def check(sources: Sources) -> Iterator[Finding]:
    """What has no effect, and what turns off escaping."""
    used = {*PAGES, *(name for tree in sources.trees.values() for name in _references(tree))}
    for name, tree in sources.trees.items():
        at = f"{sources.slug}/{name}"
        yield from _blocks(name, tree, sources, at)
        yield from _outside(tree, at)
        yield from escaping.check_source(tree, at)
        if name not in used and name not in sources.ours:
            hint = near(name, PAGES)
            fix = f"Did you mean {hint}?" if hint else "Include it somewhere, or remove it."
            yield Finding("sources.unused", f"No page uses {name}.", fix, f"{at}:1")


def _references(tree: nodes.Template) -> Iterator[str]:
    named_by = [node.template for node in tree.find_all(nodes.Extends)]
    named_by += [node.template for node in tree.find_all(nodes.Include)]
    named_by += [node.template for node in tree.find_all(nodes.Import)]
    named_by += [node.template for node in tree.find_all(nodes.FromImport)]
    for named in named_by:
        for each in named.items if isinstance(named, nodes.List | nodes.Tuple) else [named]:
            if isinstance(each, nodes.Const):
                yield str(each.value)


def _parent(tree: nodes.Template) -> str | None:
    extends = next((node for node in tree.body if isinstance(node, nodes.Extends)), None)
    if extends is None or not isinstance(extends.template, nodes.Const):
        return None
    return str(extends.template.value)


def _known(name: str, tree: nodes.Template, sources: Sources) -> set[str]:
    """The blocks that the templates above have."""
    known: set[str] = set()
    for _ in range(10):
        parent = _parent(tree)
        if parent is None:
            break
        bare = parent.removeprefix(DEFAULT)
        theirs = parent == bare and bare != name and bare in sources.trees
        found = sources.trees.get(bare) if theirs else sources.our_trees.get(bare)
        if found is None:
            break
        name, tree = bare, found
        known |= {block.name for block in tree.find_all(nodes.Block)}
    return known


def _blocks(name: str, tree: nodes.Template, sources: Sources, at: str) -> Iterator[Finding]:
    if _parent(tree) is None:
        return
    known = _known(name, tree, sources)
    for block in tree.body:
        if isinstance(block, nodes.Block) and known and block.name not in known:
            hint = near(block.name, known)
            fix = f"Did you mean {hint}?" if hint else f"There are {', '.join(sorted(known))}."
            message = f"There is no block {block.name}, so its content never shows."
            yield Finding("sources.block", message, fix, f"{at}:{block.lineno}")


def _outside(tree: nodes.Template, at: str) -> Iterator[Finding]:
    if _parent(tree) is None:
        return
    for node in tree.body:
        if isinstance(node, nodes.Output) and (line := _first_word(node)):
            fix = "Put it into a block. A template that extends another one shows nothing else."
            yield Finding("sources.outside", "This is outside every block, so it never shows.", fix, f"{at}:{line}")


def _first_word(node: nodes.Output) -> int:
    for part in node.nodes:
        if not isinstance(part, nodes.TemplateData):
            return part.lineno
        if part.data.strip():
            before = part.data[: len(part.data) - len(part.data.lstrip())]
            return part.lineno + before.count("\n")
    return 0
