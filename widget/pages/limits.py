"""What a template may use: processor time for a render, and characters or items for a value.

The limits catch slips: a loop without an end, a text that doubles with each turn. They are no defence against the
people who write the templates, who are as trusted as those who write the settings.
"""

import time
from contextvars import ContextVar
from typing import Any

from widget.errors import WidgetError

MAX_SECONDS = 0.25
"""Processor time of one render. Ours takes some thousandths of a second."""
MAX_VALUE = 100_000
"""Characters or items of one value that a template calculates."""
MAX_PAGE = 2_000_000
"""Characters of one page."""
_MAX_BITS = 1024


class LimitExceeded(WidgetError):
    """A template uses more than a page may."""


class Deadline:
    """The processor time of this thread at which a render is given up."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.thread_time() + seconds

    def check(self) -> None:
        """Raises LimitExceeded once the time is over."""
        if time.thread_time() > self._end:
            raise LimitExceeded(f"it takes more than {self._seconds:g} seconds: is there a loop without an end?")

    def extend(self, seconds: float) -> None:
        self._end += seconds


deadline: ContextVar[Deadline] = ContextVar("deadline")
"""That of the render in progress."""


def check_time() -> None:
    """Raises LimitExceeded once the render in progress has used up its time."""
    if current := deadline.get(None):
        current.check()


def bounded(value: Any) -> Any:
    """The value, as it is. Raises LimitExceeded where it is too large."""
    if isinstance(value, str | list | tuple | dict) and len(value) > MAX_VALUE:
        raise LimitExceeded(f"a value has more than {MAX_VALUE} characters or items")
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        raise LimitExceeded("a number is too large")
    return value
