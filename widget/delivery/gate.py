"""A gate for each account, which holds rows back while trying is pointless."""

from collections.abc import Callable

from widget.delivery.suspects import Suspects
from widget.insider.outcomes import Misconfigured, NotProcessed, Outcome, Refused, Unknown

FAILURES_TO_SHUT = 5
"""Consecutive calls without a connection, or without an answer that says what was done, after which an account's gate
shuts."""
SERIES = 16
"""Rows that are tried one after the other while each is told for the first time that the account is wrong."""
_LONGEST = 900.0
"""Seconds between two rows that are tried while calls themselves fail, at most."""


class Gate:
    """Holds an account's rows back while trying is pointless. Times are the `clock`'s, in seconds.

    It shuts after `FAILURES_TO_SHUT` consecutive failures, or at once if the account or the address is wrong or Insider
    Connect asks to wait. While it is shut, it admits one caller every `probe_every` seconds. That caller is the probe;
    its success opens the gate.

    A row whose outcome is unknown is tried only once more, so such an outage must not use up row after row where few
    arrive: if nothing has got through for `probe_every` seconds, the second one in a row is enough. Nor must the
    probes: after one whose outcome is unknown, the gate stays shut for as long again as it has been.

    A row that is told that the account is wrong may be the only one that is not let pass, and anybody may send many
    such rows. So the next row that was never told so need not wait: there is a series of up to `SERIES` of them.
    """

    def __init__(self, probe_every: float, clock: Callable[[], float]) -> None:
        self._probe_every = probe_every
        self._clock = clock
        self._failures = 0
        self.pauses = 0
        """How often in a row Insider Connect has asked to wait."""
        self._next_probe = self._last_resort = 0.0
        self._shut_since = 0.0
        self._doubts = 0
        self._told = 0
        self.wants_another = False
        """Whether a series goes on as soon as there is another row for it."""
        self._passed_at = clock()
        self.reason: str | None = None
        self.in_doubt = False
        """Whether the calls themselves failed, so that a token alone says little."""
        self.suspects = Suspects()

    @property
    def shut(self) -> bool:
        """Whether rows are being held back."""
        return self.reason is not None

    @property
    def wants_late_row(self) -> bool:
        """Whether the next probe should be the row that became due last. Each second one is, while calls themselves
        fail: somebody may have sent many rows whose calls fail, and others come later."""
        return self.in_doubt and self._doubts % 2 == 1

    @property
    def opens_in(self) -> float:
        """Seconds until a row may pass; 0 if it may now."""
        return self.opens_for(doubtful=False)

    def opens_for(self, *, doubtful: bool) -> float:
        """The same for a row. While calls themselves fail, one that is `doubtful`, because its outcome has been unknown
        before, leaves the probe to others that come in time: another unknown outcome would be its last."""
        at = self._last_resort if doubtful and self.in_doubt else self._next_probe
        return max(0.0, at - self._clock()) if self.shut else 0.0

    def admit(self, row: str = "", *, doubtful: bool = False) -> bool:
        """Whether a row may be tried now. If the gate is shut, the admitted caller is the only probe of the period, or
        until the series goes on."""
        is_next = self.wants_another and row not in self.suspects
        if self.opens_for(doubtful=doubtful) and not is_next:
            return False
        if self.shut:
            self._next_probe = self._clock() + self._probe_every
            self.wants_another = False
        return True

    def readmit(self) -> None:
        """The probe found nothing to try, so the next caller becomes the probe instead."""
        self._next_probe = self._clock()

    def stay_shut(self, reason: str) -> None:
        """The probe found out, without trying a row, that trying is still pointless."""
        self._shut(reason)

    def note(self, outcome: Outcome, pause: float = 0.0) -> bool:
        """Learn from an outcome. Returns True if this opened or shut the gate. `pause` is for how many seconds a busy
        account is left alone."""
        was = self.shut
        match outcome:
            case Misconfigured(reason, by_token=by_token):
                self._shut(reason)
                is_new = self.suspects.latest_is_new and not by_token
                self._told = (self._told + 1) % SERIES if is_new else 0
                self.wants_another = self._told > 0
            case NotProcessed(reason, busy=True):
                self.pauses += 1
                self._shut(reason)
                self._next_probe = self._clock() + pause
            case NotProcessed(reason, _, unreachable=True) | Unknown(reason):
                self._failures += 1
                is_long = isinstance(outcome, Unknown) and self._clock() - self._passed_at > self._probe_every
                if self._failures >= (2 if is_long else FAILURES_TO_SHUT):
                    self._shut(reason, in_doubt=isinstance(outcome, Unknown))
            case Refused(_, None):
                pass  # no call was made
            case _:
                self._passed_at = self._clock()
                self.open()
        return was != self.shut

    def open(self) -> None:
        """Let rows pass again."""
        self._failures = self.pauses = self._told = self._doubts = 0
        self.reason = None
        self.wants_another = False

    def _shut(self, reason: str, *, in_doubt: bool = False) -> None:
        now = self._clock()
        if self.reason is None:
            self._shut_since = now
        self.reason = reason
        self.in_doubt = in_doubt
        self._doubts += in_doubt
        self.wants_another = False
        shut_for = min(now - self._shut_since, _LONGEST) if in_doubt else 0.0
        self._next_probe = now + max(self._probe_every, shut_for)
        self._last_resort = self._next_probe + self._probe_every
