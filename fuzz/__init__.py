"""Fuzzing: `python -m fuzz TARGET`, as `make fuzz` and the short run in the tests do."""
