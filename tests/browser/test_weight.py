"""How much a host page and a person download."""

import brotli
from bed import ROOT, Widget, until_kept
from playwright.sync_api import Browser, Response

LOADER = 3584
FORM = 16 * 1024


def packed(content: bytes) -> int:
    """Bytes on the wire at brotli's best quality."""
    return len(brotli.compress(content, quality=11))


def test_the_loader_weighs_at_most_three_and_a_half_kilobytes() -> None:
    size = packed((ROOT / "static" / "embed.js").read_bytes())
    print(f"embed.js: {size} bytes")  # noqa: T201 - shown where the budget is broken
    assert size <= LOADER


def test_the_opened_form_weighs_at_most_sixteen_kilobytes_on_the_wire(browser: Browser, form_site: Widget) -> None:
    url = f"{form_site.url}/form/demo"
    until_kept(url)
    context = browser.new_context()
    page = context.new_page()
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(url, wait_until="networkidle")
    loaded = {answer.url: answer.request.sizes()["responseBodySize"] for answer in answers}
    codings = {answer.headers.get("content-encoding") for answer in answers}
    context.close()
    for address, size in loaded.items():
        print(f"{size:6} {address}")  # noqa: T201
    assert codings == {"br"}
    assert sum(loaded.values()) <= FORM
