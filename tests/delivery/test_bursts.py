"""When many rows at once are a burst, and when they are normal load."""

import random

import pytest
from clock import Clock

from widget.delivery.bursts import CALM, CROWD, LONGEST, WITHIN, Bursts


def arrive(bursts: Bursts, clock: Clock, rate: float, seconds: float, chance: random.Random) -> list[bool]:
    """Let rows arrive by chance, at a mean rate. Returns whether there was a burst, for each."""
    found, end = [], clock.now + seconds
    while clock.now < end:
        bursts.note_arrival()
        found.append(bursts.lasts)
        clock.now += chance.expovariate(rate)
    return found


def test_a_crowd_is_a_burst_from_its_last_arrival_until_a_moment_after_it() -> None:
    bursts = Bursts(clock := Clock())
    for number in range(1, CROWD + 1):
        bursts.note_arrival()
        assert bursts.lasts == (number == CROWD)
    clock.now += 1.01 * WITHIN
    assert not bursts.lasts


def test_fewer_in_the_same_time_are_none() -> None:
    bursts = Bursts(clock := Clock())
    for _ in range(100):
        clock.now += 1.01 * WITHIN / (CROWD - 1)
        bursts.note_arrival()
        assert not bursts.lasts


@pytest.mark.parametrize("rate", [80, 120, 1000])
def test_a_load_that_is_a_crowd_again_and_again_is_normal_after_a_while(rate: float) -> None:
    """Else it would be delivered only between the crowds, and pile up."""
    bursts, chance = Bursts(clock := Clock()), random.Random(1)
    assert any(arrive(bursts, clock, rate, LONGEST / 2, chance))
    arrive(bursts, clock, rate, LONGEST, chance)
    assert not any(arrive(bursts, clock, rate, 10 * LONGEST, chance))


def test_after_a_calm_the_next_crowd_is_a_burst_again() -> None:
    bursts, chance = Bursts(clock := Clock()), random.Random(1)
    assert not arrive(bursts, clock, 1000, 2 * LONGEST, chance)[-1]
    clock.now += 1.1 * CALM
    assert arrive(bursts, clock, 1000, LONGEST / 2, chance)[-1]
