"""Compares the compressed size of a page and its styles with the product's budget."""

import gzip
from collections.abc import Iterator, Mapping

from widget.tools.findings import Finding

KILOBYTE = 1024


def packed(content: bytes) -> int:
    """Bytes on the wire."""
    return len(gzip.compress(content, 9, mtime=0))


def check(parts: Mapping[str, bytes], budget: int, at: str) -> Iterator[Finding]:
    """`parts` by their names; `budget` in kilobytes."""
    sizes = {name: packed(content) for name, content in parts.items()}
    total = sum(sizes.values())
    if total > budget * KILOBYTE:
        heaviest = sorted(sizes.items(), key=lambda each: -each[1])[:3]
        listed = ", ".join(f"{name} {size / KILOBYTE:.1f} KB" for name, size in heaviest)
        yield Finding(
            "weight.budget",
            f"Page and styles have {total / KILOBYTE:.1f} KB compressed; the budget is {budget} KB.",
            f"The largest: {listed}. Reduce them, or raise budget.",
            f"{at}.budget",
        )
