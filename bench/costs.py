"""Measures what `scale` simulates with: `python -m bench.costs` prints milliseconds of processor time by part.

A web process that does not deliver shows what accepting costs, workers show what delivering costs, and PostgreSQL's own
processes show the database's part. The rates of the same run are what a simulation has to meet.
"""

import os
from contextlib import ExitStack

from postgres import Postgres

from bench import stage
from bench.databases import FAR, FEW, SMALL, Fleet, one, processor_time, several
from bench.stage import Insider


def main() -> None:
    """Measure a text on both databases, by part."""
    with ExitStack() as stack:
        place = stack.enter_context(stage.folder())
        near, far = (stack.enter_context(each) for each in (Insider(place), Insider(place, FAR)))
        server = stack.enter_context(Postgres())
        plans = {
            "SQLite, one process": (one(place, near, DELIVERY_WAIT="0"), near, SMALL),
            "one process": (one(place, near, server, DELIVERY_WAIT="0"), near, SMALL),
            "one web process and one worker": (
                several(place, near, server, webs=1, workers=1, DELIVERY_WAIT="0", WEB_DELIVERS="false"),
                near,
                SMALL,
            ),
            "two web and three workers": (several(place, near, server, DELIVERY_WAIT="0"), near, SMALL),
            "one process, 200 ms": (one(place, far, server, DELIVERY_WAIT="0"), far, FEW),
            "two web and three workers, 200 ms": (several(place, far, server, DELIVERY_WAIT="0"), far, FEW),
        }
        for name, (opening, insider, count) in plans.items():
            with opening as fleet:
                print(f"{name}: {_line(fleet, insider, count, server.pid)}", flush=True)


def _line(fleet: Fleet, insider: Insider, count: int, database: int) -> str:
    fleet.run(insider, 60)
    before = {root: processor_time([root]) for root in fleet.roots}
    cost = fleet.run(insider, count)
    spent = {root: 1000 * (processor_time([root]) - was) / count for root, was in before.items()}
    parts = ", ".join(
        f"{'database' if root == database else 'process'} {value:.2f} ms" for root, value in spent.items()
    )
    load = os.getloadavg()[0]
    return f"{cost.accepted:.0f} accepted/s, {cost.delivered:.0f} delivered/s; {parts}; load average {load:.1f}"


if __name__ == "__main__":
    main()
