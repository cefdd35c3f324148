"""A product's pages in a real browser: what only computed styles can tell. `widget check --browser`."""

from widget.tools.browser.look import Missing, look

__all__ = ["Missing", "look"]
