"""The simulation of fleets: it meets what was measured, and the manual shows what it says."""

import pytest

from bench.fleets import CONNECTIONS, FLEETS, MEASURED, PAGE, PICTURE, as_measured, capacity
from bench.scale import burst, outage
from bench.stage import ROOT

MANUAL = (ROOT / "docs" / PAGE).read_text("utf-8")


@pytest.mark.parametrize("name", MEASURED)
def test_what_was_measured_comes_out_of_the_simulation(name: str) -> None:
    fleet, number, measured = MEASURED[name]
    assert burst(fleet, number, CONNECTIONS).delivered == pytest.approx(measured, rel=0.15)


def test_the_manual_shows_what_is_simulated() -> None:
    assert "\n".join(as_measured()) in MANUAL
    assert all(f"| {name} | " in MANUAL for name in FLEETS)
    assert f"({PICTURE})" in MANUAL
    assert (ROOT / "docs" / PICTURE).is_file()


def test_slots_saturate_before_a_processor_does_and_more_of_them_deliver_more() -> None:
    few, many = capacity(FLEETS["1 process on SQLite"]), capacity(FLEETS["1 process on SQLite, 64 slots"])
    assert (few.busiest, many.busiest) == ("delivery slots", "delivery slots")
    assert many.delivered == pytest.approx(4 * few.delivered, rel=0.05)


def test_after_an_outage_everything_is_delivered_and_later_if_more_waits() -> None:
    fleet = FLEETS["4 processes"]
    assert 0 < outage(fleet, 10, events=300) < outage(fleet, 100, events=300) < 9 * 3600
