"""Questions to a page with the loader, whose form is a stand-in (see `stage`)."""

from typing import Any

from playwright.sync_api import Frame, Page, expect

SAID = "[feedback] "
"""The note that the loader shows in place of the form."""
SPY = """window.seen = []
;(window.InsiderFeedback ||= []).push(feedback => {
  for (const type of ['open', 'close', 'ready', 'resize', 'dirty', 'submit', 'success', 'error']) {
    feedback.on(type, data => window.seen.push([type, data]))
  }
})
"""


def launcher(page: Page) -> Any:
    return page.locator("insider-feedback .launcher")


def panel(page: Page) -> Any:
    return page.locator("insider-feedback .panel")


def form(page: Page) -> Frame:
    """The form's document, once it has sent its first message."""
    expect(page.locator("insider-feedback .panel.ready").first).to_be_attached()
    return next(frame for frame in page.frames if "&mode=" in frame.url)


def seen(page: Page, kind: str) -> list[dict[str, Any]]:
    return [data for type_, data in page.evaluate("window.seen") if type_ == kind]


def heard(frame: Frame, kind: str) -> list[Any]:
    return [data for type_, data in frame.evaluate("window.heard") if type_ == kind]


def painted(page: Page) -> None:
    """Wait until everything that a click started has been drawn."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def opened(page: Page) -> Frame:
    launcher(page).click()
    expect(panel(page)).to_be_visible()
    return form(page)
