"""Pages of ours that no product can change, such as the snippet builder: rendered from one folder of templates."""

from collections.abc import Callable

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from widget.config import resources


def renderer(folder: str) -> Callable[..., str]:
    """A function from a template's name and its values to the page. `folder` lies in `templates/`."""
    environment = Environment(
        loader=FileSystemLoader(resources.path("templates") / folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return lambda name, **values: environment.get_template(name).render(**values)
