"""What a package index shows of the project: the README with addresses that work there, and links.

The repository's address is known to whoever publishes: `PROJECT_URL=https://… make package`. Without it, the README
stays as it is and nothing is linked.
"""

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|mailto:|#)([^)]+)\)")
_LINKED = {
    "Documentation": "docs/README.md",
    "Changelog": "CHANGELOG.md",
    "Security": "SECURITY.md",
}


class ProjectPage(MetadataHookInterface):
    """Fills in `readme` and `urls`."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Files are linked as they were at the version's tag."""
        readme = (Path(self.root) / "README.md").read_text("utf-8")
        home, tag = os.environ.get("PROJECT_URL", "").rstrip("/"), f"v{metadata['version']}"
        if home:
            readme = _LINK.sub(lambda link: _absolute(link, home, tag), readme)
            metadata["urls"] = {
                "Repository": home,
                **{name: f"{home}/blob/{tag}/{path}" for name, path in _LINKED.items()},
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": readme}


def _absolute(link: re.Match[str], home: str, tag: str) -> str:
    mark, text, path = link.groups()
    return f"{mark}[{text}]({home}/{'raw' if mark else 'blob'}/{tag}/{path})"
