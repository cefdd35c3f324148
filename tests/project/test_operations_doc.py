"""docs/operations.md explains everything that exists."""

import re

from bed import ROOT

from widget.cli.outbox import outbox
from widget.outbox.entries import STATES

DOCUMENT = (ROOT / "docs" / "operations.md").read_text("utf-8")
TABLE = {name for line in DOCUMENT.splitlines() if line.startswith("| `") for name in re.findall(r"`([^`]+)`", line)}


def test_every_log_event_is_explained() -> None:
    sources = [path.read_text("utf-8") for path in (ROOT / "widget").rglob("*.py")]
    written = set()
    for source in sources:
        for call in re.findall(r"(?:\blog\.\w+|\bwrite|_log|_change)\([^)]*", source):
            written |= set(re.findall(r'"([a-z]+\.[a-z_]+)"', call))
    assert len(written) > 15
    assert sorted(written - TABLE) == []


def test_every_state_and_every_command_is_explained() -> None:
    assert set(STATES) <= TABLE
    assert {name.split()[0] for name in TABLE} >= set(outbox.commands)
