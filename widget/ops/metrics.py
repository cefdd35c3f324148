"""Metrics for Prometheus, computed from what all processes have written to the database, so any process can answer.

The library's own multi-process mode knows only the processes of one machine, and loses all counts at a restart. Labels
are products, codes, states and names of settings, so their number is bounded by the configuration and none is personal.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from widget.outbox.accounts import Overview, Pile
from widget.outbox.processes import Process
from widget.outbox.tally_schema import BOUNDS
from widget.telemetry.counters import Amount, Key


@dataclass(frozen=True, slots=True)
class Known:
    """The figures. `up` says whether the database answered; if not, the rest is empty."""

    up: bool
    totals: Mapping[Key, Amount]
    overview: Overview
    piles: Sequence[Pile]
    processes: Sequence[Process]
    disk_free: int | None


class _Rule(NamedTuple):
    """How the counts of an event become a counter and, if `timed`, a second one of its duration."""

    name: str
    words: str
    labels: tuple[str, ...]
    values: Callable[[Key], tuple[str, ...]]
    timed: bool = False


def _by_product(key: Key) -> tuple[str, ...]:
    return (key.product, key.detail)


def _by_detail(key: Key) -> tuple[str, ...]:
    return (key.detail,)


def _by_request(key: Key) -> tuple[str, ...]:
    method, route, status = key.detail.split(" ")
    return (method, route, status)


def _by_end(key: Key) -> tuple[str, ...]:
    return (key.product, key.event, "" if key.event == "delivered" else key.detail)


_ENDED = _Rule("submissions_ended", "Submissions by outcome.", ("product", "outcome", "reason"), _by_end)
RULES: Mapping[str, _Rule] = {
    "accepted": _Rule(
        "submissions_accepted",
        "Submissions that were stored.",
        ("product", "locale", "rating", "files", "held"),
        lambda key: (key.product, key.locale, key.rating, str(key.files).lower(), key.detail),
    ),
    **dict.fromkeys(("delivered", "refused", "unknown", "discarded"), _ENDED),
    "request": _Rule("http_requests", "Requests.", ("method", "route", "status"), _by_request, timed=True),
    "rejected": _Rule("requests_refused", "Refused requests by code.", ("product", "code"), _by_product),
    "limited": _Rule("limits_reached", "Times that a limit stopped somebody.", ("product", "setting"), _by_product),
    "attempt": _Rule(
        "delivery_attempts", "Calls to Insider Connect by outcome.", ("product", "outcome"), _by_product, timed=True
    ),
    "token": _Rule("token_requests", "Requests for a token by outcome.", ("outcome",), _by_detail),
    "upload": _Rule("upload_bytes", "Bytes of request bodies with submissions.", (), lambda key: ()),
    "file": _Rule("file_checks", "Files that were checked, by verdict.", ("verdict",), _by_detail, timed=True),
    "event": _Rule("events", "Events to products' own systems by outcome.", ("product", "outcome"), _by_product),
    "database_error": _Rule("database_errors", "Times that the database failed.", (), lambda key: ()),
}
"""The events that are counted, and their rules."""


def exposition(known: Known, accept: str) -> tuple[bytes, str]:
    """The metrics in the format that `accept` asks for, and its media type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(list(_families(known))))
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type


class _Families:
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """The families, as the library's registry asks for them."""
        return self._families


def _families(known: Known) -> Iterator[Metric]:
    yield GaugeMetricFamily("widget_database_up", "Whether the database answers.", value=float(known.up))
    yield from _counters(known.totals)
    yield _delivery_times(known.totals)
    yield from _account_states(known.overview)
    yield from _queue(known.piles)
    if known.disk_free is not None:
        yield GaugeMetricFamily("widget_disk_free_bytes", "Bytes left on the outbox's disk.", value=known.disk_free)
    yield from _processes(known.processes)


def _counters(totals: Mapping[Key, Amount]) -> Iterator[Metric]:
    sums: dict[_Rule, defaultdict[tuple[str, ...], Amount]] = {
        rule: defaultdict(lambda: Amount(0)) for rule in RULES.values()
    }
    for key, amount in totals.items():
        if (rule := RULES.get(key.event)) is not None:
            values = rule.values(key)
            sums[rule][values] = sums[rule][values].plus(amount)
    for rule, by_values in sums.items():
        counted = CounterMetricFamily(f"widget_{rule.name}", rule.words, labels=rule.labels)
        took = CounterMetricFamily(f"widget_{rule.name}_seconds", f"{rule.words} Seconds in all.", labels=rule.labels)
        for values, amount in sorted(by_values.items()):
            counted.add_metric(values, amount.number)
            took.add_metric(values, amount.seconds)
        yield counted
        if rule.timed:
            yield took


def _delivery_times(totals: Mapping[Key, Amount]) -> Metric:
    family = HistogramMetricFamily(
        "widget_delivery_seconds", "Time from acceptance until delivery.", labels=["product"]
    )
    products = sorted({key.product for key in totals if key.event == "delivered"})
    for product in products:
        its = {key.detail: amount for key, amount in totals.items() if key[:2] == ("delivered", product)}
        buckets, so_far = [], 0
        for name in (*map(str, BOUNDS), "inf"):
            so_far += its[name].number if name in its else 0
            buckets.append(("+Inf" if name == "inf" else name, so_far))
        family.add_metric([product], buckets, sum(amount.seconds for amount in its.values()))
    return family


def _account_states(overview: Overview) -> Iterator[Metric]:
    up = GaugeMetricFamily("widget_account_up", "Whether feedback goes through.", labels=["product"])
    since = GaugeMetricFamily(
        "widget_account_since_seconds", "Since when that is so, in Unix time.", labels=["product"]
    )
    success = GaugeMetricFamily(
        "widget_account_last_success_seconds",
        "When Insider Connect last answered successfully, in Unix time.",
        labels=["product"],
    )
    misconfigured = GaugeMetricFamily(
        "widget_account_misconfigured", "Whether the credentials or the address are wrong.", labels=["product"]
    )
    for product, account in overview.accounts.items():
        misconfigured.add_metric([product], float(account.misconfigured))
        up.add_metric([product], float(account.reason is None))
        since.add_metric([product], account.since)
        if account.last_success is not None:
            success.add_metric([product], account.last_success)
    oldest = GaugeMetricFamily(
        "widget_oldest_waiting_seconds", "Age of the oldest submission that waits for delivery.", labels=["product"]
    )
    for product in overview.accounts.keys() | overview.waiting.keys():
        waiting = overview.waiting.get(product)
        oldest.add_metric([product], waiting.oldest if waiting else 0.0)
    yield from (up, misconfigured, since, success, oldest)


def _queue(piles: Sequence[Pile]) -> Iterator[Metric]:
    depth = GaugeMetricFamily("widget_submissions", "Submissions that are not delivered.", labels=["product", "state"])
    for pile in piles:
        depth.add_metric([pile.product, pile.state], pile.count)
    yield depth


def _processes(processes: Sequence[Process]) -> Iterator[Metric]:
    labels = ["host", "pid", "role"]
    names = sorted({name for process in processes for name in process.gauges})
    for name in names:
        family = GaugeMetricFamily(f"widget_process_{name}", "Of each process.", labels=labels)
        for process in processes:
            if name in process.gauges:
                family.add_metric([process.host, str(process.pid), process.role], process.gauges[name])
        yield family
