"""The base of every topic of settings."""

from typing import Annotated, Any, Literal, get_origin

from pydantic import BaseModel, ByteSize, ConfigDict, Field, ValidationInfo, field_validator

Bytes = Annotated[ByteSize, Field(ge=0)]
"""A number of bytes, also written such as 500MB or 1GiB."""
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


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
