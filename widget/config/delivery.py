"""Delivery to Insider Connect: how much at once, when again, and what happens when nobody can know."""

from typing import Annotated, Literal

from pydantic import Field

from widget.config.topic import Seconds, Topic


class DeliverySettings(Topic):
    """Delivery."""

    delivery_wait: Annotated[
        Seconds,
        Field(
            le=30,
            description="Seconds that Send waits for Insider Connect's own answer before it is thanked for a stored "
            "submission.",
        ),
    ] = 2.5
    web_delivers: Annotated[
        bool,
        Field(description="Whether web processes deliver too; if not, `widget worker` has to, and Send does not wait."),
    ] = True
    delivery_concurrency: Annotated[
        int, Field(ge=1, le=256, description="Submissions on their way to Insider Connect at once.")
    ] = 16
    delivery_timeout: Annotated[
        Seconds, Field(gt=0, le=90, description="Seconds that one call to Insider Connect may take in all.")
    ] = 60
    lease: Annotated[
        Seconds,
        Field(
            gt=0,
            description="Seconds that a process has a submission to itself; after that it counts as dead, and what it "
            "was sending as unknown. A call may take three quarters of it.",
        ),
    ] = 120
    retry_min: Annotated[
        Seconds,
        Field(gt=0, description="Seconds within which the first repeat of an attempt falls; then twice as many."),
    ] = 5
    retry_max: Annotated[Seconds, Field(gt=0, description="Seconds within which any repeat of an attempt falls.")] = 900
    retry_days: Annotated[
        float,
        Field(gt=0, le=90, description="Days that a submission is tried before it is left to the operator."),
    ] = 7
    probe_interval: Annotated[
        Seconds,
        Field(gt=0, description="Seconds between two probes while Insider Connect cannot be reached or refuses us."),
    ] = 30
    sweep_interval: Annotated[
        Seconds,
        Field(gt=0, description="Seconds between two looks for rows that are due and that nobody holds."),
    ] = 30
    unknown_policy: Annotated[
        Literal["retry", "park"],
        Field(
            description="What happens to a submission when nobody can know whether Insider Connect took it: `retry` "
            "(once, flagged as a possible duplicate) or `park` (left to the operator)."
        ),
    ] = "retry"
    unknown_hold: Annotated[Seconds, Field(description="Seconds before such a submission is tried once more.")] = 900
