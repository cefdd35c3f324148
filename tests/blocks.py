"""The code blocks of the documents, each with what its document says about running it.

A comment before a block says either `runs: NAME`, for a test that asks for it by that name, or `not run: REASON`. Every
other block is run by language. Blocks of `text` are output and pictures made of letters, not code.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from bed import ROOT

SERVICE = "https://feedback.example.com"
"""Stands in the documents for the address of the service."""
DOCUMENTS = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "examples/README.md", "npm/README.md")),
]
_BLOCK = re.compile(r"(?:^<!-- (runs|not run): ([^\n]+) -->\n)?^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """`name` and `reason` are those of the comment before it; both are empty without one."""

    document: Path
    line: int
    language: str
    text: str
    name: str = ""
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """Those in these languages that are run by their language; all of all documents without languages."""
    found = [block for document in DOCUMENTS for block in _of(document)]
    chosen = [block for block in found if block.language in languages and not block.name and not block.reason]
    return chosen if languages else found


def named(document: str, name: str) -> Block:
    """The block of `docs/DOCUMENT.md` that runs by this name."""
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
