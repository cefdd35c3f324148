"""Who may frame what, and the form in a sandboxed frame as docs/security.md describes it."""

from collections.abc import Callable, Iterator

import pytest
from bed import Sandbox, Widget
from playwright.sync_api import Browser, Frame, Page, expect
from stage import Server

CONFIG = """\
[products.demo]
name = "Northwind"
origins = ["{host}"]
"""
SANDBOX = "allow-scripts allow-forms allow-same-origin allow-popups allow-popups-to-escape-sandbox"
"""What docs/security.md requires."""


@pytest.fixture(scope="module")
def host() -> Iterator[Server]:
    """A product's own site, under the name localhost. Under the name 127.0.0.1 it is a stranger's."""
    with Server() as server:
        yield server


@pytest.fixture
def widget(start_widget: Callable[..., Widget], host: Server) -> Widget:
    return start_widget(config=CONFIG.format(host=host.url))


@pytest.fixture
def framed(browser: Browser, host: Server) -> Iterator[Callable[..., Frame | None]]:
    """Frame an address in a page of the host. Returns the frame's document, or None if the browser refused it."""
    context = browser.new_context(locale="en-GB")

    def frame(address: str, name: str = "localhost", sandbox: str | None = None, nested: bool = False) -> Frame | None:
        attribute = "" if sandbox is None else f' sandbox="{sandbox}"'
        frame = f'<iframe id="feedback" src="{address}"{attribute} width="480" height="800"></iframe>'
        outer = f'<iframe src="http://localhost:{host.port}/inner"></iframe>' if nested else frame
        host.answers["/inner"] = (200, "text/html; charset=utf-8", f"<!doctype html><title>In</title>{frame}", {})
        host.answers["/"] = (200, "text/html; charset=utf-8", f"<!doctype html><title>Out</title>{outer}", {})
        page: Page = context.new_page()
        page.set_default_timeout(10_000)
        page.goto(f"http://{name}:{host.port}/", wait_until="load")
        found = page.frames[-1]
        while (address := found.evaluate("location.href")) == "about:blank":
            page.wait_for_timeout(20)
        return None if address.startswith("chrome-error:") else found

    yield frame
    context.close()


def test_a_page_of_the_product_frames_the_form(widget: Widget, framed: Callable[..., Frame | None]) -> None:
    frame = framed(f"{widget.url}/form/demo")
    assert frame
    expect(frame.get_by_role("heading", name="How is Northwind working for you?")).to_be_visible()


def test_the_loader_changes_the_language_of_an_open_form(widget: Widget, host: Server, browser: Browser) -> None:
    script = f'<script async src="{widget.url}/embed.js" data-product="demo"></script>'
    body = f'<!doctype html><html lang="en"><title>Orders</title>{script}'
    host.answers["/"] = (200, "text/html; charset=utf-8", body, {})
    page = browser.new_context(locale="en-GB").new_page()
    page.goto(host.url)
    page.get_by_role("button", name="Feedback").click()
    form = page.locator("insider-feedback").locator("iframe").content_frame
    expect(form.get_by_label("E-mail", exact=True)).to_be_visible()
    page.evaluate("InsiderFeedback.set({lang: 'fr', email: 'mara@northwind.example'})")
    expect(form.get_by_role("button", name="Envoyer mon avis")).to_be_visible()
    expect(form.locator("#submittedByEmail")).to_have_value("mara@northwind.example")
    form.locator("#description").fill("À moitié")
    page.evaluate("InsiderFeedback.set({lang: 'de'})")
    page.evaluate("InsiderFeedback.close()")
    page.evaluate("InsiderFeedback.open()")
    expect(form.locator("#description")).to_have_value("À moitié")
    expect(form.locator("html")).to_have_attribute("lang", "fr")
    page.context.close()


def test_a_stranger_s_page_cannot_frame_the_form(widget: Widget, framed: Callable[..., Frame | None]) -> None:
    assert framed(f"{widget.url}/form/demo", "127.0.0.1") is None


def test_nor_around_a_page_of_the_product(widget: Widget, framed: Callable[..., Frame | None]) -> None:
    assert framed(f"{widget.url}/form/demo", "127.0.0.1", nested=True) is None


def test_nor_with_a_sandbox_of_its_own(widget: Widget, framed: Callable[..., Frame | None]) -> None:
    assert framed(f"{widget.url}/form/demo", "127.0.0.1", sandbox=SANDBOX) is None


def test_what_is_no_form_is_framed_by_nobody(widget: Widget, framed: Callable[..., Frame | None]) -> None:
    receipt = widget.submit().json()["receipt_url"]
    for path in (receipt, "/receipt/forged", "/nowhere", "/form/nobody", "/healthz", "/form/demo/token"):
        assert framed(widget.url + path) is None, path


def test_in_the_documented_sandbox_the_form_works(
    widget: Widget, framed: Callable[..., Frame | None], insider: Sandbox
) -> None:
    frame = framed(f"{widget.url}/form/demo", sandbox=SANDBOX)
    assert frame
    frame.locator("#description").fill("from a sandbox")
    frame.locator("#submittedByEmail").fill("ada@example.com")
    frame.locator("#feedback-send").click()
    expect(frame.locator(".feedback-thanks")).to_be_visible()
    assert insider.descriptions() == ["from a sandbox"]


def test_without_an_origin_of_its_own_it_is_refused_in_words_and_keeps_the_text(
    widget: Widget, framed: Callable[..., Frame | None], insider: Sandbox
) -> None:
    frame = framed(f"{widget.url}/form/demo", sandbox="allow-forms")
    assert frame
    frame.locator("#description").fill("from nowhere")
    frame.locator("#submittedByEmail").fill("ada@example.com")
    frame.locator("#feedback-send").click()
    expect(frame.get_by_text("This page is not set up for feedback yet")).to_be_visible()
    expect(frame.locator("#description")).to_have_value("from nowhere")
    assert insider.counts()["create"] == 0
