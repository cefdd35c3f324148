"""Findings: what is wrong with an installation or a page, and how to fix it. One format for all checks.

A finding that is `wrong` makes a command fail; a `notice` is only reported. Other modules look for them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from widget.config.inventory import InForce
from widget.ops.words import one_line

Level = Literal["wrong", "notice"]
_MARKS = {"wrong": "✗", "notice": "!"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    `code` is for programs and never changes. `at` is where: a file and line, a setting, an address. `clue` is what
    whoever knows the sources may look for, to say it better. `file` is a path that can be opened and `line` a line in
    it, counted from 1; empty and 0 if the finding is about no file.
    """

    code: str
    message: str
    fix: str = ""
    at: str = ""
    level: Level = "wrong"
    clue: str = ""
    file: str = ""
    line: int = 0

    def placed(self, at: str) -> "Finding":
        """The finding with a place, unless it already has one."""
        return self if self.at else replace(self, at=at)


@dataclass(frozen=True, slots=True)
class Check:
    """One check and its findings. `scope` says what it covered."""

    title: str
    findings: tuple[Finding, ...] = ()
    scope: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return all(finding.level != "wrong" for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Section:
    """The checks of one subject: the service, a product or a page."""

    title: str
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All sections of a run, and the settings in force where they could be read."""

    sections: tuple[Section, ...]
    settings: tuple[InForce, ...] = ()
    tag: str = ""
    """A script tag that states the hash of `embed.js`."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of all sections."""
        return tuple(found for section in self.sections for check in section.checks for found in check.findings)

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return all(finding.level != "wrong" for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "passed": self.passed,
            "tag": self.tag,
            "settings": [asdict(setting) for setting in self.settings],
            "sections": [
                {
                    "title": section.title,
                    "checks": [
                        {
                            "title": check.title,
                            "passed": check.passed,
                            "findings": [_as_json(f) for f in check.findings],
                        }
                        for check in section.checks
                    ],
                }
                for section in self.sections
            ],
        }

    def lines(self) -> Iterator[str]:
        """The report as lines of text; what matters most comes last, where a terminal shows it."""
        return map(one_line, self._lines())  # a page that was looked at is a stranger's

    def _lines(self) -> Iterator[str]:
        if self.settings:
            yield "Settings in force"
            yield from _settings(self.settings)
            yield ""
        if self.tag:
            yield "Script tag with integrity"
            yield f"  {self.tag}"
            yield ""
        for section in self.sections:
            yield section.title
            for check in section.checks:
                yield from _lines(check)
            yield ""
        yield _sum(self.findings)


def sentence(text: str) -> str:
    """A text that is to stand alone: with a capital unless a path begins it, and with a full stop unless it asks."""
    is_path = re.search(r"[/.\\]", text.partition(" ")[0].rstrip("."))
    first = text[:1] if is_path else text[:1].upper()
    return f"{first}{text[1:].rstrip('.')}{'' if text.endswith('?') else '.'}"


def _settings(settings: tuple[InForce, ...]) -> Iterator[str]:
    widths = [max(len(text) for text in texts) for texts in zip(*((s.name, s.value) for s in settings), strict=True)]
    for setting in settings:
        yield f"  {setting.name.ljust(widths[0])}  {setting.value.ljust(min(widths[1], 40))}  {setting.source}"


def _as_json(finding: Finding) -> dict[str, Any]:
    return {name: value for name, value in asdict(finding).items() if name != "clue"}


def _lines(check: Check) -> Iterator[str]:
    yield f"  {'✓' if check.passed else '✗'} {check.title}{f' ({check.scope})' if check.scope and check.passed else ''}"
    for finding in check.findings:
        where = f"{finding.at}: " if finding.at else ""
        yield f"      {_MARKS[finding.level]} {where}{finding.message}"
        if finding.fix:
            yield f"          → {finding.fix}"


def _sum(findings: Iterable[Finding]) -> str:
    levels = [finding.level for finding in findings]
    wrong, notices = levels.count("wrong"), levels.count("notice")
    if not wrong:
        return "Nothing is wrong." if not notices else f"Nothing is wrong; {_count(notices, 'notice')}."
    parts = [f"{_count(wrong, 'thing')} to fix", *([_count(notices, "notice")] if notices else [])]
    return f"{', '.join(parts)}."


def _count(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"
