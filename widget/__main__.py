"""`python -m widget` is the command `widget`."""

from widget.cli import main

main()
