"""Writes the results as a document: the table, how each row was measured, the machine."""

import re
from collections.abc import Iterator, Mapping
from statistics import median

from bench import brief
from bench.rows import BUSY, ROWS, Check, Measured, Row, Samples

PICTURE = "pictures/performance.svg"
_HEADER = "| what | figure | target | ours | rival | ceiling | spread | |\n|---|---|---|---|---|---|---|---|"
_ROW_BY_ROW, _AFTER_ROWS = "\n## Row by row\n\n", "\n## A longer backlog\n"


def document(measured: Measured, machine: Mapping[str, str], rounds: int, minutes: float) -> str:
    """The whole of `docs/performance.md`."""
    judged = [check.meets(median(measured[row.name].judged(check))) for row in ROWS for check in row.checks]
    return "\n".join(
        [
            "# Performance",
            "",
            "This page tells you how fast the service and the form are, and where they miss their targets.",
            "What you can plan with, on a machine [like ours](#the-machine):",
            "",
            *brief.lines(measured),
            "",
            "`make bench` writes this page. It measures our service, a rival and a ceiling in turn, so that a noisy",
            f"machine affects all of them alike. Figures are medians of {rounds} rounds; the spread is the lowest and",
            "the highest round. Ratios and differences are calculated for each round.",
            f"This run took {minutes:.1f} minutes; {sum(judged)} of {len(judged)} targets are met.",
            "",
            "The rival is a [plain proxy](../bench/plain_proxy.py) such as a competent developer could write in an",
            "hour. In the browser, it is Sentry's SDK with its feedback dialog. The ceiling is what the machine",
            "achieves when it does the bare work only. A stand-in for Insider Connect answers at once unless a row",
            "says otherwise.",
            "",
            f"![Each figure beside its target, and what a row costs with a longer backlog]({PICTURE})",
            "",
            *table(measured),
            "",
            "## Row by row",
            "",
            *_rows(measured),
            "## A longer backlog",
            "",
            *_curve(measured["backlog"]),
            "",
            "## The machine",
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {value} |" for name, value in machine.items()),
            "",
            "**Read next:** [operations.md](operations.md#capacity-on-paper) to plan capacity,",
            "[machines.md](machines.md) to run more than one process.",
            "",
        ]
    )


def updated(text: str, measured: Measured) -> str:
    """The document `text` with the rows that were measured now, in a run of their own. The others stay."""
    head, rest = text.split(_AFTER_ROWS)
    before, told = head.split(_ROW_BY_ROW)
    before, lines = before.split(_HEADER)
    planned = [line for line in before.splitlines() if line.startswith("- ")]
    before = before.replace("\n".join(planned), "\n".join(brief.lines(measured, planned)))
    kept = {row.name: [line for line in lines.splitlines() if line.startswith(f"| {row.title} |")] for row in ROWS}
    blocks = {name: block for block in re.split(r"\n\n(?=\*\*)", told.strip("\n")) if (name := _row_of(block))}
    for row in ROWS:
        if row.name in measured:
            kept[row.name] = [*table({row.name: measured[row.name]})][2:]
            blocks[row.name] = "\n".join(_told(row, measured[row.name]))
    rows = [line for row in ROWS for line in kept[row.name]]
    met = sum("**misses**" not in line for line in rows)
    before = re.sub(r"\d+ of \d+ targets", f"{met} of {len(rows)} targets", before)
    told = "\n\n".join(blocks[row.name] for row in ROWS if row.name in blocks)
    return f"{before}{_HEADER}{chr(10).join(['', *rows, ''])}{_ROW_BY_ROW}{told}\n{_AFTER_ROWS}{rest}"


def _row_of(block: str) -> str | None:
    """The name of the row that a paragraph is about."""
    return next((row.name for row in ROWS if block.startswith(f"**{row.title}.** ")), None)


def table(measured: Measured) -> Iterator[str]:
    """The table's lines for the rows that were measured."""
    yield from _HEADER.splitlines()
    for row in ROWS:
        if row.name in measured:
            for check in row.checks:
                yield _line(row, check, measured[row.name])


def _line(row: Row, check: Check, samples: Samples) -> str:
    judged = samples.judged(check)
    ours, rival, ceiling = (samples.middle(check, who) for who in ("ours", "rival", "ceiling"))
    assert ours is not None  # noqa: S101
    mine = shown(ours, check)
    if check.of != "value":
        mine += f" ({_judged(median(judged), check)})"
    above = "–"
    if ceiling is not None:
        share = median(
            mine / other
            for mine, other in zip(
                samples.values[check.measure]["ours"], samples.values[check.measure]["ceiling"], strict=True
            )
        )
        above = f"{shown(ceiling, check)}, ours is {share:.{2 if share >= 0.1 else 3}f} of it"
    busy = max(samples.generator, samples.insider) > BUSY
    verdict = "meets" if check.meets(median(judged)) else "**misses**"
    cells = (
        row.title,
        check.name,
        check.target,
        mine,
        "–" if rival is None else shown(rival, check),
        above,
        f"{_judged(min(judged), check)} … {_judged(max(judged), check)}",
        verdict + (" (held down by what measures it)" if busy else ""),
    )
    return f"| {' | '.join(cells)} |"


def shown(value: float, check: Check) -> str:
    """A figure with its unit."""
    return f"{value:,.{check.digits}f} {check.unit}".strip()


def _judged(value: float, check: Check) -> str:
    """A figure as it is judged: a share, a difference with its sign, or the value itself."""
    if check.of == "share":
        return f"{value:.{2 if value >= 0.1 else 3}f} ×"
    return f"{value:+.{check.digits}f} {check.unit}" if check.of == "distance" else shown(value, check)


def _rows(measured: Measured) -> Iterator[str]:
    for row in ROWS:
        yield from _told(row, measured[row.name])
        yield ""


def _told(row: Row, samples: Samples) -> Iterator[str]:
    yield f"**{row.title}.** {row.how}"
    yield from samples.notes
    helpers = {"the load generator": samples.generator, "Insider Connect's stand-in": samples.insider}
    if shares := [f"{name} at most {share:.2f}" for name, share in helpers.items() if share]:
        yield f"Share of a processor: {', '.join(shares)}."
    missed = [check.name for check in row.checks if not check.meets(median(samples.judged(check)))]
    if missed:
        yield f"*Missed: {', '.join(missed)}.* What was tried: {row.tried or 'nothing yet.'}"


def _curve(backlog: Samples) -> Iterator[str]:
    yield "The cost of each of the first rows while this many wait:"
    yield ""
    yield "| rows waiting | ms a row | spread |"
    yield "|---|---|---|"
    for size, times in backlog.curve.items():
        yield f"| {size:,} | {median(times):.2f} | {min(times):.2f} … {max(times):.2f} |"
