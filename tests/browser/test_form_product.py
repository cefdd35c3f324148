"""A product's own form in a browser: its fields, signed identities, context from the host page, and looks."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from bed import ROOT, Sandbox, Widget, until
from form_stage import EMAIL, FormPage, still
from playwright.sync_api import Browser, Page, expect
from samples import pdf, png
from stage import Server
from test_form_host import Framed

from widget.config.products import Product
from widget.theming import themes

SECRET = "tests-only-identity-secret-of-demo"
ORIGINS = 'origins = ["http://localhost:*", "http://127.0.0.1:*"]'
CONFIG = f"""
[products.demo]
name = "Northwind"
{ORIGINS}
context = "append"
[products.demo.identity]

[products.silent]
name = "Silent"
{ORIGINS}
[products.silent.identity]
[products.silent.fields]
email = "hidden"

[products.strict]
name = "Strict"
{ORIGINS}
[products.strict.theme]
accent = "#ffd400"
surface = {{light = "#101820", dark = "#fdf6e3"}}
[products.strict.fields]
description = "required"
sentiment = "required"
max_files = 1
file_kinds = ["png"]
"""


@pytest.fixture(scope="module")
def _form_site(_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Widget]:
    """A widget whose products change the form."""
    _sandbox.recover()
    folder = tmp_path_factory.mktemp("product")
    keys = {"IDENTITY_KEY__DEMO": SECRET, "IDENTITY_KEY__SILENT": SECRET}
    with Widget(folder, _sandbox.url, config=CONFIG, DELIVERY_WAIT="10", KEEP_ALIVE="1", **keys) as widget:
        yield widget


@pytest.fixture
def strict(browser: Browser, form_site: Widget, insider: Sandbox) -> Iterator[FormPage]:
    context = browser.new_context(locale="en-GB", viewport={"width": 560, "height": 1000}, reduced_motion="reduce")
    form = FormPage(context.new_page(), form_site.url, "strict")
    yield form.open()
    context.close()
    assert form.unexpected() == []


def signed(product: str) -> str:
    claims = {"email": "mara.o@northwind.example", "name": "Mára", "aud": product}
    return jwt.encode({**claims, "exp": time.time() + 300}, SECRET, "HS256")


def test_what_is_required_is_missed_before_anything_is_sent(strict: FormPage, insider: Sandbox) -> None:
    strict.email.fill(EMAIL)
    strict.button.click()
    expect(strict.summary.get_by_role("link")).to_have_count(2)
    expect(strict["description-error"]).to_have_text("Please write a few words.")
    expect(strict["sentimentRating-error"]).to_have_text("Please choose a rating.")
    strict.text.fill("Now")
    expect(strict["description-error"]).to_be_hidden()
    strict.like.press(" ")
    strict.button.click()
    expect(strict.thanks).to_be_visible()
    assert insider.descriptions() == ["Now"]


def test_a_kind_of_file_that_the_product_does_not_take_is_refused_at_once(strict: FormPage) -> None:
    expect(strict["files"]).to_have_attribute("accept", "image/*")
    expect(strict["files-limit"]).to_have_text("up to 4 MB")
    strict.add(("a.pdf", pdf(), "application/pdf"))
    expect(strict.rows.first).to_contain_text("Only PNG files can be attached here.")
    strict.rows.first.get_by_role("button").click()
    strict.add(("a.png", png(), "image/png"))
    expect(strict["feedback-add-words"]).to_have_text("The limit is one file")


def test_a_browser_mixes_the_colours_that_the_server_counted_with(strict: FormPage) -> None:
    theme = Product.model_validate(
        {
            "slug": "strict",
            "name": "Strict",
            "origins": ["http://localhost"],
            "theme": {"accent": "#ffd400", "surface": {"light": "#101820", "dark": "#fdf6e3"}},
        }
    ).theme
    for mode in themes.MODES:
        strict.open(f"?theme={mode}")
        palette = themes.palette(theme, mode)
        painted = strict.page.evaluate(PAINTED, [*palette])
        for (name, colour), channels in zip(palette.items(), painted, strict=True):
            counted = [round(channel * 255) for channel in (colour.red, colour.green, colour.blue)]
            assert all(abs(a - b) <= 2 for a, b in zip(channels, counted, strict=True)), (mode, name, channels, counted)


PAINTED = """names => names.map(name => {
  const probe = document.createElement('canvas').getContext('2d', {willReadFrequently: true})
  const place = document.querySelector('main')
  place.style.setProperty('--probe', `var(--feedback-${name})`)
  place.style.color = 'var(--probe)'
  probe.fillStyle = getComputedStyle(place).color
  probe.fillRect(0, 0, 1, 1)
  return [...probe.getImageData(0, 0, 1, 1).data].slice(0, 3)
})"""
"""The colours that the browser makes of the names of some."""


def test_a_host_page_says_who_somebody_is_and_the_address_cannot_be_changed(
    browser: Browser, form_site: Widget, insider: Sandbox
) -> None:
    with Server() as host:
        form = Framed(still(browser).new_page(), form_site.url, host, "demo")
        form.say("hello", identity=signed("demo"), email="eve@example.com")
        expect(form.email).to_have_value("mara.o@northwind.example")
        expect(form.email).not_to_be_editable()
        form.text.fill("Vouched for")
        form.button.click()
        expect(form.thanks).to_be_visible()
        form.context.close()
    assert form.unexpected() == []
    assert insider.feedbacks()[0]["body"]["submittedByEmail"] == "mara.o@northwind.example"


def test_an_address_that_is_hidden_is_gone_once_somebody_is_vouched_for(
    browser: Browser, form_site: Widget, insider: Sandbox
) -> None:
    with Server() as host:
        form = Framed(still(browser).new_page(), form_site.url, host, "silent")
        expect(form.email).to_be_visible()
        form.say("hello", identity=signed("silent"))
        expect(form.email).to_be_hidden()
        form.text.fill("Vouched for")
        form.button.click()
        expect(form.thanks).to_be_visible()
        form.context.close()
    assert insider.feedbacks()[0]["body"]["submittedByEmail"] == "mara.o@northwind.example"


def test_what_a_host_page_tells_is_seen_by_the_person_and_goes_along(
    browser: Browser, form_site: Widget, insider: Sandbox
) -> None:
    with Server() as host:
        form = Framed(still(browser).new_page(), form_site.url, host, "demo")
        given = {
            "address": "https://app.example.com/orders?token=hunter2#x",
            "version": 3,
            "<b>": "<i>",
            "no": {"a": 1},
        }
        form.say("hello", identity=signed("demo"), context=given)
        form["feedback-context"].get_by_text("Details from this page").click()
        expect(form["feedback-context"].locator("dd")).to_have_text(["https://app.example.com/orders", "3", "<i>"])
        form.text.fill("Slow")
        form.button.click()
        expect(form.thanks).to_be_visible()
        form.context.close()
    (description,) = until(insider.descriptions)
    assert description == "Slow\n\naddress: https://app.example.com/orders\nversion: 3\n<b>: <i>"


def test_the_second_product_fits_a_phone(browser: Browser, start_widget: Callable[..., Widget]) -> None:
    config = (ROOT / "examples" / "widget.toml").read_text("utf-8")
    site = start_widget(config=config, CUSTOM_FOLDER=str(ROOT / "examples"))
    context = browser.new_context(viewport={"width": 320, "height": 700}, reduced_motion="reduce")
    for language in ("en", "de", "fr"):
        form = FormPage(context.new_page(), site.url, "ferry").open(f"?lang={language}")
        assert form.page.evaluate("document.documentElement.scrollWidth") == 320
        assert form.page.evaluate("getComputedStyle(document.querySelector('.feedback-title')).fontWeight") == "400"
        assert form.unexpected() == []
    context.close()


SMALL: dict[str, Any] = {"viewport": {"width": 640, "height": 480}, "reduced_motion": "reduce"}
"""A window of which little has to be drawn."""
HEIGHTS = {"a": "120vh", "b": "calc(100vh + 1px)", "c": "300dvh", "d": "101%"}
"""By product, the least height that its style sheet gives to the form."""


def test_an_inline_form_stops_growing_when_its_height_only_follows_itself(
    browser: Browser, start_widget: Callable[..., Widget], tmp_path: Path, subtests: pytest.Subtests
) -> None:
    for product, height in HEIGHTS.items():
        sheet = tmp_path / "static" / "products" / product / "product.css"
        sheet.parent.mkdir(parents=True)
        sheet.write_text(f"html, body {{ height: 100% }} main {{ min-height: {height} }}")
    config = "".join(f'[products.{product}]\nname = "Northwind"\n{ORIGINS}\n' for product in HEIGHTS)
    site = start_widget(config=config, CUSTOM_FOLDER=str(tmp_path))
    with Server() as host:
        page = browser.new_context(**SMALL).new_page()
        for product, height in HEIGHTS.items():
            loader = f'<script src="{site.url}/embed.js"></script>'
            element = f'<insider-feedback product="{product}" mode="inline"></insider-feedback>'
            host.answers["/"] = (200, "text/html; charset=utf-8", f"<!doctype html>{loader}<body>{element}", {})
            with subtests.test(height=height):
                page.goto(host.url)
                page.frame_locator("iframe").locator("#description").wait_for()
                assert page.evaluate(STEADY)
                page.frame_locator("iframe").locator("#description").fill("\n" * 9)
                assert page.evaluate(STEADY)
        page.context.close()


@pytest.fixture
def inline(browser: Browser, form_site: Widget) -> Iterator[Page]:
    """A host page with the form in its text."""
    with Server() as host:
        loader = f'<script src="{form_site.url}/embed.js"></script>'
        element = '<insider-feedback product="demo" mode="inline"></insider-feedback>'
        host.answers["/"] = (200, "text/html; charset=utf-8", f"<!doctype html>{loader}<body>{element}", {})
        page = browser.new_context(**SMALL).new_page()
        page.goto(host.url)
        expect(page.frame_locator("iframe").locator("#description")).to_be_visible()
        yield page
        page.context.close()


def until_as_high_as_its_content(inline: Page) -> None:
    width = inline.evaluate("document.querySelector('insider-feedback').shadowRoot.querySelector('iframe').clientWidth")
    until(lambda: inline.frames[1].evaluate(AS_HIGH) == [width, 0])


AS_HIGH = "() => [innerWidth, innerHeight - Math.ceil(document.querySelector('main').getBoundingClientRect().height)]"


def test_an_inline_form_is_as_high_as_its_content_at_every_width(inline: Page) -> None:
    for width in (1200, 520, 440, 380, 320, 280, 700, 320):
        inline.set_viewport_size({"width": width, "height": 800})
        until_as_high_as_its_content(inline)


def test_an_inline_form_is_as_high_as_its_content_however_fast_it_grows(inline: Page) -> None:
    form = inline.frame_locator("iframe")
    form.locator("#description").focus()
    inline.frames[1].evaluate(TYPED)
    until_as_high_as_its_content(inline)
    inline.frames[1].evaluate(ADDED)
    expect(form.locator("main > hr")).to_have_count(9)
    until_as_high_as_its_content(inline)


TYPED = """async () => {
  for (let line = 0; line < 30; line++) {
    document.execCommand('insertText', false, '\\n')
    await new Promise(requestAnimationFrame)
  }
}"""
"""A key that is held: a line in every picture."""
ADDED = """() => {
  let rows = 0
  const add = () => rows++ < 9 && document.querySelector('main').append(document.createElement('hr'))
  addEventListener('resize', add)
  add()
}"""
"""Files whose rows appear one by one, each just when the frame has grown for the last one."""


STEADY = """() => new Promise(done => {
  const frame = document.querySelector('insider-feedback').shadowRoot.querySelector('iframe')
  let height = 0, frames = 0
  const look = () => {
    frames = frame.clientHeight === height ? frames + 1 : 0
    height = frame.clientHeight
    if (frames > 30 && height || height > 1e5) done(height < 1e5)
    else requestAnimationFrame(look)
  }
  look()
})"""
"""Whether the frame comes to rest: it has the same height for thirty pictures, before it has none that makes sense."""
