"""Files that nothing reads: in folders of no product, under nearly the right name, or with the wrong ending."""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from widget.config import resources
from widget.config.sentences import near
from widget.i18n import messages as words
from widget.pages.views import PAGES
from widget.tools.findings import Finding
from widget.web.assets import PRODUCT_FILES

_KINDS = {"templates": ("form.html", "words.de.po"), "static": ("product.css",)}
"""The two folders, and what they are for."""
_IGNORED = ("README", "LICENSE", "LICENCE", "OFL", "CHANGELOG", "Thumbs.db")
_ASIDE = (".txt", ".md", ".map", ".license")


def check(custom: Path, slugs: Collection[str]) -> Iterator[Finding]:
    """What lies in the folder of the products' own files, and belongs to no product."""
    for folder in _children(custom):
        kind = folder.name if folder.name in _KINDS else near(folder.name, _KINDS, 0.75)
        if not kind or _is_ours(folder):
            continue
        if folder.name != kind:
            if any(child.name.lower() in ("products", *slugs) for child in _children(folder)):
                yield _unread(folder, f"Rename it to {kind}.", custom)
            continue
        yield from _in_kind(folder, kind, slugs, custom)


def _in_kind(folder: Path, kind: str, slugs: Collection[str], custom: Path) -> Iterator[Finding]:
    """What lies in `templates/` or `static/` of products."""
    for child in _children(folder):
        if child.name == "products":
            yield from _in_products(child, kind, slugs, custom)
        elif hint := near(child.name, ("products", *slugs), 0.75):
            name = "products" if hint == "products" else f"products/{hint}"
            yield _unread(child, f"Move it to {kind}/{name}/.", custom)
    own = {path.name for path in folder.iterdir() if path.is_file()} if not _holds_ours(folder) else set()
    for name in sorted(own):
        if name in PAGES or name == "product.css" or name.startswith("words."):
            yield _unread(folder / name, f"Move it to {kind}/products/SLUG/.", custom)


def _in_products(folder: Path, kind: str, slugs: Collection[str], custom: Path) -> Iterator[Finding]:
    for path in sorted(folder.iterdir()):
        if path.name in slugs or path.name.startswith(".") or path.name.startswith(_IGNORED):
            continue
        if path.is_file():
            yield _unread(path, f"Move it to {kind}/products/SLUG/, the folder of the product that it is for.", custom)
        elif any(each.is_file() for each in path.rglob("*")):
            hint = near(path.name.replace("_", "-"), slugs)
            known, added = ", ".join(sorted(slugs)), f"[products.{path.name.lower()}]"
            fix = f"Give it the name of the product ({known}), or add {added} to widget.toml."
            fix = f"Did you mean {hint}? Rename the folder." if hint else fix
            message = f"There is no product {path.name!r}, so nothing reads this folder."
            yield Finding("files.folder", message, fix, f"{_shown(path, custom)}/")


def in_product(slug: str, custom: Path, sources: Mapping[str, str], css: str) -> Iterator[Finding]:
    """The product's own files that nothing reads. `sources` are its templates, `css` its stylesheet."""
    named = "\n".join((*sources.values(), css))
    for path in _files(custom / "templates" / "products" / slug):
        if path.suffix != ".html" and not _is_words(path.name):
            yield _unread(path, _better(path, "templates", custom), custom)
    folder = custom / "static" / "products" / slug
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if name == "product.css" or path.suffix.lower() not in PRODUCT_FILES or path.name in named:
            continue
        if path.suffix == ".css":
            yield _unread(path, _better(path, "static", custom), custom)
        elif not any(
            each.suffix == ".css" and path.name in each.read_text("utf-8", "replace") for each in _files(folder)
        ):
            fix = f'Name it in a template as {{{{ asset("{name}") }}}}, or in product.css; or remove it.'
            yield _unread(path, fix, custom, "notice")


def _better(path: Path, kind: str, custom: Path) -> str:
    """What a file was probably meant to be."""
    slug, name = path.relative_to(custom / kind / "products").parts[0], path.name.lower()
    if path.suffix.lower() == ".css" or name.startswith("product.css"):
        where = f" in static/products/{slug}/" if kind == "templates" else ""
        is_there = (custom / "static" / "products" / slug / "product.css").exists()
        return f"Put its rules into product.css{where}." if is_there else f"Did you mean product.css{where}?"
    if path.suffix.lower() in (".po", ".pot", ".json", ".yaml", ".yml", ".toml", ".mo") or name.startswith("words"):
        tags = {tag.lower(): tag for tag in words.languages()}
        tag = next((tags[part] for part in re.split(r"[._]|words-", name) if part in tags), "en")
        return f"Words are read from templates/products/{slug}/words.{tag}.po: see docs/words.md."
    hint = near(path.with_suffix(".html").name, PAGES) or near(path.name, PAGES)
    return f"Did you mean {hint}?" if hint else "Templates end in .html: rename it and include it, or remove it."


def _is_words(name: str) -> bool:
    return name.startswith("words.") and name.endswith(".po") and name.count(".") == 2


def _unread(path: Path, fix: str, custom: Path, level: str = "wrong") -> Finding:
    what = f"Nothing reads this {'folder' if path.is_dir() else 'file'}."
    at = f"{_shown(path, custom)}{'/' if path.is_dir() else ':1'}"
    return Finding("files.unread", what, fix, at, "notice" if level == "notice" else "wrong")


def _shown(path: Path, custom: Path) -> str:
    return path.relative_to(custom).as_posix()


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return []


def _files(folder: Path) -> list[Path]:
    """The files below a folder that may have been meant for us."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not path.name.startswith((".", *_IGNORED))
        and path.suffix.lower() not in _ASIDE
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _holds_ours(folder: Path) -> bool:
    return folder.resolve() == resources.path(folder.name).resolve()


def _is_ours(folder: Path) -> bool:
    """Whether it is another folder of this project, beside the two."""
    return folder.name not in _KINDS and folder.parent.resolve() == resources.path("static").parent.resolve()
