"""The row about databases: a delivered submission on SQLite and on PostgreSQL, by one process and by several.

Processor time is that of all processes of the service and of the database together. On a machine that others use too,
it says more than any rate.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from postgres import Postgres

from bench import requests, stage
from bench.rows import Samples, Who
from bench.stage import Insider, Loading, Server, Widget, until

CONNECTIONS = 16
SMALL, PICTURES, FEW = 600, 120, 320
FAR = 0.2
"""Seconds that the distant Insider Connect takes."""


@dataclass(frozen=True)
class Cost:
    """Submissions per second, accepted and delivered, and milliseconds of processor time for each."""

    accepted: float
    delivered: float
    milliseconds: float
    generator: float


class Fleet:
    """Web processes and workers on one database. `roots` are the processes whose time, with that of all their
    children, is the service's."""

    def __init__(self, webs: Sequence[Server], roots: Sequence[int]) -> None:
        self._webs = webs
        self.roots = roots

    def run(self, insider: Insider, count: int, file: Path | None = None, connections: int = CONNECTIONS) -> Cost:
        """Send `count` submissions, and wait until Insider Connect has them with their files."""
        insider.reset()
        share = len(self._webs)
        plan = {"count": count // share, "file": str(file) if file else ""}
        spent = processor_time(self.roots)
        results = [run.result() for run in [Loading(web, connections // share, **plan) for web in self._webs]]
        insider.until("create", count)
        if file:
            insider.until("attach", count)
        began = min(result.began for result in results)
        ended = max(result.began + result.seconds for result in results)
        delivered = count / (insider.times()[-1] - began)
        self._settle()
        spent = processor_time(self.roots) - spent
        generator = max(result.cpu_share for result in results)
        return Cost(count / (ended - began), delivered, 1000 * spent / count, generator)

    def _settle(self) -> None:
        """Wait until the last outcomes are written: until nobody works any more."""
        pause = 0.3

        def is_quiet() -> bool:
            before = processor_time(self.roots)
            time.sleep(pause)
            return processor_time(self.roots) - before < 0.15 * pause

        until(is_quiet)


def processor_time(roots: Sequence[int]) -> float:
    """Processor seconds that processes and all their descendants have used so far. Needs Linux."""
    stats = {}
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            stats[int(path.name)] = (path / "stat").read_text().rpartition(")")[2].split()
    wanted = set(roots)
    while more := {pid for pid, stat in stats.items() if int(stat[1]) in wanted} - wanted:
        wanted |= more
    return sum(sum(map(int, stats[pid][11:15])) for pid in wanted & stats.keys()) / os.sysconf("SC_CLK_TCK")


@contextmanager
def one(place: Path, insider: Insider, server: Postgres | None = None, **more: str) -> Iterator[Fleet]:
    """One process, on SQLite or on a PostgreSQL `server`."""
    if server is None:
        with Widget(place, insider, database=None, **more) as widget:
            yield Fleet([widget], [widget.pid])
        return
    with several(place, insider, server, webs=1, workers=0, **more) as fleet:
        yield fleet


@contextmanager
def several(
    place: Path, insider: Insider, server: Postgres, *, webs: int = 2, workers: int = 3, **more: str
) -> Iterator[Fleet]:
    """So many web processes and workers on a new database of a PostgreSQL `server`."""
    settings = {"DATABASE_URL": server.database(), **more}
    fleet = [Widget(place, insider, database=None, **settings) for _ in range(webs)]
    fleet[0].migrate()
    with ExitStack() as stack:
        for web in fleet:
            stack.enter_context(web)
        helpers = [stack.enter_context(fleet[0].worker()) for _ in range(workers)]
        yield Fleet(fleet, [server.pid, *(web.pid for web in fleet), *(helper.pid for helper in helpers)])


def picture(place: Path) -> Path:
    """A file of about 300 kB."""
    path = place / "picture.png"
    path.write_bytes(requests.picture(side=316))
    return path


def postgres(rounds: int, place: Path) -> Samples:
    """The same submissions on SQLite and on PostgreSQL, by one process and by several."""
    samples, pictured = Samples(), picture(place)
    with ExitStack() as stack:
        near, far = (stack.enter_context(each) for each in (Insider(place), Insider(place, FAR)))
        server = stack.enter_context(Postgres())
        proxy = stack.enter_context(stage.proxy(place, near))
        single: Mapping[Who, Fleet] = {
            "ceiling": stack.enter_context(one(place, near, DELIVERY_WAIT="0")),
            "ours": stack.enter_context(one(place, near, server, DELIVERY_WAIT="0")),
            "rival": Fleet([proxy], [proxy.pid]),
        }
        fleet = stack.enter_context(several(place, near, server, DELIVERY_WAIT="0"))
        distant: Mapping[Who, Fleet] = {
            "ceiling": stack.enter_context(one(place, far, server, DELIVERY_WAIT="0")),
            "ours": stack.enter_context(several(place, far, server, DELIVERY_WAIT="0")),
        }
        for first in (*single.values(), fleet):
            first.run(near, 60)
        for first in distant.values():
            first.run(far, 60)
        for _ in range(rounds):
            for who, each in single.items():
                _add(samples, "text", who, each.run(near, SMALL))
                samples.add("picture", who, each.run(near, PICTURES, pictured).milliseconds)
            _add(samples, "several", "ours", fleet.run(near, SMALL))
            samples.add("several rate", "ceiling", samples.values["text rate"]["ours"][-1])
            for who, each in distant.items():
                _add(samples, "far", who, each.run(far, FEW))
    cost = median(samples.values["several"]["ours"])
    samples.notes.append(f"With two web processes and three workers, a text takes {cost:.1f} ms of processor time.")
    return samples


def _add(samples: Samples, name: str, who: Who, cost: Cost) -> None:
    samples.add(name, who, cost.milliseconds)
    samples.add(f"{name} accepted", who, cost.accepted)
    samples.add(f"{name} rate", who, cost.delivered)
    samples.generator = max(samples.generator, cost.generator)
