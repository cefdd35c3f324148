"""What a call to Insider Connect can come to: one of a few outcomes, each saying whether a repeat is safe."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Created:
    """The feedback is there, under this id; None where the answer names none, and it must not be made again."""

    feedback_id: int | None


@dataclass(frozen=True, slots=True)
class Attached:
    """All files of the request are there."""


@dataclass(frozen=True, slots=True)
class Refused:
    """It was looked at and will not be taken, for these reasons (Insider Connect's own words; may be empty). `status`
    is None where it was not even asked."""

    reasons: tuple[str, ...]
    status: int | None


@dataclass(frozen=True, slots=True)
class NotProcessed:
    """Nothing was done, so a repeat is safe. `retry_after` is in seconds, if Insider Connect named a time.
    `unreachable` tells that no connection came about, `busy` that Insider Connect asks the account to wait."""

    reason: str
    retry_after: float | None = None
    unreachable: bool = False
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can know whether it was done."""

    reason: str


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """The account or the address is wrong: nothing will go through until a person fixes it."""

    reason: str


Outcome = Created | Attached | Refused | NotProcessed | Unknown | Misconfigured
