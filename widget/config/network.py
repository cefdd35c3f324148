"""Where the service listens, whom it believes, and how long it waits."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from widget.config import validators
from widget.config.topic import Seconds, Topic


class NetworkSettings(Topic):
    """Network."""

    public_url: Annotated[
        Annotated[str, AfterValidator(validators.public_url)] | None,
        Field(description="The address browsers use for this service; without it, taken from the request."),
    ] = None
    host: Annotated[str, Field(min_length=1, description="The address it listens on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="The port it listens on.")] = 8000
    web_concurrency: Annotated[
        int, Field(ge=1, le=256, description="How many web processes; above 1 it needs PostgreSQL.")
    ] = 1
    trusted_proxies: Annotated[
        tuple[str, ...],
        BeforeValidator(validators.networks),
        Field(description="Addresses or networks whose `X-Forwarded-*` headers are believed."),
    ] = ()
    header_timeout: Annotated[
        Seconds, Field(gt=0, le=600, description="Seconds within which a request's head has to be there.")
    ] = 10
    keep_alive: Annotated[
        int, Field(ge=1, le=600, description="Seconds that a connection is kept open between two requests.")
    ] = 5
    read_timeout: Annotated[
        Seconds, Field(gt=0, description="Seconds without a byte after which an upload is given up.")
    ] = 20
    body_timeout: Annotated[Seconds, Field(gt=0, description="Seconds that a whole upload may take.")] = 600
    shutdown_grace: Annotated[Seconds, Field(description="Seconds that a stop waits for what is being sent.")] = 20
    hsts: Annotated[
        int,
        Field(
            ge=0,
            description="Seconds for which browsers are told to come back over TLS alone, once they came over it; "
            "0 for none.",
        ),
    ] = 31_536_000
