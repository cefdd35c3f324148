"""Fuzzing: `python -m fuzz TARGET`. `make fuzz` uses it, and so does a short run in the tests."""
