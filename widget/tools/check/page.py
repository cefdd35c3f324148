"""A rendered page as the checks get it: pure values, so that each check is a function of it."""

from dataclasses import dataclass
from functools import cached_property

from widget.config.products import Product
from widget.i18n.messages import Words
from widget.pages.samples import Sample
from widget.tools.markup import Document, Element, Slip, read


@dataclass(frozen=True)
class Page:
    """A page of a product in one state and language, made from a person's `sample`."""

    product: Product
    words: Words
    state: str
    template: str
    html: str
    sample: Sample

    @cached_property
    def _document(self) -> Document:
        return read(self.html)

    @property
    def root(self) -> Element:
        """What is in it."""
        return self._document.root

    @property
    def slips(self) -> tuple[Slip, ...]:
        """The tags in it that are wrong."""
        return self._document.slips

    @property
    def is_form(self) -> bool:
        """Whether it has the form."""
        return self.template == "form.html"
