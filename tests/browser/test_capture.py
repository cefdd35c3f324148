"""Screenshots of the page at the press of a button, without the widget in them."""

from collections.abc import Iterator
from typing import Any

import pytest
from bed import Sandbox, Widget
from chromium import ARGUMENTS, executable
from editor_stage import pixels, sent
from form_stage import FormPage
from playwright.sync_api import Browser, BrowserContext, expect
from stage import Server

FLAGS = ["--auto-accept-this-tab-capture"]
"""Accepts the browser's own question in the person's place."""
PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Orders</title>'
    '<link rel="stylesheet" href="/red.css">'
    '<script src="{widget}/embed.js" async data-product="demo" data-email="mara@northwind.example"></script><body>'
)
STRICT = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src {widget}; frame-src {widget}",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
}


OPTIONS: dict[str, Any] = {"locale": "en-GB", "viewport": {"width": 700, "height": 800}}


@pytest.fixture(scope="module")
def whole() -> Iterator[list[Browser]]:
    """The whole Chromium, from the first test that starts it: its start takes longer than the test."""
    started: list[Browser] = []
    yield started
    for browser in started:
        browser.close()


@pytest.fixture
def capturing(browser: Browser, whole: list[Browser]) -> Iterator[BrowserContext]:
    """A page in a whole Chromium, in which the person always allows a screenshot of this tab."""
    if not (whole and whole[-1].is_connected()):
        arguments = [*ARGUMENTS, *FLAGS]
        whole.append(browser.browser_type.launch(executable_path=executable(whole=True), args=arguments))
    context = whole[-1].new_context(**OPTIONS)
    yield context
    context.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """The browser of all tests, which offers screenshots and could take none."""
    context = browser.new_context(**OPTIONS)
    yield context
    context.close()


@pytest.fixture
def host() -> Iterator[Server]:
    with Server() as server:
        server.answers["/red.css"] = (200, "text/css", "body{background:rgb(200 30 30);min-height:200vh}", {})
        yield server


def test_one_press_takes_the_page_along(capturing: BrowserContext, form_site: Widget, insider: Sandbox) -> None:
    form = FormPage(capturing.new_page(), form_site.url).open().fill()
    form.page.get_by_role("button", name="Take a screenshot").click()
    expect(form.rows).to_contain_text("screenshot.png")
    form.settle()
    form.send()
    expect(form.thanks).to_be_visible()
    assert pixels(sent(insider)).size == (700, 800)


def test_in_a_strict_page_the_widget_is_not_in_its_own_picture(
    capturing: BrowserContext, form_site: Widget, insider: Sandbox, host: Server
) -> None:
    headers = {name: value.format(widget=form_site.url) for name, value in STRICT.items()}
    host.answers["/"] = (200, "text/html; charset=utf-8", PAGE.format(widget=form_site.url), headers)
    page = capturing.new_page()
    page.goto(host.url)
    page.locator("insider-feedback .launcher").click()
    form = page.frame_locator("insider-feedback iframe")
    form.locator("#description").fill("Look at this.")
    form.get_by_role("button", name="Take a screenshot").click()
    expect(form.locator('.feedback-file[data-state="ready"]')).to_have_count(1)
    expect(page.locator("insider-feedback dialog")).to_have_css("opacity", "1")
    form.get_by_role("button", name="Send feedback").click()
    expect(form.locator(".feedback-thanks")).to_be_visible()
    picture = pixels(sent(insider))
    inside = picture.crop((4, 4, picture.width - 4, picture.height - 4))  # a test's screen may leave black edges
    assert len(inside.getcolors(inside.width * inside.height)) == 1


def test_a_page_that_forbids_it_shows_no_button_and_names_the_keys(
    context: BrowserContext, form_site: Widget, host: Server
) -> None:
    headers = {"Permissions-Policy": "display-capture=()"}
    host.answers["/"] = (200, "text/html; charset=utf-8", PAGE.format(widget=form_site.url), headers)
    page = context.new_page()
    page.goto(host.url)
    page.locator("insider-feedback .launcher").click()
    form = page.frame_locator("insider-feedback iframe")
    expect(form.locator(".feedback-paste")).to_have_text("Or paste one: Print Screen, then Ctrl + V")
    expect(form.get_by_role("button", name="Take a screenshot")).to_be_hidden()


def test_who_thinks_better_of_it_finds_the_form_as_it_was(context: BrowserContext, form_site: Widget) -> None:
    form = FormPage(context.new_page(), form_site.url).open().fill()
    refuse = "new DOMException('Permission denied', 'NotAllowedError')"
    form.page.evaluate(f"void (navigator.mediaDevices.getDisplayMedia = () => Promise.reject({refuse}))")
    form.page.get_by_role("button", name="Take a screenshot").click()
    expect(form.rows).to_have_count(0)
    expect(form.text).to_have_value("The totals are easy to find.")
    assert form.unexpected() == []


ONLY_AT_A_PRESS = """() => {
  let isPressed = false
  addEventListener('click', () => {
    isPressed = true
    setTimeout(() => { isPressed = false })
  }, {capture: true})
  navigator.mediaDevices.getDisplayMedia = async () => {
    window.isAllowed = isPressed
    throw new DOMException('Permission denied', 'NotAllowedError')
  }
}"""
"""What Safari demands: a question for the screen is part of the task of a press."""


def test_the_first_press_asks_for_the_screen_while_it_is_handled(context: BrowserContext, form_site: Widget) -> None:
    form = FormPage(context.new_page(), form_site.url).open()
    form.page.evaluate(ONLY_AT_A_PRESS)
    button = form.page.get_by_role("button", name="Take a screenshot")
    with form.page.expect_response("**/capture.js") as answer:
        button.hover()
    form.page.evaluate("address => import(address).then(() => true)", answer.value.url)
    button.click()
    form.until("window.isAllowed !== undefined")
    assert form.page.evaluate("window.isAllowed") is True


def test_nothing_is_captured_while_the_form_is_sent(context: BrowserContext, form_site: Widget) -> None:
    form = FormPage(context.new_page(), form_site.url).open().fill()
    form.page.evaluate("navigator.mediaDevices.getDisplayMedia = async () => { window.asked = true }; 0")
    context.route(form.address, lambda route: None)  # no answer comes: the form goes on sending
    form.button.press("Enter")
    expect(form.progress).to_be_visible()
    form["feedback-capture"].dispatch_event("click")
    assert form.page.evaluate("window.asked") is None


def test_a_system_that_does_not_allow_it_is_reported(context: BrowserContext, form_site: Widget) -> None:
    form = FormPage(context.new_page(), form_site.url).open().fill()
    refuse = "new DOMException('Could not start', 'NotReadableError')"
    form.page.evaluate(f"void (navigator.mediaDevices.getDisplayMedia = () => Promise.reject({refuse}))")
    form.page.get_by_role("button", name="Take a screenshot").click()
    expect(form.status).to_have_text("The screenshot could not be taken. Paste one instead, or add it as a file.")
    expect(form["files-error"]).to_have_text(
        "The screenshot could not be taken. Paste one instead, or add it as a file."
    )


def test_a_screenshot_that_is_not_taken_for_lack_of_a_network_is_reported(
    context: BrowserContext, form_site: Widget
) -> None:
    form = FormPage(context.new_page(), form_site.url).open().fill().awake()
    context.set_offline(True)
    form.page.get_by_role("button", name="Take a screenshot").click()
    expect(form["files-error"]).to_have_text("You are offline")
    context.set_offline(False)
