"""The products as they are on disk now, and a version that changes with their files."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from widget.config import resources
from widget.config.loading import load_products
from widget.config.products import Product
from widget.errors import ConfigurationError
from widget.i18n.messages import LOCALES
from widget.tools.offline import OfflineRenderer

HERE = ("http://127.0.0.1:*", "http://localhost:*")
"""The preview's own pages, which may embed every form here."""


class Workshop:
    """The renderer of the products that `config` has. A file that cannot be read keeps the last one that could."""

    def __init__(self, config: Path, custom: Path) -> None:
        self._config = config
        self._custom = custom
        self._stamp: object = None
        self._spoken: object = None
        self._renderer: OfflineRenderer | None = None
        self._products: Mapping[str, Product] = {}
        self.problem = ""
        """What is wrong with the products' file; empty if nothing is."""

    @property
    def renderer(self) -> OfflineRenderer:
        """The products' pages. Raises ConfigurationError, if the file could never be read."""
        stamp = self._stamp_of(self._config)
        spoken = [(path, self._stamp_of(path)) for path in sorted(self._custom.glob("templates/products/*/words.*.po"))]
        if stamp == self._stamp and self._renderer is not None and spoken != self._spoken:
            self._renderer.read_words()
        self._spoken = spoken
        if stamp != self._stamp or self._renderer is None:
            self._stamp = stamp
            try:
                self._products = load_products(self._config)
                products = {slug: _embeddable(product) for slug, product in self._products.items()}
                self._renderer, self.problem = OfflineRenderer(products, self._custom, reload=True), ""
            except ConfigurationError as error:
                if self._renderer is None:
                    raise
                self.problem = str(error)
        return self._renderer

    @property
    def products(self) -> Mapping[str, Product]:
        """The products as the file has them."""
        _ = self.renderer
        return self._products

    def version(self) -> str:
        """A value that changes whenever anything does that a page is made of."""
        digest = hashlib.sha256()
        for path in sorted(self._files()):
            digest.update(f"{path}\0{self._stamp_of(path)}\n".encode())
        return digest.hexdigest()[:16]

    def _files(self) -> Iterator[Path]:
        yield self._config
        folders = [self._custom / name / "products" for name in ("templates", "static")]
        for folder in (*folders, resources.path("templates"), resources.path("static"), LOCALES):
            yield from (path for path in folder.rglob("*") if path.is_file())

    def _stamp_of(self, path: Path) -> object:
        try:
            stat = path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size


def _embeddable(product: Product) -> Product:
    return product.model_copy(update={"origins": (*product.origins, *HERE)})
