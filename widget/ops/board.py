"""What the board of `/ops` shows, computed from what the database knows by pure functions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal
from urllib.parse import urlsplit

from widget.ops import charts, stats
from widget.ops.charts import Chart, Series
from widget.ops.words import duration, moment, one_line, seconds
from widget.outbox.accounts import AccountState, Overview, Pile
from widget.outbox.notices import Backlog
from widget.outbox.tally import Count

EVENTS = (*stats.EVENTS, "rejected")
Range = Literal["day", "month", "year"]
RANGES: Mapping[Range, tuple[stats.By, int, float]] = {
    "day": ("hour", 24, 3600.0),
    "month": ("day", 30, 86_400.0),
    "year": ("week", 52, 7 * 86_400.0),
}
"""The ranges to choose from: the step, how many steps, and the length of each in seconds."""
OLDEST = 3600.0
"""Seconds that a submission may wait before it counts as a problem."""
_MOST_REASONS = 4
_TOLD_TWICE = "refused_upstream"
"""The reason of requests that were refused because Insider Connect had just refused them. They are counted already."""
_STATES = {
    "queued": "waiting",
    "sending": "being sent",
    "unknown": "unknown, tried again by itself",
    "parked": "unknown, yours to decide",
    "held": "held back",
    "refused": "refused",
    "discarded": "discarded",
    "expired": "expired: not delivered, and erased",
}


@dataclass(frozen=True, slots=True)
class Account:
    """The state of a product's account, in words. `reason` is None when feedback goes through."""

    product: str
    state: str
    reason: str | None
    since: str
    last_success: str
    waiting: int
    oldest: str


@dataclass(frozen=True, slots=True)
class Line:
    """How many submissions of a product are in a state, and the age of the oldest."""

    product: str
    state: str
    words: str
    count: int
    oldest: str


@dataclass(frozen=True, slots=True)
class EventsState:
    """The state of a product's events, which go to the host `place`. `reason` says why one was not accepted."""

    product: str
    place: str
    waiting: int
    oldest: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn chart, and the same figures as a table: its column heads, and its rows with the newest first."""

    key: str
    title: str
    drawn: str
    legend: Sequence[str]
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Board:
    """Everything that the board shows. `problems` is empty when feedback arrives."""

    problems: list[str]
    accounts: Sequence[Account]
    lines: Sequence[Line]
    events: Sequence[EventsState]
    totals: stats.Figures
    pictures: Sequence[Picture]

    @property
    def verdict(self) -> str:
        """The first sentence that an operator reads."""
        return "Feedback does not arrive" if self.problems else "Feedback arrives"


def problems(overview: Overview, oldest: float = OLDEST) -> Iterator[str]:
    """The reasons why feedback does not arrive, one sentence each."""
    for product, account in overview.accounts.items():
        if account.reason is not None:
            what = "files do not go" if account.is_about_files else "nothing goes"
            yield f"{product}: {what} through since {moment(account.since)}: {one_line(account.reason)}"
    for product, waiting in overview.waiting.items():
        if waiting.oldest > oldest:
            yield f"{product}: the oldest of {waiting.count} waiting has waited for {duration(waiting.oldest)}"


def board(
    products: Sequence[str],
    overview: Overview,
    piles: Sequence[Pile],
    counts: Sequence[Count],
    event_webhooks: Mapping[str, tuple[str, Backlog | None]],
    over: Range,
    now: float,
) -> Board:
    """The board at `now` (Unix seconds). `counts` are those of `EVENTS`, as far back as `over` goes.

    `event_webhooks` holds, by product, the address of its events and the events that wait.
    """
    known = dict.fromkeys([*products, *overview.accounts, *overview.waiting])
    totals = stats.Figures()
    for count in counts:
        totals.add(count)
    return Board(
        list(problems(overview)),
        [_account(product, overview) for product in known],
        [Line(pile.product, pile.state, _STATES[pile.state], pile.count, duration(pile.oldest)) for pile in piles],
        [_events_state(product, *webhook) for product, webhook in event_webhooks.items()],
        totals,
        list(_pictures(counts, over, now)),
    )


def _account(product: str, overview: Overview) -> Account:
    account, waiting = overview.accounts.get(product), overview.waiting.get(product)
    reason = account.reason if account else None
    return Account(
        product,
        "not tried yet" if account is None else _state_of(account),
        one_line(reason) if reason else None,
        moment(account.since) if account else "",
        moment(account.last_success) if account and account.last_success else "never",
        waiting.count if waiting else 0,
        duration(waiting.oldest) if waiting else "",
    )


def _state_of(account: AccountState) -> str:
    if account.reason is None:
        return "ok"
    return "refused" if account.misconfigured else "failing"


def _events_state(product: str, url: str, backlog: Backlog | None) -> EventsState:
    place = urlsplit(url).hostname or ""
    if backlog is None:
        return EventsState(product, place, 0, "", None)
    reason = one_line(backlog.reason) if backlog.reason else None
    return EventsState(product, place, backlog.count, duration(backlog.oldest), reason)


def _pictures(counts: Sequence[Count], over: Range, now: float) -> Iterator[Picture]:
    by, number, step = RANGES[over]
    labels = [stats.period(by, now - step * back) for back in reversed(range(number))]
    grouped = stats.group((count for count in counts if count.key.event != "rejected"), by)
    figures = [grouped.get(label, stats.Figures()) for label in labels]
    yield _picture(
        Chart("submissions", "Submissions", labels, [Series("submissions", [f.submissions for f in figures])])
    )
    up, down = Series("thumbs up", [f.up for f in figures]), Series("thumbs down", [f.down for f in figures])
    yield _picture(Chart("thumbs", "Thumbs up and down", labels, [up, down]))
    took = [Series(f"{share:.0%} within", [f.took_at_most(share) for f in figures]) for share in (0.5, 0.95)]
    yield _picture(Chart("took", "Time until delivered", labels, took, seconds), with_lines=True)
    yield _picture(Chart("refusals", "Refused, by reason", labels, list(_reasons(counts, by, labels))))


def _reasons(counts: Sequence[Count], by: stats.By, labels: Sequence[str]) -> Iterator[Series]:
    """The most frequent reasons, and all others together."""
    by_reason: dict[str, dict[str, int]] = {}
    for count in counts:
        if count.key.event in ("rejected", "refused") and count.key.detail != _TOLD_TWICE:
            detail = count.key.detail or "unknown"
            reason = detail if count.key.event == "rejected" else f"by Insider Connect: {detail}"
            periods = by_reason.setdefault(reason, {})
            period = stats.period(by, count.hour)
            periods[period] = periods.get(period, 0) + count.amount.number
    frequent = sorted(by_reason.items(), key=lambda item: -sum(item[1].values()))
    for reason, periods in islice(frequent, _MOST_REASONS):
        yield Series(reason.replace("_", " "), [periods.get(label, 0) for label in labels])
    if others := frequent[_MOST_REASONS:]:
        yield Series("others", [sum(periods.get(label, 0) for _, periods in others) for label in labels])
    if not frequent:
        yield Series("none", [0] * len(labels))


def _picture(chart: Chart, *, with_lines: bool = False) -> Picture:
    def written(value: float | None) -> str:
        return "-" if value is None else chart.written(value)

    table = [
        [label, *(written(series.values[place]) for series in chart.series)] for place, label in enumerate(chart.labels)
    ]
    some = [row for place, row in enumerate(table) if any(series.values[place] for series in chart.series)]
    return Picture(
        chart.key,
        chart.title,
        charts.lines(chart) if with_lines else charts.bars(chart),
        [series.name for series in chart.series],
        ["UTC", *(series.name for series in chart.series)],
        some[::-1],
    )
