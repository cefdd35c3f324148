"""Usage figures and charts, computed from counts."""

import math
import xml.etree.ElementTree as ET

import pytest

from widget.ops import charts
from widget.ops.charts import Chart, Series
from widget.ops.stats import Figures, group, period
from widget.outbox.tally import Count
from widget.telemetry.counters import Amount, Key

MONDAY = 1_764_547_200  # 2025-12-01, 00:00 UTC


def accepted(number: int, *, hour: int = MONDAY, **key: object) -> Count:
    return Count(hour, Key("accepted", **{"product": "demo", "locale": "en", "rating": "up", **key}), Amount(number))  # type: ignore[arg-type]


def delivered(number: int, within: str) -> Count:
    return Count(MONDAY, Key("delivered", "demo", detail=within), Amount(number))


def test_figures_are_grouped_by_product_locale_and_week() -> None:
    counts = [
        accepted(3),
        accepted(1, rating="down", files=True),
        accepted(2, rating="none", product="portal", locale="de", hour=MONDAY + 7 * 86_400),
        delivered(4, "1"),
        Count(MONDAY, Key("refused", "demo", detail="answered_400"), Amount(1)),
    ]
    products = group(counts, "product")
    demo = products["demo"]
    assert (demo.submissions, demo.up, demo.down, demo.with_files, demo.delivered, demo.refused) == (4, 3, 1, 1, 4, 1)
    assert demo.share_up == 0.75
    assert products["portal"].share_up is None
    assert {name: its.submissions for name, its in group(counts, "locale").items()} == {"en": 4, "de": 2}
    assert {name: its.submissions for name, its in group(counts, "week").items()} == {"2025-W49": 4, "2025-W50": 2}


def test_a_week_across_new_year_has_one_name_and_names_sort_in_time() -> None:
    days = [period("week", MONDAY + day * 86_400) for day in range(28, 42)]
    assert days == ["2026-W01"] * 7 + ["2026-W02"] * 7
    assert period("hour", MONDAY + 9 * 3600) < period("hour", MONDAY + 10 * 3600)


def test_the_time_that_most_deliveries_took_is_found_within_its_bucket() -> None:
    figures = Figures()
    for within, number in (("1", 50), ("2.5", 40), ("60", 9), ("inf", 1)):
        figures.add(delivered(number, within))
    assert figures.took_at_most(0.5) == pytest.approx(1.0)
    assert figures.took_at_most(0.7) == pytest.approx(1.75)
    assert figures.took_at_most(0.95) == pytest.approx(2.5 + 57.5 * 5 / 9)
    assert figures.took_at_most(1.0) == 60, "of the last bucket only its beginning is known"
    assert Figures().took_at_most(0.5) is None


def test_a_chart_has_a_name_and_a_title_for_each_mark_and_neither_style_nor_script() -> None:
    chart = Chart("key", "Thumbs <b>", ["a", "b"], [Series("up", [4, 2]), Series("down & out", [1, None])])
    for drawn, marks in ((charts.bars(chart), 3), (charts.lines(chart), 3)):
        root = ET.fromstring(drawn)
        assert root.attrib["role"] == "img"
        named = {element.attrib["id"]: element.text for element in root.iter() if "id" in element.attrib}
        assert named["key-title"] == "Thumbs <b>"
        assert "down & out: at most 1" in (named["key-summary"] or "")
        titles = [element.text for element in root.iter("title") if "id" not in element.attrib]
        assert len(titles) == marks
        assert "a, down & out: 1" in titles
        assert "style" not in drawn
        assert "script" not in drawn


@pytest.mark.parametrize("values", [[], [0], [None], [0.001], [7e9], [3, None, 5]])
def test_every_value_lies_within_the_drawing(values: list[float | None]) -> None:
    chart = Chart("key", "Any", [str(place) for place in range(len(values))], [Series("one", values)])
    for drawn in (charts.bars(chart), charts.lines(chart)):
        for element in ET.fromstring(drawn).iter():
            for name in ("x", "y", "cx", "cy", "height", "width"):
                value = float(element.attrib.get(name, 0))
                assert math.isfinite(value)
                assert 0 <= value <= charts.WIDTH


def test_stacked_columns_stand_on_one_another() -> None:
    drawn = charts.bars(Chart("key", "Any", ["a"], [Series("one", [3]), Series("two", [2])]))
    lower, upper = ET.fromstring(drawn).iter("rect")
    assert float(upper.attrib["y"]) + float(upper.attrib["height"]) == pytest.approx(float(lower.attrib["y"]), abs=0.2)
