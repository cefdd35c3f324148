"""A rendered page, as the checks are given it: pure values, so that each check is a function of one."""

from dataclasses import dataclass
from functools import cached_property

from widget.markup import Element, parse
from widget.products import Product
from widget.states import Sample
from widget.words import Words


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

    @property
    def is_form(self) -> bool:
        """Whether it has the form."""
        return self.template == "form.html"
