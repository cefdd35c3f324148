"""`python -m widget` is the command `widget`."""

from widget.cli.main import main

main()
