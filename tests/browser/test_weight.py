"""How much a host page and a person load: exact bytes, as brotli packs them."""

import brotli
from bed import ROOT, Widget
from playwright.sync_api import Browser

LOADER = 3584
FORM = 18 * 1024


def packed(content: bytes) -> int:
    """Bytes on the wire at brotli's best."""
    return len(brotli.compress(content, quality=11))


def test_the_loader_weighs_at_most_three_and_a_half_kilobytes() -> None:
    size = packed((ROOT / "static" / "embed.js").read_bytes())
    print(f"embed.js: {size} bytes")  # noqa: T201 - shown where the budget is broken
    assert size <= LOADER


def test_the_opened_form_weighs_at_most_eighteen_kilobytes(browser: Browser, form_site: Widget) -> None:
    context = browser.new_context()
    page = context.new_page()
    loaded: dict[str, int] = {}
    page.on("response", lambda response: loaded.update({response.url: packed(response.body())}))
    page.goto(f"{form_site.url}/form/demo", wait_until="networkidle")
    context.close()
    for url, size in loaded.items():
        print(f"{size:6} {url}")  # noqa: T201
    assert sum(loaded.values()) <= FORM
