"""Simulates fleets that are larger than the machines at hand. `fleets` says which, and what came of it.

It is a discrete-event simulation of queues: for the web processes, the database's cores, the disk's log, the delivery
slots and Insider Connect's limit. `costs` measures what a text costs each of them. In an overload, deliveries go before
what arrives, so the result is what the fleet delivers in the long run.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, cycle
from statistics import quantiles

Act = Callable[[], None]
ENOUGH = 300
"""The least submissions of a run."""
PROBE = 30.0
"""Seconds between two probes, `PROBE_INTERVAL`: an outage is noticed to be over only then."""


@dataclass(frozen=True)
class Costs:
    """Seconds of processor time for a text, in a process and in the database, and of a sync of the disk."""

    accept: float
    deliver: float
    database: float
    sync: float = 0.00029


@dataclass(frozen=True)
class Fleet:
    """Processes that all accept and deliver, `workers` that only deliver, and databases that share the products."""

    costs: Costs
    processes: int = 1
    workers: int = 0
    databases: int = 1
    database_cores: int = 8
    slots: int = 16
    latency: float = 0.2
    limit: float = 0.0
    """Calls that Insider Connect takes in a second; 0 for any number."""
    cores: float = 0.0
    """What processes and database share if they run on one machine; 0 if each process has a core of its own."""


@dataclass(frozen=True)
class Outcome:
    """Submissions per second, seconds until a submission is stored (p99), and how busy each part was (0 to 1)."""

    accepted: float
    delivered: float
    waited: float
    busy: Mapping[str, float]

    @property
    def busiest(self) -> str:
        """The part that saturates first. A disk that is always busy does not: the next sync is for all who wait."""
        return max(self.busy.keys() - {"disk"}, key=lambda part: self.busy[part])


class Clock:
    """What happens when: the simulated time in seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Act]] = []
        self._numbers = count()

    def after(self, seconds: float, act: Act) -> None:
        """Do this so many seconds later."""
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), act))

    def run(self, until: float) -> None:
        """Let time pass until then, or until nothing is left to happen."""
        while self._events and self._events[0][0] <= until:
            self.now, _, act = heapq.heappop(self._events)
            act()
        if until < float("inf"):
            self.now = until


class Station:
    """So many servers with one queue, in which urgent work goes first. A server may need another station to work on:
    a process needs a core."""

    def __init__(self, clock: Clock, servers: int = 1, on: "Station | None" = None) -> None:
        self._clock, self._on = clock, on
        self._servers = self._free = servers
        self._queues: tuple[deque[tuple[float, Act]], ...] = (deque(), deque())
        self._worked = 0.0

    def use(self, seconds: float, then: Act, *, urgent: bool = True) -> None:
        """Have a server work for so long, then go on."""
        self._queues[not urgent].append((seconds, then))
        self._next()

    def busy(self, seconds: float) -> float:
        """The share of its servers' time that was used."""
        return self._worked / seconds / self._servers

    def _next(self) -> None:
        queue = self._queues[0] or self._queues[1]
        if not self._free or not queue:
            return
        self._free -= 1
        seconds, then = queue.popleft()
        self._worked += seconds

        def done() -> None:
            self._free += 1
            self._next()
            then()

        if self._on:
            self._on.use(seconds, done)
        else:
            self._clock.after(seconds, done)


class Log:
    """A disk's log: whoever waits while it syncs shares the next sync."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.disk = Station(clock)
        self._seconds = seconds
        self._waiting: list[Act] = []
        self._syncing = False

    def sync(self, then: Act) -> None:
        """Go on once it is on the disk."""
        self._waiting.append(then)
        if not self._syncing:
            self._begin()

    def _begin(self) -> None:
        batch, self._waiting, self._syncing = self._waiting, [], True

        def done() -> None:
            self._syncing = False
            for then in batch:
                then()
            if self._waiting and not self._syncing:
                self._begin()

        self.disk.use(self._seconds, done)


class Database:
    """A database with its processes, and the rows that wait for a slot. `size` submissions count as one event."""

    def __init__(self, fleet: Fleet, clock: Clock, limit: Station, machine: Station | None, size: float) -> None:
        self._fleet, self._clock, self._limit, self._size = fleet, clock, limit, size
        costs = fleet.costs
        self.cores = machine or Station(clock, fleet.database_cores)
        self.log = Log(clock, costs.sync)
        self.webs = [Station(clock, on=machine) for _ in range(fleet.processes // fleet.databases)]
        self.workers = [Station(clock, on=machine) for _ in range(fleet.workers // fleet.databases)]
        self._turns = cycle(self.webs)
        self.slots: deque[Station] = deque()
        self.waiting = 0
        self.held = 0.0
        """Seconds for which slots were in use."""
        self.delivered: list[float] = []

    def offer(self, process: Station, number: int) -> None:
        """Let a process deliver so many more rows at once."""
        for _ in range(number):
            self.slots.append(process)
        self._match()

    def submit(self, stored: Act) -> None:
        """Accept a submission: parse it, write it, sync it."""
        costs, size = self._fleet.costs, self._size

        def queued() -> None:
            stored()
            self.waiting += 1
            self._match()

        def written() -> None:
            self.log.sync(queued)

        def parsed() -> None:
            self.cores.use(costs.database * size / 2, written, urgent=False)

        next(self._turns).use(costs.accept * size, parsed, urgent=False)

    def _match(self) -> None:
        while self.waiting and self.slots:
            self.waiting -= 1
            self._deliver(self.slots.popleft())

    def _deliver(self, process: Station) -> None:
        costs, size, began = self._fleet.costs, self._size, self._clock.now

        def done() -> None:
            self.delivered.append(self._clock.now)
            self.held += self._clock.now - began
            self.slots.append(process)
            self._match()

        steps: list[Callable[[Act], None]] = [
            lambda then: self.cores.use(costs.database * size / 4, then),
            lambda then: process.use(costs.deliver * size / 2, then),
            lambda then: self._limit.use(size / self._fleet.limit if self._fleet.limit else 0.0, then),
            lambda then: self._clock.after(self._fleet.latency * size, then),
            lambda then: process.use(costs.deliver * size / 2, then),
            lambda then: self.cores.use(costs.database * size / 4, then),
            self.log.sync,
        ]
        _one_by_one(iter(steps), done)


def _one_by_one(steps: Iterator[Callable[[Act], None]], done: Act) -> None:
    step = next(steps, None)
    if step is None:
        done()
    else:
        step(lambda: _one_by_one(steps, done))


class Run:
    """A fleet at work. `size` submissions count as one event, whose work takes as much longer."""

    def __init__(self, fleet: Fleet, size: float = 1.0, seed: int = 1) -> None:
        self.fleet, self.clock, self._random, self._size = fleet, Clock(), random.Random(seed), size
        self.limit = Station(self.clock)
        machine = Station(self.clock, int(fleet.cores)) if fleet.cores else None
        self.databases = [Database(fleet, self.clock, self.limit, machine, size) for _ in range(fleet.databases)]
        self.waits: list[float] = []

    def open(self, slots: int) -> None:
        """Give every process so many more slots."""
        for database in self.databases:
            for process in (*database.webs, *database.workers):
                database.offer(process, slots)

    def submit(self, stored: Act = lambda: None) -> None:
        """One submission, to any product."""
        began = self.clock.now

        def done() -> None:
            self.waits.append(self.clock.now - began)
            stored()

        self._random.choice(self.databases).submit(done)

    def arrive(self, rate: float, until: float) -> None:
        """Submissions per second, at random, until then."""

        def next_one() -> None:
            if self.clock.now < until:
                self.submit()
                self.clock.after(self._random.expovariate(rate / self._size), next_one)

        next_one()

    def delivered(self) -> list[float]:
        """When each event was delivered."""
        return sorted(moment for database in self.databases for moment in database.delivered)

    def busy(self) -> Mapping[str, float]:
        """How busy each part has been so far: the mean of its kind, from 0 to 1."""
        now, fleet = self.clock.now, self.fleet
        webs = [web.busy(now) for database in self.databases for web in database.webs]
        slots = fleet.slots * (fleet.processes + fleet.workers)
        return {
            "web processes": sum(webs) / len(webs),
            "database": sum(database.cores.busy(now) for database in self.databases) / len(self.databases),
            "disk": sum(database.log.disk.busy(now) for database in self.databases) / len(self.databases),
            "delivery slots": sum(database.held for database in self.databases) / slots / now,
            "Insider Connect's limit": self.limit.busy(now) if fleet.limit else 0.0,
        }


def steady(fleet: Fleet, rate: float, seconds: float = 4.0) -> Outcome:
    """What comes of so many submissions per second: of the second half of the time, so that it has settled."""
    run, until = Run(fleet), max(seconds, ENOUGH / rate)
    run.open(fleet.slots)
    run.arrive(rate, until)
    run.clock.run(until)
    late = [moment for moment in run.delivered() if moment > until / 2]
    return Outcome(len(run.waits) / until, 2 * len(late) / until, quantiles(run.waits, n=100)[-1], run.busy())


def burst(fleet: Fleet, number: int, connections: int) -> Outcome:
    """What `databases` measures: so many submissions as fast as each connection is answered. A web process delivers
    once the burst is over."""
    run = Run(fleet)
    (database,) = run.databases
    for process in database.workers:
        database.offer(process, fleet.slots)
    left, ended = iter(range(number)), 0.0

    def again() -> None:
        nonlocal ended
        if next(left, None) is not None:
            run.submit(again)
        elif len(run.waits) == number:
            ended = run.clock.now
            for process in database.webs:
                database.offer(process, fleet.slots)

    for _ in range(connections):
        again()
    run.clock.run(float("inf"))
    last = run.delivered()[-1]
    return Outcome(number / ended, number / last, quantiles(run.waits, n=100)[-1], run.busy())


def outage(fleet: Fleet, rate: float, hours: float = 1.0, events: int = 3000) -> float:
    """Seconds after an outage until nothing waits any more, with so many submissions per second all the time."""
    away = 3600 * hours
    run = Run(fleet, size=max(1.0, rate * away / events))
    run.arrive(rate, 10 * away)
    run.clock.run(away + PROBE)
    run.open(fleet.slots)
    while any(database.waiting for database in run.databases) and run.clock.now < 10 * away:
        run.clock.run(run.clock.now + 1)
    return run.clock.now - away
