"""Checks that what a person wrote stays text: in a page with a hostile sample, and in the templates' sources."""

from collections.abc import Iterator

from jinja2 import nodes

from widget.pages.samples import MARK
from widget.tools.check.page import Page
from widget.tools.findings import Finding

PERSONS = frozenset(
    ("values", "person", "context", "summary", "errors", "note", "files", "text", "steps", "thanks", "token")
)
"""The values of a template that hold what came from outside."""
_FIX = "Remove |safe. What people write is not HTML."


def check(page: Page) -> Iterator[Finding]:
    """Whether the hostile sample became elements."""
    if MARK in page.html:
        message = "What a person wrote becomes HTML, so anybody could add a script to the page."
        yield Finding("escaping.page", message, _FIX, clue="safe")


def check_source(tree: nodes.Template, name: str) -> Iterator[Finding]:
    """The same in a template's source, even in parts that the sample never reaches."""
    tainted = _tainted(tree)
    for block in tree.find_all(nodes.FilterBlock):
        if _is_safe(block.filter):
            yield Finding(
                "escaping.source",
                "{% filter safe %} turns off escaping for everything in it.",
                _FIX,
                f"{name}:{block.lineno}",
            )
    for found in tree.find_all(nodes.Filter):
        if _is_safe(found) and found.node is not None and (names := sorted(_names(found.node) & tainted)):
            message = f"|safe is put on what a person wrote: {', '.join(names)}"
            yield Finding("escaping.source", message, _FIX, f"{name}:{found.lineno}")
    for scope in tree.find_all(nodes.ScopedEvalContextModifier):
        if any(option.key == "autoescape" and not _is_true(option.value) for option in scope.options):
            message = "Escaping is turned off."
            yield Finding("escaping.source", message, "Leave {% autoescape %} out.", f"{name}:{scope.lineno}")


def _is_safe(found: nodes.Expr | None) -> bool:
    while isinstance(found, nodes.Filter):
        if found.name == "safe":
            return True
        found = found.node
    return False


def _is_true(value: nodes.Node) -> bool:
    return isinstance(value, nodes.Const) and value.value is True


def _names(node: nodes.Node) -> set[str]:
    found = {name.name for name in node.find_all(nodes.Name)}
    return found | {node.name} if isinstance(node, nodes.Name) else found


def _tainted(tree: nodes.Template) -> set[str]:
    """The names that may contain what a person wrote, however it got there. A macro may be given anything."""
    tainted = set(PERSONS)
    given = [macro.args for macro in tree.find_all(nodes.Macro)] + [
        call.args for call in tree.find_all(nodes.CallBlock)
    ]
    for arguments in given:
        tainted |= {argument.name for argument in arguments} | {"caller", "varargs", "kwargs"}
    while True:
        before = len(tainted)
        for node in tree.find_all((nodes.Assign, nodes.For, nodes.AssignBlock, nodes.With)):
            tainted |= _passed_on(node, tainted)
        if len(tainted) == before:
            return tainted


def _passed_on(node: nodes.Node, tainted: set[str]) -> set[str]:
    match node:
        case nodes.Assign(target=target, node=value):
            return _names(target) if _names(value) & tainted else set()
        case nodes.For(target=target, iter=values):
            return _names(target) if _names(values) & tainted else set()
        case nodes.AssignBlock(target=target, body=body):
            return _names(target) if any(_names(each) & tainted for each in body) else set()
        case nodes.With(targets=targets, values=values):
            pairs = zip(targets, values, strict=True)
            return {name for target, value in pairs if _names(value) & tainted for name in _names(target)}
    return set()
