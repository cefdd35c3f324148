"""The pages of `/ops`: in English, as the commands are, and of our own templates alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from widget.pages.addresses import public


class OperatorPages:
    """Renders the templates in the folder `ours`. `static` gives the address of a file."""

    def __init__(self, ours: Path, static: Callable[[str], str]) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(ours),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(static=static, public=public)

    def render(self, name: str, **values: Any) -> str:
        """The page or the part `name`, such as `board` or `_verdict`."""
        given = {"csrf": "", "place": "", **values}
        return self._environment.get_template(f"ops/{name}.html").render(given)
