"""Delivery to Insider Connect: concurrency, retries, and what happens when the outcome is unknown."""

from typing import Annotated, Literal

from pydantic import Field

from widget.config.topic import Seconds, Topic


class DeliverySettings(Topic):
    """Delivery."""

    delivery_wait: Annotated[
        Seconds,
        Field(
            le=30,
            description="Seconds that Send waits for Insider Connect's answer. After that the person is thanked for a "
            "stored submission.",
        ),
    ] = 2.5
    web_delivers: Annotated[
        bool,
        Field(description="Whether web processes deliver. If not, `widget worker` does, and Send does not wait."),
    ] = True
    delivery_concurrency: Annotated[
        int, Field(ge=1, le=256, description="Submissions that a process delivers at the same time.")
    ] = 16
    delivery_timeout: Annotated[
        Seconds, Field(gt=0, le=90, description="Seconds that one call to Insider Connect may take in total.")
    ] = 60
    lease: Annotated[
        Seconds,
        Field(
            gt=0,
            description="Seconds for which a process reserves a submission. After that the process counts as dead, "
            "and the outcome of its call as unknown. One call may take up to three quarters of this.",
        ),
    ] = 120
    retry_min: Annotated[
        Seconds,
        Field(gt=0, description="Longest wait in seconds before the first retry; it doubles with each retry."),
    ] = 5
    retry_max: Annotated[Seconds, Field(gt=0, description="Longest wait in seconds before any retry.")] = 900
    retry_days: Annotated[
        float,
        Field(gt=0, le=90, description="Days for which delivery is retried before the operator has to decide."),
    ] = 7
    probe_interval: Annotated[
        Seconds,
        Field(gt=0, description="Seconds between probes while Insider Connect is unreachable or refuses the account."),
    ] = 30
    sweep_interval: Annotated[
        Seconds,
        Field(gt=0, description="Seconds between searches for submissions that are due and that no process holds."),
    ] = 30
    unknown_policy: Annotated[
        Literal["retry", "park"],
        Field(
            description="What happens when nobody can know whether Insider Connect took a submission: `retry` (once, "
            "flagged as a possible duplicate) or `park` (the operator decides)."
        ),
    ] = "retry"
    unknown_hold: Annotated[Seconds, Field(description="Seconds before such a submission is retried.")] = 900
