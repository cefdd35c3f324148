"""What is wrong with a setting, as the operator reads it: pydantic's findings in our own words."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

_SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda _: "is not set; it is required",
    "extra_forbidden": lambda _: "is not a setting of a product",
    "value_error": lambda said: str(said["error"]),
    "int_parsing": lambda _: "give a whole number",
    "int_type": lambda _: "give a whole number",
    "int_from_float": lambda _: "give a whole number",
    "int_parsing_size": lambda _: "give a smaller number",
    "float_parsing": lambda _: "give a number",
    "float_type": lambda _: "give a number",
    "finite_number": lambda _: "give a number that is not infinite",
    "bool_parsing": lambda _: "give true or false",
    "bool_type": lambda _: "give true or false",
    "literal_error": lambda said: f"give one of {said['expected']}".replace("'", "`"),
    "greater_than": lambda said: f"give more than {_number(said['gt'])}",
    "greater_than_equal": lambda said: f"give at least {_number(said['ge'])}",
    "less_than": lambda said: f"give less than {_number(said['lt'])}",
    "less_than_equal": lambda said: f"give at most {_number(said['le'])}",
    "string_type": lambda _: "give a text in quotes",
    "string_too_short": lambda said: f"give at least {_count(said['min_length'], 'character')}",
    "string_too_long": lambda said: f"give at most {_count(said['max_length'], 'character')}",
    "too_short": lambda said: f"give at least {_count(said['min_length'], *_parts(said))}",
    "too_long": lambda said: f"give at most {_count(said['max_length'], *_parts(said))}",
    "tuple_type": lambda _: 'give a list, such as ["one", "two"]',
    "list_type": lambda _: 'give a list, such as ["one", "two"]',
    "dict_type": lambda _: "give a table, such as {name = value}",
    "model_type": lambda _: "give a table, such as {name = value}",
    "dataclass_type": lambda _: "give a table, such as {name = value}",
    "path_type": lambda _: "give a path",
}


def sentence(error: Mapping[str, Any]) -> str:
    """What is wrong, and what to give instead. `error` is one of pydantic's `ValidationError.errors()`."""
    said = _SENTENCES.get(error["type"])
    return said(error.get("ctx", {})) if said else "has a value that cannot be used; see docs/settings.md"


def suggestion(name: str, known: list[str]) -> str:
    """A known name that is nearly `name`, as the end of a sentence; empty if there is none."""
    near = get_close_matches(name, known, n=1, cutoff=0.85)
    return f"; did you mean {near[0]}?" if near else ""


def _number(value: float) -> str:
    return f"{value:g}" if abs(value) < 1e6 else f"{value:,.0f}".replace(",", "")


def _parts(said: Mapping[str, Any]) -> tuple[str, str]:
    """What a value has too few or too many of: pydantic calls a secret a "Value"."""
    return ("character", "characters") if said.get("field_type") == "Value" else ("entry", "entries")


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
