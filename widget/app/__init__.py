"""Puts all parts of the service together: the web application, and a worker without it."""
