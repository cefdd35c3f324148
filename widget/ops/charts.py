"""Draws charts as SVG on the server. They need no script and no style sheet, so a strict content security policy allows
them.

Libraries that draw SVG (pygal, matplotlib, Altair) add styles and scripts, which such a policy refuses. Each chart and
each mark has a title for screen readers. The page adds a table with the same values.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 360, 170
"""SVG units. The drawing fits the width of a phone and grows with the page."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 4, 8, 20
STYLE = """
text { font: 11px system-ui, sans-serif; fill: #675f56 }
.chart-grid { stroke: #e7e2da } .chart-line { fill: none; stroke-width: 2 }
.chart-1 { fill: #2f4e86 } .chart-2 { fill: #c9752b } .chart-3 { fill: #8f877c } .chart-4 { fill: #1d6b48 }
.chart-5 { fill: #b3261e }
.chart-line.chart-1 { fill: none; stroke: #2f4e86 } .chart-line.chart-2 { fill: none; stroke: #c9752b }
"""
"""The style of a drawing that stands alone. A page has its own."""


@dataclass(frozen=True, slots=True)
class Series:
    """A name, and one value per label; None if there is no value."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of `series` over `labels`. `written` formats a value for people. `key` makes ids unique within the
    page."""

    key: str
    title: str
    labels: Sequence[str]
    series: Sequence[Series]
    written: Callable[[float], str] = "{:,.0f}".format

    @property
    def summary(self) -> str:
        """The sum or the maximum of each series, in words."""
        facts = []
        for series in self.series:
            known = [value for value in series.values if value is not None]
            facts.append(f"{series.name}: at most {self.written(max(known))}" if any(known) else f"{series.name}: none")
        return "; ".join(facts)


def bars(chart: Chart, *, alone: bool = False) -> str:
    """Columns, stacked in the order of the series."""
    tops = [sum(value or 0 for value in column) for column in _columns(chart)]
    scale = _Scale(max(tops, default=0))

    def marks() -> Iterator[str]:
        for place, column in enumerate(_columns(chart)):
            base = 0.0
            for number, value in enumerate(column, 1):
                if value:
                    top, bottom = scale.y(base + value), scale.y(base)
                    x, width = _slot(place, len(chart.labels))
                    words = f"{chart.labels[place]}, {chart.series[number - 1].name}: {chart.written(value)}"
                    yield (
                        f'<rect class="chart-{number}" x="{x:.1f}" y="{top:.1f}" width="{width:.1f}"'
                        f' height="{bottom - top:.1f}"><title>{escape(words)}</title></rect>'
                    )
                    base += value

    return _drawing(chart, scale, "".join(marks()), alone)


def lines(chart: Chart) -> str:
    """One line per series, with a gap where there is no value."""
    known = [value for series in chart.series for value in series.values if value is not None]
    scale = _Scale(max(known, default=0))

    def marks() -> Iterator[str]:
        for number, series in enumerate(chart.series, 1):
            points = [
                None if value is None else (sum(_slot(place, len(chart.labels))) - _half(len(chart.labels)), value)
                for place, value in enumerate(series.values)
            ]
            yield f'<path class="chart-line chart-{number}" d="{_path(points, scale)}"/>'
            for place, point in enumerate(points):
                if point:
                    words = f"{chart.labels[place]}, {series.name}: {chart.written(point[1])}"
                    yield (
                        f'<circle class="chart-{number}" cx="{point[0]:.1f}" cy="{scale.y(point[1]):.1f}" r="2.5">'
                        f"<title>{escape(words)}</title></circle>"
                    )

    return _drawing(chart, scale, "".join(marks()), alone=False)


class _Scale:
    """Maps values to heights. The top is a round number, and so is half of it."""

    def __init__(self, highest: float) -> None:
        power = 10 ** math.floor(math.log10(highest)) if highest > 0 else 1
        self.top = next(step * power for step in (2, 4, 6, 10, 20) if step * power >= highest)

    def y(self, value: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _BOTTOM - _TOP) * value / self.top


def _columns(chart: Chart) -> list[tuple[float | None, ...]]:
    return list(zip(*(series.values for series in chart.series), strict=True))


def _slot(place: int, count: int) -> tuple[float, float]:
    """The left edge of a column, and its width."""
    step = (WIDTH - _LEFT - _RIGHT) / max(1, count)
    return _LEFT + place * step + step * 0.1, step * 0.8


def _half(count: int) -> float:
    return _slot(0, count)[1] / 2


def _path(points: Sequence[tuple[float, float] | None], scale: _Scale) -> str:
    steps, is_drawing = [], False
    for point in points:
        if point:
            steps.append(f"{'L' if is_drawing else 'M'}{point[0]:.1f} {scale.y(point[1]):.1f}")
        is_drawing = point is not None
    return " ".join(steps)


def _drawing(chart: Chart, scale: _Scale, marks: str, alone: bool) -> str:
    ids = f"{chart.key}-title {chart.key}-summary"
    namespace = ' xmlns="http://www.w3.org/2000/svg"' if alone else ""
    style = f"<style>{STYLE}</style>" if alone else ""
    return (
        f'<svg class="chart"{namespace} viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{ids}">'
        f'<title id="{chart.key}-title">{escape(chart.title)}</title>'
        f'<desc id="{chart.key}-summary">{escape(chart.summary)}</desc>{style}'
        f"{_axes(chart, scale)}{marks}</svg>"
    )


def _axes(chart: Chart, scale: _Scale) -> str:
    parts = []
    for value in (0, scale.top / 2, scale.top):
        y = scale.y(value)
        parts.append(f'<path class="chart-grid" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(chart.written(value))}</text>')
    if chart.labels:
        last = len(chart.labels) - 1
        ends = [(0, "start", _LEFT)] + ([(last, "end", WIDTH - _RIGHT)] if last else [])
        for place, anchor, x in ends:
            words = escape(chart.labels[place])
            parts.append(f'<text x="{x}" y="{HEIGHT - 4}" text-anchor="{anchor}">{words}</text>')
    return "".join(parts)
