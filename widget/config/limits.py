"""What a client and a product may send, and what tells a person from a program."""

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
            description="Submissions a client may make, per product, in the notation of the `limits` library; "
            "`off` for none."
        ),
    ] = "20/minute; 200/hour"
    rate_limit_unmarked: Annotated[
        str,
        AfterValidator(validators.rate_limit),
        Field(
            description="The same for requests that say neither `Sec-Fetch-Site` nor `Origin`, as no browser of today "
            "does; `off`, also by `RATE_LIMIT=off`, for none of its own."
        ),
    ] = "10/minute; 60/hour"
    rate_limit_total: Annotated[
        str,
        AfterValidator(validators.rate_limit),
        Field(
            description="Submissions that a product takes from everybody together; `off`, also by `RATE_LIMIT=off`, "
            "for no limit."
        ),
    ] = "600/minute"
    rate_limit_clients: Annotated[
        int,
        Field(
            ge=1000,
            le=10_000_000,
            description="Counts kept in memory at once, about 400 bytes each; when there are more, the oldest go.",
        ),
    ] = 100_000
    rate_limit_storage: Annotated[
        str,
        AfterValidator(validators.count_storage),
        Field(
            repr=False,
            description="Where the counts are kept: `memory://`, or `redis://…` for several machines.",
        ),
    ] = "memory://"
    connections_per_client: Annotated[
        int,
        Field(
            ge=0,
            le=65_536,
            description="Connections that one client may hold open, except for `TRUSTED_PROXIES`; 0 for no limit.",
        ),
    ] = 64
    min_fill_time: Annotated[
        Seconds,
        Field(description="Seconds between handing out a form and taking it back under which it was no person."),
    ] = 2
    proof_surge: Annotated[
        str,
        AfterValidator(validators.rate_limit),
        Field(
            description="Submissions to a product beyond which its forms ask for a proof of work, for ten minutes; "
            "`off`, also by `RATE_LIMIT=off`, for never."
        ),
    ] = "120/minute"
    proof_cost: Annotated[
        int,
        Field(
            ge=1,
            le=1_000_000,
            description="PBKDF2 iterations of one guess at a proof of work; it takes 256 guesses on average.",
        ),
    ] = 2000
    token_max_age: Annotated[Seconds, Field(ge=60, description="Seconds after which a form has to be renewed.")] = 86400
