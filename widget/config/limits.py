"""Limits of what a client and a product may send, and the defence against bots."""

from typing import Annotated

from pydantic import AfterValidator, Field

from widget.config import validators
from widget.config.topic import Seconds, Topic


class LimitsSettings(Topic):
    """Limits."""

    rate_limit: Annotated[
        str,
        AfterValidator(validators.rate_limit),
        Field(
            description="Submissions that a client may make, per product, in the notation of the `limits` library; "
            "`off` for no limit."
        ),
    ] = "20/minute; 200/hour"
    rate_limit_network: Annotated[
        str,
        AfterValidator(validators.rate_limit),
        Field(
            description="Submissions that an IPv6 /48 may make, per product: a client is a /64, and a site has many. "
            "`off` for no limit; `RATE_LIMIT=off` turns it off, too."
        ),
    ] = "100/minute; 1000/hour"
    rate_limit_unmarked: Annotated[
        str,
        AfterValidator(validators.rate_limit),
        Field(
            description="An additional limit for requests with neither `Sec-Fetch-Site` nor `Origin`; current browsers "
            "send one of them. `off` for no limit; `RATE_LIMIT=off` turns it off, too."
        ),
    ] = "10/minute; 60/hour"
    rate_limit_total: Annotated[
        str,
        AfterValidator(validators.rate_limit),
        Field(
            description="Submissions that a product accepts from all clients together. `off` for no limit; "
            "`RATE_LIMIT=off` turns it off, too."
        ),
    ] = "600/minute"
    rate_limit_clients: Annotated[
        int,
        Field(
            ge=1000,
            le=10_000_000,
            description="Counters kept in memory, about 400 bytes each; above this number, the oldest are dropped.",
        ),
    ] = 100_000
    rate_limit_storage: Annotated[
        str,
        AfterValidator(validators.count_storage),
        Field(
            repr=False,
            description="Where the counters are kept: `memory://`, or `redis://…` for several machines.",
        ),
    ] = "memory://"
    connections_per_client: Annotated[
        int,
        Field(
            ge=0,
            le=65_536,
            description="Connections that one client may hold open; 0 for no limit. `TRUSTED_PROXIES` have none.",
        ),
    ] = 64
    min_fill_time: Annotated[
        Seconds,
        Field(description="Shortest time in seconds in which a person fills in the form; faster ones are refused."),
    ] = 2
    proof_surge: Annotated[
        str,
        AfterValidator(validators.rate_limit),
        Field(
            description="Rate of submissions to a product above which its forms ask for a proof of work for ten "
            "minutes. `off` for never; `RATE_LIMIT=off` turns it off, too."
        ),
    ] = "120/minute"
    proof_cost: Annotated[
        int,
        Field(
            ge=1,
            le=1_000_000,
            description="PBKDF2 iterations for each guess at a proof of work; it takes 256 guesses on average.",
        ),
    ] = 2000
    token_max_age: Annotated[Seconds, Field(ge=60, description="Seconds for which a form token is valid.")] = 86400
