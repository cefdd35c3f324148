"""Creates a new product: its table in the products' file, and a folder with a first override.

What is there already is never changed: the table is put behind the file's own text, comments and all, and only if the
whole can be read afterwards.
"""

import json
import os
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from widget.config.products import SLUG, Product
from widget.errors import ConfigurationError, Problem

LOCAL_ORIGINS = ("http://localhost:*", "http://127.0.0.1:*")
"""The default origins: pages on the developer's own machine."""

_FORM = """\
{# This replaces one block of our form; all else stays ours, and gets our corrections. #}
{# docs/customising.md lists the blocks, and the values that can be used in them. #}
{% extends "default:form.html" %}

{% block header %}
<header class="feedback-header">
<h1 class="feedback-title" id="feedback-title">{{ heading }}</h1>
<p class="feedback-intro">{{ words("intro") }}</p>
</header>
{% endblock %}
"""
_STYLES = """\
/* Rules here win over ours, which lie in layers. Set colours, corners and the typeface in widget.toml: what is set
   there follows through the whole form, with its contrast looked after. docs/customising.md lists everything. */

.feedback-title {
  letter-spacing: 0;
}
"""


@dataclass(frozen=True, slots=True)
class Made:
    """What was written: the products' file and the product's own files."""

    config: Path
    files: tuple[Path, ...]


def make(slug: str, *, name: str, origins: Sequence[str], config: Path, custom: Path) -> Made:
    """Create the product. Raises ConfigurationError, in which case nothing was written."""
    table = _table(slug, name, origins)
    before = _text(config)
    after = f"{before.rstrip()}\n\n{table}" if before.strip() else table
    _check(slug, before, after, config)
    files = {
        custom / "templates" / "products" / slug / "form.html": _FORM,
        custom / "static" / "products" / slug / "product.css": _STYLES,
    }
    for path in (file.parent for file in files):
        if path.exists():
            raise ConfigurationError([Problem(str(path), "is there already; nothing was changed")])
    try:
        for file, text in files.items():
            file.parent.mkdir(parents=True)
            file.write_text(text, "utf-8")
        _replace(config, after)
    except OSError as error:
        raise ConfigurationError(
            [Problem(str(error.filename or config), f"cannot be written: {error.strerror}")]
        ) from None
    return Made(config, tuple(files))


def _table(slug: str, name: str, origins: Sequence[str]) -> str:
    """The table as TOML. JSON strings are valid TOML strings."""
    quoted = ", ".join(json.dumps(origin, ensure_ascii=False) for origin in origins)
    return f"[products.{slug}]\nname = {json.dumps(name, ensure_ascii=False)}\norigins = [{quoted}]\n"


def _text(config: Path) -> str:
    try:
        return config.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([Problem(str(config), f"cannot be read: {error}")]) from None


def _check(slug: str, before: str, after: str, config: Path) -> None:
    """Whether the product can be, and the file can be read as before, with it."""
    if not SLUG.fullmatch(slug):
        raise ConfigurationError([Problem(slug, "a slug has small letters, digits and hyphens, 50 at most")])
    try:
        there = tomllib.loads(before).get("products", {})
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([Problem(str(config), f"cannot be read: {error}")]) from None
    if isinstance(there, dict) and slug in there:
        raise ConfigurationError([Problem(f"{config}: products.{slug}", "is there already; nothing was changed")])
    try:
        found = tomllib.loads(after)["products"]
        if {key: value for key, value in found.items() if key != slug} != there:
            raise ValueError
        Product.model_validate({**found[slug], "slug": slug})
    except ValidationError as error:
        problems = [Problem(".".join(map(str, fault["loc"])), _sentence(fault)) for fault in error.errors()]
        raise ConfigurationError(problems) from None
    except ValueError:
        message = "a table cannot be put behind this; write each product as [products.SLUG]"
        raise ConfigurationError([Problem(str(config), message)]) from None


def _sentence(fault: object) -> str:
    assert isinstance(fault, dict)  # noqa: S101 - pydantic's own shape
    return str(fault["ctx"]["error"] if fault["type"] == "value_error" else fault["msg"])


def _replace(path: Path, text: str) -> None:
    """Write the whole file or keep the old one, even if the machine stops half-way."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        mode = path.stat().st_mode if path.exists() else 0o644
        Path(file.name).chmod(mode & 0o777)
        Path(file.name).replace(path.resolve())
    except OSError:
        Path(file.name).unlink(missing_ok=True)
        raise
