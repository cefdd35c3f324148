"""Insider Connect on a laptop: its documented API as a real server that records everything and misbehaves on demand.

The API's document is the only authority. What it shows is answered literally; what it leaves open is answered in the
same manner (see `api`). The sandbox uses nothing of the widget, so that a fault of one cannot hide a fault of the
other.
"""

from widget.sandbox.server import accounts_from, serve

__all__ = ["accounts_from", "serve"]
