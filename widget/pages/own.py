"""Pages of ours that no product can change: those of `/ops`, the snippet builder, the preview. They are in English."""

from collections.abc import Callable
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from widget.config import resources


def renderer(folder: str, **shared: Any) -> Callable[..., str]:
    """A function from the name of a template in `templates/` and this folder, such as `board`, and its values to the
    page. All of them see what is `shared`, unless a value of that name is given."""
    environment = Environment(
        loader=FileSystemLoader(resources.path("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(shared)
    return lambda name, /, **values: environment.get_template(f"{folder}/{name}.html").render(values)
