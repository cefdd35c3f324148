"""The outcomes of a call to Insider Connect. Each says whether a repeat is safe."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Created:
    """The feedback exists under this id. The id is None if the answer contains none; a repeat would make a second
    one."""

    feedback_id: int | None


@dataclass(frozen=True, slots=True)
class Attached:
    """Insider Connect has all files of the request."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Insider Connect examined it and will not accept it. `reasons` are its own words, if it gave any.

    `status` is None if the request was not made.
    """

    reasons: tuple[str, ...]
    status: int | None


@dataclass(frozen=True, slots=True)
class NotProcessed:
    """Nothing was done, so a repeat is safe. `retry_after` is the number of seconds that Insider Connect asks for.

    `unreachable`: no connection could be made. `busy`: Insider Connect asks the whole account to wait. `blocked`: this
    submission alone does not get through, while others do.
    """

    reason: str
    retry_after: float | None = None
    unreachable: bool = False
    busy: bool = False
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can know whether it was done."""

    reason: str


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """The account or the address is wrong. Nothing will get through until somebody corrects it.

    `by_token`: the token endpoint said so. Otherwise the answer to a submission did, and may be about that one alone.
    """

    reason: str
    by_token: bool = False


Outcome = Created | Attached | Refused | NotProcessed | Unknown | Misconfigured
