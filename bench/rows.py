"""The table: what is measured, the targets, and what was tried where one is missed."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

Who = Literal["ours", "rival", "ceiling"]
BUSY = 0.85
"""Share of a processor above which the load generator or the stand-in may have held a figure down."""


@dataclass(frozen=True)
class Check:
    """One target. The judged figure is ours, ours as a `share` of another's, or its `distance` from it, calculated for
    each round. `bound` is in `unit`, except for a share."""

    measure: str
    name: str
    target: str
    unit: str
    better: Literal["more", "less"]
    bound: float
    of: Literal["value", "share", "distance"] = "value"
    beside: Literal["rival", "ceiling"] = "rival"
    digits: int = 0

    def meets(self, figure: float) -> bool:
        """Whether a judged figure meets the target."""
        return figure >= self.bound if self.better == "more" else figure <= self.bound


def _share(
    measure: str, name: str, target: str, unit: str, bound: float, beside: Literal["rival", "ceiling"] = "rival"
) -> Check:
    """A target of at least this share of another's figure."""
    return Check(measure, name, target, unit, "more", bound, "share", beside)


@dataclass(frozen=True)
class Row:
    """A row of the table. `tried` is what was tried if a target is missed."""

    name: str
    title: str
    how: str
    checks: tuple[Check, ...]
    tried: str = ""


@dataclass
class Samples:
    """What was measured for a row, by measure, contender and round; remarks; the largest share of a processor that a
    measuring process used; and the cost by length of backlog, in ms for each round."""

    values: dict[str, dict[Who, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    notes: list[str] = field(default_factory=list)
    generator: float = 0.0
    insider: float = 0.0
    curve: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, measure: str, who: Who, value: float) -> None:
        """Add the result of a round."""
        self.values[measure][who].append(value)

    def judged(self, check: Check) -> Sequence[float]:
        """The figures that the check judges, one for each round."""
        ours = self.values[check.measure]["ours"]
        if check.of == "value":
            return ours
        pairs = zip(ours, self.values[check.measure][check.beside], strict=True)
        return [mine / other if check.of == "share" else mine - other for mine, other in pairs]

    def middle(self, check: Check, who: Who) -> float | None:
        """A contender's median; None if it was not measured."""
        found = self.values[check.measure].get(who)
        return median(found) if found else None


ROWS: tuple[Row, ...] = (
    Row(
        "get",
        "GET form",
        "16 connections request the form, as a browser does. The ceiling is uvicorn with the same set-up and the same "
        "bytes for every request.",
        (_share("rate", "requests", "at least 0.7 of bare uvicorn answering the same bytes", "/s", 0.7, "ceiling"),),
        "rendering each form once and handing it out with a fresh token before any routing (from 0.025); checking "
        "headers in one pass. The rest of the gap to bare uvicorn is signing the token (6 µs), eleven more headers in "
        "uvicorn's own loop (6 µs) and the checks of the connection (4 µs). With our headers on both sides the ratio "
        "is 0.6 to 0.7.",
    ),
    Row(
        "accept",
        "accept, small, 16 connections, burst of 2,000 (stored for good)",
        "Measured from the first byte to the last answer, with a service that has just started. `DELIVERY_WAIT=0`, so "
        "each submission is answered as soon as it is stored; the same process delivers meanwhile. The rival gets "
        "1,000 submissions, because its rate does not depend on the number. The ceiling writes the same bytes and "
        "syncs them (`fdatasync`), 16 at a time.",
        (_share("rate", "accepted", "at least 2.5 times the plain proxy's rate", "/s", 2.5),),
        "delivering after the burst instead of meanwhile (a tenth less processor time); looking for a repeat only "
        "where one is stopped (a quarter less); answering all submissions of a commit with one call to the event loop; "
        "half as many statements for each submission. Accepting takes 0.7 to 0.9 ms of one interpreter's time, and the "
        "proxy 1.1. Three quarters of ours are the server, the framework, the form's parser and the checks; a quarter "
        "is storing.",
    ),
    Row(
        "delivered",
        "delivered rate, sustained",
        "16 connections and default settings, until Insider Connect has created the last feedback. The ceiling is a "
        "loop of httpx posts, 16 at once.",
        (_share("rate", "delivered", "at least the plain proxy's", "/s", 1.0),),
        "a separate connection for each call instead of a pool that inspects all of them; calls that state their "
        "length; half as many statements for each outcome; a claim in the commit that stores (together with "
        "the other changes on this page, a quarter to a third less processor time). The proxy parses and sends. Here, "
        "each submission is also stored and marked as done, and in a burst claimed in between, in commits that are "
        "shared but not free.",
    ),
    Row(
        "person",
        "one person, Insider Connect answering in 50 ms",
        "One connection sends one submission after another. Insider Connect itself answers each.",
        (
            Check(
                "p50", "p50 of Send", "p50 at most 3 ms above the plain proxy", "ms", "less", 3.0, "distance", digits=1
            ),
        ),
        "the same as for the delivered rate; two commits instead of three, and no read before or after them. What "
        "remains is two waits for the disk, before the call and before the answer, and two hand-overs to the thread "
        "that writes.",
    ),
    Row(
        "slow",
        "Insider Connect taking 10 s",
        "200 submissions on 32 connections. Some find a free slot and wait for `DELIVERY_WAIT`, which is 2.5 s by "
        "default. With the rival, people wait for Insider Connect; its rounds overlap, because it does nothing else.",
        (Check("p99", "p99 of Send", "p99 of Send at most `DELIVERY_WAIT` + 0.3 s", "s", "less", 2.8, digits=2),),
    ),
    Row(
        "uploads",
        "uploads of 4 MB, 4 connections",
        "Pictures, each until it is checked and stored for good (`DELIVERY_WAIT=0`); the same process delivers "
        "meanwhile. The rival answers after it has delivered. The ceiling reads the body and drops it.",
        (
            _share("rate", "beside the plain proxy", "at least 0.8 of the plain proxy in MB/s", "MB/s", 0.8),
            _share("rate", "beside the sink", "at least 0.35 of the sink", "MB/s", 0.35, "ceiling"),
        ),
        "checking files in separate processes, in parallel with the parsing. Each byte is still parsed, written, "
        "read, passed to that process, decompressed there, hashed, synced, and read again for delivery; the proxy "
        "forwards it unseen. Copying a PNG once while it is checked, and writing and reading a megabyte at once: an "
        "upload takes 21 ms of processor time in all our processes instead of 32. Without the delivery beside it, an "
        "upload would take two fifths less time, without the check a fifth, without the hash an eighth, without the "
        "sync a sixteenth. Not kept, because each brought less than a tenth: memory that the service shares with the "
        "process that checks, sending it the file within the kernel, writing without another thread, four bodies at a "
        "time, reading a megabyte at once from the connection, and more frequent changes between threads.",
    ),
    Row(
        "crowd",
        "256 uploads of 4 MB at once",
        "All uploads start at the same moment on 256 connections, while 4 more connections send small submissions, at "
        "most ten a second each. Settings are the defaults. Memory is the resident set of the process and of the "
        "helpers that check files. Idle is measured after a few uploads, because the helpers start with the first "
        "file and stay.",
        (
            Check("memory", "memory above idle", "at most 64 MB above idle", "MB", "less", 64.0),
            Check("p99", "p99 of small ones", "small submissions meanwhile p99 under 150 ms", "ms", "less", 150.0),
        ),
        "working on two large bodies at a time, with small ones in between: p99 fell from 5.6 s to about 0.2 s. "
        "Reading no more of a body than is asked for, and two heaps for all threads: 137 MB became 50 MB. A turn of a "
        "megabyte for each body, which is written at once: 50 MB became about 40 MB, and all uploads take two thirds "
        "of the time.",
    ),
    Row(
        "idle",
        "idle process",
        "With a new database. Memory is the resident set after one submission and a few forms, once the "
        "process has used no processor time for half a second.",
        (
            Check("memory", "memory", "at most 85 MB", "MB", "less", 85.0),
            Check("start", "start", "from start to `/readyz` at most 1.5 s", "s", "less", 1.5, digits=2),
        ),
        "loading the code that verifies identities, decodes pictures, speaks to PostgreSQL or sends mails only where "
        "it is used; giving back the memory that compressing files and forms took; tables of a few formats in place of "
        "all that the Unicode CLDR knows about a language. It has 80 MB until the first form. Of these, SQLAlchemy is "
        "14 MB, and pydantic with our models 10 MB.",
    ),
    Row(
        "backlog",
        "backlog of 10,000",
        "Slices of 800 rows are delivered from one backlog of 10,000. Between them the process is stopped (SIGSTOP) "
        "while a loop of httpx posts as many, also 16 at once. The cost of a row is the time for each of 200 rows (80 "
        "with a backlog of 100) at the head of a backlog.",
        (
            _share("rate", "drained", "drains at 0.8 of raw httpx at the same concurrency", "/s", 0.8, "ceiling"),
            Check(
                "growth",
                "cost of a row, 10⁵ waiting against 10³",
                "cost per row does not grow with the backlog (above 1.15 times is no noise)",
                "times",
                "less",
                1.15,
                digits=2,
            ),
        ),
        "the same as for the delivered rate: each row is claimed and marked as done in separate commits.",
    ),
    Row(
        "postgres",
        "the same on PostgreSQL",
        "600 texts, and 120 pictures of 300 kB, on 16 connections with `DELIVERY_WAIT=0`. Processor time is that of "
        "all processes of the service and of the database together, until the last outcome is written. The ceiling is "
        "one process on SQLite; for several processes, two web processes and three workers, it is one process on "
        "PostgreSQL. All share two processors with the load generator. The rival stores nothing.",
        (
            Check(
                "text",
                "processor time of a text",
                "a text at most twice SQLite's processor time, the database included",
                "ms",
                "less",
                2.0,
                "share",
                "ceiling",
                digits=1,
            ),
            Check(
                "picture",
                "processor time of a picture",
                "a picture of 300 kB at most 1.5 times",
                "ms",
                "less",
                1.5,
                "share",
                "ceiling",
                digits=1,
            ),
            _share(
                "text accepted", "accepted", "one process accepts at least 0.6 of SQLite's rate", "/s", 0.6, "ceiling"
            ),
            _share("text rate", "delivered", "and delivers at least 0.6", "/s", 0.6, "ceiling"),
            _share("several rate", "delivered by several", "several deliver at least 0.9 of one", "/s", 0.9, "ceiling"),
            _share(
                "far rate",
                "delivered by several, Insider Connect taking 200 ms",
                "and at least 1.8 times as many when Insider Connect takes 200 ms",
                "/s",
                1.8,
                "ceiling",
            ),
        ),
        "one writer in each process, whose commits are shared (a text took 8 to 9 ms before, 12 ms with several "
        "processes); one job for all that is due, instead of one for each submission; statements that the server "
        "prepares; rows of 64 KiB, read eight at a time. The bytes of a picture are rows: they are written to the "
        "write-ahead log and to the table, read from it, and deleted, whereas SQLite moves a file.",
    ),
    Row(
        "embed",
        "`embed.js`",
        "A host page with nothing else on it, until it is idle. Bytes are counted on the wire. Script is the main "
        "thread's processor time for compiling and running, minus that of the same page without the script. The rival "
        "is Sentry's.",
        (
            Check("bytes", "bytes", "at most 3.5 KB brotli", "B", "less", 3.5 * 1024),
            Check("requests", "requests", "one request", "", "less", 1.0),
            Check("script", "script", "at most 2 ms of script on the host page", "ms", "less", 2.0, digits=1),
            Check("shift", "layout shift", "no layout shift", "", "less", 0.0, digits=3),
            Check("long", "long tasks", "no long task", "", "less", 0.0),
        ),
        "compressing ahead of time (9.2 KB became 3); loading only the button until someone reaches for it; having the "
        "browser compile all functions while it still loads the script (a fifth less); drawing the icon by a style "
        "instead of SVG elements (a sixth less); no regular expression, no second set-up and no style computed twice "
        "before the button is there (a fifth less). The minimum for such a button (an element with a shadow root, a "
        "style sheet of one rule, a popover and a button in it) takes 1.3 ms here by itself.",
    ),
    Row(
        "open",
        "the form, from press to usable",
        "From the press until people can type into the text field: the form's script runs, and the host page shows "
        "the form. Pressed at once is as on a touch screen, without a moment over the button. Beside Sentry's dialog, "
        "the pointer rests on either button for 0.2 s before the press. Sentry's package has loaded its whole dialog "
        "into the host page's script by then.",
        (
            Check("at once", "pressed at once", "at most 80 ms, pressed at once", "ms", "less", 80.0),
            Check(
                "usable",
                "beside Sentry's dialog",
                "at most 0.6 of Sentry's dialog in the same run",
                "ms",
                "less",
                0.6,
                "share",
            ),
        ),
        "loading and laying out the form while the pointer is still on its way; requesting the form and the panel that "
        "shows it at the same time. Sentry's dialog is part of the host page's script and waits for no frame. Ours is "
        "in a frame, which keeps the two pages apart.",
    ),
    Row(
        "weight",
        "the form's weight",
        "Bodies of all requests of the form's page, counted on the wire. The rival's is Sentry's script, which "
        "contains its dialog. Lighthouse tests the same page as a phone with a slow connection, as it does by "
        "default.",
        (
            Check("bytes", "bytes", "at most 16 KB brotli, all requests", "B", "less", 16 * 1024),
            Check("performance", "Lighthouse: performance", "100", "", "more", 100.0),
            Check("accessibility", "Lighthouse: accessibility", "100", "", "more", 100.0),
            Check("best-practices", "Lighthouse: best practices", "100", "", "more", 100.0),
        ),
        "compressing everything ahead of time, the page too, with room for its token.",
    ),
)
Measured = Mapping[str, Samples]
"""The results by the names of rows."""
