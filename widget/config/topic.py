"""The base of every topic of settings."""

import re
from typing import Annotated, Any, Literal, get_origin

from pydantic import BaseModel, BeforeValidator, ByteSize, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

_SIZE = re.compile(r"[0-9_]+(\.[0-9]+)?\s*[a-z]*", re.IGNORECASE)


def _whole_size(value: Any) -> Any:
    """`ByteSize` reads as far as it understands: of `1,000` it would make one byte."""
    if isinstance(value, str) and not _SIZE.fullmatch(value):
        raise PydanticCustomError("byte_size", "no size")
    return value


Bytes = Annotated[ByteSize, BeforeValidator(_whole_size), Field(ge=0, lt=1 << 63)]
"""A number of bytes, also written such as 500MB or 1GiB."""
Seconds = Annotated[float, Field(ge=0, le=90 * 86_400, allow_inf_nan=False)]
"""A period. Nothing that is kept waiting for longer than `RETRY_DAYS` may be would be noticed by anybody."""


class Topic(BaseModel):
    """Settings that belong together. Each field's name is that of its environment variable, in lower case."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _in_small_letters(cls, value: Any, info: ValidationInfo) -> Any:
        """A choice may be written in capitals, as LOG_LEVEL often is."""
        field = cls.model_fields.get(info.field_name or "")
        is_choice = field is not None and get_origin(field.annotation) is Literal
        return value.strip().lower() if is_choice and isinstance(value, str) else value
