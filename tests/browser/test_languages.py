"""Every language in the layout: no word is cut and nothing scrolls sideways, from 240 to 640 px and at 200 % text."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from bed import Sandbox, Widget
from playwright.sync_api import Browser, FilePayload, Page, expect

from widget.i18n import messages as words

SIZES = {"100%": (240, 320, 360, 420, 640), "200%": (320, 360, 420, 500, 640)}
"""Text sizes, and the widths in pixels to try with each."""

NOBODY = "http://127.0.0.1:9"
PROBLEM = {"type": "about:blank", "status": 429, "errors": [{"field": "", "code": "rate_limited", "message": "-"}]}
TALL = ("ar", "he", "hi", "ja", "ko", "zh-Hans", "zh-Hant")

MISFITS = """() => {
  const wrong = new Set(), root = document.documentElement, language = root.lang
  const isLarge = root.style.fontSize === '200%'
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


@dataclass(frozen=True)
class Services:
    """One widget that delivers, and one that cannot."""

    delivering: str
    waiting: str


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("languages")
    for name in ("insider", "delivering", "waiting"):
        (folder / name).mkdir()
    with (
        Sandbox(folder / "insider") as insider,
        Widget(folder / "delivering", insider.url, DELIVERY_WAIT="10", KEEP_ALIVE="1") as delivering,
        Widget(folder / "waiting", NOBODY, DELIVERY_WAIT="0", KEEP_ALIVE="1") as waiting,
    ):
        yield Services(delivering.url, waiting.url)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 640, "height": 800}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(10_000)
    yield page
    context.close()


def misfits(page: Page, state: str) -> list[str]:
    """Everything that does not fit, at every width and text size."""
    found = []
    for size, widths in SIZES.items():
        page.evaluate("size => { document.documentElement.style.fontSize = size }", size)
        for width in widths:
            page.set_viewport_size({"width": width, "height": 800})
            found += [f"{state}, {width} px, {size}: {misfit}" for misfit in page.evaluate(MISFITS)]
    page.evaluate("() => { document.documentElement.style.fontSize = '' }")
    return found


def open_form(page: Page, service: str, language: str) -> None:
    page.goto(f"{service}/form/demo?lang={language}")
    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page.locator("#files-limit")).not_to_be_empty()


def put_right_what_is_wrong(page: Page) -> None:
    """Nearly everything wrong at once: a file of the wrong type, an empty file, a text that is too long, no address."""
    page.locator("input[type=file]").set_input_files(
        [
            FilePayload(name="a-long-name-of-a-document.docx", mimeType="application/msword", buffer=b"PK\3\4 text"),
            FilePayload(name="empty.pdf", mimeType="application/pdf", buffer=b""),
        ]
    )
    expect(page.locator(".feedback-file[data-state=wrong]")).to_have_count(2)
    page.locator("#sentimentRating-false").check(force=True)
    page.locator("#description").fill("words " * 180)
    page.locator("#feedback-send").click()
    expect(page.locator("#feedback-summary")).to_be_visible()


def send(page: Page, service: str, language: str) -> None:
    open_form(page, service, language)
    page.locator("#description").fill("Good")
    page.locator("#submittedByEmail").fill("ada@example.com")
    page.locator("#feedback-send").click()


@pytest.mark.parametrize("language", words.languages())
def test_no_word_of_a_language_is_cut_or_broken(page: Page, services: Services, language: str) -> None:
    open_form(page, services.delivering, language)
    found = misfits(page, "form")
    put_right_what_is_wrong(page)
    found += misfits(page, "errors")
    for service, status in ((services.delivering, "delivered"), (services.waiting, "accepted")):
        send(page, service, language)
        expect(page.locator(f".feedback-thanks[data-status={status}]")).to_be_visible()
        found += misfits(page, f"thanks, {status}")
        receipt = page.locator(".feedback-thanks .feedback-receipt").evaluate("link => link.href")
        page.goto(f"{receipt.partition('?')[0]}?lang={language}")
        found += misfits(page, f"receipt, {status}")
    open_form(page, services.waiting, language)
    page.locator("#feedback-receipts").click()
    expect(page.locator(".feedback-receipt-list li")).to_have_count(1)
    found += misfits(page, "list")
    page.goto(f"{services.delivering}/form/nobody?lang={language}")
    found += misfits(page, "problem")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("language", words.languages())
def test_no_word_about_the_sending_is_cut_or_broken(page: Page, services: Services, language: str) -> None:
    page.route("**/form/demo?*", lambda route: route.fulfill(
        status=429, json=PROBLEM, headers={"Retry-After": "754", "Content-Type": "application/problem+json"}
    ) if route.request.method == "POST" else route.fallback())  # fmt: skip
    send(page, services.delivering, language)
    expect(page.locator("#feedback-notes .feedback-note[data-kind=patience]")).to_be_visible()
    found = misfits(page, "rate limited")
    page.unroute_all()
    open_form(page, services.delivering, language)
    page.locator("#submittedByEmail").fill("ada@example.com")
    page.locator("#sentimentRating-true").check(force=True)
    page.context.set_offline(True)
    page.locator("#feedback-send").click()
    expect(page.locator("#feedback-cancel")).to_be_visible()
    found += misfits(page, "offline")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("language", words.languages())
def test_lines_are_as_high_as_the_script_needs(page: Page, services: Services, language: str) -> None:
    open_form(page, services.delivering, language)
    put_right_what_is_wrong(page)
    measured = page.evaluate("""() => {
      const style = selector => getComputedStyle(document.querySelector(selector))
      const ratio = selector => parseFloat(style(selector).lineHeight) / parseFloat(style(selector).fontSize)
      return {
        title: ratio('.feedback-title'), tracking: style('.feedback-title').letterSpacing,
        lines: ['body', '.feedback-label', '.feedback-error', '.feedback-consent', '.feedback-send', '.feedback-limit',
                '.feedback-file-note'].map(ratio),
      }
    }""")
    if language in TALL:
        assert measured["title"] == pytest.approx(1.4)
        assert measured["tracking"] in ("normal", "0px")
        assert measured["lines"] == pytest.approx([1.6] * 7)
    else:
        assert measured["title"] == pytest.approx(1.27, abs=0.01)
        assert min(measured["lines"]) == pytest.approx(1.45)
