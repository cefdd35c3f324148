"""Renders products' pages without a running service, for template authors and for the checks.

A template that fails raises TemplateBroken, and ours does not replace it. Needs neither a database nor Insider Connect.
"""

from collections.abc import Mapping
from pathlib import Path

from widget.config import resources
from widget.config.products import Product
from widget.i18n import messages as words
from widget.i18n.messages import Words
from widget.i18n.overrides import Wording
from widget.pages.pages import Pages
from widget.pages.samples import FRIENDLY, Sample, Scene
from widget.pages.state import PLAIN, Looks
from widget.pages.templating import StrictTemplates
from widget.theming import themes
from widget.web.assets import StaticFiles


class OfflineRenderer:
    """Renders the pages of `products`, whose own files are in `custom`."""

    def __init__(self, products: Mapping[str, Product], custom: Path, *, reload: bool = False) -> None:
        self.products = products
        self.custom = custom
        """The folder of the products' own files."""
        self._own = custom / "templates" / "products"
        self.static = StaticFiles(resources.path("static"), custom / "static" / "products", reload=reload)
        self.templates = StrictTemplates(
            resources.path("templates"), self._own, slugs=products, static=self.static.url, reload=reload
        )
        self.pages = Pages(self.templates, sheet=self.static.sheet)
        self.wording = Wording(custom / "templates", products)

    def words(self, slug: str, lang: str) -> Words:
        """The words of a product in a language."""
        return self.wording.of(slug, words.choose(lang))

    def read_words(self) -> None:
        """Read the products' own texts again."""
        self.wording = Wording(self.custom / "templates", self.products)

    def scene(self, product: Product, lang: str, sample: Sample = FRIENDLY, looks: Looks = PLAIN) -> Scene:
        """The values from which a state is rendered."""
        return Scene(self.pages, product, self.words(product.slug, lang), sample, looks)

    def sources(self, slug: str) -> dict[str, str]:
        """The product's own templates, by their names."""
        return _texts(self._own / slug)

    def our_sources(self) -> dict[str, str]:
        """Our templates, by their names."""
        folder = resources.path("templates")
        return {name: text for name, text in _texts(folder).items() if "/" not in name}

    def styles(self, product: Product) -> dict[str, bytes]:
        """Every stylesheet of the product's form, by its name."""
        own = f"products/{product.slug}/product.css"
        sheets = {"form.css": self.static.content("form.css"), "theme.css": themes.stylesheet(product.theme).encode()}
        if self.static.sheet(product.slug):
            sheets[own] = self.static.content(own)
        return {name: content for name, content in sheets.items() if content}


def _texts(folder: Path) -> dict[str, str]:
    """The files that can be read. The others are reported when they are rendered."""
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8-sig", errors="replace")
        for path in sorted(folder.rglob("*.html"))
        if path.is_file()
    }
