"""How the sandbox misbehaves, chosen at run time.

| mode | what the caller sees |
|---|---|
| `down` | connection refused: the API's port is closed, for `seconds` or until recovery |
| `slow` | the request is processed at once, the answer comes after `seconds` or at recovery |
| `drip` | the same, but the answer trickles in byte by byte over `seconds` |
| `status` | `status`, unprocessed, with `retry_after`, `headers` and `body` if given |
| `refuse` | the API's own refusal: 400 with `message` in its envelope, or `invalid_client` at the token endpoint |
| `garbage` | the request is processed, and answered with something that is not JSON |
| `drop_before` | the request is read but not processed, and the connection is closed without an answer |
| `drop_after_accepting` | the request is processed, and the connection is closed without an answer |
| `expire_token` | the token that the request carries has just expired: 401 |
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import BaseModel, Field, TypeAdapter

Target = Literal["token", "create", "attach", "all"]
Mode = Literal[
    "down",
    "slow",
    "drip",
    "status",
    "refuse",
    "garbage",
    "drop_before",
    "drop_after_accepting",
    "expire_token",
]


class Misbehaviour(BaseModel, frozen=True, extra="forbid"):
    """One way to misbehave. It lets `skip` requests pass, then affects `times` of them, or all until recovery."""

    mode: Mode
    target: Target = "all"
    times: int | None = Field(default=None, ge=1)
    skip: int = Field(default=0, ge=0)
    seconds: float | None = Field(default=None, ge=0, le=3600)
    status: int = Field(default=503, ge=200, le=599)
    retry_after: int | str | None = None
    headers: Mapping[str, str] = {}
    body: str | None = None
    message: str = "Contact Consent is required."


class _Live:
    """A misbehaviour, with the number of requests that it still lets pass and still affects."""

    def __init__(self, misbehaviour: Misbehaviour) -> None:
        self.misbehaviour = misbehaviour
        self.skip = misbehaviour.skip
        once = misbehaviour.mode == "expire_token" and misbehaviour.times is None
        self.times = 1 if once else misbehaviour.times

    def strikes(self, kind: str) -> bool:
        if self.misbehaviour.target not in ("all", kind) or self.times == 0:
            return False
        if self.misbehaviour.mode == "expire_token" and kind == "token":
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Faults:
    """The misbehaviours in force. The first that matches a request is applied."""

    def __init__(self) -> None:
        self._live: list[_Live] = []
        self.recovery = asyncio.Event()
        """Set at the next recovery. Whoever is held takes it along with the fault: it may come before they wait."""

    def set(self, misbehaviours: Iterable[Misbehaviour]) -> None:
        """Replace those in force."""
        self._live = [_Live(misbehaviour) for misbehaviour in misbehaviours]

    def recover(self) -> None:
        """End those in force, and let go what waits for it."""
        self.set([])
        self.recovery.set()
        self.recovery = asyncio.Event()

    def take(self, kind: str) -> Misbehaviour | None:
        """The misbehaviour for this request, if any. Counts as applied."""
        return next((live.misbehaviour for live in self._live if live.strikes(kind)), None)

    @property
    def in_force(self) -> list[Misbehaviour]:
        """Those that may still be applied."""
        return [live.misbehaviour for live in self._live if live.times != 0]


_adapter: TypeAdapter[Misbehaviour | list[Misbehaviour]] = TypeAdapter(Misbehaviour | list[Misbehaviour])


def parse(document: bytes) -> list[Misbehaviour]:
    """Read one misbehaviour or a list of them from JSON. Raises ValueError, which says what is wrong."""
    read = _adapter.validate_json(document)
    return read if isinstance(read, list) else [read]
