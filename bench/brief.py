"""The figures that an operator plans with: five sentences, each from one row of the table."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from statistics import median

from bench.rows import ROWS, Measured, Samples, Who


def lines(measured: Measured, known: Iterable[str] = ()) -> Iterator[str]:
    """One line for each sentence. Those of rows that were not measured now are taken from the `known` ones."""
    named = [row.name for row in ROWS if row.name in _SENTENCES]
    before = dict(zip(named, known, strict=False))
    for name in named:
        yield f"- {_SENTENCES[name](measured[name])}" if name in measured else before[name]


def _middle(samples: Samples, measure: str, who: Who = "ours") -> float:
    return median(samples.values[measure][who])


def _delivered(samples: Samples) -> str:
    return (
        f"One process on SQLite delivers {_middle(samples, 'rate'):,.0f} small submissions a second for as long as "
        "they keep coming. A burst may arrive faster: it is stored first, and delivered afterwards."
    )


def _person(samples: Samples) -> str:
    ours, rival = _middle(samples, "p50"), _middle(samples, "p50", "rival")
    return (
        f"If Insider Connect answers within 50 ms, people wait {ours:.0f} ms for their thanks. Checking and storing "
        f"takes {ours - rival:.1f} ms more than passing everything on unchecked."
    )


def _crowd(samples: Samples) -> str:
    return (
        f"256 pictures of 4 MB that arrive at once take {_middle(samples, 'memory'):.0f} MB of memory. Of the texts "
        f"sent meanwhile, 99 of 100 are answered within {_middle(samples, 'p99'):.0f} ms."
    )


def _backlog(samples: Samples) -> str:
    rate = _middle(samples, "rate")
    return (
        f"After an outage, one process delivers {rate:,.0f} waiting submissions a second, or 10,000 in "
        f"{10_000 / rate:.0f} s, if Insider Connect answers at once. A longer backlog does not slow it down."
    )


def _postgres(samples: Samples) -> str:
    text = samples.values["text"]
    times = median(ours / sqlite for ours, sqlite in zip(text["ours"], text["ceiling"], strict=True))
    several, one = _middle(samples, "far rate"), _middle(samples, "far rate", "ceiling")
    return (
        f"On PostgreSQL, a text takes {times:.1f} times the processor time that it takes on SQLite. More "
        f"processes pay off where Insider Connect is slow: if it takes 200 ms, two web processes and three workers "
        f"deliver {several / one:.1f} times as much as one process."
    )


_SENTENCES: Mapping[str, Callable[[Samples], str]] = {
    "delivered": _delivered,
    "person": _person,
    "crowd": _crowd,
    "backlog": _backlog,
    "postgres": _postgres,
}
