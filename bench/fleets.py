"""Simulates fleets from one process to sixty-four: `python -m bench.fleets` writes the tables of docs/machines.md, and
their picture."""

from collections.abc import Iterator, Mapping
from html import escape
from math import log10
from typing import Any

from bench.scale import Costs, Fleet, Outcome, burst, outage, steady
from bench.stage import ROOT

PAGE, PICTURE = "machines.md", "pictures/scale.svg"
SQLITE = Costs(accept=0.64e-3, deliver=0.74e-3, database=0.0)
"""Measured: 1.38 ms for a text, of which accepting takes the same as on PostgreSQL."""
ALONE = Costs(accept=0.65e-3, deliver=0.92e-3, database=0.35e-3)
"""Measured with one process on PostgreSQL: 1.57 ms in the process and 0.35 ms in the database."""
SEVERAL = Costs(accept=0.65e-3, deliver=1.90e-3, database=0.55e-3)
"""Measured with two web processes and three workers: 2.55 ms in all processes and 0.55 ms in the database."""
_CORES = 1.83
"""What the service got of two cores, beside the load and the stand-in for Insider Connect. It follows from two web
processes with three workers, which delivered 590/s at 3.10 ms while each call was answered at once."""
CONNECTIONS = 16


def _measured(accept: float, deliver: float, database: float, cores: float = 1.0, **fleet: Any) -> Fleet:
    """A fleet on the machine that was measured, with its costs in milliseconds. One process uses one core."""
    costs = Costs(*(cost / 1000 / cores for cost in (accept, deliver, database)))
    return Fleet(costs, cores=1, **fleet)


MEASURED: Mapping[str, tuple[Fleet, int, int]] = {
    "1 process, answered at once": (_measured(0.65, 0.92, 0.35, latency=0.0005), 600, 470),
    "1 process, answered in 200 ms": (_measured(0.65, 1.41, 0.50), 320, 72),
    "2 web processes, 3 workers, answered in 200 ms": (
        _measured(0.65, 1.64, 0.69, _CORES, processes=2, workers=3),
        320,
        320,
    ),
}
"""Bursts of so many submissions, and the deliveries per second that the run measured which measured the costs."""
FLEETS: Mapping[str, Fleet] = {
    "1 process on SQLite": Fleet(SQLITE),
    "1 process on SQLite, 64 slots": Fleet(SQLITE, slots=64),
    "1 process": Fleet(ALONE),
    "4 processes": Fleet(SEVERAL, 4),
    "16 processes": Fleet(SEVERAL, 16),
    "64 processes": Fleet(SEVERAL, 64),
    "64 processes, 64 slots": Fleet(SEVERAL, 64, slots=64),
    "64 processes, 64 slots, 4 databases": Fleet(SEVERAL, 64, slots=64, databases=4),
}
RATES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
"""Submissions a minute."""
_PICTURE_BYTES = 300_000
_WIDTH, _LEFT, _RIGHT, _LINE, _TOP = 860, 270, 560, 30, 76
_STYLE = """
text{font:13px system-ui,sans-serif;fill:#26221d}.quiet{fill:#675f56;font-size:12px}.grid{stroke:#e3ded7}
.calm{fill:#1d7a46}.busy{fill:#8a5a12}.back{fill:#fff}
@media(prefers-color-scheme:dark){text{fill:#f3efe9}.quiet{fill:#b8b0a5}.grid{stroke:#3a3632}
.calm{fill:#6fcf97}.busy{fill:#d9a957}.back{fill:#1f1d1b}}
"""


def capacity(fleet: Fleet) -> Outcome:
    """What a fleet delivers if a third more arrives than any of its parts can take."""
    costs, processes = fleet.costs, fleet.processes + fleet.workers
    bounds = [
        processes / (costs.accept + costs.deliver),
        processes * fleet.slots / fleet.latency,
        fleet.databases * fleet.database_cores / costs.database if costs.database else float("inf"),
        fleet.limit or float("inf"),
    ]
    return steady(fleet, 1.33 * min(bounds))


def by_rate(capacities: Mapping[str, Outcome]) -> Iterator[str]:
    """A table: how busy the busiest part of each fleet is at each rate."""
    yield "| submissions a minute | " + " | ".join(f"{rate:,}" for rate in RATES) + " |"
    yield "|---|" + "---|" * len(RATES)
    for name, fleet in FLEETS.items():
        yield f"| {name} | " + " | ".join(_busy(fleet, capacities[name], rate / 60) for rate in RATES) + " |"


def _busy(fleet: Fleet, most: Outcome, rate: float) -> str:
    if rate > most.delivered:
        return "too many"
    found = steady(fleet, rate)
    return f"{found.busy[found.busiest]:.0%}"


def as_measured() -> Iterator[str]:
    """A table: the points that were measured, and the same simulated."""
    yield "| on two cores | measured | simulated |"
    yield "|---|---|---|"
    for name, (fleet, number, measured) in MEASURED.items():
        yield f"| {name} | {measured} /s | {burst(fleet, number, CONNECTIONS).delivered:.0f} /s |"


def at_most(capacities: Mapping[str, Outcome]) -> Iterator[str]:
    """A table: what each fleet delivers at most, and how busy its parts are then."""
    yield "| fleet | delivered a minute | saturated | web processes | database | disk | delivery slots |"
    yield "|---|---|---|---|---|---|---|"
    for name, most in capacities.items():
        parts = (f"{most.busy[part]:.0%}" for part in ("web processes", "database", "disk", "delivery slots"))
        yield f"| {name} | {_rounded(60 * most.delivered):,} | {most.busiest} | {' | '.join(parts)} |"


def by_insider() -> Iterator[str]:
    """A table: what four processes deliver, by Insider Connect's latency and limit."""
    limits = (0, 10, 100, 1000)
    heads = (f"at most {limit:,} calls a second" if limit else "no limit" for limit in limits)
    yield "| Insider Connect answers in | " + " | ".join(heads) + " |"
    yield "|---|" + "---|" * len(limits)
    for latency in (0.05, 0.2, 1.0, 5.0):
        found = [capacity(Fleet(SEVERAL, 4, latency=latency, limit=limit)) for limit in limits]
        cells = (f"{_rounded(60 * each.delivered):,} ({each.busiest})" for each in found)
        yield f"| {1000 * latency:,.0f} ms | " + " | ".join(cells) + " |"


def after_an_outage() -> Iterator[str]:
    """A table: what an outage of an hour leaves to four processes."""
    yield "| submissions a minute | waiting after an hour | with a picture of 300 kB each | all are delivered after |"
    yield "|---|---|---|---|"
    for rate in (100, 1_000, 5_000, 10_000, 15_000):
        waiting = 60 * rate
        minutes = outage(FLEETS["4 processes"], rate / 60) / 60
        yield f"| {rate:,} | {waiting:,} | {waiting * _PICTURE_BYTES / 1e9:,.1f} GB | {minutes:.0f} min |"


def _rounded(number: float) -> int:
    """With two digits: a simulation knows no more."""
    return int(round(number, 1 - int(log10(number)))) if number >= 1 else 0


def draw(capacities: Mapping[str, Outcome]) -> str:
    """A bar for each fleet, on a logarithmic scale: a third of what it delivers, and all of it."""
    bottom = _TOP + _LINE * len(capacities)
    parts = ['<text x="16" y="24">Submissions a minute that a fleet delivers, and what holds it back</text>']
    for number, (kind, said) in enumerate((("calm", "a third: plan for this"), ("busy", "the most"))):
        x = 16 + 180 * number
        parts.append(f'<rect class="{kind}" x="{x}" y="36" width="12" height="12"/>')
        parts.append(f'<text class="quiet" x="{x + 18}" y="47">{said}</text>')
    for rate in RATES:
        parts.append(f'<line class="grid" x1="{_at(rate):.0f}" x2="{_at(rate):.0f}" y1="{_TOP - 6}" y2="{bottom}"/>')
        parts.append(
            f'<text class="quiet" x="{_at(rate):.0f}" y="{_TOP - 12}" text-anchor="middle">{_short(rate)}</text>'
        )
    for number, (name, most) in enumerate(capacities.items()):
        top, most_a_minute = _TOP + _LINE * number + 6, 60 * most.delivered
        parts.append(f'<text x="16" y="{top + 13}">{escape(name)}</text>')
        for kind, end in (("busy", most_a_minute), ("calm", most_a_minute / 3)):
            parts.append(f'<rect class="{kind}" x="{_LEFT}" y="{top}" width="{_at(end) - _LEFT:.1f}" height="18"/>')
        parts.append(
            f'<text class="quiet" x="{_RIGHT + 34}" y="{top + 13}">{_rounded(most_a_minute):,}: {most.busiest}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {bottom + 20}" role="img">'
        f"<title>What each fleet delivers at most, and what holds it back</title><style>{_STYLE}</style>"
        f'<rect class="back" width="100%" height="100%"/>{"".join(parts)}</svg>\n'
    )


def _short(number: int) -> str:
    return f"{number:,}".replace(",000,000", " M").replace(",000", " k")


def _at(rate: float) -> float:
    return _LEFT + (_RIGHT - _LEFT) * log10(rate / RATES[0]) / log10(RATES[-1] / RATES[0])


def with_table(page: str, name: str, lines: Iterator[str]) -> str:
    """The page with these lines between the comments of that name."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, rest = page.split(begin)
    return before + begin + "\n".join(lines) + "\n" + end + rest.partition(end)[2]


def main() -> None:
    """Simulate everything, and write it down."""
    capacities = {name: capacity(fleet) for name, fleet in FLEETS.items()}
    path = ROOT / "docs" / PAGE
    page = path.read_text("utf-8")
    tables = {
        "at most": at_most(capacities),
        "by rate": by_rate(capacities),
        "as measured": as_measured(),
        "by Insider Connect": by_insider(),
        "after an outage": after_an_outage(),
    }
    for name, lines in tables.items():
        page = with_table(page, name, lines)
    path.write_text(page, "utf-8")
    (ROOT / "docs" / PICTURE).write_text(draw(capacities), "utf-8")


if __name__ == "__main__":
    main()
