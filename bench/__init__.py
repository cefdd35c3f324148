"""How fast and how small the widget is, beside what others do and what the machine allows.

`python -m bench` (`make bench`) measures every row of `rows` and writes `docs/performance.md`. All of it runs on this
machine's loopback: each server, the load generator and Insider Connect's stand-in are processes of their own.
"""
