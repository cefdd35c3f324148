"""A rendered page as the checks get it: pure values, so that each check is a function of it."""

from dataclasses import dataclass
from functools import cached_property

from widget.config.products import Product
from widget.i18n.messages import Words
from widget.pages.samples import Sample
from widget.tools.markup import Element, Slip, parse, slips


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
    def root(self) -> Element:
        """What is in it."""
        return parse(self.html)

    @cached_property
    def slips(self) -> tuple[Slip, ...]:
        """The tags in it that are wrong."""
        return slips(self.html)

    @property
    def is_form(self) -> bool:
        """Whether it has the form."""
        return self.template == "form.html"
