"""Creates a new product: its table in the products' file, and a folder with a first override.

Existing content is never changed. The table is appended to the file, and only if the whole can be parsed afterwards.
"""

import json
import os
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import ValidationError

from widget.config.products import SLUG, Product
from widget.errors import ConfigurationError, Problem

LOCAL_ORIGINS = ("http://localhost:*", "http://127.0.0.1:*")
"""The default origins: pages on the developer's own machine."""

STARTS: Mapping[str, str] = {
    "colours": "a table in widget.toml alone",
    "block": "one block of the form, and a stylesheet",
    "full": "a logo, two blocks, words in two languages, a stylesheet, and what the form asks for",
}
"""What a product can start with; the files of each lie in a folder of `starts/`."""
_FOLDER = Path(__file__).with_name("starts")


@dataclass(frozen=True, slots=True)
class Look:
    """What a theme begins with: an accent, typefaces, and corners, as `widget.toml` writes them. Empty: ours."""

    accent: str = ""
    font: str = ""
    radius: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """What was written: the products' file and the product's own files."""

    config: Path
    files: tuple[Path, ...]


def make(
    slug: str,
    *,
    name: str,
    origins: Sequence[str],
    config: Path,
    custom: Path,
    look: Look = Look(),
    start: str = "block",
) -> Made:
    """Create the product. Raises ConfigurationError, in which case nothing was written."""
    table = _table(slug, name, origins, look, start)
    before = _text(config)
    after = f"{before.rstrip()}\n\n{table}" if before.strip() else table
    _check(slug, before, after, config)
    files = _files(slug, custom, start)
    for path in dict.fromkeys(file.parent for file in files):
        if path.exists():
            raise ConfigurationError([Problem(str(path), "already exists; nothing was changed")])
    try:
        for file, content in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        _replace(config, after)
    except OSError as error:
        raise ConfigurationError(
            [Problem(str(error.filename or config), f"cannot be written: {error.strerror}")]
        ) from None
    return Made(config, tuple(files))


def _files(slug: str, custom: Path, start: str) -> Mapping[Path, bytes]:
    """The product's own files and what is in them."""
    return {
        custom / kind / "products" / slug / path.name: path.read_bytes()
        for kind in ("templates", "static")
        for path in sorted((_FOLDER / start / kind).glob("*.*"))
    }


def _table(slug: str, name: str, origins: Sequence[str], look: Look, start: str) -> str:
    """The table as TOML. JSON strings are valid TOML strings."""
    quoted = ", ".join(json.dumps(origin, ensure_ascii=False) for origin in origins)
    table = f"[products.{slug}]\nname = {json.dumps(name, ensure_ascii=False)}\norigins = [{quoted}]\n"
    chosen = [f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in asdict(look).items() if value]
    theme = f"\n[products.{slug}.theme]\n{''.join(chosen)}" if chosen else ""
    more = _FOLDER / start / "product.toml"
    return table + theme + (more.read_text("utf-8").replace("SLUG", slug) if more.exists() else "")


def _text(config: Path) -> str:
    try:
        return config.read_text("utf-8-sig")
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
        raise ConfigurationError([Problem(f"{config}: products.{slug}", "already exists; nothing was changed")])
    try:
        found = tomllib.loads(after)["products"]
        if {key: value for key, value in found.items() if key != slug} != there:
            raise ValueError
        Product.model_validate({**found[slug], "slug": slug})
    except ValidationError as error:
        problems = [Problem(".".join(map(str, fault["loc"])), _sentence(fault)) for fault in error.errors()]
        raise ConfigurationError(problems) from None
    except ValueError:
        message = "a table cannot follow this; write each product as [products.SLUG]"
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
