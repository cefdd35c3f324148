"""A stylesheet as flat rules with their lines, and what browsers would drop from it without a word.

Reading is tinycss2's. What the rules do to a page is left to `cascade` and `styling`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import cssselect2
import tinycss2
from tinycss2.ast import AtRule, Declaration, ParseError, QualifiedRule

from widget.config.sentences import near
from widget.tools.findings import Finding

_AT_RULES = (
    "charset", "container", "counter-style", "font-face", "font-feature-values", "import", "keyframes", "layer",
    "media", "namespace", "page", "property", "scope", "starting-style", "supports", "view-transition",
    "-webkit-keyframes",
)  # fmt: skip
_HOLDS_RULES = ("container", "layer", "media", "scope", "starting-style", "supports")
_PLAIN = re.compile(r"""/\*.*?(?:\*/|\Z)|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|url\([^)"'{}]*\)|\\[^\n]""", re.DOTALL)
_STATES = re.compile(
    r":(hover|focus-visible|focus-within|focus|active|visited|target|user-valid|user-invalid|valid|invalid"
    r"|placeholder-shown|autofill|popover-open|modal|fullscreen|-webkit-autofill)(?![\w-])"
)
_BY_LOOKS = re.compile(r"\[(data-[\w-]+|dir|lang)\s*[^\]]*\]|:(lang|dir)\([^)]*\)")
"""What depends on mode, theme, language or script, none of which a check can see at once."""
_ENDS = {"{": "}", "(": ")", "[": "]"}
_HOLDERS = {"{": "rule", "(": "list", "[": "list"}
_FIX = "Correct it: browsers drop what they cannot read, and say nothing."


@dataclass(frozen=True, slots=True)
class Set:
    """A declaration: a property set to a value."""

    name: str
    value: str
    tokens: Sequence[Any]
    important: bool
    line: int

    @property
    def share(self) -> float:
        """The value as a number or a percentage; 1 if it is neither."""
        try:
            return float(self.value.rstrip("%")) / (100 if self.value.endswith("%") else 1)
        except ValueError:
            return 1.0


@dataclass(frozen=True, slots=True)
class Rule:
    """Declarations under one selector, nesting resolved. `conditions` are the at-rules around it, outermost first."""

    selector: str
    sets: tuple[Set, ...]
    line: int
    conditions: tuple[str, ...] = ()

    @property
    def states(self) -> frozenset[str]:
        """The states, such as `hover`, that its selector asks for."""
        return frozenset(match[1] for match in _STATES.finditer(self.selector))

    @property
    def applies_always(self) -> bool:
        """Whether it depends on nothing but the page's elements."""
        return not self.conditions and not self.states and not _BY_LOOKS.search(self.selector)

    def may_apply(self, mode: str, state: str) -> bool:
        """Whether it applies in light or dark, and to an element in a state. Other conditions are taken to be met."""
        text = " ".join((*self.conditions, self.selector))
        modes = re.findall(r"prefers-color-scheme:\s*(\w+)|data-theme\W*=\W*(\w+)", text)
        return self.states <= {state} and all(mode in pair for pair in modes)

    @property
    def is_for_paper(self) -> bool:
        """Whether it applies to nothing that a screen shows."""
        return any(re.match(r"@media\s+(only\s+)?print\b", each) for each in self.conditions)

    @property
    def loose(self) -> str:
        """The selector without states, mode, theme and language: everything that it may ever select."""
        bare = _BY_LOOKS.sub("", _STATES.sub("", re.sub(r":not\((?:[^()]|\([^()]*\))*\)", "", self.selector)))
        return re.sub(r"(^|[\s>+~,(])(?=[\s>+~,)]|$)", _filled, bare.strip() or "*")


def _filled(match: "re.Match[str]") -> str:
    """A universal selector where a compound one is left empty; white space that separates two stays as it is."""
    before = match.string[: match.end()].rstrip()
    after = match.string[match.end() :].lstrip()
    is_open = not before or before[-1] in ">+~,("
    is_closed = not after or after[0] in ">+~,)"
    return f"{match[1]}*" if is_open and is_closed else match[1]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rules of a stylesheet in their order, and what is wrong with its text. `name` is its path."""

    name: str
    rules: tuple[Rule, ...] = ()
    faults: tuple[Finding, ...] = field(default=(), repr=False)


def read(text: str, name: str) -> Sheet:
    """Read a stylesheet. Never fails: what cannot be read is among the faults."""
    faults: list[Finding] = list(_unbalanced(text, name))
    nodes = tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True)
    try:
        rules = tuple(_rules(nodes, "", (), name, faults))
    except RecursionError:
        return Sheet(name, (), (_fault("The rules are nested too deeply to be read.", name, 1),))
    return Sheet(name, rules, tuple(dict.fromkeys(faults)))


def _fault(message: str, name: str, line: int, fix: str = _FIX) -> Finding:
    return Finding("css.unreadable", message, fix, f"{name}:{line}")


def _rules(
    nodes: Iterable[Any], parent: str, conditions: tuple[str, ...], name: str, faults: list[Finding]
) -> Iterator[Rule]:
    for node in nodes:
        match node:
            case QualifiedRule():
                yield from _rule(node, parent, conditions, name, faults)
            case AtRule():
                yield from _at_rule(node, parent, conditions, name, faults)
            case ParseError():
                faults.append(_fault(f"This cannot be read: {_reason(node)}.", name, node.source_line))


def _reason(error: ParseError) -> str:
    pairs = {"}": "a } without a {", ")": "a ) without a (", "]": "a ] without a ["}
    message = str(error.message)
    return pairs.get(error.kind, f"{message[:1].lower()}{message[1:].rstrip('.')}")


def _rule(
    node: QualifiedRule, parent: str, conditions: tuple[str, ...], name: str, faults: list[Finding]
) -> Iterator[Rule]:
    faults.extend(
        _fault(f"This cannot be read: {_reason(token)}.", name, token.source_line)
        for token in node.prelude
        if isinstance(token, ParseError)
    )
    selector = _nested(tinycss2.serialize(node.prelude).strip(), parent)
    rule = Rule(selector, (), node.source_line, conditions)
    if not _can_select(rule):
        message = f"The selector {_short(selector)} cannot be read, so the whole rule is dropped."
        faults.append(_fault(message, name, node.source_line))
        return
    yield from _content(node.content, selector, conditions, node.source_line, name, faults)


def _content(
    tokens: Sequence[Any], selector: str, conditions: tuple[str, ...], line: int, name: str, faults: list[Finding]
) -> Iterator[Rule]:
    """A rule's declarations, and then the rules that lie in it."""
    nodes = tinycss2.parse_blocks_contents(tokens, skip_comments=True, skip_whitespace=True)
    yield Rule(selector, tuple(_sets(nodes, name, faults)), line, conditions)
    yield from _rules(
        (each for each in nodes if not isinstance(each, Declaration | ParseError)), selector, conditions, name, faults
    )


def _sets(nodes: Iterable[Any], name: str, faults: list[Finding]) -> Iterator[Set]:
    for node in nodes:
        match node:
            case Declaration():
                value = tinycss2.serialize(node.value).strip()
                if (line := _lost_semicolon(node)) and not node.name.startswith("--"):
                    fix = "Put a semicolon between the two."
                    faults.append(_fault(f"A semicolon is missing after {node.name}.", name, line, fix))
                elif not value:
                    faults.append(_fault(f"{node.name} has no value.", name, node.source_line))
                yield Set(node.lower_name, value, node.value, node.important, node.source_line)
            case ParseError():
                message = "This is no declaration: a property, a colon and a value are needed."
                faults.append(_fault(message, name, node.source_line))


def _lost_semicolon(node: Declaration) -> int:
    """The line in which a declaration should have ended, if its value runs on into the next one; else 0."""
    for token in node.value:
        if token.type == "literal" and token.value in (":", "{"):
            return int(node.source_line)
        if token.type == "{} block":
            return int(node.source_line)
    return 0


def _at_rule(
    node: AtRule, parent: str, conditions: tuple[str, ...], name: str, faults: list[Finding]
) -> Iterator[Rule]:
    keyword = node.lower_at_keyword
    if keyword not in _AT_RULES:
        hint = near(keyword, _AT_RULES)
        fix = f"Did you mean @{hint}?" if hint else "Leave it out: browsers do not know it."
        faults.append(_fault(f"There is no @{node.at_keyword}.", name, node.source_line, fix))
    elif keyword in _HOLDS_RULES and node.content is not None:
        inner = (*conditions, f"@{keyword} {tinycss2.serialize(node.prelude).strip()}".strip())
        if parent:
            yield from _content(node.content, parent, inner, node.source_line, name, faults)
        else:
            nodes = tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True)
            yield from _rules(nodes, "", inner, name, faults)
    elif keyword in ("font-face", "property", "page") and node.content is not None:
        list(_sets(tinycss2.parse_blocks_contents(node.content, True, True), name, faults))


def _nested(selector: str, parent: str) -> str:
    if not parent:
        return selector
    around = f":is({parent})"
    parts = [part.strip() for part in _split(selector)]
    return ", ".join(part.replace("&", around) if "&" in part else f"{around} {part}" for part in parts)


def _split(selector: str) -> list[str]:
    return re.split(r",(?![^(\[]*[)\]])", selector)


def selectable(rule: Rule) -> Iterator[Any]:
    """The compiled selectors of everything that a rule may ever select, but for those that cannot be compiled."""
    for part in _split(rule.loose):
        bare = re.sub(r"::(?!before|after)[\w-]+(\([^)]*\))?", "", part).strip() or "*"
        try:
            yield from cssselect2.compile_selector_list(bare)
        except cssselect2.SelectorError:
            continue


def _can_select(rule: Rule) -> bool:
    """Whether it is a selector. One with pseudo-classes that are not known here is given the benefit of the doubt."""
    if not rule.selector:
        return False
    return ":" in rule.selector.replace("://", "") or any(True for _ in selectable(rule))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}…"


def _unbalanced(text: str, name: str) -> Iterator[Finding]:
    """Brackets and comments without an end. CSS closes them at the end of the file, and what lies between is lost."""
    blank = _PLAIN.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    last = text.rfind("/*")
    if last > text.rfind("*/") and not blank[last:].strip():
        line = text.count("\n", 0, last) + 1
        yield _fault("This comment is never closed, so all after it is lost.", name, line, "Close it with */.")
    opened: list[tuple[str, int]] = []
    for match in re.finditer(r"[{}()\[\]]", blank):
        if match[0] in _ENDS:
            opened.append((match[0], blank.count("\n", 0, match.start()) + 1))
            continue
        while match[0] == "}" and opened and opened[-1][0] != "{":
            yield _unclosed(*opened.pop(), name)
        if opened and _ENDS[opened[-1][0]] == match[0]:
            opened.pop()
    for bracket, line in opened[-1:]:
        yield _unclosed(bracket, line, name)


def _unclosed(bracket: str, line: int, name: str) -> Finding:
    message = f"A {bracket} is never closed, so the rules after it are lost."
    return _fault(message, name, line, f"Close it with {_ENDS[bracket]} where its {_HOLDERS[bracket]} ends.")
