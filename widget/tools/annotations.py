"""A report for machines: as JSON, and as the annotations that GitHub and GitLab show beside the lines of a change."""

import hashlib
from collections.abc import Iterator
from typing import Any

from widget.ops import words
from widget.tools.findings import Finding, Report

_SEVERITIES = {"wrong": "error", "notice": "warning"}
_ANYWHERE = "widget.toml"
"""The file of findings that are about none: GitLab asks for one."""


def as_json(report: Report) -> str:
    """The whole report. `findings` lists all of them with `file`, `line`, `severity`, `code`, `message` and `fix`."""
    return words.as_json({**report.as_json(), "findings": [*map(_flat, report.findings)]}, indent=2)


def _flat(finding: Finding) -> dict[str, Any]:
    return {
        "file": finding.file,
        "line": finding.line,
        "severity": _SEVERITIES[finding.level],
        "code": finding.code,
        "message": finding.message,
        "fix": finding.fix,
    }


def as_github(report: Report) -> str:
    """Workflow commands of GitHub Actions, a line each.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
    """
    return "\n".join(_commands(report))


def _commands(report: Report) -> Iterator[str]:
    for finding in report.findings:
        place = f"file={_property(finding.file)},line={finding.line}," if finding.file else ""
        text = f"{finding.message} {finding.fix}" if finding.file else f"{finding.at}: {finding.message} {finding.fix}"
        yield f"::{_SEVERITIES[finding.level]} {place}title={_property(finding.code)}::{_data(text.strip())}"


def _data(text: str) -> str:
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return words.one_line(escaped)


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def as_gitlab(report: Report) -> str:
    """A Code Quality report of GitLab: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format"""
    return words.as_json([*map(_issue, report.findings)], indent=2)


def _issue(finding: Finding) -> dict[str, Any]:
    place = finding.file or _ANYWHERE
    identity = "\0".join((finding.code, place, finding.at, finding.message))
    return {
        "description": f"{finding.message} {finding.fix}".strip(),
        "check_name": finding.code,
        "fingerprint": hashlib.sha256(identity.encode()).hexdigest(),
        "severity": "major" if finding.level == "wrong" else "minor",
        "location": {"path": place, "lines": {"begin": finding.line or 1}},
    }


def as_text(report: Report) -> str:
    """For people."""
    return "\n".join(report.lines())


FORMATS = {"text": as_text, "json": as_json, "github": as_github, "gitlab": as_gitlab}
"""What a report can be printed as."""
