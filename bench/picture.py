"""The chart: every figure against its target, and the cost of a row by the length of the backlog; with a dark mode."""

from collections.abc import Iterator
from html import escape
from math import log2
from statistics import median

from bench.rows import ROWS, Check, Measured, Samples, Who

_WIDTH, _LEFT, _RIGHT, _LINE, _TOP = 860, 360, 820, 26, 64
_REACH = 4.0
"""The reach of the scale in both directions, in doublings."""
_STYLE = """
text{font:13px system-ui,sans-serif;fill:#26221d}.quiet{fill:#675f56;font-size:12px}.grid{stroke:#e3ded7}
.target{stroke:#26221d;stroke-width:1.5}.spread{stroke-width:3;stroke-linecap:round}.met{fill:#1d7a46;stroke:#1d7a46}
.missed{fill:#b3401f;stroke:#b3401f}.rival{fill:none;stroke:#675f56;stroke-width:1.5}.ceiling{stroke:#675f56;stroke-width:2}
.curve{fill:none;stroke:#2f4e86;stroke-width:2}.point{fill:#2f4e86}.back{fill:#fff}
@media(prefers-color-scheme:dark){text{fill:#f3efe9}.quiet{fill:#b8b0a5}.grid{stroke:#3a3632}.target{stroke:#f3efe9}
.met{fill:#6fcf97;stroke:#6fcf97}.missed{fill:#f08a66;stroke:#f08a66}.rival{stroke:#b8b0a5}.ceiling{stroke:#b8b0a5}
.curve{stroke:#a8c1f5}.point{fill:#a8c1f5}.back{fill:#1f1d1b}}
"""


def draw(measured: Measured) -> str:
    """The chart as SVG."""
    lines = [
        (row.title, check, measured[row.name]) for row in ROWS for check in row.checks if check.bound > 0
    ]  # if nothing is allowed at all, there is no multiple of it
    bottom = _TOP + _LINE * len(lines)
    parts = [*_scale(bottom)]
    for number, (title, check, samples) in enumerate(lines):
        parts += _line(_TOP + _LINE * number + _LINE / 2, title, check, samples)
    parts += _curve(bottom + 60, measured["backlog"])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {bottom + 260}" role="img">'
        f"<title>Each figure beside its target; the cost of a row by the length of the backlog</title>"
        f'<style>{_STYLE}</style><rect class="back" width="100%" height="100%"/>{"".join(parts)}</svg>\n'
    )


def _place(times: float) -> float:
    """The place on the scale of a figure that is so many times as good as its target."""
    doublings = log2(times) if times > 0 else _REACH
    middle, half = (_LEFT + _RIGHT) / 2, (_RIGHT - _LEFT) / 2
    return middle + half * max(-1.0, min(1.0, doublings / _REACH))


def _goodness(judged: float, check: Check) -> float:
    """How many times as good as its target a judged figure is. A difference of zero or less is as good as possible."""
    return judged / check.bound if check.better == "more" else check.bound / judged if judged > 0 else 2**_REACH


def _scale(bottom: float) -> Iterator[str]:
    for doublings in range(-4, 5, 2):
        x = _place(2.0**doublings)
        kind = "grid" if doublings else "target"
        said = "target" if not doublings else f"{2**doublings}×" if doublings > 0 else f"1/{2**-doublings}"
        yield f'<line class="{kind}" x1="{x}" x2="{x}" y1="{_TOP - 8}" y2="{bottom}"/>'
        yield f'<text class="quiet" x="{x}" y="{_TOP - 14}" text-anchor="middle">{said}</text>'
    yield '<text x="16" y="24">Times as good as the target: further right is better</text>'
    for number, kind in enumerate(("met", "missed", "rival")):
        x = _LEFT + 8 + 76 * number
        yield f'<circle class="{kind}" cx="{x}" cy="20" r="5"/><text class="quiet" x="{x + 12}" y="24">{kind}</text>'
    x = _LEFT + 8 + 76 * 3
    yield f'<line class="ceiling" x1="{x}" x2="{x}" y1="13" y2="27"/>'
    yield f'<text class="quiet" x="{x + 10}" y="24">ceiling</text>'


def _line(y: float, title: str, check: Check, samples: Samples) -> Iterator[str]:
    judged = samples.judged(check)
    good = [_place(_goodness(value, check)) for value in judged]
    at = _place(_goodness(median(judged), check))
    kind = "met" if check.meets(median(judged)) else "missed"
    name = f"{title.split(', ')[0]}: {check.name}".replace("`", "")
    yield f'<text x="16" y="{y + 4}">{escape(name)}</text>'
    yield f'<line class="spread {kind}" x1="{min(good):.1f}" x2="{max(good):.1f}" y1="{y}" y2="{y}"/>'
    if (x := _of_others(samples, check, "rival")) is not None:
        yield f'<circle class="rival" cx="{x:.1f}" cy="{y}" r="5"/>'
    if (x := _of_others(samples, check, "ceiling")) is not None:
        yield f'<line class="ceiling" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 7}" y2="{y + 7}"/>'
    yield f'<circle class="{kind}" cx="{at:.1f}" cy="{y}" r="5"/>'


def _of_others(samples: Samples, check: Check, who: Who) -> float | None:
    """Where ours would be on the scale if it equalled another's figure."""
    theirs = samples.middle(check, who)
    if theirs is None:
        return None
    if check.of != "value":
        base = samples.middle(check, check.beside) or 1.0
        theirs = theirs / base if check.of == "share" else theirs - base
    return _place(_goodness(theirs, check))


def _curve(top: float, backlog: Samples) -> Iterator[str]:
    """Milliseconds per row by the number of waiting rows, from zero to a little above the maximum."""
    height, low = 130.0, top + 150.0
    most = 1.2 * max(max(times) for times in backlog.curve.values())
    sizes = list(backlog.curve)
    points = {}
    yield f'<text x="16" y="{top}">Milliseconds that a row costs, by the rows that wait</text>'
    for share in (0.0, 0.5, 1.0):
        y = low - height * share
        yield f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="quiet" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{most * share:.1f}</text>'
    for number, size in enumerate(sizes):
        x = _LEFT + 30 + (_RIGHT - _LEFT - 60) * number / max(1, len(sizes) - 1)
        times = backlog.curve[size]
        high, deep, middle = (low - height * value / most for value in (max(times), min(times), median(times)))
        points[x] = middle
        yield f'<line class="curve" x1="{x:.1f}" x2="{x:.1f}" y1="{high:.1f}" y2="{deep:.1f}"/>'
        yield f'<circle class="point" cx="{x:.1f}" cy="{middle:.1f}" r="4"/>'
        yield f'<text class="quiet" x="{x:.1f}" y="{low + 18}" text-anchor="middle">{size:,}</text>'
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points.items())
    yield f'<polyline class="curve" points="{path}"/>'
