"""The layout of the form in windows of all shapes: everything that must be filled in is visible at once."""

import re
from collections.abc import Callable, Iterator

import pytest
from bed import Widget, until
from form_stage import FormPage
from playwright.sync_api import Browser, Frame, Route, expect
from stage import Server

REQUIRED = ("#description", "#submittedByEmail", "#contactConsent", "#feedback-send")
HIDDEN = """names => names.filter(name => {
  const place = document.querySelector(name)
  const {left, top, width, height, bottom} = place.getBoundingClientRect()
  return bottom > innerHeight || ![.1, .5, .9].every(share => {
    const found = document.elementFromPoint(left + width / 2, top + height * share)
    return place === found || place.contains(found) || found?.closest('label')?.control === place
  })
})"""
"""The elements that are partly out of sight or covered."""

PAINTED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"

Opened = Callable[..., Frame]


@pytest.fixture(scope="module")
def host() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def opened(browser: Browser, form_site: Widget, host: Server) -> Iterator[Opened]:
    """Open the form in a host page of a given size, and return its frame."""
    context = browser.new_context(locale="en-GB", reduced_motion="reduce")

    def open_form(width: int, height: int, mode: str = "popover", lang: str = "en") -> Frame:
        page = context.pages[0] if context.pages else context.new_page()
        page.set_default_timeout(10_000)
        page.set_viewport_size({"width": width, "height": height})
        script = (
            f'<script async src="{form_site.url}/embed.js" data-product="demo" data-mode="{mode}" data-lang="{lang}">'
        )
        host.answers["/"] = (200, "text/html", f"<!doctype html><title>Orders</title>{script}</script>", {})
        page.goto(host.url)
        page.locator("insider-feedback button").first.click()
        form = page.frame_locator("insider-feedback iframe")
        expect(form.locator("#sentimentRating-true")).to_be_focused()
        return page.frames[1]

    yield open_form
    context.close()


@pytest.mark.parametrize("size", [(1366, 650), (1280, 720)])
def test_an_empty_form_shows_all_that_has_to_be_filled_in_on_a_laptop(opened: Opened, size: tuple[int, int]) -> None:
    for mode, lang in (("popover", "en"), ("popover", "nl"), ("popover", "es"), ("popover", "ar"), ("dialog", "de")):
        frame = opened(*size, mode, lang)
        expect(frame.locator("html")).to_have_attribute("data-low", "")
        assert frame.evaluate(HIDDEN, REQUIRED) == [], (mode, lang)


@pytest.mark.parametrize(("mode", "lang"), [("popover", "en"), ("popover", "ro"), ("dialog", "de")])
def test_no_height_of_the_window_hides_what_has_to_be_filled_in(opened: Opened, mode: str, lang: str) -> None:
    frame = opened(1440, 900, mode, lang)
    for height in (1100, 900, 860, 800, 761, 700, 800, 980):
        frame.page.set_viewport_size({"width": 1440, "height": height})
        frame.page.evaluate(PAINTED)
        frame.evaluate(PAINTED)
        until(lambda: frame.evaluate(HIDDEN, REQUIRED) == [])  # the form follows its window
    expect(frame.locator("#sentimentRating-true")).to_be_focused()


def test_what_only_screen_readers_read_is_not_below_the_end_of_the_form(form: FormPage) -> None:
    bottom = "element => element.getBoundingClientRect().bottom"
    assert form["feedback-status"].evaluate(bottom) <= form.page.locator("body").evaluate(bottom)


def test_the_close_button_lies_beside_the_content_in_a_low_window(opened: Opened) -> None:
    frame = opened(1366, 650)
    bar, word, title = frame.evaluate(
        "['.feedback-bar', '.feedback-bar span', 'h1'].map(name => document.querySelector(name))"
        ".map(element => element.getBoundingClientRect().toJSON())"
    )  # at one moment, and in the frame: the panel around it moves while it opens
    assert title["y"] >= bar["bottom"]
    assert word["x"] == title["x"]
    expect(frame.page.locator("insider-feedback button.launcher")).to_be_hidden()
    frame.locator("#feedback-close").click()
    expect(frame.page.locator("insider-feedback button.launcher")).to_be_focused()


def test_a_form_that_is_open_follows_its_window(opened: Opened) -> None:
    frame = opened(1366, 900)
    expect(frame.locator("html")).not_to_have_attribute("data-low", "")
    frame.page.set_viewport_size({"width": 1366, "height": 650})
    expect(frame.locator("html")).to_have_attribute("data-low", "")


def test_a_press_beside_the_dialog_closes_it_until_something_is_written(opened: Opened) -> None:
    frame = opened(1280, 800, "dialog")
    dialog = frame.page.locator("insider-feedback dialog")
    frame.page.mouse.click(20, 400)
    expect(dialog).to_be_hidden()
    frame.page.locator("insider-feedback button").first.click()
    expect(dialog).to_be_visible()
    frame.page.evaluate("() => { InsiderFeedback.on('dirty', () => { window.isDirty = true }) }")
    frame.locator("#description").fill("Half a thought")
    frame.locator("#sentimentRating-true").check(force=True)
    expect(frame.locator("#feedback-progress")).to_have_attribute("tabindex", "-1")
    until(lambda: frame.page.evaluate("() => window.isDirty"))  # the page knows
    frame.page.mouse.click(20, 400)
    assert dialog.evaluate("dialog => dialog.open")


def test_a_telephone_on_its_side_shows_who_says_it_beside_what_is_said(opened: Opened) -> None:
    frame = opened(740, 360)
    said, person = (frame.locator(name).bounding_box() for name in (".feedback-tiles", ".feedback-person"))
    assert said
    assert person
    assert person["x"] > said["x"] + said["width"]
    assert abs(person["y"] - said["y"]) < 40
    for word in frame.locator(".feedback-tile > span").all():
        assert word.evaluate("word => word.getClientRects().length === 1 && word.offsetHeight < 30")
    assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_form_at_four_hundred_percent_opens_at_its_title(opened: Opened) -> None:
    frame = opened(320, 256)
    expect(frame.locator("h1")).to_be_in_viewport(ratio=0.9)
    assert frame.evaluate("scrollY") == 0


@pytest.mark.unopened
def test_send_answers_before_its_script_is_there(form: FormPage) -> None:
    waiting: list[Route] = []
    form.page.route(re.compile(r"/form/rest\.js"), lambda route: waiting.append(route))
    form.open()
    form.button.click()
    expect(form.button).to_have_text("Sending")
    form.until_asked(waiting)
    waiting[0].continue_()
    expect(form.summary).to_be_focused()
    expect(form.button).to_have_text("Send feedback")
