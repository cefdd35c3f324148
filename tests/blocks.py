"""The code blocks of the documents, each with the comment that says how it is tested.

A comment before a block says either `runs: NAME`, for a test that asks for it by name, or `not run: REASON`. Every
other block is tested by its language. Blocks of `text` are output and diagrams, not code.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from bed import ROOT

SERVICE = "https://feedback.example.com"
"""Stands for the service's address in the documents."""
DOCUMENTS = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "examples/README.md", "npm/README.md")),
]
_BLOCK = re.compile(r"(?:^<!-- (runs|not run): ([^\n]+) -->\n)?^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """`name` and `reason` come from the comment before the block; both are empty without one."""

    document: Path
    line: int
    language: str
    text: str
    name: str = ""
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """The blocks in these languages that are tested by their language; all blocks of all documents if none is given."""
    found = [block for document in DOCUMENTS for block in _of(document)]
    chosen = [block for block in found if block.language in languages and not block.name and not block.reason]
    return chosen if languages else found


def named(document: str, name: str) -> Block:
    """The block of `docs/DOCUMENT.md` with this name."""
    (found,) = [block for block in _of(ROOT / "docs" / f"{document}.md") if block.name == name]
    return found


def _of(document: Path) -> list[Block]:
    text = document.read_text("utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        said = {"name" if match[1] == "runs" else "reason": match[2]} if match[1] else {}
        line = text.count("\n", 0, match.start(4))
        found.append(Block(document, line, match[3], match[4], **said))
    return found
