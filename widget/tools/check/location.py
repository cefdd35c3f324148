"""Locates findings: a file and a line that an editor or a code review can open."""

import os
import re
from dataclasses import replace
from pathlib import Path

from widget.tools.findings import Check, Finding, Section

_LINE = re.compile(r"(.+?):(\d+)")
_TABLE = re.compile(r"\s*\[+\s*([^\]]+?)\s*\]+")
_KEY = re.compile(r"""\s*([\w."'-]+)\s*=""")


def located(section: Section, config: Path, custom: Path, slug: str = "") -> Section:
    """The section, each finding with its file and line, as far as it is about a file. `slug` is the product's."""
    checks = [
        Check(check.title, tuple(_located(each, config, custom, slug) for each in check.findings), check.scope)
        for check in section.checks
    ]
    return Section(section.title, tuple(checks))


def _located(finding: Finding, config: Path, custom: Path, slug: str) -> Finding:
    if finding.at.startswith(f"{config}:"):
        dotted = finding.at.removeprefix(f"{config}:").strip()
        line = line_of(_text(config), dotted)
        return replace(finding, at=f"{config}:{line}: {dotted}", file=_shown(config), line=line)
    match = _LINE.fullmatch(finding.at)
    name, line = (match[1], int(match[2])) if match else (finding.at.rstrip("/"), 1)
    for folder in (custom, custom / "templates", custom / "templates" / "products"):
        if "/" in f"{name}{finding.at[-1:]}" and (folder / name).exists():
            return replace(finding, file=_shown(_first_file(folder / name)), line=line)
    if slug:  # it is in our files, or in one that is not there: the product is what the team can open
        return replace(finding, file=_shown(config), line=line_of(_text(config), f"products.{slug}"))
    return finding


def _first_file(path: Path) -> Path:
    """Of a folder its first file: annotations are shown beside lines."""
    return next((each for each in sorted(path.rglob("*")) if each.is_file()), path) if path.is_dir() else path


def line_of(text: str, dotted: str) -> int:
    """The line of a TOML file in which a key such as `products.demo.theme.accent` is set; of what holds it, if it is
    not set in a line of its own; else 1."""
    wanted = dotted.split(".")
    best, found, table = 0, 1, []
    for number, line in enumerate(text.splitlines(), 1):
        if match := _TABLE.match(line):
            table = _parts(match[1])
            here = table
        elif match := _KEY.match(line):
            here = [*table, *_parts(match[1])]
        else:
            continue
        shared = min(len(here), len(wanted))
        if best < shared and here[:shared] == wanted[:shared]:
            best, found = shared, number
    return found


def _parts(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in dotted.split(".")]


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig", "replace")
    except OSError:
        return ""


def _shown(path: Path) -> str:
    """The path from the folder in which the command runs, if it lies there."""
    relative = os.path.relpath(path)
    return str(path.absolute()) if relative.startswith("..") else Path(relative).as_posix()
