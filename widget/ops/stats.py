"""Usage figures, computed from counts that hold nothing personal. `widget stats` and `/ops` share these pure
functions."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from widget.outbox.tally import Count

EVENTS = ("accepted", "delivered", "refused")
"""The events that the figures are computed from."""
By = Literal["product", "locale", "hour", "day", "week"]
UNKNOWN_LOCALE = "unknown"


@dataclass(slots=True)
class Figures:
    """The submissions of one product, language or period. `took` counts deliveries by duration: each key is the upper
    bound of a bucket, in seconds."""

    submissions: int = 0
    up: int = 0
    down: int = 0
    with_files: int = 0
    delivered: int = 0
    refused: int = 0
    took: defaultdict[float, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def share_up(self) -> float | None:
        """The share of thumbs up among all thumbs, 0 to 1; None without thumbs."""
        return self.up / (self.up + self.down) if self.up or self.down else None

    def took_at_most(self, share: float) -> float | None:
        """The number of seconds within which this share (0 to 1) of the deliveries was made; None without deliveries.
        An estimate: within a bucket, durations count as evenly spread."""
        wanted, seen, lower = share * sum(self.took.values()), 0, 0.0
        for upper, count in sorted(self.took.items()):
            if seen + count >= wanted:
                is_open = upper == float("inf")
                return lower if is_open else lower + (upper - lower) * (wanted - seen) / count
            seen, lower = seen + count, upper
        return None

    def add(self, count: Count) -> None:
        """Count one more event."""
        key, number = count.key, count.amount.number
        if key.event == "accepted":
            self.submissions += number
            self.up += number if key.rating == "up" else 0
            self.down += number if key.rating == "down" else 0
            self.with_files += number if key.files else 0
        elif key.event == "delivered":
            self.delivered += number
            self.took[float(key.detail)] += number
        elif key.event == "refused":
            self.refused += number


def group(counts: Iterable[Count], by: By) -> Mapping[str, Figures]:
    """Figures grouped by `by` and sorted by name. Deliveries are not counted by locale, so those are zero there."""
    figures: defaultdict[str, Figures] = defaultdict(Figures)
    for count in counts:
        if by != "locale" or count.key.event == "accepted":
            figures[_NAMES[by](count)].add(count)
    return dict(sorted(figures.items()))


def period(by: By, at: float) -> str:
    """The name of the hour, day or ISO week of a time in Unix seconds, in UTC. Names sort by time."""
    moment = datetime.fromtimestamp(at, UTC)
    if by == "week":
        year, week, _ = moment.isocalendar()
        return f"{year}-W{week:02}"
    return moment.strftime("%Y-%m-%d %H:00" if by == "hour" else "%Y-%m-%d")


_NAMES: Mapping[By, Callable[[Count], str]] = {
    "product": lambda count: count.key.product,
    "locale": lambda count: count.key.locale or UNKNOWN_LOCALE,
    "hour": lambda count: period("hour", count.hour),
    "day": lambda count: period("day", count.hour),
    "week": lambda count: period("week", count.hour),
}
