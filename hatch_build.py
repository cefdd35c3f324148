"""What a package index shows of the project, and the static files as the service sends them.

The repository's address is known to whoever publishes: `PROJECT_URL=https://… make package`. Without it, the README
stays as it is and nothing is linked.
"""

import hashlib
import os
import re
import runpy
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|mailto:|#)([^)]+)\)")
_LINKED = {
    "Documentation": "docs/README.md",
    "Changelog": "CHANGELOG.md",
    "Security": "SECURITY.md",
}

_TEXTS = (".js", ".css", ".svg")


class ProjectPage(MetadataHookInterface):
    """Fills in `readme` and `urls`: the README with addresses that work there, and links."""

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


class CompressedFiles(BuildHookInterface[Any]):
    """Compresses the static files into the wheel, so that no start of the service has to. Each is named after the hash
    of its content: `widget.config.resources.compressed` looks there."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the files, unless the wheel only points to a checkout, whose files change."""
        if version == "editable":
            return
        root = Path(self.root)
        # By their paths: the package's other dependencies are not there while it is built.
        content = runpy.run_path(str(root / "widget/config/resources.py"))["content"]
        at_best = runpy.run_path(str(root / "widget/web/compression.py"))["at_best"]
        self._folder = tempfile.TemporaryDirectory()
        for path in (root / "static").rglob("*"):
            if path.suffix in _TEXTS and path.parent.suffix != ".css":
                served = content(path)
                (Path(self._folder.name) / hashlib.sha256(served).hexdigest()).write_bytes(at_best(served))
        build_data["force_include"][self._folder.name] = "widget/_data/brotli"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Removes what the wheel contains by now."""
        if version != "editable":
            self._folder.cleanup()
