"""What one render may use up: steps, characters, and processor time.

A bound on time alone would not do: a text that is doubled thirty times fills the memory before the time is over.
"""

import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any

from widget.errors import WidgetError

MAX_STEPS = 20_000
"""Turns of loops, calls, filters and pieces of output in one render. The form takes some hundreds."""
MAX_SIZE = 2_000_000
"""Characters and items of everything that one render writes or calculates, put together."""
MAX_VALUE = 100_000
"""Characters or items of one value."""
MAX_TIME = 0.25
"""Seconds of processor time that one render may take; ours takes some thousandths."""
MAX_COMPILE = 3.0
"""Seconds of processor time beside it in which the files of one render are compiled, which comes once; ours take some
hundredths."""


class BudgetSpent(WidgetError):
    """A template wants more than a page may take."""


class Budget:
    """What one render, or one file that is compiled, may still spend."""

    def __init__(self, seconds: float = MAX_TIME) -> None:
        self._seconds = seconds
        self._steps = MAX_STEPS
        self._size = MAX_SIZE
        self._end = time.thread_time() + seconds
        self._compiling = MAX_COMPILE

    def step(self) -> None:
        self._steps -= 1
        if self._steps < 0:
            raise BudgetSpent(f"it takes more than {MAX_STEPS} steps: is there a loop without an end?")
        if self._steps % 8 == 0 and time.thread_time() > self._end:
            raise BudgetSpent(f"it takes more than {self._seconds:g} seconds")

    def pay(self, size: int) -> None:
        self._size -= size
        if self._size < 0:
            raise BudgetSpent(f"it makes more than {MAX_SIZE} characters and items")

    def compiled(self, seconds: float) -> None:
        """A file was compiled meanwhile: that is paid for apart."""
        self._end += seconds
        self._compiling -= seconds
        if self._compiling < 0:
            raise BudgetSpent(f"its files take more than {MAX_COMPILE:g} seconds to compile")


current: ContextVar[Budget] = ContextVar("budget")


def step() -> None:
    if budget := current.get(None):
        budget.step()


def bounded(value: Any) -> Any:
    """A value that was calculated, as long as it is small, and paid for."""
    if isinstance(value, str | list | tuple | dict):
        if len(value) > MAX_VALUE:
            raise BudgetSpent(f"a value has more than {MAX_VALUE} characters or items")
        if budget := current.get(None):
            budget.pay(len(value))
    if isinstance(value, int) and value.bit_length() > 1024:
        raise BudgetSpent("a number is too large")
    return value


def paid(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that costs a step, and whose result is bounded."""

    @wraps(function)  # takes along what Jinja has marked it with
    def paid(*args: Any, **kwargs: Any) -> Any:
        step()
        return bounded(function(*args, **kwargs))

    return paid
