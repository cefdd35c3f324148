"""Measures, and writes docs/performance.md: `python -m bench [--rows NAME,…] [--rounds N | --long]`.

With only some rows, it prints their table and replaces them in the document; with too few rounds, it only prints.
"""

import argparse
import sys
import time

from bench import browser, machine, picture, report, serving, stage, vendors
from bench.rows import ROWS, Samples

ROUNDS = 5
"""The smallest number of rounds from which a median is taken."""
LONG = 15
"""Rounds where time does not matter: about twenty minutes for the whole table."""
_IN_BROWSER = {"embed", "open", "weight"}


def main() -> None:
    """Measure what the command line asks for."""
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rows", default=",".join(names), help=f"of {','.join(names)}")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--long", dest="rounds", action="store_const", const=LONG, help=f"{LONG} rounds, for certainty")
    options = parser.parse_args()
    wanted = options.rows.split(",")
    if unknown := set(wanted) - set(names):
        parser.error(f"no such rows: {', '.join(sorted(unknown))}")
    began = time.monotonic()
    measured: dict[str, Samples] = {}
    with stage.folder() as place:
        described = machine.describe(place)
        if _IN_BROWSER & set(wanted):
            _say("fetching the rivals", began)
            vendors.fetch()
        for name, measure in serving.MEASURES.items():
            if name in wanted:
                _say(name, began)
                measured[name] = measure(options.rounds, place)
        if _IN_BROWSER & set(wanted):
            _say("the browser's rows", began)
            found = browser.measure(options.rounds, place)
            measured.update({name: samples for name, samples in found.items() if name in wanted})
    _say("done", began)
    print("\n".join(report.table(measured)))
    if options.rounds < ROUNDS:
        return
    docs = stage.ROOT / "docs"
    if set(wanted) != set(names):
        page = docs / "performance.md"
        for samples in measured.values():
            samples.notes.append(f"Measured in a run of its own; {machine.BUSY}: {described[machine.BUSY]}.")
        page.write_text(report.updated(page.read_text("utf-8"), measured), "utf-8")
    else:
        minutes = (time.monotonic() - began) / 60
        (docs / "performance.md").write_text(report.document(measured, described, options.rounds, minutes), "utf-8")
        (docs / report.PICTURE).write_text(picture.draw(measured), "utf-8")


def _say(what: str, began: float) -> None:
    print(f"{time.monotonic() - began:5.0f} s  {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
