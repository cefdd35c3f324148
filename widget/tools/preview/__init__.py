"""A gallery of a product's form in every state, updated while its files are edited, for the team that customises it.

It needs neither a database nor Insider Connect. Whatever is sent here is discarded.
"""

from widget.tools.preview.app import create_preview

__all__ = ["create_preview"]
