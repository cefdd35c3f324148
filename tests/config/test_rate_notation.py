"""Rates are read as the `limits` library reads them, whose notation the settings promise."""

import pytest
from limits import parse_many

from widget.config import rates


@pytest.mark.parametrize(
    "text",
    [
        "20/minute; 200/hour",
        "600/minute",
        "1 per second",
        "10 PER 5 Hours , 3/day|7 / month",
        "5/2 minutes",
        "5per2minutes",
        "  1000000/year  ",
    ],
)
def test_a_rate_says_what_the_limits_library_reads_in_it(text: str) -> None:
    assert rates.parse(text) == tuple((item.amount, item.get_expiry()) for item in parse_many(text))


@pytest.mark.parametrize(
    "text", ["", "often", "5", "/minute", "5/", "5/fortnight", "5/minute;", "-5/minute", "5/minute x"]
)
def test_what_is_not_a_rate_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="is not a valid rate"):
        rates.parse(text)
    with pytest.raises(ValueError, match=r"couldn't parse|no granularity"):
        parse_many(text)
