"""An embeddable feedback widget for Insider Connect."""

__version__ = "0.1.0"
