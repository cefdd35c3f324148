"""`widget preview` shows every state, and every edit at once."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from bed import COMMAND, ROOT, Process, free_port, plain_environ, until
from playwright.sync_api import Browser, BrowserContext, Dialog, Locator, Page, Route, expect
from stage import Server
from test_access import SCHEMES, examined

from widget.config.products import Product
from widget.i18n import messages as words
from widget.theming.colours import Colour, contrast
from widget.tools.preview.cells import CELLS, cells_of

CONFIG = """\
[products.demo]
name = "Northwind"
origins = ["https://app.example.com"]

[products.plain]
name = "Plain"
origins = ["https://app.example.com"]
[products.plain.fields]
description = "hidden"
files = "hidden"
"""
OWN = '{{% extends "form.html" %}}\n{{% block footer %}}\n<p class="own">{}</p>\n{{% endblock %}}\n'
SHOWS = {
    "idle": "#feedback-send",
    "filled": '.feedback-file[data-state="ready"] >> nth=1',
    "editing": ".editor-mark",
    "error": "#feedback-summary",
    "sending": "#feedback-progress progress",
    "offline": "#feedback-notes .feedback-note",
    "waiting": '.feedback-note[data-kind="patience"]',
    "refused": '.feedback-note[data-kind="danger"]',
    "thanks-delivered": '.feedback-thanks[data-status="delivered"]',
    "thanks-accepted": '.feedback-thanks[data-status="accepted"]',
    "receipt-delivered": ".feedback-receipt-files",
    "receipt-accepted": '.feedback-steps [data-state="waiting"]',
    "receipt-refused": '.feedback-steps [data-state="refused"]',
    "receipt-expired": ".feedback-receipt-page",
    "problem": ".feedback-problem .feedback-send",
    "not-found": ".feedback-problem",
}
"""An element that each state has and no other."""
FERRY = """async () => {
  const look = {ground: getComputedStyle(document.querySelector('main')).backgroundColor}
  if (!document.querySelector('#feedback')) return look
  await document.querySelector('.ferry-sign').decode()
  return {...look, crew: document.querySelector('.ferry-crew').textContent}
}"""
"""The ground of a page, and on a form what the crew says; it fails where the ferry's sign is no picture."""


class Preview:
    """The preview of two products in a separate folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{free_port()}"
        self.template = folder / "templates" / "products" / "demo" / "form.html"
        self.config = folder / "widget.toml"
        self.template.parent.mkdir(parents=True)
        self.template.write_text(OWN.format("As it was"))
        self.config.write_text(CONFIG)

    def process(self) -> Process:
        command = [*COMMAND, "preview", "demo", "--port", self.url.rpartition(":")[2]]
        return Process(command, self.folder / "preview.log", plain_environ(), self.folder)


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Preview]:
    preview = Preview(tmp_path_factory.mktemp("preview"))
    process = preview.process()
    process.until_answers(f"{preview.url}/version")
    assert f"Preview: {preview.url}/demo" in process.log()
    yield preview
    process.stop()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser whose console must stay empty."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, locale="en-GB", reduced_motion="reduce")
    said: list[str] = []
    context.on("console", lambda message: said.append(message.text))
    context.on("weberror", lambda error: said.append(str(error.error)))
    yield context
    context.close()
    assert [text for text in said if "status of 500" not in text] == []


def show_only(page: Page, *cells: str) -> None:
    """Leave the other frames of a gallery empty, from its next load on: few tests have need of thirty forms."""
    page.unroute_all()
    shown = tuple(f"/cell/demo/{cell}" for cell in cells)

    def answer(route: Route) -> None:
        if any(part in route.request.url for part in shown):
            route.fallback()
        else:
            route.fulfill(status=204)

    page.route(re.compile("/(cell|host)/demo"), answer)


def test_every_cell_of_the_gallery_shows_its_state(preview: Preview, context: BrowserContext) -> None:
    page = context.new_page()
    show_only(page)
    page.goto(f"{preview.url}/demo", wait_until="domcontentloaded")
    shown = [
        (urlsplit(source).path, parse_qs(urlsplit(source).query)["theme"][0])
        for source in page.locator("iframe").evaluate_all("frames => frames.map(frame => frame.src)")
    ]
    product = Product(slug="demo", name="Northwind", origins=("https://app.example.com",))
    cells = cells_of(product)
    assert {cell.name for cell in cells} == set(SHOWS)
    expected = [(f"/cell/demo/{cell.name}", scheme) for cell in cells for scheme in ("light", "dark")]
    expected += [("/host/demo", scheme) for _ in range(3) for scheme in ("light", "dark")]
    assert shown == expected
    page.unroute_all()
    page.set_viewport_size({"width": 500, "height": 800})  # there is less to draw
    for cell in cells:
        answer = page.goto(f"{preview.url}/cell/demo/{cell.name}?lang=en&theme=dark")
        assert answer
        assert answer.status == 200
        expect(page.locator(SHOWS[cell.name])).to_be_visible()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_text("There is no form here")).to_be_visible()


def test_leaving_a_sample_that_is_being_sent_asks_nothing(preview: Preview, context: BrowserContext) -> None:
    page = context.new_page()
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", answer)
    page.goto(f"{preview.url}/cell/demo/sending")
    expect(page.locator(SHOWS["sending"])).to_be_visible()
    page.mouse.click(5, 5)  # who has done nothing on a page is never asked
    page.goto(f"{preview.url}/cell/demo/idle")
    assert asked == []


def test_every_state_is_there_in_every_language(preview: Preview) -> None:
    with httpx.Client(base_url=preview.url, trust_env=False) as client:
        for lang in words.languages():
            for cell in CELLS:
                if cell.name != "vouched":
                    answer = client.get(f"/cell/demo/{cell.name}", params={"lang": lang})
                    assert answer.status_code == 200, (cell.name, lang, answer.text)
                    assert f'<html lang="{lang}"' in answer.text
        assert client.get("/cell/plain/filled").status_code == 200
        assert client.get("/static/0123456789ab/form.css").headers["Cache-Control"] == "no-cache"
        assert {client.get(path).status_code for path in ("/cell/demo/none", "/cell/none/idle", "/none")} == {404}


def test_the_second_product_of_the_examples_is_shown_in_its_own_look_and_words(
    tmp_path: Path, context: BrowserContext
) -> None:
    port = free_port()
    environ = plain_environ(WIDGET_CONFIG=str(ROOT / "examples" / "widget.toml"))
    command = [*COMMAND, "preview", "ferry", "--port", str(port)]
    process = Process(command, tmp_path / "preview.log", environ, tmp_path)
    try:
        process.until_answers(f"http://127.0.0.1:{port}/version")
        page = context.new_page()
        page.set_viewport_size({"width": 400, "height": 400})  # there is less to draw
        for state in SHOWS:
            for lang, crew in (("en", "read on board"), ("de", "an Bord gelesen"), ("fr", "lu à bord")):
                page.goto(f"http://127.0.0.1:{port}/cell/ferry/{state}?lang={lang}&theme=light")
                look = page.evaluate(FERRY)
                assert look["ground"] == "rgb(251, 246, 234)", (state, lang)
                assert crew in look.get("crew", crew), (state, lang)
    finally:
        process.stop()


def test_the_gallery_is_asked_for_by_its_own_form(preview: Preview, context: BrowserContext) -> None:
    page = context.new_page()
    show_only(page)
    page.goto(f"{preview.url}/demo", wait_until="domcontentloaded")
    page.get_by_text("Phone").click()
    page.wait_for_url("**width=phone**", wait_until="domcontentloaded")
    page.get_by_text("Every language").click()
    page.wait_for_url("**by=languages**", wait_until="domcontentloaded")
    show_only(page, f"idle?lang={words.languages()[0]}")
    page.get_by_text("200 %").click()
    page.wait_for_url("**text=200**", wait_until="domcontentloaded")
    cells = page.locator("iframe[src^='/cell/']")
    assert cells.count() == 2 * len(words.languages())
    assert cells.first.evaluate("frame => frame.clientWidth") == 360
    assert "text=200" in str(cells.first.get_attribute("src"))
    frame = cells.first.content_frame
    expect(frame.locator("html")).to_have_css("font-size", "32px")
    until(lambda: page.evaluate("document.querySelector('iframe').clientHeight > 900"))


def violations(page: Page) -> list[str]:
    """What axe finds on a page, without its frames."""
    return [
        f"{each['id']}: {node['target']}"
        for each in examined(page)
        for node in each["nodes"]
        if len(node["target"]) == 1
    ]


def colour(element: Locator, name: str) -> Colour:
    """The colour in which an element is shown."""
    return Colour.read(element.evaluate("(element, name) => getComputedStyle(element)[name]", name))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_check_finds_stands_below_the_page_it_is_on(
    preview: Preview, context: BrowserContext, scheme: Literal["light", "dark"]
) -> None:
    page = context.new_page()
    page.emulate_media(color_scheme=scheme)
    loaded: list[str] = []
    page.on("requestfinished", lambda request: loaded.append(urlsplit(request.url).path))
    preview.template.write_text(OWN.format('<input name="<b>team">'))
    show_only(page, "idle", "receipt-delivered")
    page.goto(f"{preview.url}/demo?theme={scheme}&lang=fr", wait_until="domcontentloaded")
    idle = page.locator("#cell-idle .findings")
    expect(idle.get_by_role("heading", name="What check finds")).to_be_visible()
    finding = idle.get_by_role("listitem").filter(has_text="has no label")
    expect(finding).to_contain_text("Wrong demo/form.html:3 The field <b>team has no label.")
    expect(finding).to_contain_text('Add <label for="<b>team">…</label>.')
    ground = colour(idle, "backgroundColor")
    assert all(contrast(colour(finding.locator(part), "color"), ground) >= 4.5 for part in (".level", ".fix"))
    receipt = page.locator("#cell-receipt-delivered")
    receipt.scroll_into_view_if_needed()
    expect(receipt.locator("iframe").content_frame.locator(".feedback-receipt-files")).to_be_visible()
    until(lambda: page.title() and "/findings/demo/receipt-delivered" in loaded)
    expect(receipt.locator(".findings")).to_be_hidden()
    page.locator("#cell-idle").scroll_into_view_if_needed()
    preview.template.write_text(OWN.format("As it was"))
    expect(idle).to_be_hidden()


def test_the_frames_of_a_gallery_share_no_draft(preview: Preview, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{preview.url}/cell/demo/idle")
    page.locator("#description").fill("Of this frame alone")
    page.locator("#description").press("Shift")
    expect(page.locator("#feedback-progress")).to_have_attribute("tabindex", "-1")
    page.reload()
    page.locator("#description").press("Shift")
    expect(page.locator("#feedback-progress")).to_have_attribute("tabindex", "-1")
    expect(page.locator("#description")).to_have_value("")


def test_the_form_is_embedded_in_all_three_modes(preview: Preview, context: BrowserContext) -> None:
    page = context.new_page()
    for mode in ("popover", "dialog", "inline"):
        page.goto(f"{preview.url}/host/demo?mode={mode}&theme=light")
        frame = page.locator("insider-feedback").locator("iframe").content_frame
        expect(frame.locator("#feedback-send")).to_be_visible()
        expect(page.locator("insider-feedback .panel.ready")).to_be_visible()


def test_what_is_sent_is_thanked_for_and_goes_nowhere(preview: Preview, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{preview.url}/cell/demo/filled?lang=en")
    expect(page.locator(SHOWS["filled"])).to_be_visible()
    page.locator("#feedback-send").click()
    expect(page.locator(SHOWS["thanks-delivered"])).to_be_visible()
    page.goto(f"{preview.url}/cell/demo/idle?lang=en")
    page.locator("#feedback-send").click()
    expect(page.locator("#feedback-summary")).to_be_visible()
    expect(page.locator("#feedback-draft")).to_be_hidden()


def test_what_is_edited_is_seen_at_once(preview: Preview, context: BrowserContext) -> None:
    page = context.new_page()
    show_only(page, "idle", "refused")
    page.goto(f"{preview.url}/demo?theme=light", wait_until="domcontentloaded")
    far_cell, far = page.locator("#cell-refused"), page.locator("#cell-refused iframe").content_frame
    far_cell.scroll_into_view_if_needed()
    expect(far.locator(".own")).to_have_text("As it was")
    page.locator("#cell-idle").scroll_into_view_if_needed()
    idle = page.locator("#cell-idle iframe").content_frame
    expect(idle.locator(".own")).to_have_text("As it was")
    preview.template.write_text(OWN.format("As it is now"))
    expect(idle.locator(".own")).to_have_text("As it is now")
    far_cell.scroll_into_view_if_needed()
    expect(far.locator(".own")).to_have_text("As it is now")
    page.locator("#cell-idle").scroll_into_view_if_needed()
    preview.template.write_text(OWN.format("{{ nothing }}"))
    expect(idle.locator("body")).to_contain_text("demo/form.html:3")
    expect(idle.locator("body")).to_contain_text("'nothing' is undefined")
    preview.template.write_text(OWN.format("As it was"))
    expect(idle.locator(".own")).to_have_text("As it was")
    styles = preview.folder / "static" / "products" / "demo" / "product.css"
    styles.parent.mkdir(parents=True)
    styles.write_text(".own { color: rgb(1, 2, 3) }")
    expect(idle.locator(".own")).to_have_css("color", "rgb(1, 2, 3)")
    preview.config.write_text(CONFIG + "[products.demo.theme]\naccent = 'blau'\n")
    expect(page.locator("#fault")).to_contain_text("'blau' is no colour")
    expect(idle.locator(".own")).to_be_visible()
    preview.config.write_text(CONFIG)
    expect(page.locator("#fault")).to_be_hidden()


def test_a_snippet_is_put_together_copied_and_opens_the_form(preview: Preview, context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=preview.url)
    page = context.new_page()
    show_only(page)
    page.goto(f"{preview.url}/demo", wait_until="domcontentloaded")
    page.unroute_all()
    page.get_by_role("link", name="Embed it").click()
    page.get_by_label("Address of the service").fill(preview.url)
    page.get_by_role("radio", name="HTML").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Dialog")).to_be_checked()
    page.get_by_role("radio", name="Top, start").check(force=True)
    page.get_by_role("radio", name="Dark").check(force=True)
    page.get_by_label("Language").select_option("de")
    page.get_by_label("Origin of your page").fill("http://shop.example.com")
    page.get_by_label("Origin of your page").blur()
    expect(page.locator("#fault")).to_contain_text("needs https")
    page.get_by_label("Origin of your page").fill("https://shop.example.com")
    page.get_by_label("Origin of your page").blur()
    expect(page.locator("#block-origins code")).to_have_text(
        'origins = ["https://app.example.com", "https://shop.example.com"]'
    )
    expect(page.locator("#fault")).to_be_hidden()
    live = page.frame_locator("#live").locator("insider-feedback")
    expect(live).to_have_attribute("position", "top-start")
    expect(page.frame_locator("#live").locator("html")).to_have_attribute("data-theme", "dark")
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.get_by_role("button", name="Copy: HTML").press("Enter")
    expect(page.get_by_role("status").filter(has_text="Copied: HTML")).to_be_attached()
    snippet = str(page.evaluate("navigator.clipboard.readText()"))
    assert 'data-mode="dialog" data-position="top-start" data-theme="dark" data-lang="de"' in snippet
    with Server() as shop:
        shop.answers["/"] = (200, "text/html", f"<!doctype html><title>Shop</title>{snippet}", {})
        page.goto(shop.url)
        page.locator("insider-feedback").get_by_role("button").click()
        frame = page.locator("insider-feedback").locator("iframe").content_frame
        expect(frame.locator("html[lang=de][data-theme=dark] #feedback-send")).to_be_visible()
        page.close()
