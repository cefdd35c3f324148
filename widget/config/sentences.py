"""Turns pydantic's errors into sentences for the operator: what is wrong with a setting, and how to fix it."""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

_WHOLE = "is not a whole number; give digits only, such as 30"
_NUMBER = "is not a finite number; give one such as 2.5"
_BYTES = "is not a number of bytes; give digits, or a size such as 500MB or 1GiB"
_SWITCH = "is neither true nor false; give one of the two"
_LIST = 'is not a list; write one such as ["one", "two"]'
_TABLE = "is not a table; write one such as {name = value}"

_SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda _: "is not set; it is required",
    "extra_forbidden": lambda _: "is not a setting of a product",
    "value_error": lambda context: str(context["error"]),
    "int_parsing": lambda _: _WHOLE,
    "int_type": lambda _: _WHOLE,
    "int_from_float": lambda _: _WHOLE,
    "int_parsing_size": lambda _: "is too large; give a smaller number",
    "float_parsing": lambda _: _NUMBER,
    "float_type": lambda _: _NUMBER,
    "finite_number": lambda _: _NUMBER,
    "byte_size": lambda _: _BYTES,
    "byte_size_unit": lambda _: _BYTES,
    "bool_parsing": lambda _: _SWITCH,
    "bool_type": lambda _: _SWITCH,
    "literal_error": lambda context: f"is not one of the choices; give {context['expected']}".replace("'", "`"),
    "greater_than": lambda context: f"is too small; give more than {_number(context['gt'])}",
    "greater_than_equal": lambda context: f"is too small; give at least {_number(context['ge'])}",
    "less_than": lambda context: f"is too large; give less than {_number(context['lt'])}",
    "less_than_equal": lambda context: f"is too large; give at most {_number(context['le'])}",
    "string_type": lambda _: "is not a text; write it in quotes",
    "string_unicode": lambda _: "is not UTF-8 text; write it again",
    "string_too_short": lambda context: f"is too short; give at least {_count(context['min_length'], 'character')}",
    "string_too_long": lambda context: f"is too long; give at most {_count(context['max_length'], 'character')}",
    "too_short": lambda context: f"is too short; give at least {_count(context['min_length'], *_parts(context))}",
    "too_long": lambda context: f"is too long; give at most {_count(context['max_length'], *_parts(context))}",
    "tuple_type": lambda _: _LIST,
    "list_type": lambda _: _LIST,
    "dict_type": lambda _: _TABLE,
    "model_type": lambda _: _TABLE,
    "dataclass_type": lambda _: _TABLE,
    "path_type": lambda _: "is not a path; write one in quotes",
}
"""By pydantic's error type: what is wrong, and what to give instead. None repeats the value: it may be a secret."""


def sentence(error: Mapping[str, Any]) -> str:
    """What is wrong, and how to fix it. `error` is an entry of pydantic's `ValidationError.errors()`."""
    words = _SENTENCES.get(error["type"])
    return words(error.get("ctx", {})) if words else "has a value that cannot be used; see docs/settings.md"


def near(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The known name closest to `name`, whatever the case; empty if none is close. `cutoff` is difflib's, 0 … 1."""
    names = {each.lower(): each for each in known}
    found = get_close_matches(name.lower(), names, n=1, cutoff=cutoff)
    return names[found[0]] if found else ""


def suggestion(name: str, known: Iterable[str], cutoff: float = 0.85) -> str:
    """The end of a sentence that suggests the known name closest to `name`; empty if none is close."""
    hint = near(name, known, cutoff)
    return f"; did you mean {hint}?" if hint else ""


def _number(value: float) -> str:
    return f"{value:g}" if abs(value) < 1e6 else f"{value:,.0f}".replace(",", "")


def _parts(context: Mapping[str, Any]) -> tuple[str, str]:
    """The unit in which a value is too short or too long. Pydantic's name for a secret is "Value"."""
    return ("character", "characters") if context.get("field_type") == "Value" else ("entry", "entries")


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
