"""The commands that have more than a few lines; `widget.cli` names them all."""
