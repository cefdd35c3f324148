"""A gallery of a product's form in every state, live while its files are edited. For the team that makes it its own.

It needs neither a database nor Insider Connect: whatever is sent here goes nowhere.
"""

from widget.tools.preview.app import create_preview

__all__ = ["create_preview"]
