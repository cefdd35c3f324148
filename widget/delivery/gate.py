"""A gate for each account: it keeps rows back while trying is pointless."""

from collections.abc import Callable

from widget.insider.outcomes import Misconfigured, NotProcessed, Outcome

FAILURES_TO_OPEN = 5
"""Connection failures in a row after which an account's gate shuts."""


class Gate:
    """Keeps an account's rows back while trying is pointless. Times are the `clock`'s, in seconds.

    It shuts after `FAILURES_TO_OPEN` failures to connect in a row, or at once when the account or the address is
    wrong, or Insider Connect asks for patience. While it is shut, whoever is admitted every `probe_every` seconds is
    the probe, whose success opens the gate.
    """

    def __init__(self, probe_every: float, clock: Callable[[], float]) -> None:
        self._probe_every = probe_every
        self._clock = clock
        self._failures = 0
        self.pauses = 0
        """How often in a row Insider Connect has asked for patience."""
        self._next_probe = 0.0
        self.reason: str | None = None

    @property
    def shut(self) -> bool:
        """Whether rows are being kept back."""
        return self.reason is not None

    @property
    def opens_in(self) -> float:
        """Seconds until a row may pass: 0 when it may now."""
        return max(0.0, self._next_probe - self._clock()) if self.shut else 0.0

    def admit(self) -> bool:
        """Whether a row may be tried now. If the gate is shut, the caller is the one probe of the period."""
        if self.opens_in:
            return False
        if self.shut:
            self._next_probe = self._clock() + self._probe_every
        return True

    def readmit(self) -> None:
        """The probe found nothing to try: the next caller is the probe in its place."""
        self._next_probe = self._clock()

    def stay_shut(self, reason: str) -> None:
        """The probe learned, without trying a row, that trying is still pointless."""
        self._shut(reason)

    def note(self, outcome: Outcome, pause: float = 0.0) -> bool:
        """Learn from an outcome. True when this changed whether the gate is shut. `pause` is how long a busy account is
        left alone."""
        was = self.shut
        match outcome:
            case Misconfigured(reason):
                self._shut(reason)
            case NotProcessed(reason, busy=True):
                self.pauses += 1
                self._shut(reason)
                self._next_probe = self._clock() + pause
            case NotProcessed(reason, _, unreachable=True):
                self._failures += 1
                if self._failures >= FAILURES_TO_OPEN:
                    self._shut(reason)
            case _:
                self._failures = self.pauses = 0
                self.reason = None
        return was != self.shut

    def _shut(self, reason: str) -> None:
        self.reason = reason
        self._next_probe = self._clock() + self._probe_every
