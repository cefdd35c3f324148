"""A form that is closed while it sends: the launcher shows the result and leads back to the form."""

from typing import Any

import pytest
from pages import form, heard, launcher, opened, panel
from playwright.sync_api import Frame, Page, expect

SENDING = "link.submit()"
SENT = "link.success({receipt: 'r-1', status: 'delivered'})"
FAILED = "link.error({code: 'network', retryable: true})"


def picture(page: Page) -> str:
    return str(launcher(page).evaluate("element => getComputedStyle(element, '::before').clipPath"))


def live_region(page: Page) -> Any:
    """The text of the host page's live region, which screen readers announce."""
    return page.locator("insider-feedback").get_by_role("status")


def closed_while_sending(page: Page) -> Frame:
    frame = opened(page)
    frame.evaluate(SENDING)
    expect(launcher(page)).to_have_text("Close")
    launcher(page).click()
    expect(panel(page)).not_to_be_visible()
    expect(launcher(page)).to_have_text("Sending…")
    return frame


def test_the_launcher_says_that_it_is_sent_and_then_that_it_was(visit: Any) -> None:
    page = visit()
    before = picture(page)
    frame = closed_while_sending(page)
    assert picture(page) == before
    page.clock.install()
    frame.evaluate(SENT)
    expect(launcher(page)).to_have_text("Sent")
    expect(live_region(page)).to_have_text("Sent")
    assert picture(page).startswith('path("M 5.1 9.9'), "a tick"
    page.clock.run_for(8000)
    expect(launcher(page)).to_have_text("Feedback")
    assert picture(page) == before


def test_a_press_on_not_sent_leads_back_to_the_form(visit: Any) -> None:
    page = visit()
    frame = closed_while_sending(page)
    page.clock.install()
    frame.evaluate(FAILED)
    expect(launcher(page)).to_have_text("Not sent")
    expect(live_region(page)).to_have_text("Not sent")
    page.clock.run_for(60_000)
    expect(launcher(page)).to_have_text("Not sent")
    launcher(page).click()
    expect(panel(page)).to_be_visible()
    frame.wait_for_function("window.heard.slice(-2).some(([, data]) => data?.focus === 'first')")
    launcher(page).click()
    expect(launcher(page)).to_have_text("Feedback")
    assert len(heard(form(page), "hello")) == 1, "the same form, with the text in it"


def test_what_an_open_form_says_itself_the_launcher_does_not_say(visit: Any) -> None:
    page = visit()
    frame = opened(page)
    for outcome in (SENT, FAILED):
        frame.evaluate(SENDING)
        frame.evaluate(outcome)
        frame.evaluate("link.dirty()")
        page.wait_for_function("window.seen.at(-1)[0] === 'dirty'")
        expect(launcher(page)).to_have_text("Close")
        launcher(page).click()
        expect(launcher(page)).to_have_text("Feedback")
        expect(live_region(page)).to_be_empty()
        launcher(page).click()
        page.evaluate("window.seen = [['']]")


def test_what_waits_for_the_network_is_still_being_sent(visit: Any) -> None:
    page = visit()
    frame = closed_while_sending(page)
    frame.evaluate("link.error({code: 'offline', retryable: true})")
    frame.evaluate("link.dirty()")
    page.wait_for_function("window.seen.at(-1)[0] === 'dirty'")
    expect(launcher(page)).to_have_text("Sending…")
    launcher(page).click()
    launcher(page).click()
    expect(launcher(page)).to_have_text("Sending…")
    frame.evaluate(SENT)
    expect(launcher(page)).to_have_text("Sent")


@pytest.mark.parametrize(
    ("lang", "word", "spoken"), [("de", "Nicht gesendet", "de"), ("zh-TW", "未送出", "zh-TW"), ("sv", "Not sent", "en")]
)
def test_the_launcher_says_so_in_the_language_of_the_page(visit: Any, lang: str, word: str, spoken: str) -> None:
    page = visit(html=f'lang="{lang}"')
    frame = opened(page)
    frame.evaluate(SENDING)
    launcher(page).click()
    frame.evaluate(FAILED)
    expect(launcher(page)).to_have_text(word)
    expect(live_region(page)).to_have_attribute("lang", spoken)  # or it is read as if it were the page's language


def test_nothing_is_said_of_somebody_who_has_gone(visit: Any) -> None:
    page = visit()
    frame = closed_while_sending(page)
    frame.evaluate("link.addEventListener('reset', () => link.reset())")
    page.evaluate("InsiderFeedback.reset()")
    expect(launcher(page)).to_have_text("Feedback")
    frame.evaluate(SENT)
    frame.evaluate("link.dirty()")
    page.wait_for_function("window.seen.at(-1)[0] === 'dirty'")
    expect(launcher(page)).to_have_text("Feedback")
