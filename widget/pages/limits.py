"""What a template may use: processor time for a render, and characters or items for a value.

The limits catch mistakes, such as an endless loop or a text that doubles each time. They are no defence against the
authors of templates, who are as trusted as the authors of settings.
"""

import time
from contextvars import ContextVar
from typing import Any

from widget.errors import WidgetError

MAX_SECONDS = 0.25
"""Seconds of processor time for one render. Ours take a few milliseconds."""
MAX_VALUE = 100_000
"""Characters or items of one value that a template calculates."""
MAX_PAGE = 2_000_000
"""Characters of one page."""
_MAX_BITS = 1024


class LimitExceeded(WidgetError):
    """A template uses more than a page may."""


class Deadline:
    """The processor time of this thread at which a render is aborted.

    To ask for it is a call of the system, which would be a fifth of a render: a template asks at each piece of a page.
    It is asked for once the clock, which costs next to nothing, says that so much time may have been used.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.thread_time() + seconds
        self._earliest = time.monotonic() + seconds

    def check(self) -> None:
        """Raises LimitExceeded once the time is up."""
        if time.monotonic() > self._earliest and time.thread_time() > self._end:
            raise LimitExceeded(f"it takes more than {self._seconds:g} seconds; is there an endless loop?")

    def extend(self, seconds: float) -> None:
        self._end += seconds


deadline: ContextVar[Deadline] = ContextVar("deadline")
"""The deadline of the current render."""


def check_time() -> None:
    """Raises LimitExceeded once the current render has used up its time."""
    if current := deadline.get(None):
        current.check()


def bounded(value: Any) -> Any:
    """Returns the value unchanged. Raises LimitExceeded if it is too large."""
    if isinstance(value, str | list | tuple | dict) and len(value) > MAX_VALUE:
        raise LimitExceeded(f"a value has more than {MAX_VALUE} characters or items")
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        raise LimitExceeded("a number is too large")
    return value
