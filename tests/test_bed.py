"""What tests stand on does not let one stand in the way of another."""

import random

import pytest
from bed import free_port


def test_a_port_on_which_somebody_is_about_to_listen_is_not_given_away_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = free_port(), free_port()
    drawn, draw = iter([first, second]), random.randrange
    monkeypatch.setattr(random, "randrange", lambda *bounds: next(drawn, None) or draw(*bounds))
    assert free_port() not in (first, second)
    assert next(drawn, None) is None
