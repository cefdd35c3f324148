"""Insider Connect's address and the account there."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from widget.config import validators
from widget.config.topic import Topic


class UpstreamSettings(Topic):
    """Insider Connect."""

    insider_url: Annotated[
        str, AfterValidator(validators.insider_url), Field(description="Insider Connect's base address.")
    ]
    insider_allow_http: Annotated[
        bool,
        Field(
            description="Whether `INSIDER_URL` may be plain http on another host. The client secret and people's words "
            "then go out unencrypted: for a sandbox in a network of its own."
        ),
    ] = False
    insider_ca: Annotated[
        Path | None,
        AfterValidator(validators.authorities),
        Field(
            description="A PEM file with authorities of your own, which are trusted for `INSIDER_URL` besides the "
            "public ones. Without it, only those."
        ),
    ] = None
    insider_client_id: Annotated[str, Field(min_length=1, description="The account's client id.")]
    insider_client_secret: Annotated[SecretStr, Field(min_length=1, description="The account's client secret.")]
