"""The form in browsers that are four years old, and wherever part of its script does not load, cannot be parsed, or
fails.

What newer browsers have is removed from Chromium: from its scripts before ours run, and from our styles by renaming it
to something that Chromium does not know. `tests/project/test_older_browsers.py` looks for newer syntax.
"""

import re
from collections.abc import Callable

import pytest
from bed import ROOT, Sandbox, Widget
from editor_stage import BLACK, WHITE, Editing, colours, sent, sheet
from form_stage import NETWORK, FormPage
from playwright.sync_api import Browser, Route, expect
from samples import png
from test_access import violations

YOUNGER = r"light-dark|oklch|color-mix|:has|text-wrap|field-sizing|:modal|popover|overlay"
"""What Chrome 109, Safari 16 or Firefox ESR 115 lacks."""
TAKE_AWAY = """
for (const [owner, ...names] of [
  [window, 'OffscreenCanvas', 'scheduler', 'CompressionStream', 'ClipboardItem', 'Iterator', 'ToggleEvent'],
  [HTMLElement.prototype, 'popover', 'showPopover', 'hidePopover', 'togglePopover'],
  [Element.prototype, 'checkVisibility', 'moveBefore', 'setHTMLUnsafe', 'currentCSSZoom'],
  [Document.prototype, 'moveBefore', 'startViewTransition', 'adoptedStyleSheets'],
  [ShadowRoot.prototype, 'adoptedStyleSheets'], [Navigator.prototype, 'userActivation'], [Blob.prototype, 'bytes'],
  [AbortSignal, 'any'], [URL, 'canParse', 'parse'], [Promise, 'withResolvers', 'try'], [Object, 'groupBy'],
  [Map, 'groupBy'], [Array, 'fromAsync'], [Array.prototype, 'toSorted', 'toReversed', 'toSpliced', 'with'],
  [Set.prototype, 'union', 'difference', 'intersection'], [String.prototype, 'isWellFormed', 'toWellFormed'],
]) for (const name of names) delete owner[name]
window.CSSStyleSheet = class { constructor() { throw new TypeError('Illegal constructor') } }
Object.defineProperty(Navigator.prototype, 'language', {get: () => 'en-US@posix'}) // where the system has no locale
"""
PICTURE = ("a.png", png(40, 30), "image/png")
TOKEN = r"^ {4,6}(--[\w-]+): (.*);$"
COMPARE = """pairs => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true})
  const probe = document.body.appendChild(document.createElement('i'))
  const pixel = value => {
    probe.style.color = value
    canvas.clearRect(0, 0, 1, 1)
    canvas.fillStyle = getComputedStyle(probe).color
    canvas.fillRect(0, 0, 1, 1)
    return [...canvas.getImageData(0, 0, 1, 1).data]
  }
  return pairs.filter(([young, plain]) => {
    const [one, other] = [pixel(young), pixel(plain)]
    return one.some((channel, at) => Math.abs(channel - other[at]) > 3)
  })
}"""


def older(form: FormPage) -> None:
    """Turn the browser into an older one for pages that are opened from now on."""

    def answer(route: Route) -> None:
        kept = route.fetch()
        route.fulfill(response=kept, body=re.sub(YOUNGER, lambda match: f"{match[0]}-unknown", kept.text()))

    form.page.route("**/*.css*", answer)
    form.page.add_init_script(TAKE_AWAY)


@pytest.fixture
def plain(form: FormPage) -> FormPage:
    older(form)
    return form.open()


@pytest.mark.unopened
def test_an_older_browser_shows_the_light_colours_and_everything_arrives(plain: FormPage, insider: Sandbox) -> None:
    plain.page.emulate_media(color_scheme="dark")
    expect(plain.button).to_have_css("background-color", "rgb(47, 78, 134)")
    expect(plain.text).to_have_css("color", "rgb(38, 34, 29)")
    assert violations(plain.page) == []
    plain.fill().add(PICTURE)
    plain.like.check(force=True)
    assert violations(plain.page) == []
    plain.send()
    expect(plain.thanks).to_be_visible()
    assert violations(plain.page) == []
    assert [len(feedback["attachments"]) for feedback in insider.feedbacks()] == [1]
    plain.page.goto(str(plain.thanks.get_by_role("link", name="Your receipt").get_attribute("href")))
    expect(plain.page.locator(".feedback-receipt-page")).to_be_visible()
    assert violations(plain.page) == []


@pytest.mark.unopened
def test_an_older_browser_shows_what_is_chosen_and_what_has_the_focus(plain: FormPage) -> None:
    expect(plain.page.locator(".feedback-label [data-for]:visible")).to_have_count(0)
    plain.like.check(force=True)
    expect(plain.like).to_have_css("border-top", "2px solid rgb(47, 78, 134)")
    expect(plain.dislike).to_have_css("border-top-width", "0px")
    plain.text.focus()
    expect(plain.page.locator(".feedback-box")).to_have_css("outline", "rgba(55, 102, 189, 0.16) solid 4px")
    plain.page.keyboard.press("Shift+Tab")
    expect(plain.like).to_have_css("outline", "rgb(55, 102, 189) solid 2px")


@pytest.mark.unopened
def test_an_older_browser_lists_what_is_wrong(plain: FormPage) -> None:
    plain.send()
    expect(plain.summary).to_be_visible()
    assert violations(plain.page) == []


@pytest.mark.unopened
def test_a_picture_is_blacked_out_in_an_older_browser(plain: FormPage, insider: Sandbox) -> None:
    plain.fill().add(("screenshot.png", sheet(), "image/png"))
    editing = Editing(plain).open()
    editing.drag("black", (480, 80), (720, 220))
    editing.done()
    assert violations(plain.page) == []
    plain.send()
    expect(plain.thanks).to_be_visible()
    assert colours(sent(insider)) == {WHITE, BLACK}


def test_a_theme_has_its_colours_in_an_older_browser(start_widget: Callable[..., Widget], browser: Browser) -> None:
    theme = "[products.demo.theme]\naccent = '#0f6a4a'\nsurface = {light = '#fffaf0', dark = '#101010'}\n"
    site = start_widget(config=f"[products.demo]\nname = 'N'\norigins = ['https://a.example']\n{theme}")
    form = FormPage(browser.new_page(color_scheme="dark"), site.url)
    older(form)
    form.open()
    expect(form.button).to_have_css("background-color", "rgb(15, 106, 74)")
    expect(form.page.locator("main")).to_have_css("background-color", "rgb(255, 250, 240)")
    assert violations(form.page) == []
    form.context.close()


def test_the_colours_for_older_browsers_are_those_that_younger_ones_make(form: FormPage) -> None:
    css = (ROOT / "static" / "form.css" / "1-tokens.css").read_text("utf-8")
    young, plain = (dict(re.findall(TOKEN, part, re.MULTILINE)) for part in css.split("@supports not"))
    assert {name for name, value in young.items() if re.search(YOUNGER, value)} <= plain.keys()
    pairs = [[young[name], value] for name, value in plain.items() if name != "--feedback-shadow"]
    assert form.page.evaluate(COMPARE, pairs) == []


BROKEN: dict[str, Callable[[Route], None]] = {
    "blocked": lambda route: route.abort("blockedbyclient"),
    "younger": lambda route: route.fulfill(content_type="text/javascript", body="let of let of let"),
    "throwing": lambda route: route.fulfill(content_type="text/javascript", body="throw new Error('broken')"),
}


@pytest.mark.unopened
@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("main", "blocked"),
        ("main", "younger"),
        ("main", "throwing"),
        ("rest", "younger"),
        ("rest", "throwing"),
    ],
)
def test_a_script_that_is_not_to_be_had_leaves_a_form_that_can_be_sent(
    form: FormPage, insider: Sandbox, script: str, how: str
) -> None:
    form.page.route(re.compile(rf"/form/{script}\.js"), BROKEN[how])
    form.expected += [NETWORK, re.compile("broken|Unexpected|Invalid")]
    form.open().like.check(force=True)
    form.fill("Sent all the same").send()
    expect(form.page.get_by_role("heading", name="Thank you, your feedback has arrived")).to_be_visible()
    assert insider.descriptions() == ["Sent all the same"]


@pytest.mark.unopened
@pytest.mark.parametrize("name", ["AbortController", "Intl.PluralRules", "FormData", "XMLHttpRequest"])
def test_a_form_whose_script_lacks_what_it_needs_can_be_sent(form: FormPage, insider: Sandbox, name: str) -> None:
    form.page.add_init_script(f"delete window.{name}")
    form.expected.append(re.compile("is not defined|is not a constructor|not a function"))
    form.open().fill("Sent all the same").send()
    expect(form.page.get_by_role("heading", name="Thank you, your feedback has arrived")).to_be_visible()
    assert insider.descriptions() == ["Sent all the same"]
