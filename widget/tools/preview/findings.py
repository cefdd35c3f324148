"""What check finds on the pages of the gallery."""

from collections.abc import Sequence

from widget.config.products import Product
from widget.pages.samples import HOSTILE
from widget.pages.templating import TemplateBroken
from widget.tools.check import product as products
from widget.tools.check.page import Page
from widget.tools.check.sources import Sources
from widget.tools.findings import Finding
from widget.tools.offline import OfflineRenderer
from widget.tools.preview.cells import Cell


def findings_of(cell: Cell, product: Product, renderer: OfflineRenderer, lang: str) -> Sequence[Finding]:
    """What is wrong with the page of a cell. Nothing where its template fails: the frame says that itself.

    As in check, it is the page of a hostile person, so that words which become HTML are found.
    """
    scene = renderer.scene(product, lang, HOSTILE)
    try:
        html = cell.state.render(scene)
    except TemplateBroken:
        return ()
    page = Page(product, scene.words, cell.state.name, cell.state.template, html, HOSTILE)
    return products.look_at(page, Sources(product.slug, renderer.sources(product.slug), renderer.our_sources()))
