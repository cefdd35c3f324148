"""Loads templates: from a product's folder first, then from ours, and from nowhere else."""

import time
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, Environment, Template, TemplateNotFound

from widget.pages.limits import deadline

DEFAULT = "default:"
"""The prefix of a template's name that means ours, even if the product has its own."""

MAX_SOURCE = 64 * 1024
"""Bytes of one template. Our largest has ten thousand."""


class Loader(BaseLoader):
    """Loads a template from the product's folder, else from ours. No name leads out of these two."""

    def __init__(self, ours: Path, product: Path | None) -> None:
        self._ours = ours.resolve()
        self.product = product.resolve() if product else None

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """The text of a template, its path, and a function that tells whether it is still the same."""
        path = self._find(template)
        if path is None:
            raise TemplateNotFound(template)
        stat = path.stat()
        if stat.st_size > MAX_SOURCE:
            raise TemplateNotFound(template, f"{template} has more than {MAX_SOURCE} bytes")
        stamp = (path, stat.st_mtime_ns, stat.st_size)

        def is_current() -> bool:
            found = self._find(template)
            if found is None:
                return False
            now = found.stat()
            return (found, now.st_mtime_ns, now.st_size) == stamp

        try:
            return path.read_text("utf-8-sig"), str(path), is_current
        except UnicodeDecodeError:
            raise TemplateNotFound(template, f"{template} is not UTF-8") from None

    def load(self, environment: Environment, name: str, globals: MutableMapping[str, Any] | None = None) -> Template:  # noqa: A002
        """The template. Compiling happens once, so its time does not count as the render's."""
        began = time.thread_time()
        template = super().load(environment, name, globals)
        if rendering := deadline.get(None):
            rendering.extend(time.thread_time() - began)
        return template

    def holds(self, filename: str) -> bool:
        """Whether a file is one of the templates."""
        folders = (self._ours, self.product) if self.product else (self._ours,)
        return any(Path(filename).is_relative_to(folder) for folder in folders)

    def shown(self, filename: str) -> str:
        """How a file is named to people: the product's by its path in the products' folder, ours by its name."""
        path = Path(filename)
        if self.product and path.is_relative_to(self.product):
            return path.relative_to(self.product.parent).as_posix()
        return DEFAULT + path.name

    def own_names(self) -> list[str]:
        """The templates in the product's own folder."""
        if self.product is None:
            return []
        return sorted(path.relative_to(self.product).as_posix() for path in self.product.rglob("*.html"))

    def state(self) -> frozenset[tuple[str, int]]:
        """A value that changes whenever one of the product's files does."""
        if self.product is None:
            return frozenset()
        return frozenset((str(path), path.stat().st_mtime_ns) for path in self.product.rglob("*") if path.is_file())

    def _find(self, template: str) -> Path | None:
        name = template.removeprefix(DEFAULT)
        parts = name.split("/")
        if any(part in ("", ".", "..") or part.startswith(".") or "\\" in part or "\0" in part for part in parts):
            raise TemplateNotFound(template, f"{template!r} is outside the templates' folder")
        folders = [self.product] if self.product and name == template else []
        for folder in (*folders, self._ours if len(parts) == 1 else None):
            if folder is not None and (path := folder.joinpath(*parts)).is_file():
                if not path.resolve().is_relative_to(folder):
                    raise TemplateNotFound(template, f"{template!r} is a link to outside the templates' folder")
                return path
        return None
