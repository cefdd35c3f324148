"""Where the service listens, which proxies it trusts, and how long it waits."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from widget.config import validators
from widget.config.topic import Seconds, Topic


class NetworkSettings(Topic):
    """Network."""

    public_url: Annotated[
        Annotated[str, AfterValidator(validators.public_url)] | None,
        Field(
            description="The address that browsers use for this service, including its path, if it has one, such as "
            "`https://www.example.com/feedback`. Without it, taken from each request, with the `X-Forwarded-Prefix` of "
            "trusted proxies."
        ),
    ] = None
    host: Annotated[str, Field(min_length=1, description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="The port to listen on.")] = 8000
    worker_port: Annotated[
        int | None,
        Field(
            ge=0,
            le=65535,
            description="The port on which `widget worker` answers `/healthz` and `/readyz`; without it, none.",
        ),
    ] = None
    web_concurrency: Annotated[
        int, Field(ge=1, le=256, description="Number of web processes. More than one needs PostgreSQL.")
    ] = 1
    trusted_proxies: Annotated[
        tuple[str, ...],
        BeforeValidator(validators.networks),
        Field(description="Addresses or networks of proxies whose `X-Forwarded-*` headers are trusted."),
    ] = ()
    header_timeout: Annotated[
        Seconds, Field(gt=0, le=600, description="Seconds within which a request's headers have to arrive.")
    ] = 10
    keep_alive: Annotated[
        int, Field(ge=1, le=600, description="Seconds that an idle connection is kept open between requests.")
    ] = 5
    read_timeout: Annotated[
        Seconds, Field(gt=0, description="Seconds without a byte after which an upload is aborted.")
    ] = 20
    body_timeout: Annotated[Seconds, Field(gt=0, description="Seconds that a whole upload may take.")] = 600
    shutdown_grace: Annotated[
        Seconds,
        Field(le=3600, description="Seconds that a shutdown waits for requests and calls in progress; then it ends."),
    ] = 20
    shutdown_delay: Annotated[
        Seconds,
        Field(
            le=3600,
            description="Seconds for which a service that is stopped still accepts requests, while `/readyz` already "
            "answers 503, so that a load balancer sends no more requests.",
        ),
    ] = 0
    hsts: Annotated[
        int,
        Field(
            ge=0,
            description="Seconds of `Strict-Transport-Security` in answers over TLS; 0 leaves the header out.",
        ),
    ] = 31_536_000
