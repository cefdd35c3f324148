"""What every topic of settings is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Topic(BaseModel):
    """Some settings that belong together. Names are those of the environment, in small letters."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
