"""Every language in the layout: no word is cut and nothing scrolls sideways, from 240 to 640 px and at 200 % text."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from bed import Sandbox, Widget, until
from playwright.sync_api import Browser, FilePayload, Frame, Page, expect
from reuse import Windows

from widget.i18n import messages as words

BOTH = ("100%", "200%")
SIZES = {240: ("100%",), 320: BOTH, 360: BOTH, 420: BOTH, 500: ("200%",), 640: BOTH}
"""Widths in pixels, from narrow to wide, and the text sizes to try with each."""

SOON = {"RETRY_MIN": "0.1", "RETRY_MAX": "0.3", "PROBE_INTERVAL": "0.2", "SWEEP_INTERVAL": "0.2"}
PROBLEM = {"type": "about:blank", "status": 429, "errors": [{"field": "", "code": "rate_limited", "message": "-"}]}
TALL = ("ar", "he", "hi", "ja", "ko", "zh-Hans", "zh-Hant")

MISFITS = """isLarge => {
  const wrong = new Set(), root = document.documentElement, language = root.lang
  const name = element => element.id ? '#' + element.id : `${element.localName}.${element.className}`
  const shows = element => element.getClientRects().length && getComputedStyle(element).visibility === 'visible'
    && getComputedStyle(element).clipPath === 'none' // what is there to be read aloud alone
  const say = node => node.textContent.trim().replace(/\\s+/g, ' ').slice(0, 60)
  const overhangs = element => element.querySelector('#feedback-cancel:not([hidden] *)') // on purpose, into the edge
  const aside = '.feedback-hidden, svg, template, script, input, textarea, .feedback-file-name span:first-child'
  if (root.scrollWidth > innerWidth) wrong.add(`the page scrolls sideways: ${root.scrollWidth} of ${innerWidth} px`)
  for (const element of document.body.querySelectorAll('*')) {
    if (element.closest(aside) || !shows(element)) continue
    if (element.clientWidth && element.scrollWidth > element.clientWidth && !overhangs(element)) {
      wrong.add(`${name(element)} is ${element.scrollWidth} px wide in ${element.clientWidth}: ${say(element)}`)
    }
    const hides = getComputedStyle(element).overflowY !== 'visible' && element !== document.body
    if (hides && element.scrollHeight > element.clientHeight + 1) wrong.add(`${name(element)} hides what is below`)
  }
  for (const file of document.querySelectorAll('.feedback-file')) {
    const [start, end] = file.querySelector('.feedback-file-name').children
    const cross = file.querySelector('.feedback-remove').getBoundingClientRect()
    for (const box of [start, end].map(part => part.getBoundingClientRect())) {
      const beside = box.right <= cross.left || box.left >= cross.right
      const apart = beside || box.bottom <= cross.top || box.top >= cross.bottom
      if (!apart) wrong.add(`the name of a file runs under its cross: ${say(start)}`)
    }
    const few = 1.5 * parseFloat(getComputedStyle(start).fontSize)
    if (start.scrollWidth > start.clientWidth && start.clientWidth < few) wrong.add(`nothing is left of ${say(start)}`)
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node; node = walker.nextNode();) {
    const element = node.parentElement
    if (!node.data.trim() || element.closest(aside) || !shows(element)) continue
    const range = document.createRange()
    range.selectNodeContents(node)
    const inside = element.closest('main').getBoundingClientRect()
    for (const box of range.getClientRects()) {
      if (box.left < inside.left || box.right > inside.right) wrong.add(`${name(element)} sticks out: ${say(node)}`)
    }
    const isTile = element.closest('.feedback-tile')
    const tops = new Set([...range.getClientRects()].map(box => Math.round(box.top)))
    if (isTile && !isLarge && innerWidth >= 360 && tops.size > 1) wrong.add(`${name(element)} takes two lines`)
    if (/^(ja|zh)/.test(language) && !isTile) continue // which break between characters
    if (isLarge && !isTile && innerWidth < 360) continue // rather broken than cut
    if (element.closest('bdi, .feedback-summary a') || node.data.includes('@')) continue
    const isOneLine = new Set([...range.getClientRects()].map(box => Math.round(box.bottom / 4))).size < 2
    if (isOneLine) continue // most are, and no word in it is broken
    const one = isTile && /^(ja|zh)/.test(language)
    for (const word of one ? [{0: node.data, index: 0}] : node.data.matchAll(/[\\p{L}\\p{M}\\p{N}\u2019']+/gu)) {
      range.setStart(node, word.index)
      range.setEnd(node, word.index + word[0].length)
      const boxes = [...range.getClientRects()].filter(box => box.width > 0)
      const lines = new Set(boxes.map(box => Math.round(box.bottom / 4)))
      if (lines.size > 1) wrong.add(`${name(element)} breaks "${word[0]}"`)
    }
  }
  return [...wrong]
}"""

AT_SIZES = f"""sizes => {{
  const {{style}} = document.documentElement, misfits = {MISFITS}, found = []
  for (const [width, those] of sizes) {{
    frameElement.style.width = `${{width}}px`
    if (innerWidth !== width) throw new Error(`${{innerWidth}} px in place of ${{width}}`)
    const isLarge = style.fontSize === '200%' // the last size comes first: to change it lays everything out again
    for (const size of isLarge ? those.toReversed() : those) {{
      style.fontSize = size
      found.push(...misfits(size === '200%').map(misfit => `${{width}} px, ${{size}}: ${{misfit}}`))
    }}
  }}
  style.fontSize = ''
  return found
}}"""
"""Widths and sizes are measured one after the other, without drawing the page in between."""
HOST = """<!doctype html><title>Host</title>
<iframe name=form style='border: 0; width: 640px; height: 800px; opacity: 0'></iframe>"""
"""A frame that is laid out and can be pressed, and never drawn."""
SHOW = """async address => {
  const frame = document.querySelector('iframe')
  const answer = await fetch(address, {headers: {Accept: 'text/html'}})
  frame.srcdoc = await answer.text()
  await new Promise(done => frame.addEventListener('load', done, {once: true}))
}"""
LINES = """() => {
  const style = selector => getComputedStyle(document.querySelector(selector))
  const ratio = selector => parseFloat(style(selector).lineHeight) / parseFloat(style(selector).fontSize)
  return {
    title: ratio('.feedback-title'), tracking: style('.feedback-title').letterSpacing,
    lines: ['body', '.feedback-label', '.feedback-error', '.feedback-consent', '.feedback-send', '.feedback-limit',
            '.feedback-file-note'].map(ratio),
  }
}"""


@pytest.fixture(scope="module")
def service(_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Widget]:
    """A widget that notices soon when Insider Connect is back."""
    _sandbox.recover()
    folder = tmp_path_factory.mktemp("languages")
    with Widget(folder, _sandbox.url, DELIVERY_WAIT="10", KEEP_ALIVE="1", **SOON) as widget:
        yield widget


@dataclass(frozen=True)
class Walk:
    """What was seen in a language: what does not fit, and the heights of lines."""

    misfits: list[str]
    misfits_of_sending: list[str]
    lines: dict[str, Any]


@pytest.fixture(scope="module", params=words.languages())
def language(request: pytest.FixtureRequest) -> str:
    """One after the other, each for all tests."""
    return str(request.param)


@pytest.fixture(scope="module")
def walks() -> dict[str, Walk]:
    """The walks so far, by language."""
    return {}


@pytest.fixture
def walk(
    browser: Browser, windows: Windows, service: Widget, insider: Sandbox, language: str, walks: dict[str, Walk]
) -> Walk:
    """A walk through all pages: each page takes far longer to bring about than to measure, so all tests share it."""
    if language not in walks:
        with windows.window(browser, service.url, viewport={"width": 640, "height": 800}) as window:
            window.page.set_default_timeout(10_000)
            walks[language] = walk_through(window.page, service, insider, language)
    return walks[language]


def walk_through(page: Page, service: Widget, insider: Sandbox, language: str) -> Walk:
    """The form is in a frame, which can be measured at all widths without drawing it. Other pages allow no frame: what
    they consist of is written into it."""
    form = framed(page, service)
    open_form(form, service, language)
    found = misfits(form, "form")
    make_mistakes(form)
    found += misfits(form, "errors")
    lines = form.evaluate(LINES)
    correct_mistakes(form)
    of_sending = offline(form)
    pages = {"receipt, delivered": send(form, "delivered")}
    found += misfits(form, "thanks, delivered")
    press(form, "[data-do=another]")

    insider.down()
    fill(form)
    pages["receipt, accepted"] = send(form, "accepted")
    found += misfits(form, "thanks, accepted")
    press(form, "[data-do=another]")
    press(form, "#feedback-receipts")
    expect(form.locator(".feedback-receipt-list li")).to_have_count(2)
    found += misfits(form, "list")
    press(form, "[data-do=back]")
    of_sending += rate_limited(form)

    pages["problem"] = f"{service.url}/form/nobody"
    for state, address in pages.items():
        page.evaluate(SHOW, f"{address}?lang={language}")
        assert form.evaluate("document.documentElement.lang") == language
        found += misfits(form, state)
    insider.recover()
    until(lambda: len(insider.feedbacks()) == 2)  # so that the next one is delivered at once
    return Walk(found, of_sending, lines)


def framed(page: Page, service: Widget) -> Frame:
    """A frame in a page of the service's own origin, which can set its width."""
    page.route("**/host", lambda route: route.fulfill(body=HOST, content_type="text/html"))
    page.goto(f"{service.url}/host")
    page.unroute_all()
    frame = page.frame("form")
    assert frame
    return frame


def misfits(shown: Frame, state: str) -> list[str]:
    """Everything that does not fit, at every width and text size."""
    found: list[str] = shown.evaluate(AT_SIZES, list(SIZES.items()))
    return [f"{state}, {misfit}" for misfit in found]


def press(form: Frame, selector: str) -> None:
    """Press a button or a link once it can be seen. A pointer would wait for several frames until nothing moves."""
    expect(form.locator(selector)).to_be_visible()
    form.locator(selector).evaluate("element => element.click()")


def open_form(form: Frame, service: Widget, language: str) -> None:
    form.goto(f"{service.url}/form/demo?lang={language}")
    expect(form.locator("html")).to_have_attribute("lang", language)
    expect(form.locator("#files-limit")).not_to_be_empty()
    form.locator("feedback-form").evaluate("form => form.recall()")  # what it does in a frame only a second later
    expect(form.locator("#feedback-remember")).to_be_visible()


def make_mistakes(form: Frame) -> None:
    """Nearly everything wrong at once: a file of the wrong type, an empty file, a text that is too long, no address."""
    form.locator("input[type=file]").set_input_files(
        [
            FilePayload(name="a-long-name-of-a-document.docx", mimeType="application/msword", buffer=b"PK\3\4 text"),
            FilePayload(name="empty.pdf", mimeType="application/pdf", buffer=b""),
        ]
    )
    expect(form.locator(".feedback-file[data-state=wrong]")).to_have_count(2)
    form.locator("#sentimentRating-false").check(force=True)
    form.locator("#description").fill("words " * 180)
    press(form, "#feedback-send")
    expect(form.locator("#feedback-summary")).to_be_visible()


def correct_mistakes(form: Frame) -> None:
    form.locator(".feedback-file .feedback-remove").evaluate_all("buttons => buttons.forEach(button => button.click())")
    form.locator("#sentimentRating-true").check(force=True)


def fill(form: Frame) -> None:
    form.locator("#description").fill("Good")
    form.locator("#submittedByEmail").fill("ada@example.com")


def send(form: Frame, status: str) -> str:
    """Send a form, and wait for the thanks. Returns the receipt's address."""
    press(form, "#feedback-send")
    thanks = form.locator(f".feedback-thanks[data-status={status}]")
    expect(thanks).to_be_visible()
    return str(thanks.locator(".feedback-receipt").evaluate("link => link.href")).partition("?")[0]


def offline(form: Frame) -> list[str]:
    """What does not fit while there is no network."""
    fill(form)
    form.page.context.set_offline(True)
    press(form, "#feedback-send")
    expect(form.locator("#feedback-cancel")).to_be_visible()
    found = misfits(form, "offline")
    press(form, "#feedback-cancel")
    expect(form.locator("#feedback-send")).to_be_visible()
    form.page.context.set_offline(False)
    return found


def rate_limited(form: Frame) -> list[str]:
    """What does not fit while one more submission has to wait."""
    form.page.route("**/form/demo?*", lambda route: route.fulfill(
        status=429, json=PROBLEM, headers={"Retry-After": "754", "Content-Type": "application/problem+json"}
    ) if route.request.method == "POST" else route.fallback())  # fmt: skip
    fill(form)
    press(form, "#feedback-send")
    expect(form.locator("#feedback-notes .feedback-note[data-kind=patience]")).to_be_visible()
    found = misfits(form, "rate limited")
    form.page.unroute_all()
    return found


def test_no_word_of_a_language_is_cut_or_broken(walk: Walk) -> None:
    assert not walk.misfits, "\n".join(walk.misfits)


def test_no_word_about_the_sending_is_cut_or_broken(walk: Walk) -> None:
    assert not walk.misfits_of_sending, "\n".join(walk.misfits_of_sending)


def test_lines_are_as_high_as_the_script_needs(walk: Walk, language: str) -> None:
    if language in TALL:
        assert walk.lines["title"] == pytest.approx(1.4)
        assert walk.lines["tracking"] in ("normal", "0px")
        assert walk.lines["lines"] == pytest.approx([1.6] * 7)
    else:
        assert walk.lines["title"] == pytest.approx(1.27, abs=0.01)
        assert min(walk.lines["lines"]) == pytest.approx(1.45)
