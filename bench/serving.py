"""The rows about the service. Each function measures the row of its name, round by round, all contenders in turn."""

import os
import signal
import sqlite3
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from bench import requests, stage
from bench.databases import postgres
from bench.load import Result
from bench.rows import Samples, Who
from bench.stage import Insider, Loading, Peak, Server, Widget, load

Contenders = Mapping[Who, Server]
SLOTS = 16
"""The default of `DELIVERY_CONCURRENCY`."""
MB = 1e6
BURST = 2000
SLICE = 800
"""Rows of a backlog that are drained between two rounds of posts."""


def get(rounds: int, place: Path) -> Samples:
    """The form's page."""
    samples = Samples()
    with Insider(place) as insider, Widget(place, insider) as widget, stage.bare(place, _answer(widget)) as bare:
        contenders: Contenders = {"ours": widget, "ceiling": bare}
        for server in contenders.values():
            load(server, SLOTS, path="/form/demo", seconds=0.3)
        for _ in range(rounds):
            for who, server in contenders.items():
                result = load(server, SLOTS, path="/form/demo", seconds=1.0)
                samples.generator = max(samples.generator, result.cpu_share)
                samples.add("rate", who, result.rate)
    return samples


def _answer(widget: Widget) -> bytes:
    """The widget's answer, without what uvicorn adds by itself."""
    own = {"Sec-Fetch-Site": "same-origin", "Accept-Encoding": "gzip, deflate, br, zstd", "Accept": "text/html"}
    with (
        httpx.Client(trust_env=False) as client,
        client.stream("GET", f"{widget.url}/form/demo", headers=own) as answer,
    ):
        lines = [b"%s: %s" % line for line in answer.headers.raw if line[0].lower() not in (b"date", b"server")]
        return b"\r\n".join(lines) + b"\r\n\r\n" + b"".join(answer.iter_raw())


def accept(rounds: int, place: Path) -> Samples:
    """A burst of small submissions, stored for good."""
    samples = Samples()
    size = sum(len(part) for request in requests.submissions(1) for part in request)
    with Insider(place) as insider, stage.proxy(place, insider) as proxy:
        load(proxy, SLOTS, count=50)
        for _ in range(rounds):
            with Widget(place, insider, DELIVERY_WAIT="0") as widget:
                load(widget, SLOTS, count=50)
                samples.add("rate", "ours", _loaded(samples, insider, widget, SLOTS, count=BURST).rate)
            samples.add("rate", "rival", _loaded(samples, insider, proxy, SLOTS, count=BURST // 2).rate)
            samples.add("rate", "ceiling", synced(place, size, BURST))
    return samples


def _loaded(samples: Samples, insider: Insider, server: Server, connections: int, **plan: Any) -> Result:
    """A run of load, which also records how busy the measuring processes are."""
    spent, began = insider.counts()["cpu"], time.monotonic()
    result = load(server, connections, **plan)
    samples.insider = max(samples.insider, (insider.counts()["cpu"] - spent) / (time.monotonic() - began))
    samples.generator = max(samples.generator, result.cpu_share)
    return result


def synced(place: Path, size: int, count: int, together: int = SLOTS) -> float:
    """How many submissions of `size` bytes per second get onto the disk if so many share one sync."""
    began = time.monotonic()
    with (place / "synced").open("wb", buffering=0) as file:
        for _ in range(count // together):
            file.write(os.urandom(size) * together)
            os.fdatasync(file.fileno())
    return count / (time.monotonic() - began)


def delivered(rounds: int, place: Path) -> Samples:
    """Small submissions, until Insider Connect has them."""
    samples, count = Samples(), 600
    with Insider(place) as insider, Widget(place, insider) as widget, stage.proxy(place, insider) as proxy:
        contenders: Contenders = {"ours": widget, "rival": proxy}
        for server in contenders.values():
            load(server, SLOTS, count=50)
        insider.until("create", 100)
        for _ in range(rounds):
            for who, server in contenders.items():
                insider.reset()
                result = _loaded(samples, insider, server, SLOTS, count=count)
                insider.until("create", count)
                samples.add("rate", who, count / (insider.times()[-1] - result.began))
            samples.add("rate", "ceiling", stage.posts(insider, count, SLOTS))
    return samples


def person(rounds: int, place: Path) -> Samples:
    """One submission after another, by a person who waits for Insider Connect's answer."""
    samples = Samples()
    with Insider(place, 0.05) as insider, Widget(place, insider) as widget, stage.proxy(place, insider) as proxy:
        contenders: Contenders = {"ours": widget, "rival": proxy}
        for server in contenders.values():
            load(server, 1, count=10)
        for _ in range(rounds):
            for who, server in contenders.items():
                result = _loaded(samples, insider, server, 1, count=40)
                samples.add("p50", who, 1000 * result.percentile(0.5))
    return samples


def slow(rounds: int, place: Path) -> Samples:
    """The duration of Send while Insider Connect takes ten seconds."""
    samples = Samples()
    with (
        Insider(place, 10.0) as insider,
        stage.proxy(place, insider) as proxy,
        ThreadPoolExecutor(rounds) as rivals,
    ):
        rival_rounds = []
        for _ in range(rounds):
            rival_rounds.append(rivals.submit(load, proxy, 4, count=4))
            with Widget(place, insider) as widget:
                samples.add("p99", "ours", load(widget, 2 * SLOTS, count=200).percentile(0.99))
        for rival in rival_rounds:
            samples.add("p99", "rival", rival.result().percentile(0.99))
    return samples


def uploads(rounds: int, place: Path) -> Samples:
    """Pictures of 4 MB."""
    samples, count = Samples(), 24
    file = place / "picture.png"
    file.write_bytes(requests.picture())
    with ExitStack() as stack:
        insider = stack.enter_context(Insider(place))
        ours = stack.enter_context(Widget(place, insider, DELIVERY_WAIT="0"))
        rival = stack.enter_context(stage.proxy(place, insider))
        sink = stack.enter_context(stage.sink(place))
        contenders: Contenders = {"ours": ours, "rival": rival, "ceiling": sink}
        for server in contenders.values():
            load(server, 4, count=4, file=str(file))
        insider.until("attach", 8)
        for _ in range(rounds):
            for who, server in contenders.items():
                insider.reset()
                result = _loaded(samples, insider, server, 4, count=count, file=str(file))
                samples.add("rate", who, result.rate * file.stat().st_size / MB)
                if server is not sink:
                    insider.until("attach", count)
    return samples


def crowd(rounds: int, place: Path) -> Samples:
    """256 pictures at the same moment, while other people send a few words."""
    samples, count = Samples(), 256
    file = place / "picture.png"
    file.write_bytes(requests.picture())
    own: list[float] = []
    helpers: list[float] = []
    seconds: list[float] = []
    with Insider(place) as insider:
        for _ in range(rounds):
            contenders: Contenders = {"ours": Widget(place, insider), "rival": stage.proxy(place, insider)}
            for who, contender in contenders.items():
                insider.reset()
                with contender as server:
                    load(server, 2, count=8, file=str(file))
                    insider.until("attach", 8)
                    time.sleep(0.3)
                    before, children = server.resident()
                    with Peak(server) as peak:
                        small = Loading(server, 4, count=20_000, pause=0.1)
                        result = _loaded(samples, insider, server, count, count=count, file=str(file))
                        meanwhile = small.stop()
                samples.add("memory", who, (peak.all - before - children) / MB)
                samples.add("p99", who, 1000 * meanwhile.percentile(0.99))
                if who == "ours":
                    own.append((peak.own - before) / MB)
                    helpers.append(children / MB)
                    seconds.append(result.seconds)
    samples.notes.append(
        f"The process alone grew by {median(own):.0f} MB. Its two helpers together have {median(helpers):.0f} MB once "
        f"they run. The uploads took {median(seconds):.1f} s."
    )
    return samples


def idle(rounds: int, place: Path) -> Samples:
    """An idle process, and how soon it is ready."""
    samples = Samples()
    with Insider(place) as insider:
        for _ in range(rounds):
            contenders: Contenders = {"ours": Widget(place, insider), "rival": stage.proxy(place, insider)}
            for who, contender in contenders.items():
                with contender as server:
                    load(server, 1, count=1)
                    if who == "ours":
                        load(server, 1, path="/form/demo", seconds=0.05)
                    server.until_idle()
                    samples.add("memory", who, sum(server.resident()) / MB)
                    samples.add("start", who, server.started_in)
    return samples


def backlog(rounds: int, place: Path) -> Samples:
    """Waiting rows, and the cost of one with more or fewer behind it."""
    samples, rows = Samples(), 10_000
    with Insider(place) as insider:
        made = {size: _seeded(place, insider, size) for size in (100, 1000, rows, 100_000)}
        for _ in range(rounds):
            for size, database in made.items():
                samples.curve[size].append(_cost(place, insider, database, 80 if size == 100 else 200))
        for many, few in zip(samples.curve[100_000], samples.curve[1000], strict=True):
            samples.add("growth", "ours", many / few)
        _drain(samples, place, insider, made[rows], rounds)
    return samples


def _seeded(place: Path, insider: Insider, rows: int) -> Path:
    """A database in which so many submissions wait."""
    path = Widget(place, insider).migrate()
    now, feedback = time.time(), requests.FIELDS
    values = (
        (uuid.uuid4().hex, now - rows + number, now - 1, feedback["description"], feedback["submittedByEmail"])
        for number in range(rows)
    )
    with closing(sqlite3.connect(path)) as database, database:
        database.executemany(
            "INSERT INTO submission (id, product, state, accepted_at, due_at, attempts, separately, possible_duplicate,"
            " description, email, rating, consent) VALUES (?, 'demo', 'queued', ?, ?, 0, 0, 0, ?, ?, 1, 1)",
            values,
        )
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def _cost(place: Path, insider: Insider, database: Path, rows: int) -> float:
    """Milliseconds for each of so many rows, after the first few."""
    first = 20
    insider.reset()
    with Widget(place, insider, database=database):
        insider.until("create", first + rows)
        times = insider.times()
    return 1000 * (times[first + rows - 1] - times[first - 1]) / rows


def _drain(samples: Samples, place: Path, insider: Insider, database: Path, rounds: int) -> None:
    """Drain one backlog in slices, with a loop of posts that does the same work in between."""
    insider.reset()
    with Widget(place, insider, database=database) as widget:
        insider.until("create", 200)
        widget.signal(signal.SIGSTOP)
        for _ in range(rounds):
            time.sleep(0.1)
            insider.reset()
            spent, began = insider.counts()["cpu"], time.monotonic()
            widget.signal(signal.SIGCONT)
            insider.until("create", SLICE)
            widget.signal(signal.SIGSTOP)
            samples.insider = max(samples.insider, (insider.counts()["cpu"] - spent) / (time.monotonic() - began))
            times = insider.times()
            samples.add("rate", "ours", len(times) / (times[-1] - began))
            samples.add("rate", "ceiling", stage.posts(insider, SLICE, SLOTS))


MEASURES: Mapping[str, Callable[[int, Path], Samples]] = {
    measure.__name__: measure
    for measure in (get, accept, delivered, person, slow, uploads, crowd, idle, backlog, postgres)
}
