"""Tells a wrong account from a submission that something in front of Insider Connect does not let pass."""

from collections import OrderedDict

from widget.insider.outcomes import Attached, Created, Misconfigured, NotProcessed, Outcome, Refused

_MOST = 1000
"""Rows of an account that are remembered. While an account is wrong, one is added at each probe."""


class Suspects:
    """The rows of an account that were told that the account or the address is wrong.

    A firewall says so about a text that looks like an attack. Such a row would shut the gate for all others again and
    again, and never end. So if a row is told so again although others got through since the first time, the answer is
    about that row alone. The row itself keeps that for processes that start later.
    """

    latest_is_new = False
    """Whether the row that was told so last was told so for the first time."""

    def __init__(self) -> None:
        self._passed = 0
        self._told: OrderedDict[str, int] = OrderedDict()
        """By row, how many calls had got through when it was told so for the first time."""

    def __contains__(self, row: str) -> bool:
        return row in self._told

    def __len__(self) -> int:
        return len(self._told)

    def judge(self, row: str, outcome: Outcome, *, blocked: bool = False) -> Outcome:
        """What an outcome of `row` means: the same, or that only this row was not processed. `blocked`: that was so the
        last time."""
        match outcome:
            case Misconfigured(reason, by_token=False):
                self.latest_is_new = row not in self
                if self._told.setdefault(row, self._passed) < self._passed or blocked:
                    return NotProcessed(f"{reason}, although other submissions get through", blocked=True)
                if len(self._told) > _MOST:
                    self._told.popitem(last=False)
            case Created() | Attached() | Refused(_, int()):
                self._passed += 1
                self._told.pop(row, None)
        return outcome
